//! One open database that can be opened anew.
//!
//! redb gives up a handle after any failed read or write (`PreviousIo`), sled shows half of a batch that failed, and
//! after a caught panic the state of neither is to be trusted. So whoever meets such an error closes the handle and
//! opens the files again; they then show the last durable state. If that fails too, the next caller tries again,
//! unless the files are damaged.
//!
//! A failed sync is the end until a restart: the system may have dropped what it could not write, shows it to readers
//! all the same, and the next sync succeeds without it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::EngineError;
use crate::files::is_full;

/// Why files could not be opened as those of a store.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// It is no database of the engine, or one of another program.
    #[error("the file is not a store of this program")]
    Foreign,
    /// It is a database that contradicts itself.
    #[error("the file is damaged")]
    Damaged,
    /// The disk is full.
    #[error("no space left on the disk")]
    NoSpace,
    /// The operating system failed.
    #[error("open the file of the store")]
    Io(#[source] io::Error),
}

impl OpenFault {
    /// What a failed call of the operating system means.
    pub(super) fn from_io(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Foreign,
            io::ErrorKind::UnexpectedEof => Self::Damaged,
            _ if is_full(&error) => Self::NoSpace,
            _ => Self::Io(error),
        }
    }
}

impl From<EngineError> for OpenFault {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NoSpace => Self::NoSpace,
            EngineError::Io(source) => Self::Io(source),
            _ => Self::Damaged,
        }
    }
}

/// How often a disk was told to have everything, and whether it ever failed to.
#[derive(Default)]
pub(super) struct Syncs {
    pub(super) count: AtomicU64,
    pub(super) failed: AtomicBool,
}

impl Syncs {
    /// Runs `sync` and notes it.
    pub(super) fn note(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        self.count.fetch_add(1, Ordering::Relaxed);
        sync().inspect_err(|_| self.failed.store(true, Ordering::Release))
    }
}

/// Opens the database of a handle, again and again.
type Opener<D> = Box<dyn Fn(&Arc<Syncs>) -> Result<D, OpenFault> + Send + Sync>;

enum State<D> {
    Open {
        db: D,
        generation: u64,
    },
    /// Closed by an error; opened again by the next caller.
    Down {
        /// It could not be opened because there is no room.
        full: bool,
    },
    /// The files do not open any more, or the disk failed to take what it was given.
    Damaged,
    Closed,
}

pub(super) struct Handle<D> {
    opener: Opener<D>,
    state: RwLock<State<D>>,
    pub(super) syncs: Arc<Syncs>,
    pub(super) reopened: AtomicU64,
}

/// The answer when the engine panicked.
pub(super) const GAVE_UP: EngineError = EngineError::Corrupt("the engine gave up over what it read");

impl<D> Handle<D> {
    pub(super) fn open(
        opener: impl Fn(&Arc<Syncs>) -> Result<D, OpenFault> + Send + Sync + 'static,
    ) -> Result<Self, OpenFault> {
        let syncs = Arc::new(Syncs::default());
        let db = opener(&syncs)?;
        Ok(Self {
            opener: Box::new(opener),
            state: RwLock::new(State::Open { db, generation: 0 }),
            syncs,
            reopened: AtomicU64::new(0),
        })
    }

    /// Reads the open file. What is damaged in it does not spoil the handle for other reads.
    pub(super) fn read<T>(&self, work: impl FnMut(&D) -> Result<T, EngineError>) -> Result<T, EngineError> {
        self.with(|error| !matches!(error, EngineError::Corrupt(_)), work)
    }

    /// Writes the open file. After any error the engine may refuse further writes, or show half of what failed: the
    /// handle is spoilt.
    pub(super) fn write<T>(&self, work: impl FnMut(&D) -> Result<T, EngineError>) -> Result<T, EngineError> {
        self.with(|_| true, work)
    }

    /// Runs `work` on the open file. An error that spoils the handle, or a panic, opens the file anew before
    /// this returns; `work` is not repeated.
    fn with<T>(
        &self,
        spoils: fn(&EngineError) -> bool,
        mut work: impl FnMut(&D) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (outcome, generation) = match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
                State::Open { db, generation } => {
                    (Some(catch_unwind(AssertUnwindSafe(|| work(db)))), *generation)
                }
                State::Down { .. } if tries == 1 => (None, 0),
                State::Down { full: true } => return Err(EngineError::NoSpace),
                State::Down { full: false } | State::Damaged => return Err(EngineError::Poisoned),
                State::Closed => return Err(EngineError::Closed),
            };
            match outcome {
                None => self.reopen(None),
                Some(Ok(Ok(value))) => return Ok(value),
                Some(Ok(Err(error))) => {
                    if spoils(&error) {
                        self.reopen(Some(generation));
                    }
                    return Err(error);
                }
                Some(Err(_panic)) => {
                    self.reopen(Some(generation));
                    return Err(GAVE_UP);
                }
            }
        }
    }

    /// Opens the file again, unless someone else did since `generation`, or a sync has failed.
    fn reopen(&self, generation: Option<u64>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let next = match &*state {
            State::Open { generation: now, .. } if generation == Some(*now) => now.saturating_add(1),
            State::Down { .. } => 0,
            _ => return,
        };
        // Closing must not end the program either, whatever state the engine is in.
        let old = std::mem::replace(&mut *state, State::Down { full: false });
        let _ = catch_unwind(AssertUnwindSafe(|| drop(old)));
        if self.sync_failed() {
            tracing::error!(
                "the disk failed to store what it was given; restart the program to see what it has"
            );
            *state = State::Damaged;
            return;
        }
        let generation = self.reopened.fetch_add(1, Ordering::Relaxed).saturating_add(1).max(next);
        match (self.opener)(&self.syncs) {
            Ok(db) => *state = State::Open { db, generation },
            Err(fault) => {
                tracing::error!(error = %fault, "the store did not open again");
                *state = match fault {
                    OpenFault::Damaged | OpenFault::Foreign => State::Damaged,
                    _ if self.sync_failed() => State::Damaged,
                    OpenFault::NoSpace => State::Down { full: true },
                    OpenFault::Io(_) => State::Down { full: false },
                };
            }
        }
    }

    fn sync_failed(&self) -> bool {
        self.syncs.failed.load(Ordering::Acquire)
    }

    /// Closes the file; later calls are refused.
    pub(super) fn close(&self) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *state, State::Closed);
        let _ = catch_unwind(AssertUnwindSafe(|| drop(old)));
    }
}
