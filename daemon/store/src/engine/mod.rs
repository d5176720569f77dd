//! The seam between sealed records and the place that keeps them.
//!
//! An engine sees ids, keyed hashes, versions and ciphertext, never a key that opens it. It promises: a commit is
//! atomic, acknowledged only when durable, and applied only if its preconditions hold at that moment; a tenant's
//! change sequence has no gap; a read sees one state. The rules all engines share are in `apply` and `read`,
//! the order of keys and the form of the change log in `layout`.

pub(crate) mod apply;
mod committer;
mod handle;
pub(crate) mod layout;
mod local;
pub mod memory;
pub(crate) mod read;
pub mod redb;
pub mod sled;

use std::collections::BTreeMap;
use std::ops::Range;

use almanac_base::{CollectionId, TenantId};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::broadcast;

pub use self::local::LocalEngine;

use crate::space::{Key, RecordVersion, Space};

/// What must hold at the moment a commit is applied; otherwise nothing of it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// No record has this key.
    Absent(Space, Key),
    /// A record has this key, whatever its version.
    Exists(Space, Key),
    /// The record with this key has exactly this version.
    VersionIs(Space, Key, RecordVersion),
    /// The last change of this collection is this one; 0 if it never had one.
    HeadIs(CollectionId, u64),
}

/// One step of a commit. Steps are applied in order, before the commit's log entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mutation {
    /// Writes a record, replacing what the key held.
    Put {
        /// The space of the record.
        space: Space,
        /// Its key within the space.
        key: Key,
        /// Its new version.
        version: RecordVersion,
        /// The sealed value.
        value: Bytes,
    },
    /// Removes a record; none with this key is not an error.
    Delete {
        /// The space of the record.
        space: Space,
        /// Its key within the space.
        key: Key,
    },
    /// Removes the first `max` records of `from..to`; an empty `to` is the end of the space.
    DeleteRange {
        /// The space of the records.
        space: Space,
        /// The first key that goes.
        from: Key,
        /// The first key that stays.
        to: Key,
        /// At most this many records are removed.
        max: u32,
    },
}

/// A change to announce: the engine gives it the next number of its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The collection that changed.
    pub collection: CollectionId,
    /// The keyed hash that names the changed object.
    pub object: [u8; 32],
    /// The version that the sealed value is bound to.
    pub version: RecordVersion,
    /// The sealed description of the change.
    pub value: Bytes,
}

/// An atomic write in one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The tenant all of it belongs to.
    pub tenant: TenantId,
    /// What must hold, checked in order.
    pub preconditions: Vec<Precondition>,
    /// What is written and removed.
    pub mutations: Vec<Mutation>,
    /// The changes to announce, in order.
    pub log: Vec<LogEntry>,
}

impl Commit {
    /// An empty commit in `tenant`.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self { tenant, preconditions: Vec::new(), mutations: Vec::new(), log: Vec::new() }
    }

    /// The bytes of all values and keys, for limits.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let mutations = self.mutations.iter().map(|mutation| match mutation {
            Mutation::Put { key, value, .. } => key.len().saturating_add(value.len()),
            Mutation::Delete { key, .. } => key.len(),
            Mutation::DeleteRange { from, to, .. } => from.len().saturating_add(to.len()),
        });
        mutations.chain(self.log.iter().map(|entry| entry.value.len())).fold(0, usize::saturating_add)
    }
}

/// Where a log entry came to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangePlace {
    /// The collection that changed.
    pub collection: CollectionId,
    /// The number of the change in its tenant.
    pub seq: u64,
    /// The number of the collection's change before it; 0 if this is the first.
    pub prev_seq: u64,
    /// The version of the change: with its number it names this change in every past the store ever had.
    pub version: RecordVersion,
}

/// The answer to a commit that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The tenant's last change after this commit.
    pub tenant_seq: u64,
    /// The places of the log entries, in their order.
    pub changes: Vec<ChangePlace>,
    /// How many records the `DeleteRange` mutations removed together.
    pub range_deleted: u64,
}

/// Why an engine did not do as asked. After an error of a commit nothing of that commit is visible,
/// except as [`EngineError::NoSpace`] and [`EngineError::Io`] say.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The precondition with this index did not hold.
    #[error("precondition {precondition} does not hold")]
    Conflict {
        /// The index in [`Commit::preconditions`].
        precondition: usize,
    },
    /// A value, key or commit is above the limits of [`Caps`].
    #[error("the write is too large")]
    TooLarge,
    /// The disk or the quota is full. Reads go on; writes work again once there is room. If there was no room
    /// even to open the file again, reads fail likewise, and the commit may be visible once there is.
    #[error("no space left on the disk")]
    NoSpace,
    /// The engine takes no writes at the moment.
    #[error("the store is read-only")]
    ReadOnly,
    /// The engine met damage it cannot get over; only a restart or a restore helps.
    #[error("the store stopped after an error")]
    Poisoned,
    /// What is stored contradicts itself.
    #[error("the store is damaged: {0}")]
    Corrupt(&'static str),
    /// The engine was closed.
    #[error("the store is closed")]
    Closed,
    /// The operating system failed. If the write had become durable before that, the commit may be visible.
    #[error("read or write the store")]
    Io(#[source] std::io::Error),
}

/// What an engine can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// The largest value, in bytes.
    pub value_bytes_max: usize,
    /// The largest key, in bytes.
    pub key_bytes_max: usize,
    /// The largest commit, in bytes of keys and values.
    pub commit_bytes_max: usize,
    /// Who else may write to the same store.
    pub sharing: Sharing,
}

