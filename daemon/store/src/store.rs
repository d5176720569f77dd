//! The store as a whole: its tenants, its life.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use almanac_base::{StoreId, TenantId};
use bytes::Bytes;
use tokio::sync::broadcast;

use crate::engine::{Commit, EngineError, EngineStats, Heads, Mutation, Precondition, Row};
use crate::error::StoreError;
use crate::files::{StateLock, available_bytes};
use crate::format::SYSTEM;
use crate::keys::KeyProvider;
use crate::kinds::EngineKind;
use crate::mark::MarkKeeper;
use crate::open::{self, Names, OpenError, OpenOptions, Tuning, stored};
use crate::rotate_root::{Root, Stage};
use crate::space::{Key, RecordVersion, Space};
use crate::tenant::{Shared, TenantStore};
use crate::tenant_keys::{TenantKeys, new_index_row};
use crate::wait::wait_for;
use crate::wrapping::{WrapKeys, Wrapping, every_row};

/// Figures of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// The engine's own figures.
    pub engine: EngineStats,
    /// Values sealed and stored since the store was opened.
    pub seals: u64,
    /// Tenants, without the system's.
    pub tenants: usize,
    /// Times the high-water mark was written since the store was opened.
    pub marks: u64,
}

/// An open store.
pub struct Store {
    incarnation: StoreId,
    /// Where the disk is looked at for room; `None` for an engine in memory.
    folder: Option<PathBuf>,
    pub(crate) kind: EngineKind,
    pub(crate) provider: Arc<dyn KeyProvider>,
    pub(crate) wrapping: Arc<Wrapping>,
    /// Held for writing by a change of the root key.
    pub(crate) root: tokio::sync::RwLock<Root>,
    /// Held for reading while a tenant is made, so that a new root key can wait for those that the one before wraps.
    pub(crate) making: tokio::sync::RwLock<()>,
    seals_per_key_max: u64,
    pub(crate) shared: Arc<Shared>,
    system: Arc<TenantStore>,
    tenants: RwLock<BTreeMap<TenantId, Arc<TenantStore>>>,
    lock: Mutex<Option<StateLock>>,
}

impl Store {
    /// Opens the store of a state folder, and holds the folder's lock until it is closed.
    ///
    /// # Errors
    /// See [`OpenError`]; the store is untouched.
    pub fn open(options: OpenOptions) -> Result<Self, OpenError> {
        Self::open_tuned(options, &Tuning::default())
    }

