//! A tenant's keys: index keys that stay, epochs that seal a bounded number of values.
//!
//! Each epoch has a random master, stored wrapped by the root key. How often an epoch has sealed is counted in
//! blocks: the row that reserves a block travels in the first commits that use it, so what is on disk never
//! names fewer seals than were stored, without a write of its own. A new epoch's wrapped master travels the
//! same way. Both rows are repeated by every commit until one of them is known to be durable.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use almanac_base::TenantId;
use bytes::Bytes;
use jiff::Timestamp;
use ring::hmac;
use zeroize::Zeroizing;

use crate::engine::{Mutation, Row};
use crate::error::StoreError;
use crate::keys::{KEY_BYTES, derive};
use crate::limits::SEALS_RESERVED_MAX;
use crate::seal::{self, KEY_ID_BYTES, KeyId, Place, SealKey, WrappedKey};
use crate::space::{Key, RecordVersion, Space};
use crate::wrapping::{WrapKeys, Wrapping};

/// What a keyed hash is made of. Hashes of different fields never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndexField {
    /// The name a person signs in with.
    Login,
    /// The UID of a calendar object.
    Uid,
    /// A segment of a path: a collection's or an object's name.
    Href,
    /// A calendar user address.
    Address,
    /// An app password.
    Secret,
    /// Any other bearer token.
    Token,
}

const FIELDS: [(IndexField, &[u8]); 6] = [
    (IndexField::Login, b"almanac index login v1"),
    (IndexField::Uid, b"almanac index uid v1"),
    (IndexField::Href, b"almanac index href v1"),
    (IndexField::Address, b"almanac index address v1"),
    (IndexField::Secret, b"almanac index secret v1"),
    (IndexField::Token, b"almanac index token v1"),
];

/// What a message authentication code is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MacPurpose {
    /// A sync token (RFC 6578 section 3.2).
    SyncToken,
}

/// The keys that do not rotate: lookups must find what was written years ago.
struct IndexKeys {
    fields: Vec<(IndexField, hmac::Key)>,
    sync_token: hmac::Key,
}

impl IndexKeys {
    fn new(master: &[u8; KEY_BYTES]) -> Result<Self, StoreError> {
        let key = |purpose: &[u8]| {
            let key = derive(master, purpose).ok_or(StoreError::Bug("key derivation"))?;
            Ok::<_, StoreError>(hmac::Key::new(hmac::HMAC_SHA256, &*key))
        };
        let fields = FIELDS
            .iter()
            .map(|(field, purpose)| Ok((*field, key(purpose)?)))
            .collect::<Result<_, StoreError>>()?;
        Ok(Self { fields, sync_token: key(b"almanac mac sync token v1")? })
    }
}

/// A tenant's key that seals now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyEpoch {
    /// Counts the keys the tenant had, from 1.
    pub number: u32,
    /// When the key was made, to the second.
    pub since: Timestamp,
}

/// An epoch as it is used for sealing.
struct Epoch {
    key: Arc<SealKey>,
    public: KeyEpoch,
    row: Mutation,
    row_durable: bool,
    used: u64,
    block_durable: u32,
}

/// Permission to seal a number of values, and the rows that must be in the same commit.
pub(crate) struct Grant {
    pub(crate) key: Arc<SealKey>,
    pub(crate) rows: Vec<Mutation>,
    block: u32,
}

/// The keys of one tenant.
pub(crate) struct TenantKeys {
    tenant: TenantId,
    wrapping: Arc<Wrapping>,
    index: IndexKeys,
    epochs: RwLock<HashMap<KeyId, Arc<SealKey>>>,
    /// Those of them that the store no longer has.
    retired: Mutex<HashSet<KeyId>>,
    current: Mutex<Option<Epoch>>,
    seals_max: u64,
}

/// Makes an index master for `tenant` and wraps it: the row that makes a tenant.
pub(crate) fn new_index_row(tenant: TenantId, wrap: &WrapKeys) -> Result<Row, StoreError> {
    let version = RecordVersion::from_bytes(seal::random()?);
    let master = Zeroizing::new(seal::random::<KEY_BYTES>()?);
    let sealed = wrap.seal(&Place::Wrapped { tenant, what: WrappedKey::Index }, version, &*master)?;
    Ok((version, sealed))
}