/// Who may write to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// This process alone.
    Local,
    /// Several nodes.
    Shared,
}

/// The direction of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

/// Whether a scan returns values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Keys, versions and values.
    Include,
    /// Keys and versions; values are empty.
    Omit,
}

/// A question for the rows of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The space.
    pub space: Space,
    /// The keys asked for; an empty `end` is the end of the space.
    pub range: Range<Key>,
    /// At most this many rows.
    pub limit: u32,
    /// The direction.
    pub order: Order,
    /// Whether values are wanted.
    pub values: Values,
}

/// One question of a read; all questions of one read see the same state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadOp {
    /// The records with these keys, in the same order.
    GetMany(Vec<(Space, Key)>),
    /// The rows of a range.
    Scan(Scan),
    /// The last change of a collection; 0 if it has none.
    CollectionHead(CollectionId),
}

/// A record as it is stored: its version and the sealed value.
pub type Row = (RecordVersion, Bytes);

/// Rows of a scan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The rows in the order asked for.
    pub rows: Vec<(Key, Row)>,
    /// Present if there is more: ascending, the `start` of the range to ask for next; descending, its `end`.
    pub next: Option<Key>,
}

/// The answer to one [`ReadOp`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawResult {
    /// To `GetMany`.
    Rows(Vec<Option<Row>>),
    /// To `Scan`.
    Page(Page),
    /// To `CollectionHead`.
    Head(u64),
}

/// How far the store has come: the high-water mark.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heads {
    /// Durable groups of commits in the life of the store.
    pub groups: u64,
    /// The last change of each tenant that has one.
    pub tenants: BTreeMap<TenantId, u64>,
}

/// Figures of an engine since it was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EngineStats {
    /// The engine's name, as in the configuration.
    pub name: &'static str,
    /// Bytes on disk; 0 for an engine without one.
    pub disk_bytes: u64,
    /// Times the engine waited for the disk to have everything.
    pub syncs: u64,
    /// Commits that became durable.
    pub commits: u64,
    /// Commits refused by a precondition.
    pub conflicts: u64,
    /// Groups of commits that became durable together.
    pub groups: u64,
    /// Times the engine opened its file anew after an error.
    pub reopened: u64,
}

/// A row and its stored value, as an engine keeps them: the places of rows are described in `layout`.
pub type StoredRow = (Vec<u8>, Vec<u8>);

/// The stored value of a row in the state that is exported; the row must stand behind the one that is shown.
pub type Ahead<'a> = dyn Fn(&[u8]) -> Result<Option<Vec<u8>>, EngineError> + 'a;

/// What [`Engine::export`] calls with each row, its stored value, and the means to look ahead.
pub type RowSink<'a> = dyn FnMut(&[u8], &[u8], &Ahead<'_>) -> Result<(), EngineError> + 'a;

/// A place that keeps versioned, sealed records. See the module's documentation for what it promises.
#[async_trait]
pub trait Engine: Send + Sync {
    /// The limits of this engine.
    fn caps(&self) -> Caps;

    /// Applies `commit` if its preconditions hold; resolves when it is durable.
    async fn commit(&self, commit: Commit) -> Result<Committed, EngineError>;

    /// Applies the commits in order, each on its own, with one wait for the disk.
    async fn commit_many(&self, commits: Vec<Commit>) -> Vec<Result<Committed, EngineError>>;

    /// The records with these keys, in the same order, from one state.
    async fn get_many(
        &self,
        tenant: TenantId,
        keys: &[(Space, Key)],
    ) -> Result<Vec<Option<Row>>, EngineError>;

    /// One page of a range.
    async fn scan(&self, tenant: TenantId, scan: &Scan) -> Result<Page, EngineError>;

    /// Several questions to one state, with the tenant's last change in it.
    async fn read(&self, tenant: TenantId, ops: &[ReadOp]) -> Result<(u64, Vec<RawResult>), EngineError>;

    /// Hints that a tenant changed, up to which change. Hints are coalesced and may be lost; the log is the truth.
    fn watch(&self) -> broadcast::Receiver<(TenantId, u64)>;

    /// Removes every row of a tenant. Not atomic: repeat it if it failed.
    async fn drop_tenant(&self, tenant: TenantId) -> Result<(), EngineError>;

    /// Shows every row of one state to `sink`, in order, as it lies on the disk: for backups and conversions. Blocks
    /// its thread; writers go on. The first error of `sink` ends it and is returned.
    fn export(&self, sink: &mut RowSink<'_>) -> Result<(), EngineError>;

    /// Writes rows as [`Engine::export`] shows them; they are durable when it returns. Only for a store that nobody
    /// uses yet: nothing is compared, and no hint is sent. Blocks its thread.
    fn import(&self, rows: &[StoredRow]) -> Result<(), EngineError>;

    /// How far the durable state has come.
    fn heads(&self) -> Heads;

    /// Figures for operators.
    fn stats(&self) -> EngineStats;

    /// Finishes the queued commits and lets go of the files. Later calls are refused as closed.
    fn close(&self);
}
