//! Root becomes the owner of the state folder, so that no file in it ever belongs to anyone else.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{Gid, Resource, Rlimit, Uid, geteuid, setrlimit, umask};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};

use crate::failure::Failure;

/// Keeps what this process writes to itself: private files, and no core dump with keys and calendars in it.
///
/// # Errors
/// The system does not let core dumps be switched off.
pub(crate) fn keep_private() -> Result<(), Failure> {
    umask(rustix::fs::Mode::from_raw_mode(0o077));
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(|error| {
        Failure::failed(format!("cannot switch core dumps off: {error}"), "start with `ulimit -c 0`")
    })
}

/// If this process is root and `state` belongs to somebody else, becomes that somebody, for good.
///
/// Call it before the process has a second thread: on Linux the identity belongs to the thread, and later threads
/// inherit it.
///
/// # Errors
/// The system refused; the process is not to go on.
pub(crate) fn become_owner_of(state: &Path) -> Result<(), Failure> {
    if !geteuid().is_root() {
        return Ok(());
    }
    // A folder that does not exist yet will be root's own.
    let Ok(folder) = std::fs::metadata(state) else { return Ok(()) };
    if folder.uid() == 0 {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(folder.uid()), Gid::from_raw(folder.gid()));
    // The groups first: afterwards there is no right to change them.
    set_thread_groups(&[gid]).and_then(|()| set_thread_gid(gid)).and_then(|()| set_thread_uid(uid)).map_err(
        |error| {
            Failure::failed(
                format!("cannot become the owner of {} (uid {}): {error}", state.display(), folder.uid()),
                format!(
                    "run the command as that user: setpriv --reuid {} --regid {} --clear-groups",
                    folder.uid(),
                    folder.gid()
                ),
            )
        },
    )
}
