//! A layer around the engine of a store: it counts the rows that are read and can hold a tenant's commits back.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use almanac_base::TenantId;
use almanac_store::engine::{
    Caps, Commit, Committed, Engine, EngineError, EngineStats, Heads, Page, RawResult, Row, RowSink,
    StoredRow,
};
use almanac_store::{EngineKind, Key, ReadOp, Scan, Space, Store, Tuning};
use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

use crate::common::options;

/// See the module's documentation.
pub(crate) struct Watched {
    engine: Arc<dyn Engine>,
    rows: AtomicU64,
    held: watch::Sender<Option<TenantId>>,
}

/// A store in memory, and the layer around its engine.
pub(crate) fn watched() -> (Store, Arc<Watched>) {
    let layer = Arc::new(OnceLock::new());
    let mut options = options(Path::new("none"));
    options.engine = EngineKind::Memory;
    options.key = Arc::new(almanac_store::FreshKey::default());
    let around = Arc::clone(&layer);
    let around = move |engine| {
        let watched = Watched { engine, rows: AtomicU64::new(0), held: watch::Sender::new(None) };
        Arc::clone(around.get_or_init(|| Arc::new(watched))) as Arc<dyn Engine>
    };
    let tuning = Tuning { layer: Arc::new(around), ..Tuning::default() };
    let store = Store::open_tuned(options, &tuning).unwrap();
    let watched = Arc::clone(layer.get().unwrap());
    (store, watched)
}

impl Watched {
    /// The rows read since the last call.
    pub(crate) fn rows_read(&self) -> u64 {
        self.rows.swap(0, Ordering::Relaxed)
    }

    /// Holds the commits of this tenant back until another call says otherwise.
    pub(crate) fn hold(&self, tenant: Option<TenantId>) {
        self.held.send_replace(tenant);
    }

    /// The engine itself.
    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    fn count(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Commits that are held back now.
    pub(crate) fn waiting(&self) -> usize {
        self.held.receiver_count()
    }

    async fn released(&self, tenant: TenantId) {
        self.held.subscribe().wait_for(|held| *held != Some(tenant)).await.unwrap();
    }
}

#[async_trait]
impl Engine for Watched {
    fn caps(&self) -> Caps {
        self.engine.caps()
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, EngineError> {
        self.released(commit.tenant).await;
        self.engine.commit(commit).await
    }

    async fn commit_many(&self, commits: Vec<Commit>) -> Vec<Result<Committed, EngineError>> {
        self.engine.commit_many(commits).await
    }

    async fn get_many(
        &self,
        tenant: TenantId,
        keys: &[(Space, Key)],
    ) -> Result<Vec<Option<Row>>, EngineError> {
        let rows = self.engine.get_many(tenant, keys).await?;
        self.count(rows.iter().flatten().count());
        Ok(rows)
    }

    async fn scan(&self, tenant: TenantId, scan: &Scan) -> Result<Page, EngineError> {
        let page = self.engine.scan(tenant, scan).await?;
        self.count(page.rows.len());
        Ok(page)
    }

    async fn read(&self, tenant: TenantId, ops: &[ReadOp]) -> Result<(u64, Vec<RawResult>), EngineError> {
        let (head, answers) = self.engine.read(tenant, ops).await?;
        for answer in &answers {
            match answer {
                RawResult::Rows(rows) => self.count(rows.iter().flatten().count()),
                RawResult::Page(page) => self.count(page.rows.len()),
                RawResult::Head(_) => {}
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
