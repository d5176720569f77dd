//! Who can read the state folder and the root key.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::{Finding, Subject};
use crate::config::{Config, Engine, Key};
use crate::limits::DOCTOR_ENTRIES_MAX;

/// Owner and permission bits of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Guard {
    uid: u32,
    mode: u32,
}

/// The file with the root key; `None` if it is a credential.
fn key_file(config: &Config) -> Option<PathBuf> {
    let store = &config.store;
    match store.key {
        Key::File => Some(store.key_file.clone().unwrap_or_else(|| store.path.join("root.key"))),
        Key::Passphrase => Some(store.path.join("root.wrapped")),
        Key::Credential => None,
    }
}

pub(super) fn findings(subject: &Subject) -> Vec<Finding> {
    if subject.config.store.engine == Engine::Memory {
        return vec![Finding::ok("state folder", "the store is in memory: nothing is kept")];
    }
    let state = &subject.config.store.path;
    let folder = guard(state);
    let owner = folder.as_ref().map_or_else(|_| geteuid().as_raw(), |folder| folder.uid);
    let mut findings = vec![judge_folder(state, folder, &odd_entries(state, owner))];
    findings.push(match key_file(&subject.config) {
        Some(key) => judge_key(&key, guard(&key), owner),
        None => Finding::ok("root key file", "none: the key is a credential of the service manager"),
    });
    findings
}

fn guard(path: &Path) -> io::Result<Guard> {
    fs::metadata(path).map(|meta| Guard { uid: meta.uid(), mode: meta.mode() & 0o7777 })
}

/// The names of files that belong to somebody else or are open to others; sockets are guarded by their folder.
fn odd_entries(state: &Path, owner: u32) -> Vec<String> {
    let entries = fs::read_dir(state).into_iter().flatten().flatten().take(DOCTOR_ENTRIES_MAX);
    let odd = entries.filter(|entry| {
        entry.metadata().is_ok_and(|meta| meta.uid() != owner || (meta.is_file() && meta.mode() & 0o077 != 0))
    });
    odd.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn judge_folder(path: &Path, folder: io::Result<Guard>, odd: &[String]) -> Finding {
    const NAME: &str = "state folder";
    let at = path.display();
    match folder {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Finding::warning(
            NAME,
            format!("{at} does not exist"),
            "start the server once to make it, or name the right one with --state",
        ),
        Err(error) => Finding::problem(
            NAME,
            format!("{at} cannot be looked at: {error}"),
            "run this as root or as its owner",
        ),
        Ok(Guard { mode, .. }) if mode & 0o077 != 0 => {
            Finding::problem(NAME, format!("{at} has mode {mode:04o}"), format!("chmod 700 {at}"))
        }
        Ok(Guard { uid, .. }) if !odd.is_empty() => Finding::problem(
            NAME,
            format!("in {at} these belong to others or can be read by them: {}", odd.join(", ")),
            format!("chown -R {uid} {at}; chmod -R go= {at}"),
        ),
        Ok(Guard { uid, mode }) => Finding::ok(NAME, format!("{at}, mode {mode:04o}, of uid {uid}")),
    }
}

fn judge_key(path: &Path, key: io::Result<Guard>, owner: u32) -> Finding {
    const NAME: &str = "root key file";
    let at = path.display();
    match key {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Finding::warning(
            NAME,
            format!("{at} does not exist"),
            "put it back from its copy; only a first start makes a new one",
        ),
        Err(error) => {
            Finding::problem(NAME, format!("{at} cannot be looked at: {error}"), "look at its folder")
        }
        Ok(Guard { uid, mode }) if uid != owner || mode & 0o077 != 0 => Finding::problem(
            NAME,
            format!("{at} has mode {mode:04o} and belongs to uid {uid}"),
            format!("chown {owner} {at}; chmod 600 {at}"),
        ),
        Ok(Guard { mode, .. }) => Finding::ok(NAME, format!("{at}, mode {mode:04o}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn missing() -> io::Result<Guard> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn denied() -> io::Result<Guard> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    #[test]
    fn a_folder_is_well_if_nobody_but_its_owner_gets_in() {
        let odd = ["head".to_owned()];
        for (folder, odd, level) in [
            (Ok(Guard { uid: 7, mode: 0o700 }), &[][..], Level::Ok),
            (Ok(Guard { uid: 7, mode: 0o750 }), &[], Level::Problem),
            (Ok(Guard { uid: 7, mode: 0o700 }), &odd, Level::Problem),
            (missing(), &[], Level::Warning),
            (denied(), &[], Level::Problem),
        ] {
            let finding = judge_folder(Path::new("/s"), folder, odd);
            assert_eq!(finding.level, level, "{finding:?}");
        }
    }

    #[test]
    fn a_key_is_well_if_it_is_private_and_the_owners() {
        for (key, level) in [
            (Ok(Guard { uid: 7, mode: 0o600 }), Level::Ok),
            (Ok(Guard { uid: 7, mode: 0o400 }), Level::Ok),
            (Ok(Guard { uid: 7, mode: 0o640 }), Level::Problem),
            (Ok(Guard { uid: 0, mode: 0o600 }), Level::Problem),
            (missing(), Level::Warning),
            (denied(), Level::Problem),
        ] {
            let finding = judge_key(Path::new("/k"), key, 7);
            assert_eq!(finding.level, level, "{finding:?}");
        }
    }
}
