//! A root key that a passphrase opens. The key itself is random and lies wrapped in a file, so another passphrase
//! needs nothing else to change.
//!
//! ```text
//! "ALMROOT\x01" 8 | memory KiB 4 | passes 4 | lanes 4 | salt 16 | nonce 12 | wrapped key 32 | tag 16
//! ```
//! The wrapping key is Argon2id (RFC 9106) of the passphrase; all that stands in front of the nonce is authenticated.

use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::{Zeroize, Zeroizing};

use super::credential::{self, CREDENTIAL_PASSPHRASE};
use super::file::{self, SECRET_BYTES_MAX};
use super::{KEY_BYTES, Kept, KeyError, KeyProvider, KeyWish, RootKey, boxed};
use crate::files::StateLock;
use crate::limits::{
    ARGON2_LANES, ARGON2_LANES_MAX, ARGON2_MEMORY_KIB, ARGON2_MEMORY_KIB_MAX, ARGON2_PASSES,
    ARGON2_PASSES_MAX, PASSPHRASE_BYTES_MIN,
};
use crate::seal::random;

const MAGIC: &[u8; 8] = b"ALMROOT\x01";
const SALT_BYTES: usize = 16;

/// A root key in a file that a passphrase opens.
#[derive(Debug, Clone)]
pub struct PassphraseKey {
    /// The file with the wrapped key.
    pub wrapped: PathBuf,
    /// Where the passphrase comes from.
    pub passphrase: Passphrase,
}

/// Where a passphrase comes from.
#[derive(Debug, Clone)]
pub enum Passphrase {
    /// From a file that only its owner may read. One line end at its end does not count.
    File(PathBuf),
    /// From the credential [`CREDENTIAL_PASSPHRASE`] in this folder: `$CREDENTIALS_DIRECTORY`, if it is set.
    Credential(Option<PathBuf>),
}

impl Passphrase {
    /// Reads the passphrase.
    ///
    /// # Errors
    /// It is not there, others can read it, or it is empty or too long.
    pub fn read(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let bytes = match self {
            Self::File(path) => file::read(path).map_err(|error| match error {
                KeyError::Missing(path) => KeyError::NoPassphrase(path),
                other => other,
            })?,
            Self::Credential(folder) => {
                credential::read(folder.as_deref(), CREDENTIAL_PASSPHRASE, "systemd-ask-password")?.1
            }
        };
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line.len() {
            0 => Err(KeyError::BadPassphrase("is empty")),
            length if length as u64 > SECRET_BYTES_MAX - 2 => {
                Err(KeyError::BadPassphrase("is longer than 4094 bytes"))
            }
            _ => Ok(Zeroizing::new(line.to_vec())),
        }
    }
}

impl KeyProvider for PassphraseKey {
    fn load(&self, wish: KeyWish) -> Result<RootKey, KeyError> {
        let passphrase = self.passphrase.read()?;
        match self.open(&passphrase) {
            Err(KeyError::NotWrapped(_)) if wish == KeyWish::MayCreate => {
                file::make(&self.wrapped, &wrap(&RootKey::random()?, &passphrase)?)?;
                self.open(&passphrase)
            }
            result => result,
        }
    }

    fn keep(&self) -> Result<Kept, KeyError> {
        let _alone = self.lock()?;
        let root = self.load(KeyWish::Existing)?;
        let beside = root.name_beside(&self.wrapped).ok_or(KeyError::NoRandom)?;
        file::make(&beside, &file::read(&self.wrapped)?)?;
        Ok(Kept::In(beside))
    }

    fn replace(&self, new: &RootKey) -> Result<(), KeyError> {
        let _alone = self.lock()?;
        let passphrase = self.passphrase.read()?;
        self.open(&passphrase)?; // it may be a passphrase that was changed meanwhile
        self.put(&wrap(new, &passphrase)?)
    }
}

impl PassphraseKey {
    /// Wraps the root key by `new` instead of the passphrase there was. The file changes whole or not at all.
    ///
    /// # Errors
    /// The present passphrase does not open the file, the new one is too short, or the file cannot be written; then the
    /// present one holds.
    pub fn change(&self, new: &[u8]) -> Result<(), KeyError> {
        let _alone = self.lock()?;
        let root = self.open(&self.passphrase.read()?)?;
        self.put(&wrap(&root, new)?)
    }

    /// Wraps `root` for a store that had its key elsewhere until now.
    ///
    /// # Errors
    /// There is a wrapped key already, the passphrase is too short, or the file cannot be written.
    pub fn adopt(&self, root: &RootKey, passphrase: &[u8]) -> Result<(), KeyError> {
        let _alone = self.lock()?;
        if self.wrapped.try_exists().map_err(|source| self.failed(source))? {
            return Err(KeyError::Wrapped(self.wrapped.clone()));
        }
        file::make(&self.wrapped, &wrap(root, passphrase)?)
    }

