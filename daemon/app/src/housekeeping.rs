//! What is done from time to time, in bounded rounds, and what the operator can see of the whole.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use almanac_base::{CollectionId, StoreId};
use almanac_store::limits::HISTORY_CHANGES;
use almanac_store::records::{ChangeRecord, CredentialRecord, Document};
use almanac_store::{
    Key, Order, Precondition, RecordVersion, Space, Stats, StoreError, TenantStore, Trim, Write, prefix_range,
};
use jiff::Timestamp;
use tokio::runtime::Handle;

use crate::App;
use crate::directory::Tenant;
use crate::error::AppError;
use crate::limits::{LAST_USE_SECONDS, LAST_USES_BATCH, PURGE_BATCH, PURGE_COMMITS};
use crate::open::instant;
use crate::sync::{joined_links, remove_links_of, sweep};

/// What a round of housekeeping did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Housekeeping {
    /// App passwords whose last use was written.
    pub last_uses: usize,
    /// Records of deleted collections that were removed.
    pub purged: u64,
    /// Entries of the trash whose time was over.
    pub expired: u64,
    /// Changes that were forgotten because they are old.
    pub trimmed: u64,
    /// Records that were removed because their link is gone, or because what it lost is over its time.
    pub unlinked: u64,
    /// Summaries that follow a newer time-zone database now.
    pub renewed: u64,
}

/// Whether what is old may be deleted: a clock that is wrong makes everything old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ages {
    /// The clock has proved good.
    Trusted,
    /// Nothing goes because of its age.
    Doubted,
}

/// The store as the operator sees it.
#[derive(Debug, Clone)]
pub struct StoreStatus {
    /// Figures of the engine.
    pub stats: Stats,
    /// This life of the store.
    pub incarnation: StoreId,
    /// The sum of all tenants' last changes.
    pub head: u64,
    /// The number of tenants.
    pub tenants: u64,
    /// The number of people.
    pub users: u64,
    /// The number of collections.
    pub collections: u64,
}

/// History is kept at least this long.
const HISTORY_SECONDS: i64 = 90 * 24 * 3_600;

