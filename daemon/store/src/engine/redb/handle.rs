//! One open redb file that can be opened anew.
//!
//! redb gives up a handle after any failed read or write (`PreviousIo`), and after a caught panic its state is
//! not to be trusted. So whoever meets such an error closes the handle and opens the file again; redb then
//! shows the last durable state. If that fails too, the next caller tries again, unless the file is damaged.
//!
//! A failed sync is the end until a restart: the system may have dropped what it could not write, shows it to readers
//! all the same, and the next sync succeeds without it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use ::redb::{
    Builder, CommitError, Database, DatabaseError, ReadableTable, StorageError, Table, TableDefinition,
    TableError, TransactionError,
};

use super::disk::{Counted, Medium, Syncs};
use crate::engine::EngineError;
use crate::engine::Order;
use crate::engine::apply::RowsMut;
use crate::engine::read::{Next, Rows, Span, Visitor, is_empty};
use crate::files::is_full;
use crate::space::RecordVersion;

/// The one table: rows as described in `layout`.
pub(super) const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");

/// Why a file could not be opened as a store's file.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// It is not a redb file, or one of another program.
    #[error("the file is not a store of this program")]
    Foreign,
    /// It is a redb file that contradicts itself.
    #[error("the file is damaged")]
    Damaged,
    /// The disk is full.
    #[error("no space left on the disk")]
    NoSpace,
    /// The operating system failed.
    #[error("open the file of the store")]
    Io(#[source] io::Error),
}

enum State {
    Open {
        db: Database,
        generation: u64,
    },
    /// Closed by an error; opened again by the next caller.
    Down {
        /// It could not be opened because there is no room.
        full: bool,
    },
    /// The file does not open any more, or the disk failed to take what it was given.
    Damaged,
    Closed,
}

pub(super) struct Handle {
    path: PathBuf,
    cache_bytes: usize,
    medium: Arc<Medium>,
    state: RwLock<State>,
    pub(super) syncs: Arc<Syncs>,
    pub(super) reopened: AtomicU64,
}

impl Handle {
    pub(super) fn open(path: &Path, cache_bytes: usize, medium: Arc<Medium>) -> Result<Self, OpenFault> {
        let syncs = Arc::new(Syncs::default());
        let db = open_database(path, cache_bytes, &*medium, &syncs)?;
        Ok(Self {
            path: path.into(),
            cache_bytes,
            medium,
            state: RwLock::new(State::Open { db, generation: 0 }),
            syncs,
            reopened: AtomicU64::new(0),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the open file. What is damaged in it does not spoil the handle for other reads.
    pub(super) fn read<T>(
        &self,
        work: impl FnMut(&Database) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        self.with(|error| !matches!(error, EngineError::Corrupt(_)), work)
    }

    /// Writes the open file. After any error redb may refuse further writes, so the handle is spoilt.
    pub(super) fn write<T>(
        &self,
        work: impl FnMut(&Database) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        self.with(|_| true, work)
    }

    /// Runs `work` on the open file. An error that spoils the handle, or a panic, opens the file anew before
    /// this returns; `work` is not repeated.
    fn with<T>(
        &self,
        spoils: fn(&EngineError) -> bool,
        mut work: impl FnMut(&Database) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (outcome, generation) = match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
                State::Open { db, generation } => {
                    (Some(catch_unwind(AssertUnwindSafe(|| work(db)))), *generation)
                }
                State::Down { .. } if tries == 1 => (None, 0),
                State::Down { full: true } => return Err(EngineError::NoSpace),
                State::Down { full: false } | State::Damaged => return Err(EngineError::Poisoned),
                State::Closed => return Err(EngineError::Closed),
            };
            match outcome {
                None => self.reopen(None),
                Some(Ok(Ok(value))) => return Ok(value),
                Some(Ok(Err(error))) => {
                    if spoils(&error) {
                        self.reopen(Some(generation));
                    }
                    return Err(error);
                }
                Some(Err(_panic)) => {
                    self.reopen(Some(generation));
                    return Err(EngineError::Corrupt("redb gave up over what it read"));
                }
            }
        }
    }

    /// Opens the file again, unless someone else did since `generation`, or a sync has failed.
    fn reopen(&self, generation: Option<u64>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let next = match &*state {
            State::Open { generation: now, .. } if generation == Some(*now) => now.saturating_add(1),
            State::Down { .. } => 0,
            _ => return,
        };
        // Closing must not end the program either, whatever state redb is in.
        let old = std::mem::replace(&mut *state, State::Down { full: false });
        let _ = catch_unwind(AssertUnwindSafe(|| drop(old)));
        if self.sync_failed() {
            tracing::error!(
                "the disk failed to store what it was given; restart the program to see what it has"
            );
            *state = State::Damaged;
            return;
        }
        let generation = self.reopened.fetch_add(1, Ordering::Relaxed).saturating_add(1).max(next);
        match open_database(&self.path, self.cache_bytes, &*self.medium, &self.syncs) {
            Ok(db) => *state = State::Open { db, generation },
            Err(fault) => {
                tracing::error!(error = %fault, "the store did not open again");
                *state = match fault {
                    OpenFault::Damaged | OpenFault::Foreign => State::Damaged,
                    _ if self.sync_failed() => State::Damaged,
                    OpenFault::NoSpace => State::Down { full: true },
                    OpenFault::Io(_) => State::Down { full: false },
                };
            }
        }
    }

    fn sync_failed(&self) -> bool {
        self.syncs.failed.load(Ordering::Acquire)
    }

    /// Closes the file; later calls are refused.
    pub(super) fn close(&self) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *state, State::Closed);
        let _ = catch_unwind(AssertUnwindSafe(|| drop(old)));
    }
}

