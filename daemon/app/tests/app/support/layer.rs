//! A layer around the engine of a store: it counts the rows that are read, by space, and fails when told to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use almanac_base::TenantId;
use almanac_store::engine::{
    Caps, Commit, Committed, Engine, EngineError, EngineStats, Heads, Mutation, Page, RawResult, Row,
    RowSink, StoredRow,
};
use almanac_store::{Key, ReadOp, Scan, Space};
use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

type Fault = fn() -> EngineError;

/// See the module's documentation.
pub struct Watched {
    engine: Arc<dyn Engine>,
    rows: Mutex<BTreeMap<Space, usize>>,
    commits: Mutex<Vec<Vec<Space>>>,
    lie: Mutex<Option<(usize, Fault)>>,
    blind: AtomicBool,
    hung: (Mutex<bool>, Condvar),
    /// Reads that came to the disk.
    pub reads: watch::Sender<u32>,
}

impl Watched {
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self {
            engine,
            rows: Mutex::default(),
            commits: Mutex::default(),
            lie: Mutex::default(),
            blind: AtomicBool::new(false),
            hung: Default::default(),
            reads: watch::Sender::new(0),
        }
    }

    /// The rows read since the last call, by space.
    pub fn rows_read(&self) -> BTreeMap<Space, usize> {
        std::mem::take(&mut self.rows.lock().unwrap())
    }

    /// The spaces that each commit since the last call changed.
    pub fn commits(&self) -> Vec<Vec<Space>> {
        std::mem::take(&mut self.commits.lock().unwrap())
    }

    /// Reports the next commit as failed, although it takes place.
    pub fn lie(&self, fault: Fault) {
        self.lie_after(0, fault);
    }

    /// The same of the commit after so many others.
    pub fn lie_after(&self, others: usize, fault: Fault) {
        *self.lie.lock().unwrap() = Some((others, fault));
    }

    /// Fails all reads, or no more.
    pub fn blind(&self, blind: bool) {
        self.blind.store(blind, Ordering::Relaxed);
    }

    /// Lets all reads hang with their threads, as a disk does that is gone, or go on.
    pub fn hang(&self, hang: bool) {
        *self.hung.0.lock().unwrap() = hang;
        self.hung.1.notify_all();
    }

    fn see(&self) -> Result<(), EngineError> {
        self.reads.send_modify(|count| *count += 1);
        drop(self.hung.1.wait_while(self.hung.0.lock().unwrap(), |hung| *hung).unwrap());
        if self.blind.load(Ordering::Relaxed) { Err(EngineError::NoSpace) } else { Ok(()) }
    }

    fn count(&self, space: Space, rows: usize) {
        if rows > 0 {
            *self.rows.lock().unwrap().entry(space).or_default() += rows;
        }
    }

    fn count_found(&self, keys: &[(Space, Key)], rows: &[Option<Row>]) {
        for ((space, _), row) in keys.iter().zip(rows) {
            self.count(*space, usize::from(row.is_some()));
        }
    }
}

#[async_trait]
impl Engine for Watched {
    fn caps(&self) -> Caps {
        self.engine.caps()
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, EngineError> {
        let spaces = commit.mutations.iter().map(|mutation| match mutation {
            Mutation::Put { space, .. }
            | Mutation::Delete { space, .. }
            | Mutation::DeleteRange { space, .. } => *space,
        });
        let spaces = spaces.collect();
        let committed = self.engine.commit(commit).await?;
        self.commits.lock().unwrap().push(spaces);
        let mut lie = self.lie.lock().unwrap();
        match lie.take() {
            Some((0, fault)) => Err(fault()),
            Some((others, fault)) => {
                *lie = Some((others - 1, fault));
                Ok(committed)
            }
            None => Ok(committed),
        }
    }

    async fn commit_many(&self, commits: Vec<Commit>) -> Vec<Result<Committed, EngineError>> {
        self.engine.commit_many(commits).await
    }

    async fn get_many(
        &self,
        tenant: TenantId,
        keys: &[(Space, Key)],
    ) -> Result<Vec<Option<Row>>, EngineError> {
        self.see()?;
        let rows = self.engine.get_many(tenant, keys).await?;
        self.count_found(keys, &rows);
        Ok(rows)
    }

    async fn scan(&self, tenant: TenantId, scan: &Scan) -> Result<Page, EngineError> {
        self.see()?;
        let page = self.engine.scan(tenant, scan).await?;
        self.count(scan.space, page.rows.len());
        Ok(page)
    }

    async fn read(&self, tenant: TenantId, ops: &[ReadOp]) -> Result<(u64, Vec<RawResult>), EngineError> {
        self.see()?;
        let (head, answers) = self.engine.read(tenant, ops).await?;
        for (op, answer) in ops.iter().zip(&answers) {
            match (op, answer) {
                (ReadOp::GetMany(keys), RawResult::Rows(rows)) => self.count_found(keys, rows),
                (ReadOp::Scan(scan), RawResult::Page(page)) => self.count(scan.space, page.rows.len()),
                _ => {}
            }
        }
        Ok((head, answers))
    }

    fn watch(&self) -> broadcast::Receiver<(TenantId, u64)> {
        self.engine.watch()
    }

    async fn drop_tenant(&self, tenant: TenantId) -> Result<(), EngineError> {
        self.engine.drop_tenant(tenant).await
    }

    fn export(&self, sink: &mut RowSink<'_>) -> Result<(), EngineError> {
        self.engine.export(sink)
    }

    fn import(&self, rows: &[StoredRow]) -> Result<(), EngineError> {
        self.engine.import(rows)
    }

    fn heads(&self) -> Heads {
        self.engine.heads()
    }

    fn stats(&self) -> EngineStats {
        self.engine.stats()
    }

    fn close(&self) {
        self.engine.close();
    }
}
