//! A file that a command makes: it is whole in the end, or it is not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::invoke::open_input;

/// A file that was not there before and that only its owner may read.
pub(crate) struct NewFile {
    path: PathBuf,
    file: File,
    /// To make the name durable, even by a process that may not open the folder any more.
    folder: File,
}

impl NewFile {
    /// Makes it, empty.
    ///
    /// # Errors
    /// There is something of this name, or it cannot be made.
    pub(crate) fn make(path: &Path) -> Result<Self, Failure> {
        let parent = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = open_input(parent.unwrap_or(Path::new(".")))?;
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = made.map_err(|error| {
            Failure::failed(
                format!("cannot make {}: {error}", path.display()),
                "name a new file in a folder that you may write",
            )
        })?;
        Ok(Self { path: path.to_owned(), file, folder })
    }

    /// Makes its content and its name durable.
    ///
    /// # Errors
    /// The disk failed.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all().and_then(|()| self.folder.sync_all())
    }

    /// Takes it away if what was to fill it failed; if that cannot be, the remedy says so.
    pub(crate) fn keep_if<T>(self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        outcome.map_err(|failure| {
            let _ = self.file.set_len(0);
            match fs::remove_file(&self.path) {
                Ok(()) => failure,
                // The folder may be one that only root may change, which this process was when it began.
                Err(_) => Failure {
                    remedy: format!("remove the empty file {}, then {}", self.path.display(), failure.remedy),
                    ..failure
                },
            }
        })
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn after_a_failure_the_same_name_can_be_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut file = NewFile::make(&path).unwrap();
        file.write_all(b"half").unwrap();
        let failure = Failure::failed("it failed", "try again");
        assert_eq!(file.keep_if::<()>(Err(failure.clone())), Err(failure));
        let mut file = NewFile::make(&path).unwrap();
        file.write_all(b"whole").unwrap();
        file.sync().unwrap();
        assert_eq!(file.keep_if(Ok(1)), Ok(1));
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(NewFile::make(&path).is_err(), "what is there is left alone");
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn what_cannot_be_taken_away_is_named_and_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut file = NewFile::make(&path).unwrap();
        file.write_all(b"half").unwrap();
        let moved = folder.path().join("moved");
        fs::rename(&path, &moved).unwrap();
        let failed = file.keep_if::<()>(Err(Failure::failed("it failed", "try again"))).unwrap_err();
        assert_eq!(failed.remedy, format!("remove the empty file {}, then try again", path.display()));
        assert_eq!(fs::read(&moved).unwrap(), b"");
    }
}
