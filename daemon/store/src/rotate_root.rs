//! A new root key for an open store.
//!
//! The steps, of which each is durable before the next: the change is written down (`roots`); all tenants' keys are
//! wrapped by the new key; the format row says that the new key rules; the high-water mark is authenticated by it; the
//! provider gives it from then on; the change is forgotten. Until then both keys open the store, so it may be cut off
//! anywhere: the next start goes on, or the next call. Readers and writers go on meanwhile.
//!
//! Where the operator has to put the new key into its place, the change is not forgotten before it is there: until then
//! the store itself holds the only copy of it that is known to open the store.

use crate::engine::Commit;
use crate::error::StoreError;
use crate::format::SYSTEM;
use crate::keys::{BackupSecret, Kept, KeyError, KeyWish, RootKey};
use crate::kinds::stored_format;
use crate::open::{OpenError, mark_key, save};
use crate::roots::Change;
use crate::store::Store;
use crate::wait::wait_for;
use crate::wrapping::{WrapKeys, rewrap_all};

/// What a change of the root key did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootRotated {
    /// The wrapped keys of tenants that are wrapped by the new root key now.
    pub rewrapped: u64,
    /// Where the root key before is.
    pub kept: Kept,
}

/// Why the root key was not changed, or not to the end. Each text is one sentence with a remedy.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The provider cannot make keys.
    #[error("the root key is not kept by the server; give the new one with --next-key-file")]
    NoNextKey,
    /// The provider still gives a key that the store has no longer.
    #[error(
        "the root key was changed before and the server still runs with the older one; give it the present one and restart it first"
    )]
    NotInstalled,
    /// Another change is not at its end.
    #[error(
        "a change to another root key was begun and is not finished; finish it first, by key rotate --root without a key file"
    )]
    Unfinished,
    /// There is no usable root key, or the new one cannot be put into its place.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The new key is not repeated beside the rows.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store cannot be read or written.
    #[error("wrap the keys anew")]
    Store(#[from] StoreError),
}

/// The root key as an open store remembers it.
pub(crate) struct Root {
    pub(crate) check: [u8; 16],
    pub(crate) secret: BackupSecret,
    pub(crate) stage: Stage,
}

/// How far a change of the root key has come.
#[derive(Clone)]
pub(crate) enum Stage {
    /// There is none: one key opens the store.
    Settled,
    /// Some keys may still be wrapped by the key before.
    Begun(Change),
    /// Everything is wrapped by the new key, which the provider does not give yet.
    ToInstall(Change),
}

impl Root {
    pub(crate) fn new(root: &RootKey, stage: Stage) -> Result<Self, StoreError> {
        let known = root.check().zip(root.backup_secret());
        let (check, secret) = known.ok_or(StoreError::Bug("key derivation"))?;
        Ok(Self { check, secret, stage })
    }
}

impl Store {
    /// Changes the root key to `next`, or to a new random one: wraps everything anew, after which the key before opens
    /// nothing of this store once the provider gives the new one. A change that was begun before is finished; one to a
    /// key that was never put into its place is taken back if `next` is another. Blocks its thread; readers and writers
    /// go on, and backups wait.
    ///
    /// # Errors
    /// See [`RootError`]. Both keys open the store then, and no backup can be made until a further call or a start has
    /// finished the change.
    pub fn rotate_root(&self, next: Option<RootKey>) -> Result<RootRotated, RootError> {
        wait_for(async {
            let mut root = self.root.write().await;
            if let Stage::ToInstall(change) = root.stage.clone() {
                self.install(&mut root, change)?; // it may be in its place by now
            }
            if let (Stage::ToInstall(change), Some(next)) = (root.stage.clone(), &next)
                && !same(next, &change.new)
            {
                self.take_back(&mut root, change).await?;
            }
            let (change, kept) = match (root.stage.clone(), next) {
                (Stage::Begun(change) | Stage::ToInstall(change), next)
                    if next.as_ref().is_none_or(|next| same(next, &change.new)) =>
                {
                    let kept = self.keep_old(&change)?;
                    (change, kept)
                }
                (Stage::Begun(_) | Stage::ToInstall(_), _) => return Err(RootError::Unfinished),
                (Stage::Settled, Some(next)) if next.check() == Some(root.check) => {
                    return Ok(RootRotated { rewrapped: 0, kept: Kept::Nowhere }); // it is the root key already
                }
                (Stage::Settled, next) => self.begin_change(&root, next)?,
            };
            let rewrapped = self.carry_out(&mut root, change).await?;
            Ok(RootRotated { rewrapped, kept })
        })
    }

