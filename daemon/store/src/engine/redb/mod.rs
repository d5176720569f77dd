//! The default engine: one redb file, quick repair on, one committer thread.
//!
//! Readers work on redb's snapshots on the caller's thread. See `local` for what it shares with other engines on
//! a disk and `handle` for what happens after an error.

mod disk;
mod rows;

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ::redb::{Database, ReadOnlyTable, ReadableDatabase, TableError};
use almanac_base::TenantId;

pub use self::disk::{Medium, file_medium};
pub use super::handle::OpenFault;

use self::disk::Looked;
use self::rows::{ROWS, TableRows, commit, compaction, database, open_database, storage, table, transaction};
use super::handle::{GAVE_UP, Handle};
use super::local::{Disk, LocalEngine, Reading, Writing};
use super::read::{self, Next, Rows as _, heads};
use super::{EngineError, EngineStats, Heads, Order, Row, RowSink, StoredRow, Values};
use crate::files::available_bytes;
use crate::limits::{COMPACT_PASSES_MAX, DROP_ROWS_MAX, FREE_BYTES_MIN};
use crate::space::{Key, Space};

/// See the module's documentation.
pub type RedbEngine = LocalEngine<RedbDisk>;

/// The open file.
pub struct RedbDisk {
    path: PathBuf,
    handle: Handle<Database>,
}

type ReadRows = TableRows<ReadOnlyTable<&'static [u8], &'static [u8]>>;

impl RedbDisk {
    fn open(path: &Path, cache_bytes: usize, medium: Arc<Medium>) -> Result<Self, OpenFault> {
        let path = path.to_path_buf();
        let handle = Handle::open({
            let path = path.clone();
            move |syncs| open_database(&path, cache_bytes, &*medium, syncs)
        })?;
        Ok(Self { path, handle })
    }

    fn view(db: &Database) -> Result<ReadRows, EngineError> {
        let transact = db.begin_read().map_err(transaction)?;
        transact.open_table(ROWS).map(TableRows).map_err(table)
    }
}

impl RedbEngine {
    /// Makes an empty store in a new file; fails if the file holds one already.
    ///
    /// # Errors
    /// The file cannot be made; what there is of it may stay.
    pub fn create(path: &Path, cache_bytes: usize, medium: Arc<Medium>) -> Result<Self, OpenFault> {
        let disk = RedbDisk::open(path, cache_bytes, medium)?;
        disk.handle.write(|db| {
            let mut transact = db.begin_write().map_err(transaction)?;
            transact.set_quick_repair(true);
            transact.open_table(ROWS).map_err(table)?;
            transact.commit().map_err(commit)
        })?;
        Self::start(disk)
    }

    /// Opens the store in this file.
    ///
    /// # Errors
    /// The file is not a store, is damaged, or cannot be read and written.
    pub fn open(path: &Path, cache_bytes: usize, medium: Arc<Medium>) -> Result<Self, OpenFault> {
        Self::start(RedbDisk::open(path, cache_bytes, medium)?)
    }

    /// Looks at a store without touching a byte of its file: the rows with these keys, and how far it has come.
    ///
    /// # Errors
    /// The file is not a store, is damaged, or cannot be read.
    pub fn look(
        path: &Path,
        cache_bytes: usize,
        tenant: TenantId,
        keys: &[(Space, Key)],
    ) -> Result<(Vec<Option<Row>>, Heads), OpenFault> {
        let medium = |path: &Path| Looked::open(path).map(|disk| Box::new(disk) as _);
        let disk = RedbDisk::open(path, cache_bytes, Arc::new(medium))?;
        let found = disk.handle.read(|db| {
            let transact = db.begin_read().map_err(transaction)?;
            match transact.open_table(ROWS) {
                Ok(rows) => {
                    let rows = TableRows(rows);
                    Ok(Some((read::get_many(&rows, tenant, keys)?, heads(&rows)?)))
                }
                Err(TableError::Storage(error)) => Err(storage(error)),
                Err(_) => Ok(None), // no such table, or one of another form
            }
        });
        found?.ok_or(OpenFault::Foreign)
    }
}

