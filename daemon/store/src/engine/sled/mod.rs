//! The second engine: sled 0.34 with what it lacks put around it.
//!
//! sled alone is not durable on Linux (`flush` does no fsync), shows half of a batch to readers, has no snapshots, and
//! puts what does not fit into a page into files it never syncs. So:
//!
//! - a group of commits is gathered over the tree (`rows`), written as one batch, flushed, and synced through a handle
//!   of our own; only then it is acknowledged, and only then readers get past the gate;
//! - no row is larger than a page takes: larger values lie in pieces beside it (`rows`);
//! - a copy of the whole state works on what was before each change since it began (`copies`);
//! - torn snapshots, want of room and panics are met before and while it is opened (`files`).
//!
//! What stays: sled takes damage in its log for the end of it, or forgets the rows of a page, without a word. The first is
//! noticed when the store is opened (the high-water mark); the second by nobody but who misses the row.

mod copies;
mod files;
mod rows;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::sled::Batch;

pub use self::files::{SledTuning, SyncFile};
pub use super::handle::OpenFault;

use self::copies::Copies;
use self::files::{OpenFiles, folder_bytes, open_files, room_needed};
use self::rows::{Over, Pending, View, storage};
use super::handle::Handle;
use super::layout::split;
use super::local::{Disk, LocalEngine, Reading, Writing};
use super::read::groups;
use super::{EngineError, EngineStats, RowSink, StoredRow};
use crate::files::available_bytes;
use crate::limits::SLED_DROP_ROWS_MAX;

/// See the module's documentation.
pub type SledEngine = LocalEngine<SledDisk>;

/// The open folder.
pub struct SledDisk {
    folder: PathBuf,
    tuning: SledTuning,
    handle: Handle<OpenFiles>,
    copies: Copies,
    /// How many groups are known to be durable: sled may come back with fewer when it is opened anew.
    groups: Arc<AtomicU64>,
}

impl SledEngine {
    /// Makes an empty store in a new folder; fails if there is something already.
    ///
    /// # Errors
    /// The folder cannot be made; what there is of it may stay.
    pub fn create(folder: &Path, cache_bytes: usize, tuning: SledTuning) -> Result<Self, OpenFault> {
        files::make_folder(folder).map_err(OpenFault::from_io)?;
        Self::start(SledDisk::open(folder, cache_bytes, tuning)?)
    }

    /// Opens the store in this folder.
    ///
    /// # Errors
    /// The folder is not a store, is damaged, or cannot be read and written; or there is too little room to open it.
    pub fn open(folder: &Path, cache_bytes: usize, tuning: SledTuning) -> Result<Self, OpenFault> {
        if !folder.join("db").try_exists().map_err(OpenFault::Io)? {
            return Err(OpenFault::Foreign); // sled would make one
        }
        Self::start(SledDisk::open(folder, cache_bytes, tuning)?)
    }
}

impl SledDisk {
    fn open(folder: &Path, cache_bytes: usize, tuning: SledTuning) -> Result<Self, OpenFault> {
        let folder = folder.to_path_buf();
        let known = Arc::new(AtomicU64::new(0));
        let handle = Handle::open({
            let (folder, tuning, known) = (folder.clone(), tuning.clone(), Arc::clone(&known));
            move |syncs| {
                let files = open_files(&folder, cache_bytes, &tuning, syncs)?;
                let found = groups(&View { tree: files.tree()?, over: &Over::new() })?;
                if found < known.fetch_max(found, Ordering::Relaxed) {
                    tracing::error!("sled lost what it had made durable");
                    return Err(OpenFault::Damaged);
                }
                Ok(files)
            }
        })?;
        Ok(Self { folder, tuning, handle, copies: Copies::default(), groups: known })
    }

