//! Which indexes are in memory: built when first asked for, dropped when the budget is used up.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use almanac_base::CollectionId;
use almanac_store::{StoreError, TenantStore};
use tokio::sync::OnceCell;

use super::members::{Members, Step};
use crate::error::AppError;
use crate::limits::CHANGES_PAGE;
use crate::summaries;

/// Indexes grow while they are used: the budget is checked at each new one, and after so many uses.
const EVICT_EVERY: u64 = 1_024;

/// The index of a collection.
#[derive(Clone)]
pub(crate) enum Indexed {
    /// In memory, and as new as the last acknowledged change.
    Memory(Arc<RwLock<Members>>),
    /// Larger than the whole budget: read the summaries instead.
    TooLarge,
}

/// The indexes in memory.
pub(crate) struct IndexCache {
    bytes_max: usize,
    cells: Mutex<HashMap<CollectionId, Arc<Cell>>>,
    tick: AtomicU64,
    /// Collections in which summaries of an older time-zone database were seen.
    outdated: Mutex<BTreeSet<CollectionId>>,
}

#[derive(Default)]
struct Cell {
    index: OnceCell<Indexed>,
    used: AtomicU64,
    /// Held by the reader that brings the index forward.
    catching_up: tokio::sync::Mutex<()>,
    /// The index's size, known without its lock; 0 until it is built.
    footprint: AtomicUsize,
    /// How often the collection was found too large, since it was last looked at.
    refused: AtomicU64,
}

impl Cell {
    /// Brings the index to the change `head` at least; one reader does it, the others wait for it. `false` if the log
    /// no longer reaches back to it.
    async fn catch_up(
        &self,
        store: &TenantStore,
        collection: CollectionId,
        members: &RwLock<Members>,
        head: u64,
    ) -> Result<bool, AppError> {
        if read(members).head() >= head {
            return Ok(true);
        }
        let _alone = self.catching_up.lock().await;
        if read(members).head() >= head {
            return Ok(true);
        }
        catch_up(store, collection, members).await
    }
}

/// After so many uses a collection that was too large is looked at again.
const RECONSIDER_EVERY: u64 = 1_024;

impl IndexCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, cells: Mutex::default(), tick: AtomicU64::new(0), outdated: Mutex::default() }
    }

    /// The index of `collection`, not older than its change `head`.
    pub(crate) async fn fresh(
        &self,
        store: &TenantStore,
        collection: CollectionId,
        head: u64,
    ) -> Result<Indexed, AppError> {
        let (cell, tick) = self.cell(collection);
        let new = !cell.index.initialized();
        let built = cell.index.get_or_try_init(|| self.build(store, collection)).await?;
        match built {
            Indexed::Memory(members) => {
                if !cell.catch_up(store, collection, members, head).await? {
                    self.forget(collection);
                    return Box::pin(self.fresh(store, collection, head)).await;
                }
                let bytes = read(members).footprint();
                cell.footprint.store(bytes, Ordering::Relaxed);
                if bytes > self.bytes_max {
                    self.forget(collection); // it has grown beyond the budget: the next one builds, and finds so
                }
            }
            Indexed::TooLarge => {
                if cell.refused.fetch_add(1, Ordering::Relaxed) >= RECONSIDER_EVERY {
                    self.forget(collection);
                }
            }
        }
        if new || tick % EVICT_EVERY == 0 {
            self.evict(collection);
        }
        Ok(built.clone())
    }

    /// Tells an index in memory the changes of one commit. If it does not take them, the next reader finds it behind
    /// the collection's head and reads the log.
    pub(crate) fn apply(&self, collection: CollectionId, prev_seq: u64, steps: Vec<Step>) {
        let cell = self.lock().get(&collection).cloned();
        let Some(cell) = cell else { return };
        let Some(Indexed::Memory(members)) = cell.index.get() else { return };
        let bytes = {
            let mut members = members.write().unwrap_or_else(PoisonError::into_inner);
            members.take(prev_seq, steps);
            let bytes = members.footprint();
            cell.footprint.store(bytes, Ordering::Relaxed);
            bytes
        };
        // Indexes grow even where nobody reads.
        if bytes > self.bytes_max {
            self.forget(collection);
        } else if self.tick.fetch_add(1, Ordering::Relaxed).is_multiple_of(EVICT_EVERY) {
            self.evict(collection);
        }
    }

    /// Drops an index; the next reader builds it again.
    pub(crate) fn forget(&self, collection: CollectionId) {
        self.lock().remove(&collection);
    }

    /// Collections whose summaries are to be renewed.
    pub(crate) fn outdated(&self) -> Vec<CollectionId> {
        self.lock_outdated().iter().copied().collect()
    }

    /// The summaries of this collection were renewed.
    pub(crate) fn up_to_date(&self, collection: CollectionId) {
        self.lock_outdated().remove(&collection);
    }

    fn lock_outdated(&self) -> MutexGuard<'_, BTreeSet<CollectionId>> {
        self.outdated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CollectionId, Arc<Cell>>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cell(&self, collection: CollectionId) -> (Arc<Cell>, u64) {
        let now = self.tick.fetch_add(1, Ordering::Relaxed);
        let cell = Arc::clone(self.lock().entry(collection).or_default());
        cell.used.store(now, Ordering::Relaxed);
        (cell, now)
    }

    /// Drops what was used longest ago until the rest fits the budget, but never `keep`.
    fn evict(&self, keep: CollectionId) {
        let mut cells = self.lock();
        let mut sizes: Vec<(u64, CollectionId, usize)> = cells
            .iter()
            .map(|(id, cell)| {
                (cell.used.load(Ordering::Relaxed), *id, cell.footprint.load(Ordering::Relaxed))
            })
            .collect();
        let mut total: usize = sizes.iter().map(|(_, _, bytes)| bytes).sum();
        if total <= self.bytes_max {
            return;
        }
        sizes.sort_unstable();
        for (_, id, bytes) in sizes {
            if total <= self.bytes_max {
                break;
            }
            if id != keep {
                cells.remove(&id);
                total -= bytes;
            }
        }
    }

    /// Reads all summaries, then the changes made meanwhile.
    async fn build(&self, store: &TenantStore, collection: CollectionId) -> Result<Indexed, AppError> {
        let head = store.collection_head(collection).await?;
        let mut members = Members::at(head);
        let mut after = None;
        loop {
            let page = summaries::page(store, collection, after).await?;
            if page.outdated {
                self.lock_outdated().insert(collection);
            }
            for slot in page.slots {
                members.put(Arc::new(slot));
            }
            if members.footprint() > self.bytes_max {
                return Ok(Indexed::TooLarge);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
            tokio::task::yield_now().await; // the engine reads without waiting; others want to run too
        }
        let members = Arc::new(RwLock::new(members));
        if catch_up(store, collection, &members).await? {
            Ok(Indexed::Memory(members))
        } else {
            Err(AppError::Bug("the change log was cut while an index was built"))
        }
    }
}