impl RedbEngine {
    /// Lets redb check the structure of the file, which nobody has open. `false`: it was repaired.
    ///
    /// # Errors
    /// The structure is beyond repair, or the file cannot be read and written.
    pub(crate) fn check(path: &Path, cache_bytes: usize) -> Result<bool, OpenFault> {
        alone(path, cache_bytes, |db| db.check_integrity().map_err(database))
    }

    /// Moves the pages of the file together, which nobody has open, until nothing is gained. Returns its bytes then.
    ///
    /// # Errors
    /// The file cannot be read and written; it holds what it held.
    pub(crate) fn compact(path: &Path, cache_bytes: usize) -> Result<u64, OpenFault> {
        alone(path, cache_bytes, |db| {
            for _ in 0..COMPACT_PASSES_MAX {
                if !db.compact().map_err(compaction)? {
                    break;
                }
            }
            Ok(())
        })?;
        std::fs::metadata(path).map(|meta| meta.len()).map_err(OpenFault::Io)
    }
}

/// Runs `work` on the file of a store that nobody has open. redb panics over some damage.
fn alone<T>(
    path: &Path,
    cache_bytes: usize,
    work: impl FnOnce(&mut Database) -> Result<T, OpenFault>,
) -> Result<T, OpenFault> {
    let mut db = open_database(path, cache_bytes, &file_medium, &Arc::default())?;
    let done = catch_unwind(AssertUnwindSafe(|| work(&mut db)));
    done.unwrap_or(Err(OpenFault::Damaged))
}

impl Disk for RedbDisk {
    fn read(&self, work: &mut Reading<'_>) -> Result<(), EngineError> {
        self.handle.read(|db| work(&Self::view(db)?))
    }

    fn transact(&self, work: &mut Writing<'_>) -> Result<bool, EngineError> {
        self.handle.write(|db| {
            let mut transact = db.begin_write().map_err(transaction)?;
            transact.set_quick_repair(true);
            let wrote = work(&mut TableRows(transact.open_table(ROWS).map_err(table)?))?;
            if wrote {
                transact.commit().map_err(commit)?;
            } else {
                transact.abort().map_err(storage)?;
            }
            Ok(wrote)
        })
    }

    fn has_room(&self, bytes: u64) -> bool {
        let needed = bytes.saturating_mul(2).saturating_add(FREE_BYTES_MIN);
        self.path.parent().is_none_or(|folder| available_bytes(folder) >= needed)
    }

    fn drop_rows_max(&self) -> u32 {
        DROP_ROWS_MAX
    }

    fn export(&self, sink: &mut RowSink<'_>) -> Result<(), EngineError> {
        // The view is taken out of the handle, which must stay free to be closed and opened anew meanwhile.
        let opened = || self.handle.reopened.load(Ordering::Acquire);
        let before = opened();
        let rows = self.handle.read(Self::view)?;
        let everything = (Bound::Unbounded, Bound::Unbounded);
        let shown = catch_unwind(AssertUnwindSafe(|| {
            rows.visit(everything, Order::Ascending, Values::Include, &mut |row, stored| {
                sink(row, stored, &|ahead| rows.get(ahead)).map(|()| Next::Go)
            })
        }));
        if opened() != before {
            return Err(EngineError::Io(std::io::Error::other(
                "the file was opened anew while it was copied",
            )));
        }
        shown.unwrap_or(Err(GAVE_UP))
    }

    fn import(&self, rows: &[StoredRow]) -> Result<(), EngineError> {
        self.handle.write(|db| {
            let mut transact = db.begin_write().map_err(transaction)?;
            transact.set_quick_repair(true);
            {
                let mut open = transact.open_table(ROWS).map_err(table)?;
                for (row, stored) in rows {
                    open.insert(row.as_slice(), stored.as_slice()).map_err(storage)?;
                }
            }
            transact.commit().map_err(commit)
        })
    }

    fn stats(&self) -> EngineStats {
        EngineStats {
            name: "redb",
            disk_bytes: std::fs::metadata(&self.path).map_or(0, |meta| meta.len()),
            syncs: self.handle.syncs.count.load(Ordering::Relaxed),
            reopened: self.handle.reopened.load(Ordering::Relaxed),
            ..EngineStats::default()
        }
    }

    fn close(&self) {
        self.handle.close();
    }
}
