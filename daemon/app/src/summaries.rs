//! Reading summaries from the store: to build an index, or instead of one that would not fit.

use std::sync::Arc;

use almanac_base::CollectionId;
use almanac_store::records::{Document, KeyedHash, SummaryRecord, object};
use almanac_store::{Key, Order, Space, TenantStore, prefix_range};

use crate::error::AppError;
use crate::index::Slot;
use crate::index::slot::is_outdated;
use crate::limits::SUMMARIES_PAGE;

/// Summaries in the order of their hashes.
pub(crate) struct SummaryPage {
    pub(crate) slots: Vec<Slot>,
    /// Where to go on; `None` at the end.
    pub(crate) next: Option<Key>,
    /// One at least was given by an older time-zone database.
    pub(crate) outdated: bool,
}

/// The key of a member's object and summary.
pub(crate) fn key(collection: CollectionId, hash: &KeyedHash) -> Key {
    object::member_key(collection, hash).into()
}

/// The first key behind the member with this hash.
pub(crate) fn key_behind(collection: CollectionId, hash: &KeyedHash) -> Key {
    let mut key = object::member_key(collection, hash);
    key.push(0);
    key.into()
}

/// The summaries of a collection from the key `from` (`None`: the first) on.
pub(crate) async fn page(
    store: &TenantStore,
    collection: CollectionId,
    from: Option<Key>,
) -> Result<SummaryPage, AppError> {
    let mut range = prefix_range(collection.as_bytes());
    if let Some(from) = from {
        range.start = from;
    }
    let page = store.scan(Space::Summaries, range, SUMMARIES_PAGE, Order::Ascending).await?;
    let (mut slots, mut outdated) = (Vec::with_capacity(page.rows.len()), false);
    for (key, record) in page.rows {
        let hash = key
            .get(16..)
            .and_then(|hash| KeyedHash::try_from(hash).ok())
            .ok_or(AppError::Bug("the key of a summary has the wrong length"))?;
        let summary = SummaryRecord::from_bytes(&record.value)?;
        outdated |= is_outdated(&summary);
        slots.push(Slot::from_record(hash, record.version, summary)?);
    }
    Ok(SummaryPage { slots, next: page.next, outdated })
}

/// The members with these hashes, in the order asked for.
pub(crate) async fn some(
    store: &TenantStore,
    collection: CollectionId,
    hashes: &[KeyedHash],
) -> Result<Vec<Option<Arc<Slot>>>, AppError> {
    let keys: Vec<_> = hashes.iter().map(|hash| (Space::Summaries, key(collection, hash))).collect();
    let records = store.get_many(&keys).await?;
    let mut slots = Vec::with_capacity(records.len());
    for (hash, record) in hashes.iter().zip(records) {
        slots.push(match record {
            Some(record) => {
                let summary = SummaryRecord::from_bytes(&record.value)?;
                Some(Arc::new(Slot::from_record(*hash, record.version, summary)?))
            }
            None => None,
        });
    }
    Ok(slots)
}