pub(crate) fn read(members: &RwLock<Members>) -> std::sync::RwLockReadGuard<'_, Members> {
    members.read().unwrap_or_else(PoisonError::into_inner)
}

/// Brings an index forward to the end of the log, in one step: nobody sees a part of a commit. `false` if the
/// log no longer reaches back to it.
async fn catch_up(
    store: &TenantStore,
    collection: CollectionId,
    members: &RwLock<Members>,
) -> Result<bool, AppError> {
    let mut from = read(members).head();
    let mut steps = Vec::new();
    loop {
        let page = match store.changes(collection, from, CHANGES_PAGE).await {
            Ok(page) => page,
            Err(StoreError::HistoryGone) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let hashes: Vec<_> = page.rows.iter().map(|row| row.object).collect();
        let slots = summaries::some(store, collection, &hashes).await?;
        for (row, slot) in page.rows.iter().zip(slots) {
            from = row.seq;
            steps.push(Step { seq: row.seq, hash: row.object, slot });
        }
        if !page.more {
            break;
        }
        tokio::task::yield_now().await;
    }
    let mut members = members.write().unwrap_or_else(PoisonError::into_inner);
    steps.into_iter().for_each(|step| members.apply(step));
    members.settle();
    Ok(true)
}

#[cfg(test)]
mod tests {
    use almanac_backend::ObjectName;
    use almanac_ical::{CalendarObject, Limits};
    use almanac_store::RecordVersion;

    use super::*;
    use crate::index::Slot;
    use crate::index::slot::summarize;

    fn step(n: u8) -> Step {
        let text = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:{n}\r\nDTSTART:20261103T090000Z\r\n\
             DURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        );
        let object = CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap();
        let summary = summarize(&ObjectName::new("a").unwrap(), &object, 0, 0).unwrap();
        let slot = Slot::from_record([n; 32], RecordVersion::NONE, summary).unwrap();
        Step { seq: u64::from(n), hash: [n; 32], slot: Some(Arc::new(slot)) }
    }

    /// Collections whose indexes are in memory, and empty.
    fn cached(bytes_max: usize, collections: &[CollectionId]) -> IndexCache {
        let cache = IndexCache::new(bytes_max);
        for id in collections {
            let (cell, _) = cache.cell(*id);
            let members = Indexed::Memory(Arc::new(RwLock::new(Members::at(0))));
            assert!(cell.index.set(members).is_ok());
        }
        cache
    }

    fn held(cache: &IndexCache) -> usize {
        cache.lock().values().map(|cell| cell.footprint.load(Ordering::Relaxed)).sum()
    }

    #[test]
    fn changes_that_come_in_any_order_are_applied_in_the_order_of_the_log() {
        let mut members = Members::at(0);
        for n in [3, 5, 2, 6] {
            members.take(u64::from(n) - 1, vec![step(n)]);
            assert_eq!((members.head(), members.len()), (0, 0), "what is before them has not come");
        }
        members.take(0, vec![step(1)]);
        assert_eq!((members.head(), members.len()), (3, 3));
        members.take(0, vec![step(1)]);
        members.apply(step(4));
        members.settle(); // as after the log was read
        assert_eq!((members.head(), members.len()), (6, 6));
    }

    #[test]
    fn an_index_that_outgrows_the_budget_while_nobody_reads_is_dropped() {
        let collection = CollectionId::from_bytes([1; 16]);
        let bytes_max = 10_000;
        let cache = cached(bytes_max, &[collection]);
        for n in 1..=100 {
            cache.apply(collection, u64::from(n) - 1, vec![step(n)]);
            assert!(held(&cache) <= bytes_max, "{n}");
        }
        assert!(cache.lock().is_empty());
    }

    #[test]
    fn indexes_that_outgrow_the_budget_together_while_nobody_reads_are_dropped_in_the_end() {
        let collections: Vec<_> = (1..=100).map(|n| CollectionId::from_bytes([n; 16])).collect();
        let bytes_max = 10_000;
        let cache = cached(bytes_max, &collections);
        for n in 1..=15 {
            for id in &collections {
                cache.apply(*id, n - 1, vec![step(u8::try_from(n).unwrap())]);
            }
        }
        assert!(held(&cache) > 0 && cache.lock().len() < collections.len());
    }
}
