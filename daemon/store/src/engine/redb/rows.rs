//! redb's words in ours: the file, the rows of its table, its errors.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use ::redb::{
    Builder, CommitError, CompactionError, Database, DatabaseError, ReadableTable, StorageError, Table,
    TableDefinition, TableError, TransactionError,
};

use super::disk::{Counted, Medium};
use crate::engine::apply::RowsMut;
use crate::engine::handle::{OpenFault, Syncs};
use crate::engine::read::{Next, Rows, Span, Visitor, is_empty};
use crate::engine::{EngineError, Order, Values};
use crate::files::is_full;
use crate::space::RecordVersion;

/// The one table: rows as described in `layout`.
pub(super) const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");

/// Opens the file.
pub(super) fn open_database(
    path: &Path,
    cache_bytes: usize,
    medium: &Medium,
    syncs: &Arc<Syncs>,
) -> Result<Database, OpenFault> {
    let disk = medium(path).map_err(OpenFault::from_io)?;
    let disk = Counted::new(disk, Arc::clone(syncs));
    let opened = catch_unwind(AssertUnwindSafe(|| {
        Builder::new().set_cache_size(cache_bytes).create_with_backend(disk)
    }));
    match opened {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(DatabaseError::Storage(StorageError::Io(error)))) => Err(OpenFault::from_io(error)),
        Ok(Err(DatabaseError::UpgradeRequired(_))) => Err(OpenFault::Foreign),
        Ok(Err(_)) | Err(_) => Err(OpenFault::Damaged),
    }
}

/// Rows of an open table; a reader's or the committer's.
pub(super) struct TableRows<T>(pub(super) T);

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Rows for TableRows<T> {
    fn get(&self, row: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.0.get(row).map_err(storage)?.map(|found| found.value().to_vec()))
    }

    fn visit(
        &self,
        span: Span<'_>,
        order: Order,
        _: Values,
        visitor: &mut Visitor<'_>,
    ) -> Result<(), EngineError> {
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

pub(super) fn database(error: DatabaseError) -> OpenFault {
    match error {
        DatabaseError::Storage(error) => storage(error).into(),
        _ => OpenFault::Damaged,
    }
}

pub(super) fn compaction(error: CompactionError) -> OpenFault {
    match error {
        CompactionError::Storage(error) => storage(error).into(),
        other => OpenFault::Io(io::Error::other(other)),
    }
}

pub(super) fn commit(error: CommitError) -> EngineError {
    match error {
        CommitError::Storage(error) => storage(error),
        other => EngineError::Io(io::Error::other(other)),
    }
}