impl App {
    /// One bounded round: reads the directory anew where that is needed, writes the last use of app passwords, empties
    /// the trash of what is over its time, removes what deleted collections and links left behind, forgets old history, renews
    /// summaries. Safe at any time, and safe to be cut off.
    ///
    /// # Errors
    /// `AppError::Store` if the store fails; what was done so far stays done.
    pub async fn housekeeping(&self, ages: Ages) -> Result<Housekeeping, AppError> {
        let before = self.clock.now().as_second().saturating_sub(LAST_USE_SECONDS);
        let mut done = Housekeeping::default();
        // What is damaged in one place must not keep the rest from being done.
        let mut failed = self.refresh_directory().await.err();
        match self.write_last_uses(before).await {
            Ok(last_uses) => done.last_uses = last_uses,
            Err(error) => failed = failed.or(Some(error)),
        }
        let tenants: Vec<Arc<Tenant>> = self.directory().tenants.values().cloned().collect();
        for tenant in tenants {
            if ages == Ages::Trusted {
                match self.expire_trash(&tenant.store).await {
                    Ok(expired) => done.expired += expired,
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            match self.purge(&tenant.store).await {
                Ok(purged) => done.purged += purged,
                Err(error) => failed = failed.or(Some(error)),
            }
            let horizon = (ages == Ages::Trusted).then(|| self.trash_horizon());
            match sweep(&tenant.store, horizon).await {
                Ok(unlinked) => done.unlinked += unlinked,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        let collections: Vec<_> = match ages {
            Ages::Trusted => self.directory().collections.values().cloned().collect(),
            Ages::Doubted => Vec::new(),
        };
        for entry in collections {
            match self.trim(&entry.tenant.store, entry.id).await {
                Ok(trimmed) => done.trimmed += trimmed,
                Err(error) => failed = failed.or(Some(error)),
            }
            tokio::task::yield_now().await; // the engine reads without waiting; others want to run too
        }
        match self.renew_summaries().await {
            Ok(renewed) => done.renewed = renewed,
            Err(error) => failed = failed.or(Some(error)),
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(done),
        }
    }

    /// When somebody last used an app password, or one was made; `None` if there are none.
    #[must_use]
    pub fn last_seen(&self) -> Option<Timestamp> {
        let directory = self.directory();
        let seen = directory
            .credentials
            .values()
            .map(|credential| credential.created.max(instant(credential.last_used.load(Ordering::Relaxed))));
        seen.max()
    }

    /// After a commit of unknown outcome, when the directory could not be read at once.
    async fn refresh_directory(&self) -> Result<(), AppError> {
        let _changing = self.changing.lock().await;
        self.read_again().await
    }

    /// Writes the last use of app passwords whose written use is before `before`.
    pub(crate) async fn write_last_uses(&self, before: i64) -> Result<usize, AppError> {
        let _changing = self.changing.lock().await;
        let due: Vec<_> = {
            let directory = self.directory();
            let all = directory.credentials.iter();
            all.filter(|(_, credential)| {
                let written = credential.last_written.load(Ordering::Relaxed);
                let used = credential.last_used.load(Ordering::Relaxed);
                used > written && (before == i64::MIN || written < before)
            })
            .map(|(hash, credential)| (*hash, Arc::clone(credential)))
            .collect()
        };
        let system = self.store.system();
        for batch in due.chunks(LAST_USES_BATCH) {
            let mut write = Write::new();
            let mut written = Vec::with_capacity(batch.len());
            for (hash, credential) in batch {
                let used = credential.last_used.load(Ordering::Relaxed);
                let record = CredentialRecord {
                    id: *credential.id.as_bytes(),
                    user: *credential.user.as_bytes(),
                    label: credential.label.clone(),
                    created: credential.created.as_second(),
                    last_used: Some(used),
                };
                write =
                    write.put(Space::Credentials, hash.as_slice(), system.new_version(), record.to_bytes());
                written.push(used);
            }
            self.settle(&system, write).await?;
            for ((_, credential), used) in batch.iter().zip(written) {
                credential.last_written.store(used, Ordering::Relaxed);
            }
        }
        Ok(due.len())
    }

    async fn trim(&self, store: &TenantStore, collection: CollectionId) -> Result<u64, AppError> {
        let oldest = self.clock.now().as_second().saturating_sub(HISTORY_SECONDS);
        let expired = |value: &[u8]| ChangeRecord::from_bytes(value).is_ok_and(|change| change.at < oldest);
        let trim = Trim { expired: &expired, keep_changes: HISTORY_CHANGES, rows_max: PURGE_BATCH };
        Ok(store.trim_history(collection, &trim).await?.into())
    }

    /// The store as the operator sees it.
    ///
    /// # Errors
    /// `AppError::Store` if the store fails.
    pub async fn status(&self) -> Result<StoreStatus, AppError> {
        let directory = self.directory();
        Ok(StoreStatus {
            stats: self.store.stats(),
            incarnation: self.store.incarnation(),
            head: self.store.heads().tenants.values().sum(),
            tenants: directory.tenants.len() as u64,
            users: directory.users.len() as u64,
            collections: directory.collections.len() as u64,
        })
    }

    /// Asks the store for a record: what readiness depends on.
    ///
    /// A disk may hang, and nobody can say for how long: bound the wait. However often this is called and given up,
    /// one thread waits for the disk, and none that serves requests.
    ///
    /// # Errors
    /// `AppError::Store` if the store does not answer; after `Poisoned` it does not until a restart.
    pub async fn probe(&self) -> Result<(), AppError> {
        let turn = Arc::clone(&self.probing).lock_owned().await;
        let (store, runtime) = (Arc::clone(&self.store), Handle::current());
        let look = tokio::task::spawn_blocking(move || {
            let _turn = turn; // until the disk has answered, not until nobody waits for it any more
            runtime.block_on(store.system().get(Space::Meta, &[])).map(drop)
        });
        Ok(look.await.map_err(|_| AppError::Bug("looking at the store panicked"))??)
    }

    /// Removes the members of deleted collections and of copies that were never finished, some at a time.
    pub(crate) async fn purge(&self, store: &TenantStore) -> Result<u64, AppError> {
        let garbage = store.scan(Space::Meta, prefix_range(&[]), PURGE_BATCH, Order::Ascending).await?;
        if garbage.rows.is_empty() {
            return Ok(0);
        }
        let links = joined_links(store).await?;
        let (mut removed, mut commits) = (0, PURGE_COMMITS);
        for (key, note) in garbage.rows {
            let collection = key.as_ref().try_into().map(CollectionId::from_bytes);
            let collection = collection.map_err(|_| AppError::Bug("the key of a deleted collection"))?;
            if self.copying.lock().unwrap_or_else(PoisonError::into_inner).contains(&collection) {
                continue;
            }
            // Before the note goes, so that none is forgotten. A copy that is under way has no links yet.
            removed += remove_links_of(store, &links, collection, note.version).await?;
            removed += purge_one(store, collection, note.version, &mut commits).await?;
        }
        Ok(removed)
    }
}

/// Removes what is left of one collection, in at most `commits` commits; the note that it is garbage goes last.
///
/// Every commit requires the note as it was read: a copy that was published since then has none, and lives.
async fn purge_one(
    store: &TenantStore,
    collection: CollectionId,
    note: RecordVersion,
    commits: &mut usize,
) -> Result<u64, AppError> {
    let key = || Key::from(collection.as_bytes().as_slice());
    let range = || prefix_range(collection.as_bytes());
    let while_garbage = || Write::new().require(Precondition::VersionIs(Space::Meta, key(), note));
    let mut removed = 0;
    while *commits > 0 {
        *commits -= 1;
        let write = while_garbage()
            .delete(Space::Collections, key())
            .delete_range(Space::Objects, range(), PURGE_BATCH)
            .delete_range(Space::Summaries, range(), PURGE_BATCH)
            .delete_range(Space::Index, range(), PURGE_BATCH)
            .delete_range(Space::Properties, range(), PURGE_BATCH)
            .delete_range(Space::Changes, range(), PURGE_BATCH);
        let gone = match store.commit(write).await {
            Ok(committed) => committed.range_deleted,
            Err(StoreError::Conflict { .. }) => break,
            Err(error) => return Err(error.into()),
        };
        removed += gone;
        if gone == 0 {
            match store.commit(while_garbage().delete(Space::Meta, key())).await {
                Ok(_) | Err(StoreError::Conflict { .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use almanac_base::{SystemClock, TenantId};
    use almanac_store::{CreateMode, EngineKind, FreshKey, OpenOptions, Store};

    use super::*;

    /// A collection with one object, and a note under a version that is returned.
    async fn noted(store: &TenantStore, collection: CollectionId) -> RecordVersion {
        let (key, note) = (collection.as_bytes().as_slice(), store.new_version());
        let write = Write::new()
            .put(Space::Meta, key, note, Vec::new())
            .put(Space::Collections, key, store.new_version(), Vec::new())
            .put(Space::Objects, [key, &[1; 32]].concat(), store.new_version(), Vec::new());
        store.commit(write).await.unwrap();
        note
    }

    async fn rows(store: &TenantStore) -> [usize; 3] {
        let mut counts = [0; 3];
        for (count, space) in counts.iter_mut().zip([Space::Meta, Space::Collections, Space::Objects]) {
            *count = store.scan(space, prefix_range(&[]), 10, Order::Ascending).await.unwrap().rows.len();
        }
        counts
    }

    #[tokio::test]
    async fn what_was_published_or_noted_anew_since_the_note_was_read_is_not_purged() {
        let options = OpenOptions {
            state: "none".into(),
            engine: EngineKind::Memory,
            cache_bytes: 0,
            key: Arc::new(FreshKey::default()),
            clock: Arc::new(SystemClock),
            create: CreateMode::IfMissing,
        };
        let store = Store::open(options).unwrap();
        let store = store.create_tenant(TenantId::from_bytes([1; 16])).await.unwrap();
        let collection = CollectionId::from_bytes([2; 16]);
        let old = noted(&store, collection).await;
        let note = noted(&store, collection).await;
        assert_eq!(purge_one(&store, collection, old, &mut 9).await.unwrap(), 0);
        assert_eq!(rows(&store).await, [1, 1, 1], "the note is another one");

        store.commit(Write::new().delete(Space::Meta, collection.as_bytes().as_slice())).await.unwrap();
        assert_eq!(purge_one(&store, collection, note, &mut 9).await.unwrap(), 0);
        assert_eq!(rows(&store).await, [0, 1, 1], "the note is gone");

        let note = noted(&store, collection).await;
        assert_eq!(purge_one(&store, collection, note, &mut 1).await.unwrap(), 1);
        assert_eq!(rows(&store).await, [1, 0, 0], "the note goes last");
        assert_eq!(purge_one(&store, collection, note, &mut 1).await.unwrap(), 0);
        assert_eq!(rows(&store).await, [0, 0, 0]);
    }
}
