//! The root key: where it comes from and what is derived from it.
//!
//! The root key wraps the keys of tenants and authenticates the high-water mark; it never touches a record.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use ring::{hkdf, hmac};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of every symmetric key here.
pub(crate) const KEY_BYTES: usize = 32;
/// A key file holds 64 hexadecimal digits; more than this is not a key file.
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// The key that the keys of all tenants are wrapped with. Wiped when dropped, never shown.
pub struct RootKey(Zeroizing<[u8; KEY_BYTES]>);

impl RootKey {
    /// The key with these bytes; the caller's copy is wiped.
    #[must_use]
    pub fn from_bytes(bytes: &mut [u8; KEY_BYTES]) -> Self {
        let key = Self(Zeroizing::new(*bytes));
        bytes.zeroize();
        key
    }

    /// The key that wraps tenants' keys.
    pub(crate) fn wrap_key(&self) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
        derive(&self.0, b"almanac root wrap v1")
    }

    /// The key that authenticates the high-water mark.
    pub(crate) fn mark_key(&self) -> Option<hmac::Key> {
        derive(&self.0, b"almanac root mark v1").map(|key| hmac::Key::new(hmac::HMAC_SHA256, &*key))
    }

    /// What backups are sealed with.
    pub(crate) fn backup_secret(&self) -> Option<BackupSecret> {
        let secret = derive(&self.0, b"almanac root backup v1")?;
        let check = derive(&secret, b"almanac backup check v1")?.first_chunk::<16>().copied()?;
        Some(BackupSecret { secret, check })
    }

    /// 16 bytes that tell this key from another and nothing else about it.
    pub(crate) fn check(&self) -> Option<[u8; 16]> {
        derive(&self.0, b"almanac root check v1").and_then(|key| key.first_chunk::<16>().copied())
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(..)")
    }
}

/// What the keys of backups are derived from.
pub(crate) struct BackupSecret {
    secret: Zeroizing<[u8; KEY_BYTES]>,
    check: [u8; 16],
}

impl BackupSecret {
    /// The key of the backup with this id.
    pub(crate) fn key_of(&self, id: &[u8; 16]) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
        derive(&self.secret, &[b"almanac backup v1 ".as_slice(), id].concat())
    }

    /// 16 bytes that tell this secret from another and nothing else about it.
    pub(crate) fn check(&self) -> &[u8; 16] {
        &self.check
    }
}

/// HKDF-SHA256 (RFC 5869) of a uniformly random `secret` for one purpose.
pub(crate) fn derive(secret: &[u8; KEY_BYTES], purpose: &[u8]) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"almanac").extract(secret);
    prk.expand(&[purpose], hkdf::HKDF_SHA256).ok()?.fill(&mut *key).ok()?;
    Some(key)
}

/// What the store wants of a key provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyWish {
    /// The key of a store that exists: a missing key is an error, never a reason to make one.
    Existing,
    /// The key for a new store: made if there is none.
    MayCreate,
}

/// Why there is no root key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file does not exist, though a store needs it.
    #[error(
        "the key file {0} is missing; put the file back from its backup, without it the store cannot be read"
    )]
    Missing(PathBuf),
    /// Others than its owner can use the file.
    #[error("the key file {path} has mode {mode:04o}; make it private with chmod 600")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file does not hold a key.
    #[error("the key file {0} does not hold 64 hexadecimal digits; put the right file back from its backup")]
    Malformed(PathBuf),
    /// The operating system failed.
    #[error("read or make the key file {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes for a new key")]
    NoRandom,
}

/// Gives the store its root key, once, at start.
pub trait KeyProvider: Send + Sync {
    /// The root key.
    ///
    /// # Errors
    /// There is no usable key; nothing was made or changed, except that a new key file may exist.
    fn load(&self, wish: KeyWish) -> Result<RootKey, KeyError>;
}

/// A root key in a file of 64 hexadecimal digits that only its owner may use.
#[derive(Debug, Clone)]
pub struct FileKey {
    /// The file.
    pub path: PathBuf,
}

impl KeyProvider for FileKey {
    fn load(&self, wish: KeyWish) -> Result<RootKey, KeyError> {
        match read_key(&self.path) {
            Err(KeyError::Missing(_)) if wish == KeyWish::MayCreate => {
                make_key(&self.path)?;
                read_key(&self.path)
            }
            result => result,
        }
    }
}

fn read_key(path: &Path) -> Result<RootKey, KeyError> {
    let failed = |source| KeyError::Io { path: path.into(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeyError::Missing(path.into())),
        Err(error) => return Err(failed(error)),
    };
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(KeyError::Malformed(path.into()));
    }
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.into(), mode });
    }
    let mut text = Zeroizing::new(Vec::with_capacity(128));
    file.take(KEY_FILE_BYTES_MAX).read_to_end(&mut text).map_err(failed)?;
    parse_hex(text.trim_ascii()).ok_or_else(|| KeyError::Malformed(path.into()))
}

fn parse_hex(text: &[u8]) -> Option<RootKey> {
    if text.len() != KEY_BYTES * 2 {
        return None;
    }
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    for (byte, digits) in key.iter_mut().zip(text.as_chunks::<2>().0) {
        let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? << 4 | low?).ok()?;
    }
    Some(RootKey(key))
}

/// Makes the file whole or not at all: written aside, then linked to its name, which fails if the name is taken.
fn make_key(path: &Path) -> Result<(), KeyError> {
    let failed = |source| KeyError::Io { path: path.into(), source };
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    SystemRandom::new().fill(&mut *key).map_err(|_| KeyError::NoRandom)?;
    let mut text = Zeroizing::new(String::with_capacity(KEY_BYTES * 2 + 1));
    for byte in key.iter() {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0')); // a nibble is a digit
        }
    }
    text.push('\n');

    let aside = path.with_extension("new");
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside).map_err(failed)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => crate::files::sync_folder_of(path).map_err(failed),
    }
}

/// A root key held in memory: for simulations, and for programs that fetch the key themselves.
#[derive(Clone)]
pub struct FixedKey(Zeroizing<[u8; KEY_BYTES]>);

impl FixedKey {
    /// A provider of the key with these bytes.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl KeyProvider for FixedKey {
    fn load(&self, _wish: KeyWish) -> Result<RootKey, KeyError> {
        Ok(RootKey(self.0.clone()))
    }
}

/// A new root key each time: for an engine in memory, whose data no later process can want.
#[derive(Debug, Clone, Copy, Default)]
pub struct FreshKey;

impl KeyProvider for FreshKey {
    fn load(&self, _wish: KeyWish) -> Result<RootKey, KeyError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        SystemRandom::new().fill(&mut *key).map_err(|_| KeyError::NoRandom)?;
        Ok(RootKey(key))
    }
}
