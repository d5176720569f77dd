//! `serve --demo`: two invented people whose calendars anybody may try, and what to type into which client.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use almanac_app::{App, DemoLogins};

use crate::failure::{Failure, chain};

/// Where the demo lives unless `--state` or `path` in `[store]` says otherwise.
pub(crate) const STATE: &str = "var/demo";

/// Where logins and passwords are kept, so that every start can tell them.
fn logins_file(state: &Path) -> PathBuf {
    state.join("LOGINS.txt")
}

/// Fills the store and keeps the logins; returns what the file says about them. The file is written last: while it
/// is missing, the demo counts as half made.
///
/// # Errors
/// The store or the file cannot be written.
pub(crate) async fn prepare(app: &App, state: &Path) -> Result<String, Failure> {
    let file = logins_file(state);
    // A store in memory has forgotten what the file tells.
    if !app.tenants().is_empty()
        && let Ok(text) = fs::read_to_string(&file)
    {
        return Ok(text);
    }
    let seeded = app.seed_demo().await.map_err(|error| {
        Failure::failed(
            format!("cannot fill the demo: {}", chain(&error)),
            "remove the folder and start again",
        )
    })?;
    let Some(logins) = seeded else {
        return Ok(format!(
            "This store holds more than the demo: nothing was added.\nIts logins: almanac user list --state {0}\n\
             A new app password: almanac app-password add LOGIN --label demo --state {0}\n",
            state.display()
        ));
    };
    let text = table(&logins);
    write_private(&file, text.as_bytes()).map_err(|error| {
        Failure::failed(
            format!("cannot write {}: {error}", file.display()),
            "remove the demo's folder, make room or rights, and start again",
        )
    })?;
    Ok(text)
}

/// Writes a file that only its owner can read, in one step, so that a crash leaves the old or the new one.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let _ = fs::remove_file(&fresh);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

fn table(logins: &DemoLogins) -> String {
    let mut text = String::from("Invented people and their app passwords:\n");
    for person in &logins.people {
        let _ = writeln!(
            text,
            "  login {:10} password {}   ({})",
            person.login,
            person.secret.expose(),
            person.display_name
        );
    }
    text
}

/// What the operator of a demo wants to know, for stdout.
pub(crate) fn guide(url: &str, state: &Path, logins: &str, fingerprint: Option<&str>) -> String {
    let mut text = format!(
        "\nAlmanac's demo runs at {url}/\nIts data are kept, encrypted, in {}\n\n{logins}",
        state.display()
    );
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    let _ = write!(
        text,
        "
Thunderbird        New Calendar > On the Network > user name as above, location {url}/ > Find Calendars
Apple Calendar     Add Account > Other CalDAV Account > Manual > user name, password, server {host}
DAVx5              Add account > Login with URL and user name > {url}/
vdirsyncer         [storage demo]
                   type = \"caldav\"
                   url = \"{url}/\"
                   username = \"...\"
                   password = \"...\"
"
    );
    match fingerprint {
        Some(fingerprint) => {
            let _ = write!(
                text,
                "\nThe certificate is self-signed; accept it only if its SHA-256 fingerprint is\n  {fingerprint}\n(vdirsyncer: verify_fingerprint = \"{fingerprint}\")\n"
            );
        }
        None => text.push_str("\nOnly this machine can connect. For phones: make run LAN=1\n"),
    }
    text.push_str("\nStop with Ctrl-C.\n");
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_private_file_is_replaced_whole_and_stays_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("LOGINS.txt");
        for text in ["first", "second"] {
            write_private(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_guide_names_all_four_clients_and_the_fingerprint_if_there_is_one() {
        let text = guide("http://127.0.0.1:8008", Path::new("/s"), "LOGINS", None);
        for word in
            ["Thunderbird", "Apple Calendar", "DAVx5", "vdirsyncer", "http://127.0.0.1:8008/", "LOGINS", "/s"]
        {
            assert!(text.contains(word), "{word}");
        }
        assert!(!text.contains("SHA-256"));
        assert!(guide("https://h:8443", Path::new("/s"), "", Some("AB:CD")).contains("AB:CD"));
    }
}