impl TenantKeys {
    /// Opens the keys of `tenant` from its wrapped index master and its rows in [`Space::Keys`], which `wrap` opens;
    /// later ones are wrapped as `wrapping` says then.
    pub(crate) fn open(
        tenant: TenantId,
        wrap: &WrapKeys,
        wrapping: Arc<Wrapping>,
        index: &Row,
        rows: &[(Key, Row)],
        seals_max: u64,
    ) -> Result<Self, StoreError> {
        let place = Place::Wrapped { tenant, what: WrappedKey::Index };
        let plain = wrap.open(&place, index.0, &index.1)?;
        let index = IndexKeys::new(&*master(&plain)?)?;
        let mut epochs = HashMap::new();
        let mut current: Option<Epoch> = None;
        for (key, row) in rows {
            let (id, rest) = key.split_first_chunk::<KEY_ID_BYTES>().ok_or(BAD_ROW)?;
            match rest.first_chunk::<4>() {
                None => {
                    let epoch = open_epoch(tenant, wrap, *id, row)?;
                    epochs.insert(*id, Arc::clone(&epoch.key));
                    if current.as_ref().is_none_or(|other| other.public.number < epoch.public.number) {
                        current = Some(epoch);
                    }
                }
                // A block's row follows its epoch's row in the order of keys; blocks ascend.
                Some(block) => {
                    if let Some(epoch) = current.as_mut().filter(|epoch| epoch.key.id() == id) {
                        epoch.block_durable = u32::from_be_bytes(*block);
                        epoch.used = u64::from(epoch.block_durable).saturating_mul(block_seals(seals_max));
                    }
                }
            }
        }
        Ok(Self {
            tenant,
            wrapping,
            index,
            epochs: RwLock::new(epochs),
            retired: Mutex::default(),
            current: Mutex::new(current),
            seals_max,
        })
    }

    /// Takes `seals` seals of the current epoch, or of a new one if they do not fit.
    pub(crate) fn take(&self, seals: u64, now: Timestamp) -> Result<Grant, StoreError> {
        if seals > self.seals_max {
            return Err(StoreError::TooLarge);
        }
        let mut current = self.current();
        let epoch = match current.as_mut() {
            Some(epoch) if epoch.used.saturating_add(seals) <= self.seals_max => epoch,
            full => {
                let number = full.map_or(0, |epoch| epoch.public.number).saturating_add(1);
                let epoch = self.new_epoch(KeyEpoch { number, since: now })?;
                current.insert(epoch)
            }
        };
        epoch.used = epoch.used.saturating_add(seals);
        let block = u32::try_from(epoch.used.div_ceil(block_seals(self.seals_max))).unwrap_or(u32::MAX);
        let mut rows = Vec::new();
        if !epoch.row_durable {
            rows.push(epoch.row.clone());
        }
        if block > epoch.block_durable {
            rows.extend(reserve(epoch.key.id(), block));
        }
        Ok(Grant { key: Arc::clone(&epoch.key), rows, block })
    }

    /// Seals with a new epoch from now on. Nothing of it is durable before the next commit.
    pub(crate) fn begin_epoch(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut current = self.current();
        let number = current.as_ref().map_or(0, |epoch| epoch.public.number).saturating_add(1);
        *current = Some(self.new_epoch(KeyEpoch { number, since: now })?);
        Ok(())
    }

    /// Wraps the row of the current epoch as the wrapping says now. Commits repeat it until it is durable; none may be on
    /// its way.
    pub(crate) fn rewrap(&self) -> Result<(), StoreError> {
        let mut current = self.current();
        let Some(Mutation::Put { version, value, .. }) = current.as_mut().map(|epoch| &mut epoch.row) else {
            return Ok(());
        };
        let place = Place::Wrapped { tenant: self.tenant, what: WrappedKey::Epoch };
        if let Some(fresh) = self.wrapping.now().rewrapped(&place, *version, value)? {
            *value = fresh;
        }
        Ok(())
    }

    /// The keys that seal nothing any more.
    pub(crate) fn older_epochs(&self) -> Vec<KeyId> {
        let current = self.current().as_ref().map(|epoch| *epoch.key.id());
        let epochs = self.epochs.read().unwrap_or_else(PoisonError::into_inner);
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        epochs.keys().filter(|id| Some(**id) != current && !retired.contains(*id)).copied().collect()
    }

    /// Notes that the rows of these keys are gone. Until the store is closed they still open what somebody has read
    /// before: a page, or the whole state that is being verified.
    pub(crate) fn retire_epochs(&self, ids: &[KeyId]) {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
    }

    /// Notes that a commit with the rows of `grant` is durable.
    pub(crate) fn confirm(&self, grant: &Grant) {
        let mut current = self.current();
        if let Some(epoch) = current.as_mut().filter(|epoch| epoch.key.id() == grant.key.id()) {
            epoch.row_durable = true;
            epoch.block_durable = epoch.block_durable.max(grant.block);
        }
    }

    /// The key that a sealed value names.
    pub(crate) fn key_of(&self, sealed: &[u8]) -> Result<Arc<SealKey>, StoreError> {
        let id = seal::key_id(sealed)?;
        let epochs = self.epochs.read().unwrap_or_else(PoisonError::into_inner);
        epochs
            .get(id)
            .map(Arc::clone)
            .ok_or(StoreError::Corrupt("a value names a key that its tenant does not have"))
    }

