//! How the root key wraps the keys of tenants, also while it is being changed.
//!
//! A wrapped key names the root key that wraps it. While the root key is being changed, both open, and the new one
//! wraps.

use std::sync::{Arc, PoisonError, RwLock};

use almanac_base::TenantId;
use bytes::Bytes;

use crate::engine::{Commit, Engine, EngineError, Mutation, Order, Precondition, Row, Scan, Values};
use crate::error::StoreError;
use crate::format::SYSTEM;
use crate::keys::RootKey;
use crate::limits::{RESEAL_ROWS, REWRAP_PASSES_MAX};
use crate::seal::{self, KEY_ID_BYTES, KeyId, Place, SealKey, WrappedKey};
use crate::space::{Key, RecordVersion, Space, prefix_range};

/// The name of the wrapping key in the first stores, which had one root key for ever.
const FIRST_KEY_ID: KeyId = *b"root wrap key v1";

/// The keys that wrap and open tenants' keys.
pub(crate) struct WrapKeys {
    wraps: SealKey,
    /// Those that open only.
    opens: Vec<SealKey>,
}

impl WrapKeys {
    /// `root` wraps; it and `others` open.
    pub(crate) fn new<'a>(
        root: &RootKey,
        others: impl IntoIterator<Item = &'a RootKey>,
    ) -> Result<Self, StoreError> {
        let mut opens = vec![wrap_key(root, Some(FIRST_KEY_ID))?];
        for other in others {
            opens.extend([wrap_key(other, None)?, wrap_key(other, Some(FIRST_KEY_ID))?]);
        }
        Ok(Self { wraps: wrap_key(root, None)?, opens })
    }

    pub(crate) fn seal(
        &self,
        place: &Place<'_>,
        version: RecordVersion,
        plain: &[u8],
    ) -> Result<Bytes, StoreError> {
        self.wraps.seal(place, version, plain)
    }

    pub(crate) fn open(
        &self,
        place: &Place<'_>,
        version: RecordVersion,
        sealed: &[u8],
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, StoreError> {
        let id = seal::key_id(sealed)?;
        let mut failed = StoreError::Corrupt("a tenant's key names another root key");
        for key in std::iter::once(&self.wraps).chain(&self.opens).filter(|key| key.id() == id) {
            match key.open(place, version, sealed) {
                Ok(plain) => return Ok(plain.into()),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// `sealed`, wrapped by the key that wraps now; `None` if it is already.
    pub(crate) fn rewrapped(
        &self,
        place: &Place<'_>,
        version: RecordVersion,
        sealed: &[u8],
    ) -> Result<Option<Bytes>, StoreError> {
        if seal::key_id(sealed)? == self.wraps.id() {
            return Ok(None);
        }
        self.seal(place, version, &self.open(place, version, sealed)?).map(Some)
    }
}

fn wrap_key(root: &RootKey, id: Option<KeyId>) -> Result<SealKey, StoreError> {
    let derived = root.wrap_key().zip(id.or_else(|| root.wrap_id()));
    let (key, id) = derived.ok_or(StoreError::Bug("key derivation"))?;
    SealKey::new(id, &key)
}

/// The wrapping keys of an open store.
pub(crate) struct Wrapping(RwLock<Arc<WrapKeys>>);

impl Wrapping {
    pub(crate) fn new(keys: WrapKeys) -> Arc<Self> {
        Arc::new(Self(RwLock::new(Arc::new(keys))))
    }

    /// Those of this moment.
    pub(crate) fn now(&self) -> Arc<WrapKeys> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, keys: WrapKeys) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}

/// Wraps all tenants' keys that lie in `engine` by the key that wraps now; returns how many were not yet. Looks again
/// until there are none: what comes in meanwhile must be wrapped by that key already.
pub(crate) async fn rewrap_all(engine: &dyn Engine, keys: &WrapKeys) -> Result<u64, StoreError> {
    let mut done = 0_u64;
    for _ in 0..REWRAP_PASSES_MAX {
        let (mut commits, mut left) = (Vec::new(), 0);
        for (key, (version, value)) in every_row(engine, SYSTEM, Space::Tenants).await? {
            let id = <[u8; 16]>::try_from(&*key).map(TenantId::from_bytes);
            let tenant = id.map_err(|_| StoreError::Corrupt("a tenant has a wrong key"))?;
            if value.is_empty() {
                continue; // it is being dropped
            }
            let index = Place::Wrapped { tenant, what: WrappedKey::Index };
            commits.extend(rewrapped(keys, &index, SYSTEM, Space::Tenants, key, (version, value))?);
            for (key, row) in every_row(engine, tenant, Space::Keys).await? {
                if key.len() == KEY_ID_BYTES {
                    let epoch = Place::Wrapped { tenant, what: WrappedKey::Epoch };
                    commits.extend(rewrapped(keys, &epoch, tenant, Space::Keys, key, row)?);
                }
            }
            if commits.len() >= RESEAL_ROWS as usize {
                left += commits.len();
                done += commit_all(engine, std::mem::take(&mut commits)).await?;
            }
        }
        left += commits.len();
        done += commit_all(engine, commits).await?;
        if left == 0 {
            return Ok(done);
        }
    }
    Err(StoreError::Bug("keys are wrapped by another root key again and again"))
}

/// How many of the commits took place. The others were about something that is gone meanwhile; the next look knows.
async fn commit_all(engine: &dyn Engine, commits: Vec<Commit>) -> Result<u64, StoreError> {
    let mut done = 0;
    for committed in engine.commit_many(commits).await {
        match committed {
            Ok(_) => done += 1,
            Err(EngineError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(done)
}

/// The commit that wraps one row anew. It keeps its version: it says what it said.
fn rewrapped(
    keys: &WrapKeys,
    place: &Place<'_>,
    of: TenantId,
    space: Space,
    key: Key,
    (version, value): Row,
) -> Result<Option<Commit>, StoreError> {
    let Some(value) = keys.rewrapped(place, version, &value)? else { return Ok(None) };
    let mut commit = Commit::new(of);
    commit.preconditions.push(Precondition::VersionIs(space, key.clone(), version));
    commit.mutations.push(Mutation::Put { space, key, version, value });
    Ok(Some(commit))
}

/// All rows of a space.
pub(crate) async fn every_row(
    engine: &dyn Engine,
    tenant: TenantId,
    space: Space,
) -> Result<Vec<(Key, Row)>, StoreError> {
    let mut rows = Vec::new();
    let mut range = prefix_range(b"");
    loop {
        let scan = Scan {
            space,
            range: range.clone(),
            limit: u32::MAX,
            order: Order::Ascending,
            values: Values::Include,
        };
        let page = engine.scan(tenant, &scan).await?;
        rows.extend(page.rows);
        match page.next {
            Some(next) => range.start = next,
            None => return Ok(rows),
        }
    }
}
