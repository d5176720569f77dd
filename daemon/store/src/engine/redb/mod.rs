//! The default engine: one redb file, quick repair on, one committer thread.
//!
//! Readers work on redb's snapshots on the caller's thread. Start with `committer` for how a write becomes
//! durable and with `handle` for what happens after an error.

mod committer;
mod disk;
mod handle;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use ::redb::{ReadOnlyTable, ReadableDatabase, TableError};
use almanac_base::TenantId;
use async_trait::async_trait;
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::{broadcast, oneshot};

pub use self::disk::{Medium, file_medium};
pub use self::handle::OpenFault;

use self::committer::Job;
use self::disk::Looked;
use self::handle::{Handle, ROWS, TableRows, commit, storage, table, transaction};
use super::read::{self, heads};
use super::{
    Caps, Commit, Committed, Engine, EngineError, EngineStats, Heads, Page, RawResult, ReadOp, Row, Scan,
    Sharing,
};
use crate::limits::{COMMIT_BYTES_MAX, KEY_BYTES_MAX, QUEUE_COMMITS_MAX, VALUE_BYTES_MAX, WATCH_HINTS_MAX};
use crate::space::{Key, Space};

type ReadRows = TableRows<ReadOnlyTable<&'static [u8], &'static [u8]>>;

/// See the module's documentation.
pub struct RedbEngine {
    shared: Arc<Shared>,
    queue: Mutex<Option<Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What readers and the committer share.
struct Shared {
    handle: Handle,
    caps: Caps,
    progress: Mutex<Progress>,
    hints: broadcast::Sender<(TenantId, u64)>,
}

#[derive(Default)]
struct Progress {
    heads: Heads,
    commits: u64,
    conflicts: u64,
    groups: u64,
}

impl Shared {
    /// Runs `work` on one state of the rows.
    fn read<T>(&self, work: impl Fn(&ReadRows) -> Result<T, EngineError>) -> Result<T, EngineError> {
        self.handle.read(|db| {
            let transact = db.begin_read().map_err(transaction)?;
            work(&TableRows(transact.open_table(ROWS).map_err(table)?))
        })
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_groups(&self, groups: u64) {
        let mut progress = self.progress();
        progress.heads.groups = groups;
        progress.groups += 1;
    }

    fn forget_head(&self, tenant: TenantId) {
        self.progress().heads.tenants.remove(&tenant);
    }

    /// Makes known what became durable; one hint for each tenant.
    fn publish(&self, durable: impl Iterator<Item = (TenantId, u64)>, conflicts: usize) {
        let mut changed = std::collections::BTreeMap::new();
        let mut progress = self.progress();
        progress.conflicts += conflicts as u64;
        for (tenant, seq) in durable {
            progress.commits += 1;
            if seq > 0 {
                progress.heads.tenants.insert(tenant, seq);
            }
            changed.insert(tenant, seq);
        }
        drop(progress);
        for hint in changed {
            let _ = self.hints.send(hint); // no listener is not an error
        }
    }
}

impl RedbEngine {
    /// Makes an empty store in a new file; fails if the file holds one already.
    ///
    /// # Errors
    /// The file cannot be made; what there is of it may stay.
    pub fn create(path: &Path, cache_bytes: usize, medium: Arc<Medium>) -> Result<Self, OpenFault> {
        let handle = Handle::open(path, cache_bytes, medium)?;
        let made = handle.write(|db| {
            let mut transact = db.begin_write().map_err(transaction)?;
            transact.set_quick_repair(true);
            transact.open_table(ROWS).map_err(table)?;
            transact.commit().map_err(commit)
        });
        made.map_err(fault)?;
        Self::start(handle)
    }

    /// Opens the store in this file.
    ///
    /// # Errors
    /// The file is not a store, is damaged, or cannot be read and written.
    pub fn open(path: &Path, cache_bytes: usize, medium: Arc<Medium>) -> Result<Self, OpenFault> {
        Self::start(Handle::open(path, cache_bytes, medium)?)
    }

