//! The root keys that may open a store: the one that its provider gives and, while it is being changed, the other one.
//!
//! A change is made durable before anything is wrapped by the new key, in a file that either key opens, so that a start
//! with whichever of them finishes what was begun:
//! ```text
//! state/root.pending: "ALMNEXT\x01" 8 | the new key, sealed by the old one 60 | the old key, sealed by the new one 60
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::files::{sync_folder_of, write_private};
use crate::keys::boxed::{self, BOXED_BYTES};
use crate::keys::{KeyError, KeyProvider, KeyWish, RootKey};
use crate::open::{OpenError, at};

const MAGIC: &[u8; 8] = b"ALMNEXT\x01";
const FILE_BYTES: usize = MAGIC.len() + 2 * BOXED_BYTES;

/// A root key on its way to another.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) old: RootKey,
    pub(crate) new: RootKey,
}

/// See the module's documentation.
pub(crate) struct Roots {
    /// The key of the provider.
    pub(crate) given: RootKey,
    /// The change that was begun, if any; the given key is one of its two.
    pub(crate) change: Option<Change>,
}

impl Roots {
    /// Asks the provider, and looks for a change at `pending`.
    pub(crate) fn load(provider: &dyn KeyProvider, wish: KeyWish, pending: &Path) -> Result<Self, OpenError> {
        let given = provider.load(wish)?;
        let change = Change::read(pending, &given).map_err(|source| at(pending, source))?;
        Ok(Self { given, change })
    }

    /// All of them, without repetition.
    pub(crate) fn all(&self) -> Vec<&RootKey> {
        match &self.change {
            None => vec![&self.given],
            Some(change) => vec![&change.old, &change.new],
        }
    }

    /// The one that a store with this check says it has.
    pub(crate) fn of(&self, check: &[u8; 16]) -> Option<&RootKey> {
        self.all().into_iter().find(|root| root.check().as_ref() == Some(check))
    }
}

impl Change {
    /// Reads the change from or to `given`. What is about other keys is none.
    fn read(path: &Path, given: &RootKey) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(file) => file.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let parts = || {
            let (new, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<BOXED_BYTES>()?;
            let old: &[u8; BOXED_BYTES] = rest.try_into().ok()?;
            let key = given.box_key()?;
            let forth = boxed::open(&key, NEW_BY_OLD, new).map(|new| Self { old: given.clone(), new });
            forth.or_else(|| boxed::open(&key, OLD_BY_NEW, old).map(|old| Self { old, new: given.clone() }))
        };
        Ok(parts())
    }

    /// Makes the change durable at `path`.
    pub(crate) fn write(&self, path: &Path) -> Result<(), KeyError> {
        let (old, new) = self.old.box_key().zip(self.new.box_key()).ok_or(KeyError::NoRandom)?;
        let forth = boxed::seal(&old, NEW_BY_OLD, &self.new)?;
        let back = boxed::seal(&new, OLD_BY_NEW, &self.old)?;
        write_private(path, &[MAGIC.as_slice(), &forth, &back].concat())
            .map_err(|source| KeyError::Io { path: path.into(), source })
    }

    /// Removes the change at `path`, durably: from now on only the new key opens anything. What was in the file is
    /// overwritten first, because whoever has the old key could read the new one in the blocks that it leaves.
    pub(crate) fn forget(path: &Path) -> Result<(), KeyError> {
        let gone = match overwrite(path).and_then(|()| fs::remove_file(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => sync_folder_of(path),
        };
        gone.map_err(|source| KeyError::Io { path: path.into(), source })
    }
}

/// Puts zeros in the place of what a file holds, durably.
fn overwrite(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(&[0; FILE_BYTES])?;
    file.sync_all()
}

const NEW_BY_OLD: &[u8] = b"ALMNEXT\x01 new by old";
const OLD_BY_NEW: &[u8] = b"ALMNEXT\x01 old by new";