    /// [`Store::open`] for tests and simulations.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_tuned(options: OpenOptions, tuning: &Tuning) -> Result<Self, OpenError> {
        let opened = open::open(&options, tuning)?;
        let (lock, names) = opened.state.unzip();
        let (engine, clock) = ((tuning.layer)(opened.engine), Arc::clone(&options.clock));
        let roots = opened.roots;
        let rules = roots.of(&opened.format.key_check).unwrap_or(&roots.given); // opening has found it there
        let shared = Shared::start(engine, clock, rules, names, opened.format.incarnation)?;
        let started = WrapKeys::new(rules, roots.all()).and_then(|wrap| {
            let (wrapping, shared) = (Wrapping::new(wrap), Arc::clone(&shared));
            let seals_per_key_max = tuning.seals_per_key_max;
            let loader = Loader { wrapping: &wrapping, shared: &shared, seals_per_key_max };
            let (system, tenants) =
                wait_for(async { Ok::<_, StoreError>((loader.system().await?, loader.tenants().await?)) })?;
            Ok((
                wrapping,
                Root::new(rules, roots.change.clone().map_or(Stage::Settled, Stage::Begun))?,
                system,
                tenants,
            ))
        });
        match started {
            Ok((wrapping, root, system, tenants)) => {
                let store = Self {
                    incarnation: opened.format.incarnation,
                    folder: (options.engine != EngineKind::Memory).then_some(options.state),
                    kind: options.engine,
                    provider: options.key,
                    wrapping,
                    root: tokio::sync::RwLock::new(root),
                    making: tokio::sync::RwLock::default(),
                    seals_per_key_max: tuning.seals_per_key_max,
                    shared,
                    system,
                    tenants: RwLock::new(tenants),
                    lock: Mutex::new(lock),
                };
                store.finish_root_change();
                Ok(store)
            }
            Err(error) => {
                shared.close(); // before the lock goes: the file must not be open twice
                Err(stored(&options.state, error))
            }
        }
    }

    /// Which life of the store this is: a restore begins a new one.
    #[must_use]
    pub fn incarnation(&self) -> StoreId {
        self.incarnation
    }

    /// The tenant that belongs to the instance: what must be found before a tenant is known.
    #[must_use]
    pub fn system(&self) -> Arc<TenantStore> {
        Arc::clone(&self.system)
    }

    /// Makes a tenant with keys of its own.
    ///
    /// # Errors
    /// `TenantExists`, or the store cannot write; then there is no such tenant.
    pub async fn create_tenant(&self, id: TenantId) -> Result<Arc<TenantStore>, StoreError> {
        if id == SYSTEM {
            return Err(StoreError::TenantExists);
        }
        let key = Key::from(id.as_bytes().as_slice());
        let _making = self.making.read().await;
        let wrap = self.wrapping.now();
        let row = new_index_row(id, &wrap)?;
        let mut commit = Commit::new(SYSTEM);
        commit.preconditions.push(Precondition::Absent(Space::Tenants, key.clone()));
        commit.mutations.push(Mutation::Put {
            space: Space::Tenants,
            key,
            version: row.0,
            value: row.1.clone(),
        });
        match self.shared.engine.commit(commit).await {
            Err(EngineError::Conflict { .. }) => return Err(StoreError::TenantExists),
            result => result?,
        };
        let keys =
            TenantKeys::open(id, &wrap, Arc::clone(&self.wrapping), &row, &[], self.seals_per_key_max)?;
        let tenant = Arc::new(TenantStore::new(id, keys, Arc::clone(&self.shared)));
        self.tenants.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&tenant));
        Ok(tenant)
    }

    /// The tenant with this id.
    #[must_use]
    pub fn tenant(&self, id: TenantId) -> Option<Arc<TenantStore>> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(&id).map(Arc::clone)
    }

    /// All tenants but the system's, oldest first.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantId> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Drops a tenant with its keys and all its rows. From the call on, its [`TenantStore`]s refuse to work;
    /// commits that were begun before are waited for. A drop that was begun and not finished is finished at the
    /// next start.
    ///
    /// # Errors
    /// The store cannot write. Before the first durable step the tenant is still there at the next start.
    pub async fn drop_tenant(&self, id: TenantId) -> Result<(), StoreError> {
        let Some(tenant) = self.tenants.write().unwrap_or_else(PoisonError::into_inner).remove(&id) else {
            return Ok(());
        };
        tenant.retire().await;
        let mut leaving = Commit::new(SYSTEM);
        leaving.mutations.push(Mutation::Put {
            space: Space::Tenants,
            key: id.as_bytes().as_slice().into(),
            version: RecordVersion::NONE,
            value: Bytes::new(),
        });
        self.shared.engine.commit(leaving).await?;
        finish_drop(&self.shared, id).await
    }

    /// The names in the state folder; none for an engine in memory.
    pub(crate) fn names(&self) -> Option<Names> {
        self.folder.as_deref().map(|folder| Names::new(folder, self.kind))
    }

    /// Hints that a tenant changed, up to which change. Hints may be lost; the change log is the truth.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<(TenantId, u64)> {
        self.shared.engine.watch()
    }

    /// How far the durable state has come.
    #[must_use]
    pub fn heads(&self) -> Heads {
        self.shared.engine.heads()
    }

    /// Figures for operators.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            engine: self.shared.engine.stats(),
            seals: self.shared.seals.load(Ordering::Relaxed),
            tenants: self.tenants.read().unwrap_or_else(PoisonError::into_inner).len(),
            marks: self.shared.mark.as_ref().map_or(0, MarkKeeper::writes),
        }
    }

    /// How much the disk still takes, in bytes; `u64::MAX` where no disk sets a bound.
    #[must_use]
    pub fn available_bytes(&self) -> u64 {
        self.folder.as_deref().map_or(u64::MAX, available_bytes)
    }

    /// Finishes the queued commits, writes the high-water mark and lets go of the folder. Later calls to any
    /// tenant are refused as closed.
    pub fn close(&self) {
        self.shared.close();
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// Removes the rows of a tenant whose keys are gone, then its name.
async fn finish_drop(shared: &Shared, id: TenantId) -> Result<(), StoreError> {
    if let Some(mark) = &shared.mark {
        mark.forget(id).map_err(StoreError::Io)?;
    }
    shared.engine.drop_tenant(id).await?;
    let mut gone = Commit::new(SYSTEM);
    gone.mutations.push(Mutation::Delete { space: Space::Tenants, key: id.as_bytes().as_slice().into() });
    shared.engine.commit(gone).await?;
    Ok(())
}

/// Reads tenants and their keys when a store is opened.
struct Loader<'a> {
    wrapping: &'a Arc<Wrapping>,
    shared: &'a Arc<Shared>,
    seals_per_key_max: u64,
}

impl Loader<'_> {
    /// The system tenant, which is made with the store.
    async fn system(&self) -> Result<Arc<TenantStore>, StoreError> {
        let key = Key::from(SYSTEM.as_bytes().as_slice());
        let found = self.shared.engine.get_many(SYSTEM, &[(Space::Tenants, key)]).await?;
        let row = found.into_iter().next().flatten();
        self.tenant(SYSTEM, &row.ok_or(StoreError::Corrupt("the system tenant is missing"))?).await
    }

    /// All others; drops that were begun are finished.
    async fn tenants(&self) -> Result<BTreeMap<TenantId, Arc<TenantStore>>, StoreError> {
        let mut tenants = BTreeMap::new();
        for (key, row) in every_row(&*self.shared.engine, SYSTEM, Space::Tenants).await? {
            let id = <[u8; 16]>::try_from(&*key).map(TenantId::from_bytes);
            let id = id.map_err(|_| StoreError::Corrupt("a tenant has a wrong key"))?;
            match id {
                SYSTEM => {}
                _ if row.1.is_empty() => finish_drop(self.shared, id).await?,
                _ => {
                    tenants.insert(id, self.tenant(id, &row).await?);
                }
            }
        }
        Ok(tenants)
    }

    async fn tenant(&self, id: TenantId, index: &Row) -> Result<Arc<TenantStore>, StoreError> {
        let rows = every_row(&*self.shared.engine, id, Space::Keys).await?;
        let (wrap, wrapping) = (self.wrapping.now(), Arc::clone(self.wrapping));
        let keys = TenantKeys::open(id, &wrap, wrapping, index, &rows, self.seals_per_key_max)?;
        Ok(Arc::new(TenantStore::new(id, keys, Arc::clone(self.shared))))
    }
}
