//! `almanac status`: asks the daemon, or the store itself while none runs.

use std::fs::{self, File};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::commands::rows::StatusRow;
use crate::commands::{Command, Outcome, run};
use crate::config::{Config, Engine};
use crate::control::client;
use crate::failure::Failure;

/// How the server of this configuration is.
///
/// # Errors
/// A daemon is there and cannot be asked.
pub(crate) async fn status(config: &Config) -> Result<StatusRow, Failure> {
    if let Some(row) = of_daemon(config).await? {
        return Ok(row);
    }
    // A store that cannot be opened is no failure of this command: what can be said without it is said.
    if let Ok(Some(Outcome::Status(mut row))) = run::if_free(config, Command::Status {}).await {
        row.store.path = config.store.path.display().to_string();
        return Ok(*row);
    }
    Ok(from_outside(config))
}

/// As the daemon says it; `None` if none listens.
///
/// # Errors
/// A daemon is there and cannot be asked.
pub(crate) async fn of_daemon(config: &Config) -> Result<Option<StatusRow>, Failure> {
    match client::ask(&config.store.path, &Command::Status {}, &[], &|_| {}).await? {
        Some(Outcome::Status(row)) => Ok(Some(*row)),
        _ => Ok(None),
    }
}

/// What can be said of a server that does not answer, without opening its store.
pub(crate) fn from_outside(config: &Config) -> StatusRow {
    let state = &config.store.path;
    let engine = match config.store.engine {
        Engine::Redb => "redb",
        Engine::Sled => "sled",
        Engine::Memory => "memory",
    };
    let mut row = StatusRow::stopped(&state.display().to_string(), engine);
    row.store.bytes = fs::metadata(state.join("store.redb")).map(|file| file.len()).ok();
    if is_locked(state) {
        // It is being opened or closed, or a command works on it.
        "busy".clone_into(&mut row.state);
    }
    row
}

/// Whether a process has the store. The look takes no lock that it keeps.
fn is_locked(state: &Path) -> bool {
    let Ok(file) = File::open(state.join("lock")) else { return false };
    matches!(flock(&file, FlockOperation::NonBlockingLockShared), Err(rustix::io::Errno::WOULDBLOCK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_without_a_daemon_is_stopped_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.store.path = folder.path().join("state");
        assert_eq!(status(&config).await.unwrap().state, "stopped");
        assert!(!config.store.path.exists());
        fs::create_dir(&config.store.path).unwrap();
        fs::write(config.store.path.join("store.redb"), [0; 7]).unwrap();
        let lock = File::create(config.store.path.join("lock")).unwrap();
        let row = status(&config).await.unwrap();
        assert_eq!((row.state.as_str(), row.store.bytes), ("stopped", Some(7)));
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert_eq!(status(&config).await.unwrap().state, "busy");
    }
}
