//! How a store is opened, and every reason not to.
//!
//! Everything that can refuse is looked at first, on a view that keeps redb's own writes in memory, so a refused
//! store is untouched. Only then it is opened for good. How far a sled store has come shows only when it is open.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use almanac_base::{Clock, StoreId};
use ring::hmac;

use crate::aside::{Aside, rename};
use crate::engine::redb::{Medium, file_medium};
use crate::engine::sled::SledTuning;
use crate::engine::{Commit, Engine, Heads, Mutation, Precondition};
use crate::error::StoreError;
use crate::files::{StateLock, is_full};
use crate::format::{FORMAT_KEY, Format, SYSTEM};
use crate::keys::{KeyError, KeyProvider, KeyWish, RootKey};
use crate::kinds::{EngineKind, Seen, stored_format};
use crate::limits::SEALS_PER_KEY_MAX;
use crate::mark::{Found, Mark};
use crate::migrations;
use crate::roots::Roots;
use crate::space::Space;
use crate::tenant_keys::new_index_row;
use crate::wait::wait_for;
use crate::wrapping::WrapKeys;

/// Whether a store may begin here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateMode {
    /// A store is made if the state folder has none.
    IfMissing,
    /// A missing store is an error, and nothing is made.
    Never,
}

/// Where and how to open a store.
#[derive(Clone)]
pub struct OpenOptions {
    /// The state folder.
    pub state: PathBuf,
    /// The engine.
    pub engine: EngineKind,
    /// Memory the engine may use to keep pages, in bytes.
    pub cache_bytes: usize,
    /// Gives the root key.
    pub key: Arc<dyn KeyProvider>,
    /// The clock of the program.
    pub clock: Arc<dyn Clock>,
    /// Whether a store may begin here.
    pub create: CreateMode,
}

/// Puts something around the engine of an opened store; the seam at which tests count, hold or fail its calls.
pub type Layer = dyn Fn(Arc<dyn Engine>) -> Arc<dyn Engine> + Send + Sync;

/// What tests and simulations set otherwise than production.
#[derive(Clone)]
pub struct Tuning {
    /// Seals under one key before a new epoch begins.
    pub seals_per_key_max: u64,
    /// Opens redb's file.
    pub medium: Arc<Medium>,
    /// What sled is asked for.
    pub sled: SledTuning,
    /// Put around the engine once the store is known to be right.
    pub layer: Arc<Layer>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            seals_per_key_max: SEALS_PER_KEY_MAX,
            medium: Arc::new(file_medium),
            sled: SledTuning::default(),
            layer: Arc::new(|engine| engine),
        }
    }
}

