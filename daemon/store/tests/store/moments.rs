//! What a stop at any moment would have left of a state folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use almanac_store::engine::redb::{Medium, file_medium};
use almanac_store::engine::sled::SyncFile;
use redb::StorageBackend;

/// Whether a moment is kept after each write too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    Keep,
    Skip,
}

/// The state folder as it was at some moments: what a stop at that moment would have left.
#[derive(Clone, Default)]
pub(crate) struct Moments(Arc<Mutex<Vec<tempfile::TempDir>>>);

impl Moments {
    /// Keeps the folder as it is now.
    pub(crate) fn keep(&self, folder: &Path) {
        let kept = tempfile::tempdir().unwrap();
        copy(folder, kept.path());
        self.0.lock().unwrap().push(kept);
    }

    /// The sync of production, before and after which a moment of `folder` is kept.
    pub(crate) fn sync(&self, folder: &Path) -> Arc<SyncFile> {
        let (moments, folder) = (self.clone(), folder.to_owned());
        Arc::new(move |file| {
            moments.keep(&folder);
            file.sync_data()?;
            moments.keep(&folder);
            Ok(())
        })
    }

    /// What was kept, in order.
    pub(crate) fn all(&self) -> MutexGuard<'_, Vec<tempfile::TempDir>> {
        self.0.lock().unwrap()
    }

    /// The medium of production, of which these moments are kept.
    pub(crate) fn medium(&self, writes: Writes) -> Arc<Medium> {
        let moments = self.clone();
        Arc::new(move |path: &Path| {
            let folder = path.parent().unwrap().to_owned();
            moments.keep(&folder);
            let file = file_medium(path)?;
            moments.keep(&folder);
            Ok(Box::new(Kept { file, folder, writes, moments: moments.clone() }) as _)
        })
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&place).unwrap();
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// A file that keeps a moment before and after everything that makes it durable or changes its length.
#[derive(Debug)]
struct Kept {
    file: Box<dyn StorageBackend>,
    folder: PathBuf,
    writes: Writes,
    moments: Moments,
}

impl std::fmt::Debug for Moments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Moments")
    }
}

impl StorageBackend for Kept {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.moments.keep(&self.folder);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.moments.keep(&self.folder);
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)?;
        if self.writes == Writes::Keep {
            self.moments.keep(&self.folder);
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()?;
        self.moments.keep(&self.folder);
        Ok(())
    }
}
