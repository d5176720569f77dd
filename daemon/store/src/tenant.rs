//! One tenant of the store, as the rest of the program sees it: plain records in, plain records out.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use almanac_base::{Clock, CollectionId, StoreId, TenantId};
use bytes::Bytes;

use crate::engine::{
    Ahead, Commit, Committed, Engine, EngineError, LogEntry, Mutation, Order, Page, RawResult, ReadOp, Row,
    Scan, Values, layout,
};
use crate::error::StoreError;
use crate::in_flight::{Begun, InFlight};
use crate::keys::RootKey;
use crate::limits::SCAN_BYTES_MAX;
use crate::mark::MarkKeeper;
use crate::open::{Names, OpenError, at, mark_key};
use crate::seal::{self, Place};
use crate::space::{Key, RecordVersion, Space};
use crate::tenant_keys::{Grant, IndexField, KeyEpoch, MacPurpose, TenantKeys};
use crate::write::Write;

/// A record, opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The version it has.
    pub version: RecordVersion,
    /// Its plain value.
    pub value: Bytes,
}

/// Records of a scan.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RecordPage {
    /// The records in the order asked for.
    pub rows: Vec<(Key, Record)>,
    /// Present if there is more: ascending, the `start` of the range to ask for next; descending, its `end`.
    pub next: Option<Key>,
}

/// The answer to one [`ReadOp`].
#[derive(Clone, PartialEq, Eq)]
pub enum ReadResult {
    /// To `GetMany`, in the order of its keys.
    Records(Vec<Option<Record>>),
    /// To `Scan`.
    Page(RecordPage),
    /// To `CollectionHead`.
    Head(u64),
}

/// The answers to several questions, all from one state of the tenant.
#[derive(Clone, PartialEq, Eq)]
pub struct View {
    /// The tenant's last change in this state.
    pub head: u64,
    /// The answers, in the order of the questions.
    pub results: Vec<ReadResult>,
}

/// What all tenants of a store share.
pub(crate) struct Shared {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) mark: Option<MarkKeeper>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) seals: AtomicU64,
}

impl Shared {
    /// Puts together what tenants share, and begins to keep the mark. After an error the engine is closed.
    pub(crate) fn start(
        engine: Arc<dyn Engine>,
        clock: Arc<dyn Clock>,
        root: &RootKey,
        names: Option<Names>,
        incarnation: StoreId,
    ) -> Result<Arc<Self>, OpenError> {
        let keeper = names.map(|names| {
            let (engine, clock) = (Arc::clone(&engine), Arc::clone(&clock));
            let start = MarkKeeper::start(names.mark.clone(), mark_key(root)?, incarnation, engine, clock);
            start.map_err(|source| at(&names.mark, source))
        });
        let mark = keeper.transpose().inspect_err(|_| engine.close())?;
        Ok(Arc::new(Self { engine, mark, clock, seals: AtomicU64::new(0) }))
    }

    /// Finishes the queued commits, closes the engine and writes the last mark.
    pub(crate) fn close(&self) {
        self.engine.close();
        if let Some(mark) = &self.mark {
            mark.close();
        }
    }
}

/// The record with this key of a space that stands behind the one that is shown.
pub type Later<'a> = dyn Fn(Space, &[u8]) -> Result<Option<Record>, StoreError> + 'a;

/// What [`TenantStore::each_record`] calls with each record, and the means to look ahead.
pub type Show<'a> = dyn FnMut(Space, Key, Record, &Later<'_>) -> Result<(), StoreError> + 'a;

/// One tenant: its records, its change log, its keyed hashes.
pub struct TenantStore {
    id: TenantId,
    pub(crate) keys: TenantKeys,
    pub(crate) shared: Arc<Shared>,
    dropped: AtomicBool,
    in_flight: InFlight,
    /// Held for reading by commits, so that a new key can wait for those that were sealed by the one before.
    pub(crate) rotating: tokio::sync::RwLock<()>,
    /// Held by a rotation from its beginning to its end.
    pub(crate) rotation: tokio::sync::Mutex<()>,
}

