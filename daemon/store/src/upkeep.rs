//! What is done to a store that nobody uses: a look at the engine's own structure, and giving back what it has freed.

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::aside::Aside;
use crate::backup::Progress;
use crate::convert::copy;
use crate::engine::redb::RedbEngine;
use crate::files::{available_bytes, sync_folder_of};
use crate::kinds::{EngineKind, faulty};
use crate::limits::SLED_FREE_BYTES_MIN;
use crate::open::{self, CreateMode, Names, OpenError, OpenOptions, Opened, Tuning, at, stored};

/// In what order the engine found its own structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    /// As it is to be.
    Sound,
    /// Not as it is to be; the engine has repaired it.
    Repaired,
}

/// How much a store takes on the disk, before and after something was done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes before.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
}

/// Lets the engine look at its own structure, and repair it where it can. What the records say is another question:
/// [`crate::Store::verify`]. sled has no such look of its own; it is opened and closed. Blocks its thread.
///
/// # Errors
/// As for opening, or the structure is beyond repair.
pub fn check(options: &OpenOptions) -> Result<Structure, OpenError> {
    let (names, Opened { engine, state: _lock, .. }) = opened(options)?;
    engine.close();
    match options.engine {
        EngineKind::Redb => match RedbEngine::check(&names.rows, options.cache_bytes) {
            Ok(true) => Ok(Structure::Sound),
            Ok(false) => Ok(Structure::Repaired),
            Err(fault) => Err(faulty(&names.rows, fault)),
        },
        EngineKind::Sled | EngineKind::Memory => Ok(Structure::Sound),
    }
}

/// Gives back to the file system what the engine has freed. redb moves its pages together; a sled store is copied into
/// a new one, which takes its place in one step. The store stays the same one. Blocks its thread.
///
/// # Errors
/// As for opening, or there is no room for the copy; the store is as it was then, but perhaps smaller. A second copy of a
/// sled store may be left beside it, which the next call removes.
pub fn compact(options: &OpenOptions, progress: &mut Progress<'_>) -> Result<Compacted, OpenError> {
    let (names, Opened { engine, format, state: _lock, .. }) = opened(options)?;
    let before = engine.stats().disk_bytes;
    if options.engine == EngineKind::Redb {
        engine.close();
        let compacted = RedbEngine::compact(&names.rows, options.cache_bytes);
        let after = compacted.map_err(|fault| faulty(&names.rows, fault))?;
        return Ok(Compacted { before, after });
    }
    // What an earlier attempt left there is in the way of the copy.
    options.engine.remove(&names.aside)?;
    if available_bytes(&names.folder) < before.saturating_add(SLED_FREE_BYTES_MIN) {
        engine.close();
        return Err(OpenError::NoSpace(names.folder));
    }
    let aside = Aside::begin(options.engine, &names.aside, options.cache_bytes, &Tuning::default())?;
    let copied = copy(&*engine, &*aside.engine, progress);
    engine.close();
    if let Err(error) = copied {
        aside.abandon();
        return Err(stored(&names.folder, error));
    }
    aside.complete(&format)?;
    if let Err(error) = renameat_with(CWD, &names.aside, CWD, &names.rows, RenameFlags::EXCHANGE) {
        options.engine.remove(&names.aside)?; // the copy
        return Err(at(&names.rows, error.into()));
    }
    // Until the exchange is durable, a loss of power may bring the old names back: what is removed then is the store.
    sync_folder_of(&names.rows).map_err(|source| at(&names.rows, source))?;
    options.engine.remove(&names.aside)?; // the old store
    let after = options.engine.open(&names.rows, options.cache_bytes, &Tuning::default())?;
    let bytes = after.stats().disk_bytes;
    after.close();
    Ok(Compacted { before, after: bytes })
}

/// The store, known to be the right one, in its engine and with its lock.
fn opened(options: &OpenOptions) -> Result<(Names, Opened), OpenError> {
    let existing = OpenOptions { create: CreateMode::Never, ..options.clone() };
    Ok((Names::new(&options.state, options.engine), open::open(&existing, &Tuning::default())?))
}
