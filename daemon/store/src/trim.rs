//! The change log of a tenant, trimmed.

use almanac_base::CollectionId;

use crate::engine::layout::{ChangeRow, Head, change_key};
use crate::engine::{Commit, Mutation, Page};
use crate::error::StoreError;
use crate::space::Space;
use crate::tenant::TenantStore;

/// What [`TenantStore::trim_history`] may remove.
pub struct Trim<'a> {
    /// Says of a change's plain description whether it is old enough to go.
    pub expired: &'a (dyn Fn(&[u8]) -> bool + Sync),
    /// The last changes of a collection that stay however old they are:
    /// [`HISTORY_CHANGES`](crate::limits::HISTORY_CHANGES).
    pub keep_changes: u64,
    /// At most this many changes are looked at and removed.
    pub rows_max: u32,
}

impl TenantStore {
    /// Removes the oldest changes of a collection as far as `trim` allows. Returns how many went; as many as
    /// `rows_max` means that there may be more. Where nothing is to go, one change is read at most.
    ///
    /// # Errors
    /// A change cannot be read or does not open; nothing was removed.
    pub async fn trim_history(&self, collection: CollectionId, trim: &Trim<'_>) -> Result<u32, StoreError> {
        let _begun = self.begin_write();
        // Changes that come in after the head was read only add to what is kept.
        let head = self.log_head(collection).await?;
        if head.count <= trim.keep_changes {
            return Ok(0);
        }
        let oldest = self.log_page(collection, 1).await?;
        if self.expired_until(collection, &head, &oldest, trim)?.is_none() {
            return Ok(0);
        }
        let page = self.log_page(collection, trim.rows_max).await?;
        let Some(end) = self.expired_until(collection, &head, &page, trim)? else {
            return Ok(0);
        };
        let mut commit = Commit::new(self.id());
        commit.mutations.push(Mutation::DeleteRange {
            space: Space::Changes,
            // The head stands in front of this range and stays: the history has an end even without changes.
            from: change_key(collection, 0),
            to: change_key(collection, end.saturating_add(1)),
            max: trim.rows_max,
        });
        let done = self.shared.engine.commit(commit).await?;
        Ok(u32::try_from(done.range_deleted).unwrap_or(u32::MAX))
    }

    /// The last of the changes at the beginning of `page` that may go; `None` if not even the first may.
    fn expired_until(
        &self,
        collection: CollectionId,
        head: &Head,
        page: &Page,
        trim: &Trim<'_>,
    ) -> Result<Option<u64>, StoreError> {
        let mut end = None;
        for (key, (version, sealed)) in &page.rows {
            let row = ChangeRow::parse(sealed)?;
            let change = self.open_change(collection, key, *version, sealed)?;
            let kept = head.count.saturating_sub(row.count) < trim.keep_changes;
            if kept || !(trim.expired)(&change.value) {
                break;
            }
            end = Some(change.seq);
        }
        Ok(end)
    }
}
