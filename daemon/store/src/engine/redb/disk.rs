//! The file under redb: the real one, one that counts, and one that is only looked at.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use crate::engine::handle::Syncs;

/// Opens the file of a store; the seam at which tests put a disk that fails.
pub type Medium = dyn Fn(&Path) -> io::Result<Box<dyn StorageBackend>> + Send + Sync;

/// The medium of production: a private file.
///
/// # Errors
/// The file cannot be opened or made.
pub fn file_medium(path: &Path) -> io::Result<Box<dyn StorageBackend>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path)?;
    // After a failed sync the system may still show pages that never reached the disk. What it keeps of the file is
    // dropped, so that a restart sees the disk; where it cannot be dropped there is nothing better to read.
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
    Ok(Box::new(PlainFile(file)))
}

/// A file without locks of its own: the lock of the state folder keeps other processes out.
#[derive(Debug)]
struct PlainFile(File);

impl StorageBackend for PlainFile {
    fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|meta| meta.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}

/// A disk whose syncs are noted.
pub(super) struct Counted {
    inner: Box<dyn StorageBackend>,
    syncs: Arc<Syncs>,
}

impl Counted {
    pub(super) fn new(inner: Box<dyn StorageBackend>, syncs: Arc<Syncs>) -> Self {
        Self { inner, syncs }
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

impl StorageBackend for Counted {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.syncs.note(|| self.inner.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }
}

/// Bytes of a block of [`Looked`].
const BLOCK_BYTES: u64 = 4096;

/// A file that is only read: what redb writes while it opens and closes stays in memory and is forgotten.
/// So a store can be examined and refused without a byte of it being touched.
pub(super) struct Looked {
    file: File,
    overlay: Mutex<Overlay>,
}

struct Overlay {
    len: u64,
    /// Bytes of the file beyond this were cut off and read as zero if the length grows again.
    file_len: u64,
    blocks: BTreeMap<u64, Box<[u8]>>,
}

impl Looked {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Self { file, overlay: Mutex::new(Overlay { len, file_len: len, blocks: BTreeMap::new() }) })
    }

    fn overlay(&self) -> MutexGuard<'_, Overlay> {
        self.overlay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block as it is now.
    fn block(&self, overlay: &Overlay, index: u64) -> io::Result<Box<[u8]>> {
        if let Some(block) = overlay.blocks.get(&index) {
            return Ok(block.clone());
        }
        let mut block = vec![0; BLOCK_BYTES as usize].into_boxed_slice();
        let start = index.saturating_mul(BLOCK_BYTES);
        let there = overlay.file_len.saturating_sub(start).min(BLOCK_BYTES) as usize;
        if let Some(part) = block.get_mut(..there) {
            self.file.read_exact_at(part, start)?;
        }
        Ok(block)
    }

    /// Calls `each` with every block that `offset..offset+len` touches: its index, where in the block the part
    /// begins, where in the whole range, and how long it is.
    fn parts(
        offset: u64,
        len: usize,
        mut each: impl FnMut(u64, usize, usize, usize) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut done = 0;
        while done < len {
            let at = offset.saturating_add(done as u64);
            let within = (at % BLOCK_BYTES) as usize;
            let count = (BLOCK_BYTES as usize).saturating_sub(within).min(len.saturating_sub(done));
            each(at / BLOCK_BYTES, within, done, count)?;
            done = done.saturating_add(count);
        }
        Ok(())
    }
}

impl fmt::Debug for Looked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Looked")
    }
}

fn outside() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

impl StorageBackend for Looked {
    fn len(&self) -> io::Result<u64> {
        Ok(self.overlay().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let overlay = self.overlay();
        if offset.saturating_add(out.len() as u64) > overlay.len {
            return Err(outside());
        }
        Self::parts(offset, out.len(), |index, within, done, count| {
            let block = self.block(&overlay, index)?;
            let from = block.get(within..within.saturating_add(count)).ok_or_else(outside)?;
            out.get_mut(done..done.saturating_add(count)).ok_or_else(outside)?.copy_from_slice(from);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut overlay = self.overlay();
        if len < overlay.len {
            let keep = len / BLOCK_BYTES;
            if !len.is_multiple_of(BLOCK_BYTES) {
                let mut block = self.block(&overlay, keep)?;
                block.iter_mut().skip((len % BLOCK_BYTES) as usize).for_each(|byte| *byte = 0);
                overlay.blocks.insert(keep, block);
            }
            overlay.blocks.retain(|index, _| index.saturating_mul(BLOCK_BYTES) < len);
            overlay.file_len = overlay.file_len.min(len);
        }
        overlay.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut overlay = self.overlay();
        if offset.saturating_add(data.len() as u64) > overlay.len {
            return Err(outside());
        }
        Self::parts(offset, data.len(), |index, within, done, count| {
            let mut block = self.block(&overlay, index)?;
            let to = block.get_mut(within..within.saturating_add(count)).ok_or_else(outside)?;
            to.copy_from_slice(data.get(done..done.saturating_add(count)).ok_or_else(outside)?);
            overlay.blocks.insert(index, block);
            Ok(())
        })
    }
}
