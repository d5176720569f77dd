//! A store that is being made beside its place. It gets its name when it is complete and durable, so whoever makes
//! one can be stopped at any moment and begin again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use almanac_base::StoreId;

use crate::engine::{Commit, Engine};
use crate::error::StoreError;
use crate::files::sync_folder_of;
use crate::format::{Format, SYSTEM};
use crate::keys::RootKey;
use crate::kinds::{EngineKind, stored_format};
use crate::mark::Mark;
use crate::open::{OpenError, Tuning, at, save};
use crate::wait::wait_for;
use crate::wrapping::{WrapKeys, rewrap_all};

/// See the module's documentation.
pub(crate) struct Aside {
    kind: EngineKind,
    path: PathBuf,
    pub(crate) engine: Arc<dyn Engine>,
}

impl Aside {
    /// Begins an empty store at `path`; what an earlier attempt left there goes.
    pub(crate) fn begin(
        kind: EngineKind,
        path: &Path,
        cache_bytes: usize,
        tuning: &Tuning,
    ) -> Result<Self, OpenError> {
        kind.remove(path)?;
        let engine = kind.create(path, cache_bytes, tuning)?;
        Ok(Self { kind, path: path.into(), engine })
    }

    /// Gives the store another incarnation: no sync token of the one it is made of may fit a state that that one
    /// never had.
    pub(crate) fn begin_new_life(&self) -> Result<Format, StoreError> {
        let format = stored_format(&*self.engine)?;
        let mut format = format.ok_or(StoreError::Corrupt("the rows do not say what store they are of"))?;
        format.incarnation = StoreId::from_bytes(crate::seal::random()?);
        let mut commit = Commit::new(SYSTEM);
        commit.mutations.push(format.to_mutation());
        wait_for(self.engine.commit(commit))?;
        Ok(format)
    }

    /// Wraps everything by the root key `new` instead of `old`.
    pub(crate) fn put_under(&self, new: &RootKey, old: &RootKey) -> Result<(), StoreError> {
        wait_for(rewrap_all(&*self.engine, &WrapKeys::new(new, [old])?))?;
        let format = stored_format(&*self.engine)?;
        let format = format.ok_or(StoreError::Corrupt("the rows do not say what store they are of"))?;
        let key_check = new.check().ok_or(StoreError::Bug("key derivation"))?;
        save(&*self.engine, Format { key_check, key_before: None, ..format })
    }

    /// Completes the store; what remains is to name it. Returns its mark.
    pub(crate) fn complete(self, format: &Format) -> Result<Mark, OpenError> {
        let heads = self.engine.heads();
        self.engine.close();
        self.kind.identify(&self.path, format)?;
        Ok(Mark { incarnation: format.incarnation, heads })
    }

    /// Removes the store.
    pub(crate) fn abandon(self) {
        self.engine.close();
        let _ = self.kind.remove(&self.path); // the next attempt removes it otherwise
    }
}

/// Gives a complete store its name, durably.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), OpenError> {
    fs::rename(from, to).and_then(|()| sync_folder_of(to)).map_err(|source| at(to, source))
}