    fn start(handle: Handle) -> Result<Self, OpenFault> {
        let caps = Caps {
            value_bytes_max: VALUE_BYTES_MAX,
            key_bytes_max: KEY_BYTES_MAX,
            commit_bytes_max: COMMIT_BYTES_MAX,
            sharing: Sharing::Local,
        };
        let hints = broadcast::Sender::new(WATCH_HINTS_MAX);
        let shared = Arc::new(Shared { handle, caps, progress: Mutex::default(), hints });
        shared.progress().heads = shared.read(heads).map_err(fault)?;
        let (sender, receiver) = mpsc::channel(QUEUE_COMMITS_MAX);
        let thread = thread::Builder::new()
            .name("store-committer".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || committer::run(&shared, receiver)
            })
            .map_err(OpenFault::Io)?;
        Ok(Self { shared, queue: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
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
        let handle = Handle::open(path, cache_bytes, Arc::new(medium))?;
        let found = handle.read(|db| {
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
        found.map_err(fault)?.ok_or(OpenFault::Foreign)
    }

    async fn submit(&self, job: Job) -> Result<(), EngineError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or(EngineError::Closed)?;
        queue.send(job).await.map_err(|_| EngineError::Closed)
    }
}

fn fault(error: EngineError) -> OpenFault {
    match error {
        EngineError::NoSpace => OpenFault::NoSpace,
        EngineError::Io(source) => OpenFault::Io(source),
        _ => OpenFault::Damaged,
    }
}

#[async_trait]
impl Engine for RedbEngine {
    fn caps(&self) -> Caps {
        self.shared.caps
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, EngineError> {
        self.commit_many(vec![commit]).await.into_iter().next().unwrap_or(Err(EngineError::Closed))
    }

    async fn commit_many(&self, commits: Vec<Commit>) -> Vec<Result<Committed, EngineError>> {
        let count = commits.len();
        let (answer, answered) = oneshot::channel();
        let refused = match self.submit(Job::Commits { commits, answer }).await {
            Ok(()) => match answered.await {
                Ok(results) => return results,
                Err(_) => || EngineError::Poisoned, // the committer is gone: nothing says whether it wrote
            },
            Err(_) => || EngineError::Closed,
        };
        (0..count).map(|_| Err(refused())).collect()
    }

    async fn get_many(
        &self,
        tenant: TenantId,
        keys: &[(Space, Key)],
    ) -> Result<Vec<Option<Row>>, EngineError> {
        self.shared.read(|rows| read::get_many(rows, tenant, keys))
    }

    async fn scan(&self, tenant: TenantId, scan: &Scan) -> Result<Page, EngineError> {
        self.shared.read(|rows| read::scan(rows, tenant, scan))
    }

    async fn read(&self, tenant: TenantId, ops: &[ReadOp]) -> Result<(u64, Vec<RawResult>), EngineError> {
        self.shared.read(|rows| read::read(rows, tenant, ops))
    }

    fn watch(&self) -> broadcast::Receiver<(TenantId, u64)> {
        self.shared.hints.subscribe()
    }

    async fn drop_tenant(&self, tenant: TenantId) -> Result<(), EngineError> {
        let (answer, answered) = oneshot::channel();
        self.submit(Job::DropTenant { tenant, answer }).await?;
        answered.await.unwrap_or(Err(EngineError::Poisoned))
    }

    fn heads(&self) -> Heads {
        self.shared.progress().heads.clone()
    }

    fn stats(&self) -> EngineStats {
        let disk_bytes = std::fs::metadata(self.shared.handle.path()).map_or(0, |meta| meta.len());
        let progress = self.shared.progress();
        EngineStats {
            name: "redb",
            disk_bytes,
            syncs: self.shared.handle.syncs.count.load(Ordering::Relaxed),
            commits: progress.commits,
            conflicts: progress.conflicts,
            groups: progress.groups,
            reopened: self.shared.handle.reopened.load(Ordering::Relaxed),
        }
    }

    fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join(); // a panic of the committer was reported by the panic hook
        }
        self.shared.handle.close();
    }
}

impl Drop for RedbEngine {
    fn drop(&mut self) {
        self.close();
    }
}