    /// Finishes a change that an earlier life of the store began. A store that cannot be written serves with both keys.
    pub(crate) fn finish_root_change(&self) {
        let finished = wait_for(async {
            let mut root = self.root.write().await;
            let Stage::Begun(change) = root.stage.clone() else { return Ok(None) };
            let kept = self.keep_old(&change)?;
            self.carry_out(&mut root, change).await?;
            Ok::<_, RootError>(Some(kept))
        });
        match finished {
            Ok(None) => {}
            Ok(Some(Kept::ByOperator)) => {
                tracing::warn!(
                    "the store has a new root key and was opened with the one before: put the new key into its place; \
                     until the server runs with it, either opens the store"
                );
            }
            Ok(Some(Kept::In(path))) => {
                let path = path.display();
                tracing::info!("the change of the root key is finished; the key before is in {path}");
            }
            Ok(Some(Kept::Nowhere)) => tracing::info!("the change of the root key is finished"),
            Err(error) => tracing::warn!(error = %error, "the change of the root key is still not finished"),
        }
    }

    /// Lets the key before rule again, because the new one was never put into its place and is not to be.
    async fn take_back(&self, root: &mut Root, change: Change) -> Result<(), RootError> {
        tracing::warn!(
            "the root key that was never put into its place is given up: backups made under it need it"
        );
        let back = Change { old: change.new, new: change.old };
        self.write_down(&back)?;
        self.carry_out(root, back).await?;
        Ok(())
    }

    /// Writes down what is to be done; the key before is kept first, which shows that it can be replaced.
    fn begin_change(&self, root: &Root, next: Option<RootKey>) -> Result<(Change, Kept), RootError> {
        let old = self.provider.load(KeyWish::Existing)?;
        if old.check() != Some(root.check) {
            return Err(RootError::NotInstalled);
        }
        let kept = self.provider.keep()?;
        let new = match (next, &kept) {
            (Some(next), _) => next,
            (None, Kept::ByOperator) => return Err(RootError::NoNextKey),
            (None, _) => RootKey::random()?,
        };
        let change = Change { old, new };
        self.write_down(&change)?;
        Ok((change, kept))
    }

    fn write_down(&self, change: &Change) -> Result<(), KeyError> {
        self.names().map_or(Ok(()), |names| change.write(&names.pending))
    }

    /// Keeps the key before, unless the provider has replaced it already.
    fn keep_old(&self, change: &Change) -> Result<Kept, KeyError> {
        if same(&self.provider.load(KeyWish::Existing)?, &change.old) {
            self.provider.keep()
        } else {
            Ok(Kept::Nowhere)
        }
    }

    async fn carry_out(&self, root: &mut Root, change: Change) -> Result<u64, RootError> {
        let Change { old, new } = &change;
        root.stage = Stage::Begun(change.clone());
        self.wrapping.set(WrapKeys::new(new, [old])?);
        self.settle_wraps().await?;
        let rewrapped = rewrap_all(&*self.shared.engine, &self.wrapping.now()).await?;
        self.let_rule(old, new)?;
        if let Some(mark) = &self.shared.mark {
            mark.authenticate(mark_key(new)?).map_err(StoreError::Io)?;
        }
        *root = Root::new(new, root.stage.clone())?;
        self.wrapping.set(WrapKeys::new(new, [])?);
        self.install(root, change)?;
        Ok(rewrapped)
    }

    /// Has the provider give the new key, which rules by now. The change is forgotten if it does, and not before: this
    /// key may be nowhere else.
    fn install(&self, root: &mut Root, change: Change) -> Result<(), RootError> {
        let gives_it = || self.provider.load(KeyWish::Existing).map(|given| same(&given, &change.new));
        if !gives_it()? {
            self.provider.replace(&change.new)?;
        }
        root.stage = if gives_it()? {
            self.names().map_or(Ok(()), |names| Change::forget(&names.pending))?;
            Stage::Settled
        } else {
            Stage::ToInstall(change)
        };
        Ok(())
    }

    /// Returns when nothing is on its way any more that the key before has wrapped.
    async fn settle_wraps(&self) -> Result<(), StoreError> {
        drop(self.making.write().await); // whoever is making a tenant took the key before
        let tenants: Vec<_> = self.tenants().into_iter().filter_map(|id| self.tenant(id)).collect();
        for tenant in std::iter::once(self.system()).chain(tenants) {
            tenant.rewrap().await?;
        }
        // What callers that left have put into the engine's queue is in front of this.
        self.shared.engine.commit(Commit::new(SYSTEM)).await?;
        Ok(())
    }

    /// Says in the store that `new` is its root key, and that it was `old`.
    fn let_rule(&self, old: &RootKey, new: &RootKey) -> Result<(), RootError> {
        let engine = &*self.shared.engine;
        let format = stored_format(engine)?;
        let mut format = format.ok_or(StoreError::Corrupt("its first rows are missing"))?;
        let check = new.check().ok_or(StoreError::Bug("key derivation"))?;
        if format.key_check != check {
            (format.key_check, format.key_before) = (check, old.check());
            save(engine, format)?;
        }
        if let Some(names) = self.names() {
            self.kind.identify(&names.rows, &format)?;
        }
        Ok(())
    }
}

fn same(one: &RootKey, other: &RootKey) -> bool {
    one.check() == other.check()
}
