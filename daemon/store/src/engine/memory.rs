//! An engine without a disk: for simulations and for tests of everything above the store.
//!
//! It keeps every promise of an engine except to outlive its process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use almanac_base::TenantId;
use async_trait::async_trait;
use tokio::sync::broadcast;

use super::apply::{RowsMut, apply, remove_range};
use super::layout::tenant_range;
use super::read::{self, Next, Rows, Span, Visitor, is_empty};
use super::{
    Caps, Commit, Committed, Engine, EngineError, EngineStats, Heads, Order, Page, RawResult, ReadOp, Row,
    RowSink, Scan, Sharing, StoredRow, Values,
};
use crate::limits::{COMMIT_BYTES_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX, WATCH_HINTS_MAX};
use crate::space::{Key, RecordVersion, Space};

/// See the module's documentation.
pub struct MemoryEngine {
    state: Mutex<State>,
    hints: broadcast::Sender<(TenantId, u64)>,
}

#[derive(Default)]
struct State {
    rows: Tree,
    heads: Heads,
    stats: EngineStats,
    closed: bool,
}

#[derive(Default)]
struct Tree(BTreeMap<Vec<u8>, Vec<u8>>);

impl Rows for Tree {
    fn get(&self, row: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.0.get(row).cloned())
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
        let mut range = self.0.range::<[u8], _>(span);
        while let Some((row, stored)) = match order {
            Order::Ascending => range.next(),
            Order::Descending => range.next_back(),
        } {
            if visitor(row, stored)? == Next::Stop {
                break;
            }
        }
        Ok(())
    }
}

impl RowsMut for Tree {
    fn put(&mut self, row: &[u8], version: RecordVersion, value: &[u8]) -> Result<(), EngineError> {
        self.0.insert(row.to_vec(), [version.as_bytes().as_slice(), value].concat());
        Ok(())
    }

    fn remove(&mut self, row: &[u8]) -> Result<(), EngineError> {
        self.0.remove(row);
        Ok(())
    }
}

impl Default for MemoryEngine {
    fn default() -> Self {
        Self { state: Mutex::default(), hints: broadcast::Sender::new(WATCH_HINTS_MAX) }
    }
}

impl MemoryEngine {
    /// An empty engine.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn open(&self) -> Result<MutexGuard<'_, State>, EngineError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed { Err(EngineError::Closed) } else { Ok(state) }
    }

    fn apply_one(&self, commit: &Commit) -> Result<Committed, EngineError> {
        let caps = self.caps();
        let mut state = self.open()?;
        let verdict = apply(&mut state.rows, commit, &caps)?;
        match &verdict {
            Ok(committed) => {
                state.stats.commits += 1;
                state.stats.groups += 1;
                state.heads.groups += 1;
                if committed.tenant_seq > 0 {
                    state.heads.tenants.insert(commit.tenant, committed.tenant_seq);
                }
                // No listener is not an error.
                let _ = self.hints.send((commit.tenant, committed.tenant_seq));
            }
            Err(_) => state.stats.conflicts += 1,
        }
        Ok(verdict?)
    }
}

#[async_trait]
impl Engine for MemoryEngine {
    fn caps(&self) -> Caps {
        Caps {
            value_bytes_max: VALUE_BYTES_MAX,
            key_bytes_max: KEY_BYTES_MAX,
            commit_bytes_max: COMMIT_BYTES_MAX,
            sharing: Sharing::Local,
        }
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, EngineError> {
        self.apply_one(&commit)
    }

    async fn commit_many(&self, commits: Vec<Commit>) -> Vec<Result<Committed, EngineError>> {
        commits.iter().map(|commit| self.apply_one(commit)).collect()
    }

    async fn get_many(
        &self,
        tenant: TenantId,
        keys: &[(Space, Key)],
    ) -> Result<Vec<Option<Row>>, EngineError> {
        read::get_many(&self.open()?.rows, tenant, keys)
    }

    async fn scan(&self, tenant: TenantId, scan: &Scan) -> Result<Page, EngineError> {
        read::scan(&self.open()?.rows, tenant, scan)
    }

    async fn read(&self, tenant: TenantId, ops: &[ReadOp]) -> Result<(u64, Vec<RawResult>), EngineError> {
        read::read(&self.open()?.rows, tenant, ops)
    }

    fn watch(&self) -> broadcast::Receiver<(TenantId, u64)> {
        self.hints.subscribe()
    }

    async fn drop_tenant(&self, tenant: TenantId) -> Result<(), EngineError> {
        let mut state = self.open()?;
        let (from, to) = tenant_range(tenant);
        let span: Span<'_> = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
        remove_range(&mut state.rows, span, u32::MAX)?;
        state.heads.tenants.remove(&tenant);
        state.heads.groups += 1;
        Ok(())
    }

    fn export(&self, sink: &mut RowSink<'_>) -> Result<(), EngineError> {
        let rows = self.open()?.rows.0.clone(); // writers go on meanwhile
        rows.iter().try_for_each(|(row, stored)| sink(row, stored, &|ahead| Ok(rows.get(ahead).cloned())))
    }

    fn import(&self, rows: &[StoredRow]) -> Result<(), EngineError> {
        let mut state = self.open()?;
        state.rows.0.extend(rows.iter().cloned());
        state.heads = read::heads(&state.rows)?;
        Ok(())
    }

    fn heads(&self) -> Heads {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).heads.clone()
    }

    fn stats(&self) -> EngineStats {
        let stats = self.state.lock().unwrap_or_else(PoisonError::into_inner).stats.clone();
        EngineStats { name: "memory", ..stats }
    }

    fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
    }
}
