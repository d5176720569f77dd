//! The engines by their kind: how the store of each is named, made, opened and looked at.
//!
//! sled cannot be opened without writing, so a sled store says what it is in a small file beside sled's own, which
//! repeats the format row. It is looked at before anything is opened, and compared with the row afterwards.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use crate::engine::memory::MemoryEngine;
use crate::engine::redb::{OpenFault, RedbEngine};
use crate::engine::sled::SledEngine;
use crate::engine::{Engine, Heads};
use crate::error::StoreError;
use crate::files::sync_folder_of;
use crate::format::{FORMAT_KEY, Format, SYSTEM};
use crate::open::{OpenError, Tuning, at};
use crate::space::Space;
use crate::wait::wait_for;

/// Which engine keeps the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// A redb file in the state folder.
    Redb,
    /// A sled folder in the state folder.
    Sled,
    /// Memory: nothing is written anywhere, the state folder is not used.
    Memory,
}

/// The file in a sled store that says what it is.
const IDENTITY: &str = "almanac";
const IDENTITY_BYTES_MAX: u64 = 4096;

/// What a store says of itself before it is opened.
pub(crate) struct Seen {
    pub(crate) format: Format,
    /// How far it has come; `None` if only the open engine can tell.
    pub(crate) heads: Option<Heads>,
}

impl EngineKind {
    /// The name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redb => "redb",
            Self::Sled => "sled",
            Self::Memory => "memory",
        }
    }

    /// The other kind that keeps a store in the state folder.
    pub(crate) const fn other(self) -> Option<Self> {
        match self {
            Self::Redb => Some(Self::Sled),
            Self::Sled => Some(Self::Redb),
            Self::Memory => None,
        }
    }

    /// Makes an empty store at `path`, where there is nothing.
    pub(crate) fn create(
        self,
        path: &Path,
        cache_bytes: usize,
        tuning: &Tuning,
    ) -> Result<Arc<dyn Engine>, OpenError> {
        let made: Result<Arc<dyn Engine>, _> = match self {
            Self::Redb => RedbEngine::create(path, cache_bytes, Arc::clone(&tuning.medium))
                .map(|new| Arc::new(new) as _),
            Self::Sled => {
                SledEngine::create(path, cache_bytes, tuning.sled.clone()).map(|new| Arc::new(new) as _)
            }
            Self::Memory => Ok(Arc::new(MemoryEngine::new())),
        };
        made.map_err(|fault| faulty(path, fault))
    }

    /// Opens the store at `path`.
    pub(crate) fn open(
        self,
        path: &Path,
        cache_bytes: usize,
        tuning: &Tuning,
    ) -> Result<Arc<dyn Engine>, OpenError> {
        let opened: Result<Arc<dyn Engine>, _> = match self {
            Self::Redb => {
                RedbEngine::open(path, cache_bytes, Arc::clone(&tuning.medium)).map(|new| Arc::new(new) as _)
            }
            Self::Sled => {
                SledEngine::open(path, cache_bytes, tuning.sled.clone()).map(|new| Arc::new(new) as _)
            }
            Self::Memory => Ok(Arc::new(MemoryEngine::new())),
        };
        opened.map_err(|fault| faulty(path, fault))
    }

    /// Looks at the store at `path` without touching a byte of it.
    pub(crate) fn look(self, path: &Path, cache_bytes: usize) -> Result<Seen, OpenError> {
        let foreign = || OpenError::Foreign(path.into());
        match self {
            Self::Redb => {
                let keys = [(Space::Format, FORMAT_KEY.into())];
                let (rows, heads) = RedbEngine::look(path, cache_bytes, SYSTEM, &keys)
                    .map_err(|fault| faulty(path, fault))?;
                let format = rows.into_iter().next().flatten().and_then(|(_, value)| Format::parse(&value));
                Ok(Seen { format: format.ok_or_else(foreign)?, heads: Some(heads) })
            }
            Self::Sled => {
                let file = path.join(IDENTITY);
                let mut bytes = Vec::new();
                let read =
                    File::open(&file).and_then(|file| file.take(IDENTITY_BYTES_MAX).read_to_end(&mut bytes));
                match read {
                    Ok(_) => Ok(Seen { format: Format::parse(&bytes).ok_or_else(foreign)?, heads: None }),
                    Err(error) => Err(match error.kind() {
                        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => foreign(),
                        _ => at(&file, error),
                    }),
                }
            }
            Self::Memory => Err(foreign()),
        }
    }

    /// Removes a store of this kind at `path`, or what there is of one.
    pub(crate) fn remove(self, path: &Path) -> Result<(), OpenError> {
        let removed = match self {
            Self::Redb => fs::remove_file(path),
            Self::Sled => fs::remove_dir_all(path),
            Self::Memory => Ok(()),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path, error)),
            _ => Ok(()),
        }
    }

    /// Repeats beside the rows what the store is, for those who look; durable when it returns.
    pub(crate) fn identify(self, path: &Path, format: &Format) -> Result<(), OpenError> {
        if self != Self::Sled {
            return Ok(());
        }
        let file = path.join(IDENTITY);
        let aside = path.join("almanac.new");
        let write = || {
            let mut options = OpenOptions::new();
            let mut new = options.write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
            new.write_all(&format.to_bytes())?;
            new.sync_all()?;
            fs::rename(&aside, &file)?;
            sync_folder_of(&file)
        };
        write().map_err(|source| at(&file, source))
    }
}

/// What an open store says of itself; `None` if nothing.
pub(crate) fn stored_format(engine: &dyn Engine) -> Result<Option<Format>, StoreError> {
    let rows = wait_for(engine.get_many(SYSTEM, &[(Space::Format, FORMAT_KEY.into())]))?;
    Ok(rows.into_iter().next().flatten().and_then(|(_, value)| Format::parse(&value)))
}

pub(crate) fn faulty(path: &Path, fault: OpenFault) -> OpenError {
    match fault {
        OpenFault::Foreign => OpenError::Foreign(path.into()),
        OpenFault::Damaged => OpenError::Damaged { what: "its file contradicts itself" },
        OpenFault::NoSpace => OpenError::NoSpace(path.into()),
        OpenFault::Io(source) => at(path, source),
    }
}
