//! A layer around the engine at which the program ends, just before a commit or just after it; or at which others do
//! something before a commit is made.

use std::future::pending;
use std::sync::{Arc, Mutex};

use almanac_base::TenantId;
use almanac_store::engine::{
    Caps, Commit, Committed, Engine, EngineError, EngineStats, Heads, Page, RawResult, Row, RowSink,
    StoredRow,
};
use almanac_store::{Key, ReadOp, Scan, Space};
use async_trait::async_trait;
use tokio::sync::{Notify, broadcast};

/// What happens at a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// The program ends, and it is not made.
    Before,
    /// It is durable, and the program ends before anybody is told.
    After,
    /// Others do something first.
    Meanwhile,
}

/// See the module's documentation.
pub(crate) struct Crashing {
    engine: Arc<dyn Engine>,
    /// The commits until then, and what happens at the next one.
    armed: Mutex<Option<(u64, When)>>,
    /// Told when the program ends.
    pub(crate) ends: Notify,
    /// Told when it is the others' turn.
    pub(crate) pauses: Notify,
    /// Awaits that they are done.
    pub(crate) resumes: Notify,
}

impl Crashing {
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Self {
        Self {
            engine,
            armed: Mutex::default(),
            ends: Notify::new(),
            pauses: Notify::new(),
            resumes: Notify::new(),
        }
    }

    /// Lets it happen at the commit after so many others.
    pub(crate) fn arm(&self, others: u64, when: When) {
        *self.armed.lock().unwrap() = Some((others, when));
    }

    pub(crate) fn calm(&self) {
        *self.armed.lock().unwrap() = None;
    }

    /// What happens to this commit.
    fn turn(&self) -> Option<When> {
        let mut armed = self.armed.lock().unwrap();
        match armed.take() {
            Some((0, when)) => Some(when),
            Some((others, when)) => {
                *armed = Some((others - 1, when));
                None
            }
            None => None,
        }
    }

    async fn end<T>(&self) -> T {
        self.ends.notify_one();
        pending().await
    }
}

#[async_trait]
impl Engine for Crashing {
    fn caps(&self) -> Caps {
        self.engine.caps()
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, EngineError> {
        match self.turn() {
            None => self.engine.commit(commit).await,
            Some(When::Meanwhile) => {
                self.pauses.notify_one();
                self.resumes.notified().await;
                self.engine.commit(commit).await
            }
            Some(When::Before) => self.end().await,
            Some(When::After) => {
                let _ = self.engine.commit(commit).await;
                self.end().await
            }
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
        self.engine.get_many(tenant, keys).await
    }

    async fn scan(&self, tenant: TenantId, scan: &Scan) -> Result<Page, EngineError> {
        self.engine.scan(tenant, scan).await
    }

    async fn read(&self, tenant: TenantId, ops: &[ReadOp]) -> Result<(u64, Vec<RawResult>), EngineError> {
        self.engine.read(tenant, ops).await
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
