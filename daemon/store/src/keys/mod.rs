//! The root key: where it comes from and what is derived from it.
//!
//! The root key wraps the keys of tenants and authenticates the high-water mark; it never touches a record. It comes
//! from a file ([`FileKey`]), from a credential of the service manager ([`CredentialKey`]), or from a file that a
//! passphrase opens ([`PassphraseKey`]).

pub(crate) mod boxed;
mod credential;
mod file;
mod passphrase;

use std::fmt;
use std::io;
use std::path::PathBuf;

use ring::rand::{SecureRandom, SystemRandom};
use ring::{hkdf, hmac};
use zeroize::{Zeroize, Zeroizing};

pub use self::credential::{CREDENTIAL_PASSPHRASE, CREDENTIAL_ROOT_KEY, CredentialKey};
pub use self::file::FileKey;
pub use self::passphrase::{Passphrase, PassphraseKey, is_wrapped};

/// Bytes of every symmetric key here.
pub(crate) const KEY_BYTES: usize = 32;

/// The key that the keys of all tenants are wrapped with. Wiped when dropped, never shown.
#[derive(Clone)]
pub struct RootKey(Zeroizing<[u8; KEY_BYTES]>);

impl RootKey {
    /// The key with these bytes; the caller's copy is wiped.
    #[must_use]
    pub fn from_bytes(bytes: &mut [u8; KEY_BYTES]) -> Self {
        let key = Self(Zeroizing::new(*bytes));
        bytes.zeroize();
        key
    }

    /// A new key.
    pub(crate) fn random() -> Result<Self, KeyError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        SystemRandom::new().fill(&mut *key).map_err(|_| KeyError::NoRandom)?;
        Ok(Self(key))
    }

    /// The key that 64 hexadecimal digits name, with or without blanks around them.
    #[must_use]
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        if text.len() != KEY_BYTES * 2 {
            return None;
        }
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        for (byte, digits) in key.iter_mut().zip(text.as_chunks::<2>().0) {
            let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
            *byte = u8::try_from(high? << 4 | low?).ok()?;
        }
        Some(Self(key))
    }

    /// The key as 64 hexadecimal digits and a line end.
    pub(crate) fn to_hex(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(KEY_BYTES * 2 + 1));
        for byte in self.0.iter() {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0')); // a nibble is a digit
            }
        }
        text.push('\n');
        text
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
    /// Whoever started this process gave it no credentials at all.
    #[error(
        "the credential {0} is there for the service only; ask the running server, or run the command as the service \
         is run: systemd-run --pipe --wait --uid=almanac \
         --property=LoadCredentialEncrypted={0}:/etc/credstore.encrypted/{0} almanac ..."
    )]
    NoCredentials(&'static str),
    /// There are credentials, and this one is not among them.
    #[error(
        "the unit has no credential {name}; make one with `{make} | systemd-creds encrypt --name={name} - \
         /etc/credstore.encrypted/{name}` and name it in the unit: \
         LoadCredentialEncrypted={name}:/etc/credstore.encrypted/{name}"
    )]
    NoCredential {
        /// Its name.
        name: &'static str,
        /// The command that prints what is to be encrypted.
        make: &'static str,
    },
    /// The wrapped root key does not exist, though a store needs it.
    #[error(
        "the wrapped root key {0} is missing; put the file back from its backup, or wrap the key file that the store \
         had until now: almanac key passphrase change --key-file FILE"
    )]
    NotWrapped(PathBuf),
    /// The file is no wrapped root key, or was wrapped with parameters that this program does not take.
    #[error("{0} is not a root key that a passphrase wraps; put the right file back from its backup")]
    BadWrapped(PathBuf),
    /// The passphrase opens nothing.
    #[error("the passphrase does not open {0}; give the one that it was wrapped with")]
    WrongPassphrase(PathBuf),
    /// There is a wrapped key already.
    #[error("there is a wrapped root key in {0} already; move it away if it is not of this store")]
    Wrapped(PathBuf),
    /// Another process changes the wrapped root key just now.
    #[error("another command changes {0}; wait until it has ended")]
    Changing(PathBuf),
    /// There is no passphrase where it was to be.
    #[error("the passphrase file {0} is missing; write the passphrase into it and chmod 600")]
    NoPassphrase(PathBuf),
    /// What there is cannot be a passphrase.
    #[error("the passphrase {0}; choose another")]
    BadPassphrase(&'static str),
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
        RootKey::random()
    }
}
