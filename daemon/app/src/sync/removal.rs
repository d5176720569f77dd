//! Links that go: because the operator says so, or because one of the two that they join is gone for good.

use std::collections::HashSet;

use almanac_base::{AccountId, CollectionId, LinkId};
use almanac_store::records::sync::collection_of;
use almanac_store::records::{Document, LinkRecord};
use almanac_store::{
    Order, Precondition, RecordVersion, Space, StoreError, TenantStore, Write, prefix_range,
};
use jiff::Timestamp;

use super::history::trim;
use crate::App;
use crate::error::AppError;
use crate::limits::{PURGE_BATCH, PURGE_COMMITS};
use crate::open::{all, id};

/// What a link knows, beside its own rows: all keys begin with its id.
const KNOWN: [Space; 4] = [Space::Dispatch, Space::Pairs, Space::Remotes, Space::History];

impl App {
    /// Removes a link with all it knows. What is in the calendars on both sides stays.
    ///
    /// # Errors
    /// `NotFound` if there is no such link; `Store` if the store fails: if the link is gone then, what it knew goes by
    /// itself.
    pub async fn remove_link(&self, id: LinkId) -> Result<(), AppError> {
        let link = self.link_record(id).await?;
        let store = &link.tenant.store;
        remove_own(store, &[id], &Write::new()).await?;
        let mut commits = usize::MAX;
        for space in KNOWN {
            remove_known(store, space, id, &mut commits).await?;
        }
        Ok(())
    }
}

/// Removes those of `links` whose collection is gone for good, as its note says in the version in which it was read; what
/// they knew is for [`sweep`].
pub(crate) async fn remove_links_of(
    store: &TenantStore,
    links: &[JoinedLink],
    collection: CollectionId,
    note: RecordVersion,
) -> Result<u64, AppError> {
    let gone: Vec<_> =
        links.iter().filter(|link| link.collection == collection).map(|link| link.id).collect();
    let noted = Precondition::VersionIs(Space::Meta, collection.as_bytes().as_slice().into(), note);
    match remove_own(store, &gone, &Write::new().require(noted)).await {
        Err(AppError::Store(StoreError::Conflict { .. })) => Ok(0), // a copy that was published since then
        removed => removed,
    }
}

/// Removes links whose account is gone, what links knew that are gone, and what links lost before `horizon` if there is
/// one. A bounded round.
pub(crate) async fn sweep(store: &TenantStore, horizon: Option<Timestamp>) -> Result<u64, AppError> {
    let mut links = joined_links(store).await?;
    let mut gone: HashSet<AccountId> = links.iter().map(|link| link.account).collect();
    for account in gone.clone() {
        if store.get(Space::Accounts, account.as_bytes()).await?.is_some() {
            gone.remove(&account);
        }
    }
    let without_account: Vec<LinkId> =
        links.iter().filter(|link| gone.contains(&link.account)).map(|link| link.id).collect();
    let mut removed = remove_own(store, &without_account, &Write::new()).await?;
    links.retain(|link| !gone.contains(&link.account));
    let living: HashSet<LinkId> = links.into_iter().map(|link| link.id).collect();
    let mut commits = PURGE_COMMITS;
    for space in KNOWN {
        let mut range = prefix_range(&[]);
        // One row of each link is read, not all it knows.
        while let Some((key, _)) = store.scan(space, range.clone(), 1, Order::Ascending).await?.rows.first() {
            let link = LinkId::from_bytes(*key.first_chunk().ok_or(AppError::Bug("a key of a link's row"))?);
            if !living.contains(&link) {
                removed += remove_known(store, space, link, &mut commits).await?;
            }
            range.start = prefix_range(link.as_bytes()).end;
            if range.start.is_empty() || commits == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    for link in living {
        if let Some(horizon) = horizon {
            removed += trim(store, link, horizon).await?;
        }
    }
    Ok(removed)
}

/// Removes the own rows of links, if `so` holds: every step requires them, so nothing is written behind their removal.
async fn remove_own(store: &TenantStore, links: &[LinkId], so: &Write) -> Result<u64, AppError> {
    let mut removed = 0;
    for links in links.chunks(OWN_AT_ONCE) {
        let write = links.iter().fold(so.clone(), |write, link| {
            write.delete_range(Space::Links, prefix_range(link.as_bytes()), PURGE_BATCH)
        });
        removed += store.commit(write).await?.range_deleted;
    }
    Ok(removed)
}

/// Links whose own rows go in one commit.
const OWN_AT_ONCE: usize = 100;

/// Removes rows of a link that is gone, in at most `commits` commits. A link that is there keeps all.
async fn remove_known(
    store: &TenantStore,
    space: Space,
    link: LinkId,
    commits: &mut usize,
) -> Result<u64, AppError> {
    let mut removed = 0;
    while *commits > 0 {
        *commits -= 1;
        let range = prefix_range(link.as_bytes());
        if store.scan(space, range.clone(), 1, Order::Ascending).await?.rows.is_empty() {
            break;
        }
        let write = Write::new()
            .require(Precondition::Absent(Space::Links, link.as_bytes().as_slice().into()))
            .delete_range(space, range, PURGE_BATCH);
        match store.commit(write).await {
            Ok(committed) => removed += committed.range_deleted,
            Err(StoreError::Conflict { .. }) => break, // it was made after the links were read
            Err(error) => return Err(error.into()),
        }
    }
    Ok(removed)
}

/// A link and what it joins.
pub(crate) struct JoinedLink {
    id: LinkId,
    account: AccountId,
    collection: CollectionId,
}

/// The links of a tenant.
pub(crate) async fn joined_links(store: &TenantStore) -> Result<Vec<JoinedLink>, AppError> {
    let mut links = Vec::new();
    for (key, row) in all(store, Space::Links).await? {
        if key.len() == 16 {
            let record = LinkRecord::from_bytes(&row.value)?;
            links.push(JoinedLink {
                id: LinkId::from_bytes(id(&key)?),
                account: AccountId::from_bytes(record.account),
                collection: collection_of(&record),
            });
        }
    }
    Ok(links)
}