fn open_database(
    path: &Path,
    cache_bytes: usize,
    medium: &Medium,
    syncs: &Arc<Syncs>,
) -> Result<Database, OpenFault> {
    let disk = medium(path).map_err(|error| io_fault(error, OpenFault::Io))?;
    let disk = Counted::new(disk, Arc::clone(syncs));
    let opened = catch_unwind(AssertUnwindSafe(|| {
        Builder::new().set_cache_size(cache_bytes).create_with_backend(disk)
    }));
    match opened {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(DatabaseError::Storage(StorageError::Io(error)))) => Err(io_fault(error, OpenFault::Io)),
        Ok(Err(DatabaseError::UpgradeRequired(_))) => Err(OpenFault::Foreign),
        Ok(Err(_)) | Err(_) => Err(OpenFault::Damaged),
    }
}

fn io_fault(error: io::Error, other: fn(io::Error) -> OpenFault) -> OpenFault {
    match error.kind() {
        io::ErrorKind::InvalidData => OpenFault::Foreign,
        io::ErrorKind::UnexpectedEof => OpenFault::Damaged,
        _ if is_full(&error) => OpenFault::NoSpace,
        _ => other(error),
    }
}

/// Rows of an open table; a reader's or the committer's.
pub(super) struct TableRows<T>(pub(super) T);

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Rows for TableRows<T> {
    fn get(&self, row: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.0.get(row).map_err(storage)?.map(|found| found.value().to_vec()))
    }

    fn visit(&self, span: Span<'_>, order: Order, visitor: &mut Visitor<'_>) -> Result<(), EngineError> {
        if is_empty(&span) {
            return Ok(());
        }
        let mut range = self.0.range::<&[u8]>(span).map_err(storage)?;
        while let Some(entry) = match order {
            Order::Ascending => range.next(),
            Order::Descending => range.next_back(),
        } {
            let (row, stored) = entry.map_err(storage)?;
            if visitor(row.value(), stored.value())? == Next::Stop {
                break;
            }
        }
        Ok(())
    }
}

impl RowsMut for TableRows<Table<'_, &'static [u8], &'static [u8]>> {
    fn put(&mut self, row: &[u8], version: RecordVersion, value: &[u8]) -> Result<(), EngineError> {
        let stored = [version.as_bytes().as_slice(), value].concat();
        self.0.insert(row, stored.as_slice()).map_err(storage)?;
        Ok(())
    }

    fn remove(&mut self, row: &[u8]) -> Result<(), EngineError> {
        self.0.remove(row).map_err(storage)?;
        Ok(())
    }
}

/// What a failure of redb means to callers. redb's own text goes to the log: it speaks of pages, not of rows.
pub(super) fn storage(error: StorageError) -> EngineError {
    match error {
        StorageError::Io(error) if is_full(&error) => EngineError::NoSpace,
        StorageError::Io(error) => EngineError::Io(error),
        StorageError::ValueTooLarge(_) => EngineError::TooLarge,
        StorageError::Corrupted(what) => {
            tracing::error!(error = %what, "redb found damage");
            EngineError::Corrupt("redb found a page that contradicts itself")
        }
        other => EngineError::Io(io::Error::other(other)),
    }
}

pub(super) fn transaction(error: TransactionError) -> EngineError {
    match error {
        TransactionError::Storage(error) => storage(error),
        other => EngineError::Io(io::Error::other(other)),
    }
}

pub(super) fn table(error: TableError) -> EngineError {
    match error {
        TableError::Storage(error) => storage(error),
        TableError::TableDoesNotExist(_) => EngineError::Corrupt("the file has no rows of this program"),
        other => EngineError::Io(io::Error::other(other)),
    }
}

pub(super) fn commit(error: CommitError) -> EngineError {
    match error {
        CommitError::Storage(error) => storage(error),
        other => EngineError::Io(io::Error::other(other)),
    }
}
