//! Out of the trash for good: when the term is over, when the operator says so, when a person is erased.

use almanac_base::{IdGen, TrashId, UserId};
use almanac_store::records::{Document, GarbageRecord, TrashRecord, TrashedRecord};
use almanac_store::{
    Key, Order, Precondition, Record, RecordVersion, Space, StoreError, TenantStore, Write, prefix_range,
};
use jiff::SignedDuration;

use super::{TrashKind, TrashScope, kind};
use crate::App;
use crate::directory::Tenant;
use crate::error::AppError;
use crate::limits::{PURGE_BATCH, PURGE_COMMITS};

impl App {
    /// Removes what has been in the trash for its term, some at a time.
    pub(crate) async fn expire_trash(&self, store: &TenantStore) -> Result<u64, AppError> {
        let end = Key::from(IdGen::bound(self.trash_horizon()));
        let mut removed = 0;
        for _ in 0..PURGE_COMMITS {
            let range = Key::from([])..end.clone();
            let page = store.scan(Space::Trash, range, PURGE_BATCH, Order::Ascending).await?;
            removed += drop_rows(store, &page.rows).await?;
            if page.next.is_none() {
                break;
            }
            tokio::task::yield_now().await;
        }
        Ok(removed)
    }

    /// Removes one entry for good, now.
    ///
    /// # Errors
    /// `NotFound` if there is no such entry.
    pub async fn purge_trash_entry(&self, id: TrashId) -> Result<(), AppError> {
        let trashed = self.trashed(id).await?;
        let write = dropping(&trashed.tenant.store, id.as_bytes(), trashed.version, &trashed.record);
        match trashed.tenant.store.commit(write).await {
            Err(StoreError::Conflict { .. }) => return Err(AppError::NotFound("entry of the trash")),
            other => other?,
        };
        self.remove_members(&trashed.tenant).await
    }

    /// Removes everything in this part of the trash for good, now. Gives the number of entries.
    ///
    /// # Errors
    /// `NotFound` if there is no such person or calendar; `Store` if the store fails, what was done stays done.
    pub async fn purge_trash(&self, scope: &TrashScope) -> Result<u64, AppError> {
        // What is deleted after this millisecond is not meant: it has an end.
        let now = self.clock.now();
        let end = now.saturating_add(SignedDuration::from_millis(1)).unwrap_or(now);
        let end = Key::from(IdGen::bound(end));
        let mut removed = 0;
        let wanted = self.wanted(scope)?;
        for tenant in self.tenants_of(&wanted) {
            let mut range = Key::from([])..end.clone();
            loop {
                let page =
                    tenant.store.scan(Space::Trash, range.clone(), PURGE_BATCH, Order::Ascending).await?;
                let mut meant = Vec::with_capacity(page.rows.len());
                for (key, row) in page.rows {
                    if self.is_wanted(&wanted, &TrashRecord::from_bytes(&row.value)?) {
                        meant.push((key, row));
                    }
                }
                removed += drop_rows(&tenant.store, &meant).await?;
                match page.next {
                    Some(next) => range.start = next,
                    None => break,
                }
            }
            self.remove_members(&tenant).await?;
        }
        Ok(removed)
    }

    /// Removes what collections that are gone for good left behind, all of it.
    async fn remove_members(&self, tenant: &Tenant) -> Result<(), AppError> {
        while self.purge(&tenant.store).await? > 0 {}
        Ok(())
    }
}

/// Removes rows of the trash; of a collection a note for housekeeping comes that its members go.
async fn drop_rows(store: &TenantStore, rows: &[(Key, Record)]) -> Result<u64, AppError> {
    let (mut removed, mut objects) = (0, Write::new());
    for (key, row) in rows {
        let record = TrashRecord::from_bytes(&row.value)?;
        if kind(&record) == TrashKind::Object {
            objects = objects.delete(Space::Trash, key.clone());
            removed += 1;
            continue;
        }
        match store.commit(dropping(store, key, row.version, &record)).await {
            Ok(_) => removed += 1,
            Err(StoreError::Conflict { .. }) => {} // restored, or gone, meanwhile
            Err(error) => return Err(error.into()),
        }
    }
    if !objects.deletes.is_empty() {
        store.commit(objects).await?;
    }
    Ok(removed)
}

/// The write that drops one row, as it was read: what was restored since then is not touched.
fn dropping(store: &TenantStore, key: &[u8], version: RecordVersion, record: &TrashRecord) -> Write {
    let write = Write::new()
        .require(Precondition::VersionIs(Space::Trash, key.into(), version))
        .delete(Space::Trash, key);
    if kind(record) == TrashKind::Object {
        return write;
    }
    let garbage = GarbageRecord { deleted: record.deleted };
    write.put(Space::Meta, record.collection.as_slice(), store.new_version(), garbage.to_bytes())
}

/// Removes from the trash of a tenant what belonged to a person, and the shares with them. Works on the store alone
/// and can be repeated; the person's calendars are out of sight already, so nothing of them comes into the trash any
/// more.
pub(crate) async fn forget_person(store: &TenantStore, user: UserId) -> Result<(), AppError> {
    let mut range = prefix_range(&[]);
    loop {
        let page = store.scan(Space::Trash, range.clone(), PURGE_BATCH, Order::Ascending).await?;
        for (key, row) in &page.rows {
            let record = TrashRecord::from_bytes(&row.value)?;
            let write = if record.owner == *user.as_bytes() {
                dropping(store, key, row.version, &record)
            } else if let Some(kept) = without_share(&record, user) {
                Write::new().require(Precondition::VersionIs(Space::Trash, key.clone(), row.version)).put(
                    Space::Trash,
                    key.clone(),
                    store.new_version(),
                    kept.to_bytes(),
                )
            } else {
                continue;
            };
            match store.commit(write).await {
                Ok(_) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match page.next {
            Some(next) => range.start = next,
            None => return Ok(()),
        }
    }
}

/// The record without the share with a person; `None` if it has none.
fn without_share(record: &TrashRecord, user: UserId) -> Option<TrashRecord> {
    let TrashedRecord::Collection(_, shares) = &record.what else { return None };
    if !shares.iter().any(|share| share.user == *user.as_bytes()) {
        return None;
    }
    let mut kept = record.clone();
    if let TrashedRecord::Collection(_, shares) = &mut kept.what {
        shares.retain(|share| share.user != *user.as_bytes());
    }
    Some(kept)
}