impl TenantStore {
    pub(crate) fn new(id: TenantId, keys: TenantKeys, shared: Arc<Shared>) -> Self {
        Self {
            id,
            keys,
            shared,
            dropped: AtomicBool::new(false),
            in_flight: InFlight::new(),
            rotating: tokio::sync::RwLock::default(),
            rotation: tokio::sync::Mutex::default(),
        }
    }

    /// The tenant's id.
    #[must_use]
    pub fn id(&self) -> TenantId {
        self.id
    }

    /// A hash of `parts` that only this tenant's index key gives: what may stand in keys for a login, UID, href
    /// or address. The boundaries of the parts count. Normalise before.
    #[must_use]
    pub fn keyed_hash(&self, field: IndexField, parts: &[&[u8]]) -> [u8; 32] {
        self.keys.keyed_hash(field, parts)
    }

    /// A message authentication code of `message` that only this tenant can make.
    #[must_use]
    pub fn mac(&self, purpose: MacPurpose, message: &[u8]) -> [u8; 16] {
        self.keys.mac(purpose, message)
    }

    /// Whether `mac` is the code of `message`; takes the same time wherever they differ.
    #[must_use]
    pub fn verify_mac(&self, purpose: MacPurpose, message: &[u8], mac: &[u8]) -> bool {
        self.keys.verify_mac(purpose, message, mac)
    }

    /// The key that seals now; none before the first write.
    #[must_use]
    pub fn key_epoch(&self) -> Option<KeyEpoch> {
        self.keys.epoch()
    }

    /// A fresh version: 16 random bytes. If the operating system has none it is [`RecordVersion::NONE`],
    /// which [`TenantStore::commit`] refuses.
    #[must_use]
    pub fn new_version(&self) -> RecordVersion {
        seal::random().map_or(RecordVersion::NONE, RecordVersion::from_bytes)
    }

    /// The record with this key.
    ///
    /// # Errors
    /// It cannot be read, or does not open.
    pub async fn get(&self, space: Space, key: &[u8]) -> Result<Option<Record>, StoreError> {
        let found = self.get_many(&[(space, key.into())]).await?;
        Ok(found.into_iter().next().flatten())
    }

    /// The records with these keys, in the same order, all from one state.
    ///
    /// # Errors
    /// One cannot be read, or does not open.
    pub async fn get_many(&self, keys: &[(Space, Key)]) -> Result<Vec<Option<Record>>, StoreError> {
        self.check(keys.iter().map(|(space, _)| *space))?;
        let rows = self.shared.engine.get_many(self.id, keys).await?;
        self.open_rows(keys, rows)
    }

    /// One page of a range of keys; an empty `range.end` is the end of the space. A page can be shorter than
    /// `limit`: only an absent `next` says that there is no more.
    ///
    /// # Errors
    /// A record cannot be read, or does not open.
    pub async fn scan(
        &self,
        space: Space,
        range: Range<Key>,
        limit: u32,
        order: Order,
    ) -> Result<RecordPage, StoreError> {
        let scan = Scan { space, range, limit, order, values: Values::Include };
        self.check([space])?;
        let page = self.shared.engine.scan(self.id, &scan).await?;
        self.open_page(&scan, page)
    }

    /// Several questions, answered from one state.
    ///
    /// # Errors
    /// A record cannot be read, or does not open.
    pub async fn read(&self, ops: Vec<ReadOp>) -> Result<View, StoreError> {
        for op in &ops {
            match op {
                ReadOp::GetMany(keys) => self.check(keys.iter().map(|(space, _)| *space))?,
                ReadOp::Scan(scan) => self.check([scan.space])?,
                ReadOp::CollectionHead(_) => self.check([])?,
            }
        }
        let (head, raw) = self.shared.engine.read(self.id, &ops).await?;
        let answers = ops.iter().zip(raw).map(|(op, raw)| match (op, raw) {
            (ReadOp::GetMany(keys), RawResult::Rows(rows)) => {
                Ok(ReadResult::Records(self.open_rows(keys, rows)?))
            }
            (ReadOp::Scan(scan), RawResult::Page(page)) => Ok(ReadResult::Page(self.open_page(scan, page)?)),
            (ReadOp::CollectionHead(_), RawResult::Head(head)) => Ok(ReadResult::Head(head)),
            _ => Err(StoreError::Bug("an engine's answer does not fit the question")),
        });
        Ok(View { head, results: answers.collect::<Result<_, _>>()? })
    }

