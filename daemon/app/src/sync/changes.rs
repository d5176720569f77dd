//! What changed here since a link last looked: the change log is the queue of local changes.

use std::fmt;

use almanac_store::records::object::member_key;
use almanac_store::records::sync::pair_key;
use almanac_store::records::{ChangeRecord, Document, KeyedHash, PairRecord, SummaryRecord};
use almanac_store::{Key, Order, RecordVersion, Space, StoreError, prefix_range};

use super::LinkInfo;
use crate::App;
use crate::error::AppError;
use crate::limits::{CHANGES_PAGE, PAIRS_PAGE};

/// A page of what changed here.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalChanges {
    /// The names of the objects that may have changed.
    pub names: Vec<String>,
    /// Where this page ends in the change log.
    pub seq: u64,
    /// There is more behind it.
    pub more: bool,
}

/// A page of the objects here that are not as the link last saw them.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalChange {
    /// Their names.
    pub names: Vec<String>,
    /// Where to go on; `None`: there are no more.
    pub next: Option<KeyedHash>,
}

impl fmt::Debug for LocalChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalChanges({} names to {})", self.names.len(), self.seq)
    }
}

impl fmt::Debug for LocalChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalChange({} names)", self.names.len())
    }
}

impl App {
    /// The last change of a link's collection.
    ///
    /// # Errors
    /// `NotFound` if the collection is not there any more.
    pub async fn local_head(&self, link: &LinkInfo) -> Result<u64, AppError> {
        let entry = self.collection_of(link)?;
        Ok(entry.tenant.store.collection_head(entry.id).await?)
    }

    /// What changed in a link's collection after a change; `None` if the log does not go back that far, so that all
    /// objects have to be compared.
    ///
    /// # Errors
    /// `NotFound` if the collection is not there any more.
    pub async fn local_changes(&self, link: &LinkInfo, after: u64) -> Result<Option<LocalChanges>, AppError> {
        let entry = self.collection_of(link)?;
        let page = match entry.tenant.store.changes(entry.id, after, CHANGES_PAGE).await {
            Err(StoreError::HistoryGone) => return Ok(None),
            page => page?,
        };
        let mut names = Vec::with_capacity(page.rows.len());
        for row in &page.rows {
            names.push(ChangeRecord::from_bytes(&row.value)?.name);
        }
        names.sort_unstable();
        names.dedup();
        let seq = page.rows.last().map_or(after, |row| row.seq);
        Ok(Some(LocalChanges { names, seq, more: page.more }))
    }

    /// The objects of a link's collection that are not in the version that the link last saw, and those that it saw and
    /// that are not there any more: a page of them, in a fixed order.
    ///
    /// # Errors
    /// `NotFound` if the collection is not there any more.
    pub async fn local_differences(
        &self,
        link: &LinkInfo,
        after: Option<&KeyedHash>,
    ) -> Result<LocalChange, AppError> {
        let entry = self.collection_of(link)?;
        let store = &entry.tenant.store;
        // Both spaces are ordered by the same hash of the name, so they are read side by side.
        let behind = |mut key: Vec<u8>| {
            key.push(0);
            Key::from(key)
        };
        let mut objects = prefix_range(entry.id.as_bytes());
        let mut pairs = prefix_range(link.id.as_bytes());
        if let Some(after) = after {
            objects.start = behind(member_key(entry.id, after));
            pairs.start = behind(pair_key(link.id, after));
        }
        let here = store.scan(Space::Summaries, objects, PAIRS_PAGE, Order::Ascending).await?;
        let known = store.scan(Space::Pairs, pairs, PAIRS_PAGE, Order::Ascending).await?;
        let last = |rows: &[(Key, almanac_store::Record)], more: bool| {
            rows.last().filter(|_| more).and_then(|(key, _)| hash_of(key))
        };
        // What lies behind the end of the shorter page is not complete.
        let ends = [last(&here.rows, here.next.is_some()), last(&known.rows, known.next.is_some())];
        let next = ends.into_iter().flatten().min();
        let within = |hash: &KeyedHash| next.is_none_or(|next| *hash <= next);

        let mut names = Vec::new();
        let mut seen = std::collections::BTreeMap::<KeyedHash, (String, Option<RecordVersion>)>::new();
        for (key, row) in &known.rows {
            if let Some(hash) = hash_of(key).filter(within) {
                let pair = PairRecord::from_bytes(&row.value)?;
                seen.insert(hash, (pair.name, pair.local.map(RecordVersion::from_bytes)));
            }
        }
        for (key, row) in &here.rows {
            let Some(hash) = hash_of(key).filter(within) else { continue };
            match seen.remove(&hash) {
                Some((_, Some(version))) if version == row.version => {}
                _ => names.push(SummaryRecord::from_bytes(&row.value)?.name),
            }
        }
        // Within a page by name, so that the same happens again with the same objects.
        names.extend(seen.into_values().filter(|(_, version)| version.is_some()).map(|(name, _)| name));
        names.sort_unstable();
        Ok(LocalChange { names, next })
    }
}

fn hash_of(key: &[u8]) -> Option<KeyedHash> {
    key.get(16..)?.try_into().ok()
}