    /// The keyed hash of `parts`. Parts are told apart: `["ab", "c"]` and `["a", "bc"]` differ.
    pub(crate) fn keyed_hash(&self, field: IndexField, parts: &[&[u8]]) -> [u8; 32] {
        let key = self.index.fields.iter().find(|(name, _)| *name == field).map(|(_, key)| key);
        let mut context = hmac::Context::with_key(key.unwrap_or(&self.index.sync_token)); // all fields have one
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        context.sign().as_ref().first_chunk::<32>().copied().unwrap_or([0; 32]) // SHA-256 has 32
    }

    pub(crate) fn mac(&self, purpose: MacPurpose, message: &[u8]) -> [u8; 16] {
        hmac::sign(self.mac_key(purpose), message).as_ref().first_chunk::<16>().copied().unwrap_or([0; 16])
    }

    pub(crate) fn verify_mac(&self, purpose: MacPurpose, message: &[u8], mac: &[u8]) -> bool {
        // ring compares whole tags only, in constant time; so tags of the two codes are compared.
        let key = self.mac_key(purpose);
        hmac::verify(key, mac, hmac::sign(key, &self.mac(purpose, message)).as_ref()).is_ok()
    }

    fn mac_key(&self, purpose: MacPurpose) -> &hmac::Key {
        match purpose {
            MacPurpose::SyncToken => &self.index.sync_token,
        }
    }

    /// The epoch that seals now; none before the first seal.
    pub(crate) fn epoch(&self) -> Option<KeyEpoch> {
        self.current().as_ref().map(|epoch| epoch.public)
    }

    fn current(&self) -> MutexGuard<'_, Option<Epoch>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_epoch(&self, public: KeyEpoch) -> Result<Epoch, StoreError> {
        let id: KeyId = seal::random()?;
        let version = RecordVersion::from_bytes(seal::random()?);
        let master = Zeroizing::new(seal::random::<KEY_BYTES>()?);
        let key = Arc::new(data_key(id, &master)?);
        let mut plain = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 28));
        plain.extend_from_slice(&*master);
        plain.extend_from_slice(&public.number.to_be_bytes());
        plain.extend_from_slice(&public.since.as_second().to_be_bytes());
        plain.extend_from_slice(&id);
        let place = Place::Wrapped { tenant: self.tenant, what: WrappedKey::Epoch };
        let value = self.wrapping.now().seal(&place, version, &plain)?;
        let row = Mutation::Put { space: Space::Keys, key: id.into(), version, value };
        self.epochs.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&key));
        Ok(Epoch { key, public, row, row_durable: false, used: 0, block_durable: 0 })
    }
}

const BAD_ROW: StoreError = StoreError::Corrupt("a row of keys has a wrong form");

fn master(plain: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, StoreError> {
    plain.first_chunk::<KEY_BYTES>().map(|bytes| Zeroizing::new(*bytes)).ok_or(BAD_ROW)
}

fn data_key(id: KeyId, master: &[u8; KEY_BYTES]) -> Result<SealKey, StoreError> {
    let key = derive(master, b"almanac records v1").ok_or(StoreError::Bug("key derivation"))?;
    SealKey::new(id, &key)
}

fn open_epoch(tenant: TenantId, wrap: &WrapKeys, id: KeyId, row: &Row) -> Result<Epoch, StoreError> {
    let place = Place::Wrapped { tenant, what: WrappedKey::Epoch };
    let plain = wrap.open(&place, row.0, &row.1)?;
    let rest = plain.get(KEY_BYTES..).ok_or(BAD_ROW)?;
    let (number, rest) = rest.split_first_chunk::<4>().ok_or(BAD_ROW)?;
    let (since, named) = rest.split_first_chunk::<8>().ok_or(BAD_ROW)?;
    if named != id {
        return Err(StoreError::Corrupt("a wrapped key stands under another's name"));
    }
    let key = Arc::new(data_key(id, &*master(&plain)?)?);
    let row = Mutation::Put { space: Space::Keys, key: id.into(), version: row.0, value: row.1.clone() };
    let since = Timestamp::from_second(i64::from_be_bytes(*since)).map_err(|_| BAD_ROW)?;
    let public = KeyEpoch { number: u32::from_be_bytes(*number), since };
    Ok(Epoch { key, public, row, row_durable: true, used: 0, block_durable: 0 })
}

/// Seals in one block: few enough that a crash wastes little of a key's life.
fn block_seals(seals_max: u64) -> u64 {
    (seals_max / 1024).clamp(1, SEALS_RESERVED_MAX)
}

/// The rows that reserve everything up to `block`. A block has a row of its own, and only lower ones are
/// removed: commits that land in another order than they were granted cannot lower the count.
fn reserve(id: &KeyId, block: u32) -> [Mutation; 2] {
    let key = |block: u32| Key::from([&id[..], &block.to_be_bytes()].concat());
    [
        Mutation::DeleteRange { space: Space::Keys, from: key(0), to: key(block), max: 64 },
        Mutation::Put {
            space: Space::Keys,
            key: key(block),
            version: RecordVersion::NONE,
            value: Bytes::new(),
        },
    ]
}