/// Why a store was not opened. Each text is one sentence with a remedy. Nothing was touched, with three exceptions:
/// a new store may be left half made, which the next start replaces; damage that shows only in a tenant's keys is
/// found when the store is open already; and so is it if a sled store is damaged or older than its mark.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the store.
    #[error("the store in {0} is in use by another process; stop that process first")]
    InUse(PathBuf),
    /// There is no store, and none was to be made.
    #[error("there is no store in {0}; start the daemon once to make one, or name the right state folder")]
    Missing(PathBuf),
    /// The folder holds a store of another engine than the one asked for.
    #[error("{folder} holds a {found} store, not a {wanted} store; set engine = \"{found}\" in [store], or convert it", found = found.name(), wanted = wanted.name(), folder = folder.display())]
    OtherEngine {
        /// The state folder.
        folder: PathBuf,
        /// The engine whose store is there.
        found: EngineKind,
        /// The engine asked for.
        wanted: EngineKind,
    },
    /// The store is between two engines.
    #[error("a conversion of the store in {0} was cut off; convert it again, which finishes it")]
    HalfConverted(PathBuf),
    /// There is a store already where one was to be made.
    #[error("there is a store at {0} already; move away the one that is not needed")]
    Occupied(PathBuf),
    /// The root key is not the one of this store.
    #[error("the key does not fit the store in {0}; put back the key file that belongs to it")]
    WrongKey(PathBuf),
    /// The root key is the one that the store had before.
    #[error(
        "the root key of the store in {0} was changed, and this is the one before; put the new key into its place, or \
         for a credential encrypt the new key as almanac.root-key again"
    )]
    KeyBefore(PathBuf),
    /// The file is not a store of this program.
    #[error("{0} is not a store of Almanac; name another state folder, or move the file away")]
    Foreign(PathBuf),
    /// The store was written by a newer version of the program.
    #[error("the store has version {found}, this program knows {known}; install the newer program again")]
    NewerVersion {
        /// The store's version.
        found: u32,
        /// The newest this program reads.
        known: u32,
    },
    /// The store is older than it was when it was last used.
    #[error(
        "the store is older than its high-water mark {0}: changes were lost; put back the newest copy, or remove \
         that file to go on with the older state, whereupon every client synchronises anew"
    )]
    RolledBack(PathBuf),
    /// There is no usable root key.
    #[error(transparent)]
    KeyFile(#[from] KeyError),
    /// The store contradicts itself.
    #[error("the store is damaged ({what}); restore the newest backup")]
    Damaged {
        /// What was found.
        what: &'static str,
    },
    /// The high-water mark is cut or changed.
    #[error(
        "the high-water mark {0} is damaged, so a loss of changes cannot be ruled out; put back the newest copy of \
         the store, or remove that file to go on, whereupon every client synchronises anew"
    )]
    DamagedMark(PathBuf),
    /// The disk is full.
    #[error("no space left on the disk for the store in {0}; make room first")]
    NoSpace(PathBuf),
    /// The operating system failed.
    #[error("cannot open the store at {path}; check that its owner starts the program")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The names in a state folder.
pub(crate) struct Names {
    pub(crate) folder: PathBuf,
    pub(crate) lock: PathBuf,
    /// The store of the engine asked for.
    pub(crate) rows: PathBuf,
    /// Where a store is made before it gets its name.
    pub(crate) aside: PathBuf,
    pub(crate) mark: PathBuf,
    /// Where a change of the root key is written down.
    pub(crate) pending: PathBuf,
}

impl Names {
    pub(crate) fn new(folder: &Path, kind: EngineKind) -> Self {
        Self {
            folder: folder.into(),
            lock: folder.join("lock"),
            rows: folder.join(format!("store.{}", kind.name())),
            aside: folder.join(if kind == EngineKind::Sled { "sled.new" } else { "store.new" }),
            mark: folder.join("head"),
            pending: folder.join("root.pending"),
        }
    }

    /// Where a store of the other engine is converted to this one.
    pub(crate) fn converted(&self) -> PathBuf {
        self.rows.with_added_extension("new")
    }

    /// What was the store before it was converted.
    pub(crate) fn old(&self) -> PathBuf {
        self.rows.with_added_extension("old")
    }

    /// Whether a conversion from the engine of `before` was stopped between taking away the one store and naming the
    /// other, which is complete by then.
    pub(crate) fn is_half_converted(&self, before: &Self) -> Result<bool, OpenError> {
        let stores = exists(&self.rows)? || exists(&before.rows)?;
        Ok(!stores && exists(&self.converted())? && exists(&before.old())?)
    }
}

pub(crate) fn exists(path: &Path) -> Result<bool, OpenError> {
    path.try_exists().map_err(|source| at(path, source))
}

pub(crate) fn take_lock(names: &Names) -> Result<StateLock, OpenError> {
    let lock = StateLock::take(&names.lock).map_err(|source| at(&names.lock, source))?;
    lock.ok_or_else(|| OpenError::InUse(names.folder.clone()))
}

/// A store whose engine is open and whose format is known to be right.
pub(crate) struct Opened {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) format: Format,
    pub(crate) roots: Roots,
    /// The lock, and where the mark belongs; none in memory.
    pub(crate) state: Option<(StateLock, Names)>,
}

pub(crate) fn open(options: &OpenOptions, tuning: &Tuning) -> Result<Opened, OpenError> {
    match options.engine.other() {
        None => open_memory(options, tuning),
        Some(other) => open_on_disk(options, tuning, other),
    }
}

