//! The change log of a tenant, read.
//!
//! A collection's rows form a chain: each names the one before it. So a reader proves that nothing between its
//! own place and the head is missing, whatever was trimmed, without any further state.

use almanac_base::CollectionId;
use bytes::Bytes;

use crate::engine::layout::{ChangeRow, Head, change_key, change_range, change_seq};
use crate::engine::{Order, Page, RawResult, ReadOp, Row, Scan, Values};
use crate::error::StoreError;
use crate::seal::Place;
use crate::space::{Key, RecordVersion, Space};
use crate::tenant::TenantStore;

/// A change of a collection.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// Its number in the tenant.
    pub seq: u64,
    /// The number of the collection's change before it; 0 if this is the first.
    pub prev_seq: u64,
    /// The keyed hash that names the changed object.
    pub object: [u8; 32],
    /// The version of the row.
    pub version: RecordVersion,
    /// The plain description of the change.
    pub value: Bytes,
}

/// A part of a collection's history without gaps.
#[derive(Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// The changes after the place asked for, oldest first.
    pub rows: Vec<Change>,
    /// The collection's last change in the same state.
    pub head: u64,
    /// The version of that change, as [`CollectionPlace::version`].
    pub head_version: Option<RecordVersion>,
    /// The oldest place from which the history is complete; asking from before it is [`StoreError::HistoryGone`].
    pub oldest_known: u64,
    /// Whether there are further changes: ask again after the last of these.
    pub more: bool,
}

/// Where the history of a collection stands.
///
/// A number alone does not name a change: after an old copy of the store was put back, the same numbers are given
/// out again. The version, which is never made twice, tells which of the pasts is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectionPlace {
    /// The number of the last change; 0 if there never was one.
    pub seq: u64,
    /// The version of the last change, also when its row was trimmed; `None` if there never was one.
    pub version: Option<RecordVersion>,
}

impl TenantStore {
    /// The changes of a collection after `after`, which is 0 or the number of a change seen before.
    ///
    /// # Errors
    /// `HistoryGone` if the history since `after` is not complete, or `after` lies in the future.
    pub async fn changes(
        &self,
        collection: CollectionId,
        after: u64,
        limit: u32,
    ) -> Result<ChangePage, StoreError> {
        let (head, oldest, page) = self.change_rows(collection, after, limit).await?;
        let oldest_known = match oldest.rows.first() {
            Some((_, (_, row))) => ChangeRow::parse(row)?.prev_seq,
            None => head.seq,
        };
        if after < oldest_known || after > head.seq {
            return Err(StoreError::HistoryGone);
        }
        let mut rows = Vec::with_capacity(page.rows.len());
        let mut last = None;
        for (key, (version, row)) in &page.rows {
            let change = self.open_change(collection, key, *version, row)?;
            // `after` need not be a change of this very collection, so the first row may name an older one.
            let joined = last.map_or(change.prev_seq <= after, |last| change.prev_seq == last);
            if !joined {
                return Err(StoreError::HistoryGone);
            }
            last = Some(change.seq);
            rows.push(change);
        }
        let more = page.next.is_some();
        if !more && last.unwrap_or(after) < head.seq {
            return Err(StoreError::Corrupt("the change log ends before its head"));
        }
        let CollectionPlace { seq, version } = place(&head);
        Ok(ChangePage { rows, head: seq, head_version: version, oldest_known, more })
    }

    /// Where the collection's history stands: its last change with that change's version, from one state.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn collection_place(&self, collection: CollectionId) -> Result<CollectionPlace, StoreError> {
        Ok(place(&self.log_head(collection).await?))
    }

    /// The version of the collection's change with exactly this number; `None` if there never was one, or if it
    /// was trimmed and is not the collection's last, which is remembered for ever.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn change_version(
        &self,
        collection: CollectionId,
        seq: u64,
    ) -> Result<Option<RecordVersion>, StoreError> {
        let [head, change] = self.log_rows([head_key(collection), change_key(collection, seq)]).await?;
        let last = place(&parse_head(head)?);
        Ok(match change {
            Some((version, _)) => Some(version),
            None if last.seq == seq => last.version,
            None => None,
        })
    }

    /// The oldest rows of a collection's log.
    pub(crate) async fn log_page(&self, collection: CollectionId, limit: u32) -> Result<Page, StoreError> {
        self.check([])?;
        let scan = log_scan(collection, 0, limit);
        Ok(self.shared.engine.scan(self.id(), &scan).await?)
    }

    /// The head of a collection's log.
    pub(crate) async fn log_head(&self, collection: CollectionId) -> Result<Head, StoreError> {
        let [head] = self.log_rows([head_key(collection)]).await?;
        parse_head(head)
    }

    /// The rows of the log with these keys, from one state.
    async fn log_rows<const N: usize>(&self, keys: [Key; N]) -> Result<[Option<Row>; N], StoreError> {
        self.check([])?;
        let keys = keys.map(|key| (Space::Changes, key));
        let rows = self.shared.engine.get_many(self.id(), &keys).await?;
        rows.try_into().map_err(|_| OTHER_ANSWER)
    }

    /// The head, the oldest row and the rows after `after`, from one state.
    async fn change_rows(
        &self,
        collection: CollectionId,
        after: u64,
        limit: u32,
    ) -> Result<(Head, Page, Page), StoreError> {
        self.check([])?;
        let head = ReadOp::GetMany(vec![(Space::Changes, head_key(collection))]);
        let oldest = ReadOp::Scan(log_scan(collection, 0, 1));
        let page = ReadOp::Scan(log_scan(collection, after, limit));
        let (_, raw) = self.shared.engine.read(self.id(), &[head, oldest, page]).await?;
        let Ok([RawResult::Rows(head), RawResult::Page(oldest), RawResult::Page(page)]) =
            <[RawResult; 3]>::try_from(raw)
        else {
            return Err(OTHER_ANSWER);
        };
        Ok((parse_head(head.into_iter().next().flatten())?, oldest, page))
    }

    pub(crate) fn open_change(
        &self,
        collection: CollectionId,
        key: &Key,
        version: RecordVersion,
        row: &[u8],
    ) -> Result<Change, StoreError> {
        let row = ChangeRow::parse(row)?;
        let seq = change_seq(key)?;
        let place = Place::Change { tenant: self.id(), collection, object: row.object };
        let value = self.keys.key_of(row.sealed)?.open(&place, version, row.sealed)?.into();
        Ok(Change { seq, prev_seq: row.prev_seq, object: *row.object, version, value })
    }
}

const OTHER_ANSWER: StoreError = StoreError::Bug("an engine's answer does not fit the question");

fn head_key(collection: CollectionId) -> Key {
    collection.as_bytes().as_slice().into()
}

fn parse_head(row: Option<Row>) -> Result<Head, StoreError> {
    row.map_or(Ok(Head::NONE), |(version, value)| Ok(Head::parse(version, &value)?))
}

fn place(head: &Head) -> CollectionPlace {
    let version = Some(head.version).filter(|version| *version != RecordVersion::NONE);
    CollectionPlace { seq: head.seq, version }
}

fn log_scan(collection: CollectionId, after: u64, limit: u32) -> Scan {
    Scan {
        space: Space::Changes,
        range: change_range(collection, after),
        limit,
        order: Order::Ascending,
        values: Values::Include,
    }
}
