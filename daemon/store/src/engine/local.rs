//! An engine on a disk of this machine: readers on their own threads, one committer thread.
//!
//! What differs from one database to another is behind [`Disk`]; queueing, grouping, answering, heads and hints are
//! the same for all and live here and in `committer`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use almanac_base::TenantId;
use async_trait::async_trait;
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::{broadcast, oneshot};

use super::apply::RowsMut;
use super::committer::{self, Job};
use super::handle::OpenFault;
use super::read::{self, Rows};
use super::{
    Caps, Commit, Committed, Engine, EngineError, EngineStats, Heads, Page, RawResult, ReadOp, Row, RowSink,
    Scan, Sharing, StoredRow,
};
use crate::limits::{COMMIT_BYTES_MAX, KEY_BYTES_MAX, QUEUE_COMMITS_MAX, VALUE_BYTES_MAX, WATCH_HINTS_MAX};
use crate::space::{Key, Space};

/// What reads one state of the rows.
pub(crate) type Reading<'a> = dyn FnMut(&dyn Rows) -> Result<(), EngineError> + 'a;
/// What changes rows, and says whether it did.
pub(crate) type Writing<'a> = dyn FnMut(&mut dyn RowsMut) -> Result<bool, EngineError> + 'a;

/// Rows on a disk.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Shows one durable state of the rows to `work`.
    fn read(&self, work: &mut Reading<'_>) -> Result<(), EngineError>;

    /// Runs `work` on the rows and, if it wrote something, makes all of it durable together. After an error it may be
    /// durable or not, but never by half. Only the committer calls this.
    fn transact(&self, work: &mut Writing<'_>) -> Result<bool, EngineError>;

    /// Whether so many bytes can be written. Asked when a write failed for want of room, before the next.
    fn has_room(&self, bytes: u64) -> bool;

    /// Rows that are removed together when a tenant is dropped.
    fn drop_rows_max(&self) -> u32;

    /// As [`Engine::export`].
    fn export(&self, sink: &mut RowSink<'_>) -> Result<(), EngineError>;

    /// As [`Engine::import`].
    fn import(&self, rows: &[StoredRow]) -> Result<(), EngineError>;

    /// The figures that the disk knows; the others are 0.
    fn stats(&self) -> EngineStats;

    /// Lets go of the files.
    fn close(&self);
}

/// An engine on a disk of this machine. See the module's documentation.
pub struct LocalEngine<D> {
    shared: Arc<Shared<D>>,
    queue: Mutex<Option<Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What readers and the committer share.
pub(super) struct Shared<D> {
    pub(super) disk: D,
    pub(super) caps: Caps,
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

impl<D: Disk> Shared<D> {
    /// Runs `work` on one state of the rows.
    pub(super) fn read<T>(
        &self,
        work: impl Fn(&dyn Rows) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let mut answer = None;
        self.disk.read(&mut |rows| {
            answer = Some(work(rows)?);
            Ok(())
        })?;
        answer.ok_or(EngineError::Poisoned)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_groups(&self, groups: u64) {
        let mut progress = self.progress();
        progress.heads.groups = groups;
        progress.groups += 1;
    }

    pub(super) fn forget_head(&self, tenant: TenantId) {
        self.progress().heads.tenants.remove(&tenant);
    }

    /// Makes known what became durable; one hint for each tenant.
    pub(super) fn publish(&self, durable: impl Iterator<Item = (TenantId, u64)>, conflicts: usize) {
        let mut changed = BTreeMap::new();
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

impl<D> LocalEngine<D> {
    /// Begins to work on an open disk.
    pub(super) fn start(disk: D) -> Result<Self, OpenFault>
    where
        D: Disk,
    {
        let caps = Caps {
            value_bytes_max: VALUE_BYTES_MAX,
            key_bytes_max: KEY_BYTES_MAX,
            commit_bytes_max: COMMIT_BYTES_MAX,
            sharing: Sharing::Local,
        };
        let hints = broadcast::Sender::new(WATCH_HINTS_MAX);
        let shared = Arc::new(Shared { disk, caps, progress: Mutex::default(), hints });
        shared.progress().heads = shared.read(read::heads)?;
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

    async fn submit(&self, job: Job) -> Result<(), EngineError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or(EngineError::Closed)?;
        queue.send(job).await.map_err(|_| EngineError::Closed)
    }

    /// Ends the committer when it has answered everybody; it lets go of the files.
    fn end(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join(); // a panic of the committer was reported by the panic hook
        }
    }
}

#[async_trait]
impl<D: Disk> Engine for LocalEngine<D> {
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

    fn export(&self, sink: &mut RowSink<'_>) -> Result<(), EngineError> {
        self.shared.disk.export(sink)
    }

    fn import(&self, rows: &[StoredRow]) -> Result<(), EngineError> {
        self.shared.disk.import(rows)?;
        let heads = self.shared.read(read::heads)?;
        self.shared.progress().heads = heads;
        Ok(())
    }

    fn heads(&self) -> Heads {
        self.shared.progress().heads.clone()
    }

    fn stats(&self) -> EngineStats {
        let figures = self.shared.disk.stats();
        let progress = self.shared.progress();
        EngineStats {
            commits: progress.commits,
            conflicts: progress.conflicts,
            groups: progress.groups,
            ..figures
        }
    }

    fn close(&self) {
        self.end();
        self.shared.disk.close();
    }
}

impl<D> Drop for LocalEngine<D> {
    fn drop(&mut self) {
        self.end();
    }
}
