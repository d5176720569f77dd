//! A new key for a tenant: from now on it seals everything, and what older keys have sealed is sealed anew. When no
//! value is left that names an older key, that key is removed for good, so that whoever has learnt it reads nothing
//! that lies in the store.
//!
//! Readers and writers go on meanwhile. A record keeps its version and so its ETag. Whatever interrupts it, nothing is
//! lost: the older keys stay until nothing names them, and the next rotation takes up what is left.

use crate::engine::layout::ChangeRow;
use crate::engine::{Commit, EngineError, Mutation, Order, Precondition, Scan, Values};
use crate::error::StoreError;
use crate::limits::RESEAL_ROWS;
use crate::seal::{self, KeyId, Place};
use crate::space::{Key, RecordVersion, Space, prefix_range};
use crate::tenant::TenantStore;
use crate::tenant_keys::{Grant, KeyEpoch};

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    /// The key that seals now.
    pub epoch: KeyEpoch,
    /// The values that were sealed anew.
    pub resealed: u64,
    /// The older keys that were removed.
    pub removed: usize,
}

impl TenantStore {
    /// Begins a new key, seals everything anew with it and removes the older ones. `progress` is called with the values
    /// sealed anew so far.
    ///
    /// # Errors
    /// The store cannot be read or written, or a value does not open. The older keys stay then, and all that they
    /// sealed can be read; a further rotation goes on.
    pub async fn rotate_key(&self, progress: &(dyn Fn(u64) + Sync)) -> Result<Rotated, StoreError> {
        // One at a time: a second one would remove the key that the first is still sealing with.
        let _turn = self.rotation.lock().await;
        self.check([])?;
        {
            // No commit is on its way that was sealed before; those in the engine's queue are in front of the next.
            let _alone = self.rotating.write().await;
            self.keys.begin_epoch(self.shared.clock.now())?;
        }
        self.commit_epoch(Vec::new()).await?;
        let old = self.keys.older_epochs();
        let mut resealed = 0;
        for space in Space::sealed() {
            let mut range = prefix_range(b"");
            loop {
                let scan = Scan {
                    space,
                    range: range.clone(),
                    limit: RESEAL_ROWS,
                    order: Order::Ascending,
                    values: Values::Include,
                };
                self.check([])?;
                let page = self.shared.engine.scan(self.id(), &scan).await?;
                let (mut commits, mut grants) = (Vec::new(), Vec::new());
                for (key, (version, value)) in page.rows {
                    if let Some((commit, grant)) = self.resealed(space, key, version, &value, &old)? {
                        commits.push(commit);
                        grants.push(grant);
                    }
                }
                for (done, grant) in self.shared.engine.commit_many(commits).await.into_iter().zip(grants) {
                    match done {
                        Ok(_) => {
                            self.keys.confirm(&grant);
                            resealed += 1;
                        }
                        Err(EngineError::Conflict { .. }) => {} // written anew or removed meanwhile
                        Err(error) => return Err(error.into()),
                    }
                }
                progress(resealed);
                match page.next {
                    Some(next) => range.start = next,
                    None => break,
                }
            }
        }
        let gone = old.iter().map(|id| {
            let range = prefix_range(id);
            Mutation::DeleteRange { space: Space::Keys, from: range.start, to: range.end, max: u32::MAX }
        });
        self.commit_epoch(gone.collect()).await?;
        self.keys.retire_epochs(&old);
        let epoch = self.keys.epoch().ok_or(StoreError::Bug("a rotation without a key"))?;
        Ok(Rotated { epoch, resealed, removed: old.len() })
    }

    /// Wraps the current key as the store wraps now, when nothing is on its way that was wrapped before.
    pub(crate) async fn rewrap(&self) -> Result<(), StoreError> {
        let _turn = self.rotation.lock().await;
        let _alone = self.rotating.write().await;
        self.keys.rewrap()
    }

    /// Makes the current key durable, with some further steps.
    async fn commit_epoch(&self, mutations: Vec<Mutation>) -> Result<(), StoreError> {
        let grant = self.keys.take(0, self.shared.clock.now())?;
        let mut commit = Commit::new(self.id());
        commit.mutations = mutations;
        commit.mutations.extend(grant.rows.iter().cloned());
        self.shared.engine.commit(commit).await?;
        self.keys.confirm(&grant);
        Ok(())
    }

    /// The commit that seals one row anew, with the permission that it uses up; `None` if the row needs none.
    fn resealed(
        &self,
        space: Space,
        key: Key,
        version: RecordVersion,
        value: &[u8],
        old: &[KeyId],
    ) -> Result<Option<(Commit, Grant)>, StoreError> {
        let is_change = space == Space::Changes;
        if is_change && key.len() != 24 {
            return Ok(None); // a head, which holds numbers only
        }
        let row = if is_change { Some(ChangeRow::parse(value)?) } else { None };
        let sealed = row.as_ref().map_or(value, |row| row.sealed);
        if !old.contains(seal::key_id(sealed)?) {
            return Ok(None);
        }
        let place = match &row {
            Some(row) => {
                let collection =
                    key.first_chunk::<16>().ok_or(StoreError::Corrupt("a change has a wrong key"))?;
                let collection = almanac_base::CollectionId::from_bytes(*collection);
                Place::Change { tenant: self.id(), collection, object: row.object }
            }
            None => Place::Record { tenant: self.id(), space, key: &key },
        };
        let plain = zeroize::Zeroizing::new(self.keys.key_of(sealed)?.open(&place, version, sealed)?);
        let grant = self.keys.take(1, self.shared.clock.now())?;
        let fresh = grant.key.seal(&place, version, &plain)?;
        let value = match row {
            Some(row) => ChangeRow { sealed: &fresh, ..row }.to_value().into(),
            None => fresh,
        };
        let mut commit = Commit::new(self.id());
        commit.preconditions.push(Precondition::VersionIs(space, key.clone(), version));
        commit.mutations.extend(grant.rows.iter().cloned());
        commit.mutations.push(Mutation::Put { space, key, version, value });
        Ok(Some((commit, grant)))
    }
}