    /// Writes `changes` as one batch and makes them durable; no reader sees any of it before.
    fn write(&self, changes: &Over) -> Result<(), EngineError> {
        let bytes = changes.values().flatten().map(|value| value.len() as u64);
        if !self.has_room(bytes.sum()) {
            return Err(EngineError::NoSpace);
        }
        self.handle.write(|files| {
            let mut whole = files.shut()?;
            self.copies.remember(files.tree()?, changes)?;
            *whole = false;
            let written = catch_unwind(AssertUnwindSafe(|| {
                let mut batch = Batch::default();
                for (place, value) in changes {
                    match value {
                        Some(value) => batch.insert(place, value),
                        None => batch.remove(place),
                    }
                }
                files.tree()?.apply_batch(batch).map_err(storage)?;
                files.tree()?.flush().map_err(storage)?;
                Ok(())
            }));
            // In what state a panic left the batch nobody knows: that is doubt, not damage.
            written
                .unwrap_or_else(|_| Err(EngineError::Io(io::Error::other("sled gave up over a write"))))?;
            self.handle.syncs.note(|| (self.tuning.sync)(&files.file)).map_err(full_or_io)?;
            let made = groups(&View { tree: files.tree()?, over: &Over::new() })?;
            self.groups.fetch_max(made, Ordering::Relaxed);
            *whole = true;
            Ok(())
        })
    }
}

impl Disk for SledDisk {
    fn read(&self, work: &mut Reading<'_>) -> Result<(), EngineError> {
        self.handle.read(|files| {
            let _gate = files.enter()?;
            work(&View { tree: files.tree()?, over: &Over::new() })
        })
    }

    fn transact(&self, work: &mut Writing<'_>) -> Result<bool, EngineError> {
        let mut changes = Over::new();
        // Nobody else writes: what is read here is still so when it is written.
        let wrote = self.handle.read(|files| {
            let mut rows = Pending::new(files.tree()?);
            let wrote = work(&mut rows)?;
            changes = rows.into_changes();
            // Every page that the batch touches is read now: one that is damaged must not stop it half-way.
            for place in changes.keys() {
                files.tree()?.get(place).map_err(storage)?;
            }
            Ok(wrote)
        })?;
        if wrote {
            self.write(&changes)?;
        }
        Ok(wrote)
    }

    fn has_room(&self, bytes: u64) -> bool {
        // A row is written once for itself and perhaps again with its page.
        let needed = room_needed(&self.folder, &self.tuning).saturating_add(bytes.saturating_mul(4));
        available_bytes(&self.folder) >= needed
    }

    fn drop_rows_max(&self) -> u32 {
        SLED_DROP_ROWS_MAX
    }

    fn export(&self, sink: &mut RowSink<'_>) -> Result<(), EngineError> {
        let copy = self.handle.read(|files| {
            let _gate = files.enter()?;
            Ok(self.copies.begin())
        })?;
        loop {
            // The gate is open again while `sink` works, which may ask the engine.
            let page = self.handle.read(|files| {
                let _gate = files.enter()?;
                copy.page(files.tree()?)
            })?;
            if page.is_empty() {
                return Ok(());
            }
            let ahead = |wanted: &[u8]| {
                if page.last().is_some_and(|(last, _)| wanted <= last.as_slice()) {
                    let found = page.binary_search_by(|(row, _)| row.as_slice().cmp(wanted)).ok();
                    return Ok(found.and_then(|at| page.get(at)).map(|(_, stored)| stored.clone()));
                }
                self.handle.read(|files| {
                    let _gate = files.enter()?;
                    copy.ahead(files.tree()?, wanted)
                })
            };
            page.iter().try_for_each(|(row, stored)| sink(row, stored, &ahead))?;
        }
    }

    fn import(&self, rows: &[StoredRow]) -> Result<(), EngineError> {
        self.transact(&mut |pending| {
            for (row, stored) in rows {
                let (version, value) = split(stored)?;
                pending.put(row, version, value)?;
            }
            Ok(true)
        })?;
        Ok(())
    }

    fn stats(&self) -> EngineStats {
        EngineStats {
            name: "sled",
            disk_bytes: folder_bytes(&self.folder),
            syncs: self.handle.syncs.count.load(Ordering::Relaxed),
            reopened: self.handle.reopened.load(Ordering::Relaxed),
            ..EngineStats::default()
        }
    }

    fn close(&self) {
        self.handle.close();
    }
}

fn full_or_io(error: io::Error) -> EngineError {
    if crate::files::is_full(&error) { EngineError::NoSpace } else { EngineError::Io(error) }
}