fn open_memory(options: &OpenOptions, tuning: &Tuning) -> Result<Opened, OpenError> {
    let root = options.key.load(KeyWish::MayCreate)?;
    let engine = options.engine.create(&options.state, options.cache_bytes, tuning)?;
    let format = begin(&*engine, &root, &options.state)?;
    Ok(Opened { engine, format, roots: Roots { given: root, change: None }, state: None })
}

fn open_on_disk(options: &OpenOptions, tuning: &Tuning, other: EngineKind) -> Result<Opened, OpenError> {
    let kind = options.engine;
    let names = Names::new(&options.state, kind);
    refuse_others(&names, kind, other)?;
    // A lock without a store is that of a process which makes one just now, or was stopped while it did.
    if options.create == CreateMode::Never && !exists(&names.rows)? && !exists(&names.lock)? {
        return Err(OpenError::Missing(names.folder));
    }
    make_folder(&names.folder)?;
    let lock = take_lock(&names)?;
    // Only now does the answer hold: another process may have made the store in between.
    refuse_others(&names, kind, other)?;
    match (exists(&names.rows)?, options.create) {
        (true, _) => {}
        (false, CreateMode::IfMissing) => create(options, tuning, &names)?,
        (false, CreateMode::Never) => return Err(OpenError::Missing(names.folder)),
    }

    let roots = Roots::load(&*options.key, KeyWish::Existing, &names.pending)?;
    let Seen { format: seen, heads } = kind.look(&names.rows, options.cache_bytes)?;
    let mut known = check(&names, &roots, &seen, heads.as_ref())?;
    let engine = kind.open(&names.rows, options.cache_bytes, tuning)?;
    let failed = |error| stored(&names.folder, error);
    let mut format = seen;
    if heads.is_none() {
        // Only now the store can tell how far it has come, and what it said before may be older than its rows.
        let row = stored_format(&*engine).map_err(failed)?;
        format = row.ok_or(OpenError::Damaged { what: "its first rows are missing" })?;
        known = check(&names, &roots, &format, Some(&engine.heads()))?;
    }
    migrate(&*engine, &mut format, migrations::STEPS, migrations::CURRENT).map_err(failed)?;
    if known == Known::No {
        // Nobody can say which changes clients saw that this store does not know: their tokens must not fit.
        format.incarnation = StoreId::from_bytes(crate::seal::random().map_err(failed)?);
        save(&*engine, format).map_err(failed)?;
    }
    if format != seen {
        kind.identify(&names.rows, &format)?;
    }
    Ok(Opened { engine, format, roots, state: Some((lock, names)) })
}

/// Says whether a store would be refused, as far as that shows without opening it for good. Nothing is changed.
///
/// # Errors
/// Why it would be refused; `InUse` if another process has it, and nothing more is known then.
pub fn look(options: &OpenOptions) -> Result<(), OpenError> {
    let Some(other) = options.engine.other() else { return Ok(()) };
    let names = Names::new(&options.state, options.engine);
    refuse_others(&names, options.engine, other)?;
    if !exists(&names.rows)? {
        return Err(if exists(&names.mark)? { VANISHED } else { OpenError::Missing(names.folder) });
    }
    // Without the file nobody holds it: the store was put here by hand.
    let _lock = exists(&names.lock)?.then(|| take_lock(&names)).transpose()?;
    let roots = Roots::load(&*options.key, KeyWish::Existing, &names.pending)?;
    let Seen { format, heads } = options.engine.look(&names.rows, options.cache_bytes)?;
    check(&names, &roots, &format, heads.as_ref()).map(drop)
}

/// Refuses a folder without the store asked for, but with another, or with one that is on its way from one engine to
/// the other.
fn refuse_others(names: &Names, wanted: EngineKind, found: EngineKind) -> Result<(), OpenError> {
    if exists(&names.rows)? {
        return Ok(());
    }
    let folder = names.folder.clone();
    let others = Names::new(&names.folder, found);
    if exists(&others.rows)? {
        return Err(OpenError::OtherEngine { folder, found, wanted });
    }
    if names.is_half_converted(&others)? || others.is_half_converted(names)? {
        return Err(OpenError::HalfConverted(folder));
    }
    Ok(())
}