    fn open(&self, passphrase: &[u8]) -> Result<RootKey, KeyError> {
        let bytes = file::read(&self.wrapped).map_err(|error| match error {
            KeyError::Missing(path) => KeyError::NotWrapped(path),
            KeyError::Malformed(path) => KeyError::BadWrapped(path),
            other => other,
        })?;
        unwrap(&self.wrapped, &bytes, passphrase)
    }

    /// Puts a wrapped key in the place of the one there is, durably.
    fn put(&self, bytes: &[u8]) -> Result<(), KeyError> {
        file::replace(&self.wrapped, bytes).map_err(|source| self.failed(source))
    }

    /// Held while the file is changed or kept: another passphrase and another root key must not undo each other, and what
    /// is kept must be what was opened.
    fn lock(&self) -> Result<StateLock, KeyError> {
        let path = self.wrapped.with_extension("lock");
        let lock = StateLock::take(&path).map_err(|source| KeyError::Io { path, source })?;
        lock.ok_or_else(|| KeyError::Changing(self.wrapped.clone()))
    }

    fn failed(&self, source: std::io::Error) -> KeyError {
        KeyError::Io { path: self.wrapped.clone(), source }
    }
}

/// Whether these are the first bytes of a root key that a passphrase wraps.
#[must_use]
pub fn is_wrapped(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

fn wrap(root: &RootKey, passphrase: &[u8]) -> Result<Vec<u8>, KeyError> {
    if passphrase.len() < PASSPHRASE_BYTES_MIN {
        return Err(KeyError::BadPassphrase("is shorter than 12 bytes"));
    }
    let salt: [u8; SALT_BYTES] = random().map_err(|_| KeyError::NoRandom)?;
    let cost = [ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES];
    let mut bytes = MAGIC.to_vec();
    cost.iter().for_each(|number| bytes.extend_from_slice(&number.to_be_bytes()));
    bytes.extend_from_slice(&salt);
    let key = stretch(passphrase, &salt, cost).ok_or(KeyError::BadPassphrase("cannot be used"))?;
    let boxed = boxed::seal(&key, &bytes, root)?;
    bytes.extend_from_slice(&boxed);
    Ok(bytes)
}

fn unwrap(path: &Path, bytes: &[u8], passphrase: &[u8]) -> Result<RootKey, KeyError> {
    let parts = || {
        let (cost, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<12>()?;
        let mut cost = cost.as_chunks::<4>().0.iter().map(|number| u32::from_be_bytes(*number));
        let cost = [cost.next()?, cost.next()?, cost.next()?];
        let (salt, boxed) = rest.split_first_chunk::<SALT_BYTES>()?;
        Some((cost, *salt, boxed)).filter(|(.., boxed)| boxed.len() == boxed::BOXED_BYTES)
    };
    let bad = || KeyError::BadWrapped(path.into());
    let (cost, salt, boxed) = parts().filter(|(cost, ..)| is_bearable(*cost)).ok_or_else(bad)?;
    let key = stretch(passphrase, &salt, cost).ok_or_else(bad)?;
    let front = bytes.get(..bytes.len().saturating_sub(boxed.len())).unwrap_or_default();
    boxed::open(&key, front, boxed).ok_or_else(|| KeyError::WrongPassphrase(path.into()))
}

/// Whether so much memory, so many passes and lanes are neither too cheap nor an attack: the file may be anybody's.
fn is_bearable([memory, passes, lanes]: [u32; 3]) -> bool {
    (ARGON2_MEMORY_KIB..=ARGON2_MEMORY_KIB_MAX).contains(&memory)
        && (ARGON2_PASSES..=ARGON2_PASSES_MAX).contains(&passes)
        && (ARGON2_LANES..=ARGON2_LANES_MAX).contains(&lanes)
}

/// `None` if Argon2 does not take these parameters.
fn stretch(
    passphrase: &[u8],
    salt: &[u8; SALT_BYTES],
    [memory, passes, lanes]: [u32; 3],
) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let params = Params::new(memory, passes, lanes, Some(KEY_BYTES)).ok()?;
    let mut blocks = vec![Block::default(); params.block_count()];
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let stretched = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        passphrase,
        salt,
        &mut *key,
        &mut blocks,
    );
    blocks.zeroize();
    stretched.ok().map(|()| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_are_too_cheap_or_too_dear_are_refused_before_anything_is_computed() {
        let good = [ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES];
        assert!(is_bearable(good));
        for (at, number) in [
            (0, ARGON2_MEMORY_KIB - 1),
            (0, ARGON2_MEMORY_KIB_MAX + 1),
            (0, u32::MAX),
            (1, ARGON2_PASSES - 1),
            (1, ARGON2_PASSES_MAX + 1),
            (2, 0),
            (2, ARGON2_LANES_MAX + 1),
        ] {
            let mut cost = good;
            cost[at] = number;
            assert!(!is_bearable(cost), "{cost:?}");
        }
    }
}
