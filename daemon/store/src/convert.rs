//! Moving a store from one engine to the other.
//!
//! Every row goes over as it is, sealed; only the incarnation is new, so that every client synchronises anew. The new
//! store is made aside. When it is complete the old one is set aside, and the new one gets its name. A conversion that
//! was stopped is begun again; one that was stopped between the two names is finished.

use std::path::Path;
use std::{fs, io};

use crate::aside::{Aside, rename};
use crate::backup::Progress;
use crate::engine::{Engine, EngineError, StoredRow};
use crate::error::StoreError;
use crate::files::sync_folder_of;
use crate::keys::KeyWish;
use crate::limits::COPY_PAGE_BYTES;
use crate::open::{
    self, CreateMode, Names, OpenError, OpenOptions, Opened, Tuning, at, exists, mark_key, stored, take_lock,
};
use crate::roots::Roots;

/// What a conversion did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Converted {
    /// The rows that were copied; none if the store was of the wished engine already.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Makes the store in the state folder one of the engine in `options`. The old one stays beside it, as `store.redb.old`
/// or `store.sled.old`, in the place of an older such one. Blocks its thread; nobody may use the store meanwhile.
///
/// # Errors
/// As for opening; then the folder has the store that it had.
pub fn convert(options: &OpenOptions, progress: &mut Progress<'_>) -> Result<Converted, OpenError> {
    let to = Names::new(&options.state, options.engine);
    let Some(kind) = options.engine.other() else {
        return Err(at(&to.folder, io::ErrorKind::Unsupported.into())); // memory keeps nothing
    };
    let from = Names::new(&options.state, kind);
    match (exists(&from.rows)?, exists(&to.rows)?) {
        (true, true) => return Err(OpenError::Occupied(to.rows)),
        (false, true) => return Ok(Converted::default()),
        (true, false) => {}
        (false, false) if to.is_half_converted(&from)? => return finish(options, &to),
        (false, false) => return Err(OpenError::Missing(to.folder)),
    }
    let tuning = Tuning::default();
    let source = OpenOptions { engine: kind, create: CreateMode::Never, ..options.clone() };
    let Opened { engine, roots, state: _lock, .. } = open::open(&source, &tuning)?;
    let aside = Aside::begin(options.engine, &to.converted(), options.cache_bytes, &tuning)?;
    let copied = copy(&*engine, &*aside.engine, progress)
        .and_then(|converted| Ok((converted, aside.begin_new_life()?)))
        .map_err(|error| stored(&to.folder, error));
    engine.close();
    let (converted, format) = match copied {
        Ok(copied) => copied,
        Err(error) => {
            aside.abandon();
            return Err(error);
        }
    };
    let mark = aside.complete(&format)?;
    // Without a mark both stores open, as that of another life. With it, neither would take the other's place.
    remove(&to.mark).and_then(|()| sync_folder_of(&to.mark)).map_err(|source| at(&to.mark, source))?;
    kind.remove(&from.old())?;
    rename(&from.rows, &from.old())?;
    rename(&to.converted(), &to.rows)?;
    mark.write(&to.mark, &mark_key(&roots.given)?).map_err(|source| at(&to.mark, source))?;
    Ok(converted)
}

/// Names the new store of a conversion that was stopped right before that.
fn finish(options: &OpenOptions, to: &Names) -> Result<Converted, OpenError> {
    let _lock = take_lock(to)?;
    let roots = Roots::load(&*options.key, KeyWish::Existing, &to.pending)?;
    let seen = options.engine.look(&to.converted(), options.cache_bytes)?;
    if roots.of(&seen.format.key_check).is_none() {
        return Err(OpenError::WrongKey(to.folder.clone()));
    }
    rename(&to.converted(), &to.rows)?;
    Ok(Converted::default())
}

/// Puts every row of `from` into `to`, which is empty.
pub(crate) fn copy(
    from: &dyn Engine,
    to: &dyn Engine,
    progress: &mut Progress<'_>,
) -> Result<Converted, StoreError> {
    let (mut done, mut page, mut waiting) = (Converted::default(), Vec::<StoredRow>::new(), 0_usize);
    let mut send = |page: &mut Vec<StoredRow>, done: &Converted| {
        to.import(page)?;
        page.clear();
        progress(done.rows, done.bytes);
        Ok::<_, EngineError>(())
    };
    from.export(&mut |row, stored, _| {
        page.push((row.to_vec(), stored.to_vec()));
        let bytes = row.len().saturating_add(stored.len());
        waiting = waiting.saturating_add(bytes);
        done.rows += 1;
        done.bytes += bytes as u64;
        if waiting >= COPY_PAGE_BYTES {
            waiting = 0;
            send(&mut page, &done)?;
        }
        Ok(())
    })?;
    send(&mut page, &done)?;
    Ok(done)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