pub(crate) fn make_folder(folder: &Path) -> Result<(), OpenError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|source| at(folder, source))
}

/// Makes the store aside and gives it its name when it is complete, then writes its mark. In this order, because
/// a mark without a store means that the store vanished, whereas a store without a mark opens.
fn create(options: &OpenOptions, tuning: &Tuning, names: &Names) -> Result<(), OpenError> {
    if exists(&names.mark)? {
        return Err(VANISHED);
    }
    if exists(&names.pending)? {
        return Err(VANISHED_IN_A_CHANGE); // it may hold the only copy of that store's key
    }
    let root = options.key.load(KeyWish::MayCreate)?;
    let aside = Aside::begin(options.engine, &names.aside, options.cache_bytes, tuning)?;
    let format = begin(&*aside.engine, &root, &names.folder)?;
    let mark = aside.complete(&format)?;
    rename(&names.aside, &names.rows)?;
    mark.write(&names.mark, &mark_key(&root)?).map_err(|source| at(&names.mark, source))
}

/// The durable groups of a store that was just made: the one of its first rows.
const GROUPS_WHEN_MADE: u64 = 1;

/// Writes the first rows of a store: what it is, and the system tenant.
fn begin(engine: &dyn Engine, root: &RootKey, folder: &Path) -> Result<Format, OpenError> {
    let failed = |error| stored(folder, error);
    let format = Format::fresh(root.check().ok_or(DERIVATION)?).map_err(failed)?;
    let wrap = WrapKeys::new(root, []).map_err(failed)?;
    let (version, value) = new_index_row(SYSTEM, &wrap).map_err(failed)?;
    let mut commit = Commit::new(SYSTEM);
    commit.preconditions.push(Precondition::Absent(Space::Format, FORMAT_KEY.into()));
    commit.mutations.push(format.to_mutation());
    let key = SYSTEM.as_bytes().as_slice().into();
    commit.mutations.push(Mutation::Put { space: Space::Tenants, key, version, value });
    wait_for(engine.commit(commit)).map_err(|error| failed(error.into()))?;
    Ok(format)
}

pub(crate) fn save(engine: &dyn Engine, format: Format) -> Result<(), StoreError> {
    let mut commit = Commit::new(SYSTEM);
    commit.mutations.push(format.to_mutation());
    wait_for(engine.commit(commit))?;
    Ok(())
}

/// Whether the past of the store is vouched for by its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Yes,
    No,
}

/// Checks what a store says of itself, and how far it has come if that is known already.
fn check(names: &Names, roots: &Roots, format: &Format, heads: Option<&Heads>) -> Result<Known, OpenError> {
    if format.version > migrations::CURRENT {
        return Err(OpenError::NewerVersion { found: format.version, known: migrations::CURRENT });
    }
    if roots.of(&format.key_check).is_none() {
        let before = format.key_before.is_some() && roots.given.check() == format.key_before;
        let wrong = if before { OpenError::KeyBefore } else { OpenError::WrongKey };
        return Err(wrong(names.folder.clone()));
    }
    let keys = roots.all().into_iter().map(mark_key).collect::<Result<Vec<_>, _>>()?;
    match Mark::read(&names.mark, &keys).map_err(|source| at(&names.mark, source))? {
        Found::Nothing => {
            // A store that holds no more than its first rows was stopped before it had a mark: nothing was lost.
            if heads.is_some_and(|heads| heads.groups > GROUPS_WHEN_MADE) {
                tracing::warn!(
                    "the high-water mark is missing: the store begins a new life, clients synchronise anew"
                );
            }
            Ok(Known::No)
        }
        Found::Damaged => Err(OpenError::DamagedMark(names.mark.clone())),
        Found::Mark(mark) if mark.is_ahead_of(format.incarnation, heads.unwrap_or(&mark.heads)) => {
            Err(OpenError::RolledBack(names.mark.clone()))
        }
        Found::Mark(_) => Ok(Known::Yes),
    }
}