    /// The last change of a collection; 0 if it never had one.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn collection_head(&self, collection: CollectionId) -> Result<u64, StoreError> {
        let view = self.read(vec![ReadOp::CollectionHead(collection)]).await?;
        match view.results.first() {
            Some(ReadResult::Head(head)) => Ok(*head),
            _ => Err(StoreError::Bug("an engine's answer does not fit the question")),
        }
    }

    /// Seals and applies `write`; resolves when it is durable.
    ///
    /// # Errors
    /// `Conflict` names the precondition that did not hold. After an error nothing of the write is visible,
    /// except as [`StoreError::NoSpace`] and [`StoreError::Io`] say.
    pub async fn commit(&self, write: Write) -> Result<Committed, StoreError> {
        let _begun = self.begin_write();
        let deletes = write.deletes.iter().map(|(space, _)| *space);
        self.check(write.puts.iter().map(|put| put.space).chain(deletes))?;
        // A collection that is deleted takes its history with it: ranges of the log may go.
        let ranges = write.delete_ranges.iter().map(|range| range.space);
        self.check(ranges.filter(|space| *space != Space::Changes))?;

        let _sealed_by_one_key = self.rotating.read().await;
        let seals = u64::try_from(write.puts.len().saturating_add(write.log.len())).unwrap_or(u64::MAX);
        let grant = if seals == 0 { None } else { Some(self.keys.take(seals, self.shared.clock.now())?) };
        let commit = self.sealed(write, grant.as_ref())?;
        let committed = self.shared.engine.commit(commit).await?;
        if let Some(grant) = &grant {
            self.keys.confirm(grant);
        }
        self.shared.seals.fetch_add(seals, Ordering::Relaxed);
        if let Some(mark) = &self.shared.mark {
            mark.touch();
        }
        Ok(committed)
    }

    /// Counts a write, which must be counted before it looks whether the tenant was dropped.
    pub(crate) fn begin_write(&self) -> Begun<'_> {
        self.in_flight.begin()
    }

    /// Refuses every later call and waits for the writes that were begun: what reached the engine after the
    /// tenant's rows were removed would stay for ever, unreadable.
    pub(crate) async fn retire(&self) {
        self.dropped.store(true, Ordering::Release);
        self.in_flight.none().await;
    }

    /// Refuses what a dropped tenant does not answer and what no caller may touch.
    pub(crate) fn check(&self, spaces: impl IntoIterator<Item = Space>) -> Result<(), StoreError> {
        if self.dropped.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        if spaces.into_iter().any(Space::is_reserved) {
            return Err(StoreError::Bug("the space is kept by the store itself"));
        }
        Ok(())
    }

    fn sealed(&self, write: Write, grant: Option<&Grant>) -> Result<Commit, StoreError> {
        let mut commit = Commit::new(self.id);
        commit.preconditions = write.preconditions;
        if let Some(grant) = grant {
            commit.mutations.extend(grant.rows.iter().cloned());
        }
        commit.mutations.extend(write.delete_ranges.into_iter().map(|range| Mutation::DeleteRange {
            space: range.space,
            from: range.from,
            to: range.to,
            max: range.max,
        }));
        commit
            .mutations
            .extend(write.deletes.into_iter().map(|(space, key)| Mutation::Delete { space, key }));
        let Some(key) = grant.map(|grant| &grant.key) else {
            return Ok(commit);
        };
        for put in write.puts {
            let place = Place::Record { tenant: self.id, space: put.space, key: &put.key };
            let value = key.seal(&place, put.version, &put.value)?;
            commit.mutations.push(Mutation::Put {
                space: put.space,
                key: put.key,
                version: put.version,
                value,
            });
        }
        for entry in write.log {
            let place =
                Place::Change { tenant: self.id, collection: entry.collection, object: &entry.object };
            let value = key.seal(&place, entry.version, &entry.value)?;
            commit.log.push(LogEntry {
                collection: entry.collection,
                object: entry.object,
                version: entry.version,
                value,
            });
        }
        Ok(commit)
    }

    /// Shows the records of some spaces, in the order of space and key, all from one state, to `show`; with each the
    /// means to look at a record of a later space in that state. It is fixed when `begun` is called. Blocks its thread;
    /// writers go on.
    ///
    /// # Errors
    /// A record cannot be read or does not open, or what `show` returned.
    pub fn each_record(
        &self,
        spaces: &[Space],
        begun: &mut dyn FnMut(),
        show: &mut Show<'_>,
    ) -> Result<(), StoreError> {
        self.check(spaces.iter().copied())?;
        let open = |space, key: &[u8], stored: &[u8]| {
            let (version, value) = layout::split(stored)?;
            self.open_record(space, key, version, value)
        };
        let mut look = |row: &[u8], stored: &[u8], ahead: &Ahead<'_>| -> Result<(), StoreError> {
            let space = layout::space_in(row).and_then(Space::from_byte);
            let Some(space) = space.filter(|space| spaces.contains(space)) else { return Ok(()) };
            let key = layout::key_in(row);
            let record = open(space, &key, stored)?;
            let later = |space, key: &[u8]| {
                let stored = ahead(&layout::row_key(self.id, space, key))?;
                stored.map(|stored| open(space, key, &stored)).transpose()
            };
            show(space, key, record, &later)
        };
        let (mut ended, mut first) = (None, true);
        let exported = self.shared.engine.export(&mut |row, stored, ahead| {
            if std::mem::take(&mut first) {
                begun();
            }
            ended = match layout::tenant_in(row) {
                Some(tenant) if tenant == self.id => look(row, stored, ahead).err().map(Err),
                // The rows of a tenant lie together: there are no more.
                Some(tenant) if tenant > self.id => Some(Ok(())),
                _ => None,
            };
            if ended.is_some() { Err(EngineError::Closed) } else { Ok(()) }
        });
        match ended {
            Some(outcome) => outcome,
            None => Ok(exported?),
        }
    }

    fn open_rows(
        &self,
        keys: &[(Space, Key)],
        rows: Vec<Option<Row>>,
    ) -> Result<Vec<Option<Record>>, StoreError> {
        let opened = keys.iter().zip(rows).map(|((space, key), row)| {
            row.map(|(version, sealed)| self.open_record(*space, key, version, &sealed)).transpose()
        });
        opened.collect()
    }

    fn open_page(&self, scan: &Scan, page: Page) -> Result<RecordPage, StoreError> {
        let mut opened = RecordPage { rows: Vec::with_capacity(page.rows.len()), next: page.next };
        let mut bytes = 0_usize;
        for (key, (version, sealed)) in page.rows {
            // The engine bounds what it has; packed values are many times as large when they are opened.
            if bytes >= SCAN_BYTES_MAX {
                opened.next = match scan.order {
                    Order::Ascending => Some(key),
                    Order::Descending => opened.rows.last().map(|(last, _)| last.clone()),
                };
                break;
            }
            let record = match scan.values {
                Values::Include => self.open_record(scan.space, &key, version, &sealed)?,
                Values::Omit => Record { version, value: Bytes::new() },
            };
            bytes = bytes.saturating_add(record.value.len());
            opened.rows.push((key, record));
        }
        Ok(opened)
    }

    pub(crate) fn open_record(
        &self,
        space: Space,
        key: &[u8],
        version: RecordVersion,
        sealed: &[u8],
    ) -> Result<Record, StoreError> {
        let place = Place::Record { tenant: self.id, space, key };
        let value = self.keys.key_of(sealed)?.open(&place, version, sealed)?.into();
        Ok(Record { version, value })
    }
}