/// Takes a store to version `to`; what was reached is saved after each step.
fn migrate(
    engine: &dyn Engine,
    format: &mut Format,
    steps: &'static [migrations::Step],
    to: u32,
) -> Result<(), StoreError> {
    let steps = migrations::steps_from(steps, format.version, to)
        .ok_or(StoreError::Corrupt("the store has a version that never was"))?;
    for step in steps {
        (step.run)(engine)?;
        format.version = step.from.saturating_add(1);
        save(engine, *format)?;
    }
    Ok(())
}

const VANISHED: OpenError = OpenError::Damaged { what: "it is missing, but the file head remembers it" };

const VANISHED_IN_A_CHANGE: OpenError =
    OpenError::Damaged { what: "it is missing, but the file root.pending holds its root keys" };

const DERIVATION: OpenError = OpenError::Damaged { what: "a key cannot be derived" };

pub(crate) fn mark_key(root: &RootKey) -> Result<hmac::Key, OpenError> {
    root.mark_key().ok_or(DERIVATION)
}

pub(crate) fn at(path: &Path, source: io::Error) -> OpenError {
    if is_full(&source) {
        OpenError::NoSpace(path.into())
    } else {
        OpenError::Io { path: path.into(), source }
    }
}

pub(crate) fn stored(folder: &Path, error: StoreError) -> OpenError {
    match error {
        StoreError::NoSpace => OpenError::NoSpace(folder.into()),
        StoreError::Io(source) => at(folder, source),
        StoreError::Corrupt(what) => OpenError::Damaged { what },
        StoreError::NoRandom => OpenError::KeyFile(KeyError::NoRandom),
        _ => OpenError::Damaged { what: "the first rows cannot be read or written" },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::engine::memory::MemoryEngine;
    use crate::migrations::Step;

    /// Two steps that count in the store how often they ran; the second fails at its first run.
    const TWO: &[Step] = &[
        Step { from: 1, run: |engine| mark(engine, b"first") },
        Step {
            from: 2,
            run: |engine| {
                static RUNS: AtomicU32 = AtomicU32::new(0);
                mark(engine, b"second")?;
                if RUNS.fetch_add(1, Ordering::Relaxed) == 0 { Err(StoreError::NoSpace) } else { Ok(()) }
            },
        },
    ];

    /// Notes in the store that a step ran.
    fn mark(engine: &dyn Engine, step: &'static [u8]) -> Result<(), StoreError> {
        let runs = ran(engine, step);
        let mut commit = Commit::new(SYSTEM);
        let (version, value) = (crate::RecordVersion::NONE, vec![runs + 1].into());
        commit.mutations.push(Mutation::Put { space: Space::Meta, key: step.into(), version, value });
        wait_for(engine.commit(commit))?;
        Ok(())
    }

    fn ran(engine: &dyn Engine, step: &'static [u8]) -> u8 {
        let row = wait_for(engine.get_many(SYSTEM, &[(Space::Meta, step.into())])).unwrap().remove(0);
        row.map_or(0, |(_, value)| value[0])
    }

    fn saved(engine: &dyn Engine) -> Format {
        let row = wait_for(engine.get_many(SYSTEM, &[(Space::Format, FORMAT_KEY.into())])).unwrap().remove(0);
        Format::parse(&row.unwrap().1).unwrap()
    }

    #[test]
    fn a_migration_that_was_interrupted_goes_on_with_the_step_that_was_not_done() {
        let engine = MemoryEngine::new();
        save(&engine, Format { version: 1, ..Format::fresh([0; 16]).unwrap() }).unwrap();
        let mut format = saved(&engine);
        assert!(matches!(migrate(&engine, &mut format, TWO, 3), Err(StoreError::NoSpace)));
        assert_eq!(saved(&engine).version, 2, "what was reached is saved");

        let mut format = saved(&engine);
        migrate(&engine, &mut format, TWO, 3).unwrap();
        assert_eq!((saved(&engine).version, format.version), (3, 3));
        assert_eq!((ran(&engine, b"first"), ran(&engine, b"second")), (1, 2));
        assert_eq!(saved(&engine).incarnation, format.incarnation);

        migrate(&engine, &mut format, TWO, 3).unwrap();
        assert_eq!((ran(&engine, b"first"), ran(&engine, b"second")), (1, 2), "nothing is left to do");
    }
}
