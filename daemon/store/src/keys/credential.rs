//! A root key that the service manager hands over: systemd decrypts it, with the machine's TPM or host key, for the
//! service alone.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::file::read_all;
use super::{KeyError, KeyProvider, KeyWish, RootKey};

/// The name of the credential with the root key.
pub const CREDENTIAL_ROOT_KEY: &str = "almanac.root-key";
/// The name of the credential with the passphrase of the root key.
pub const CREDENTIAL_PASSPHRASE: &str = "almanac.passphrase";

/// The root key as 64 hexadecimal digits in the credential [`CREDENTIAL_ROOT_KEY`]. It is never made or changed here.
#[derive(Debug, Clone)]
pub struct CredentialKey {
    /// The folder of the credentials: `$CREDENTIALS_DIRECTORY`, if it is set.
    pub folder: Option<PathBuf>,
}

impl KeyProvider for CredentialKey {
    fn load(&self, _wish: KeyWish) -> Result<RootKey, KeyError> {
        let (path, bytes) = read(self.folder.as_deref(), CREDENTIAL_ROOT_KEY, "openssl rand -hex 32")?;
        RootKey::from_hex(&bytes).ok_or(KeyError::Malformed(path))
    }
}

/// Reads a credential. Who may read it is systemd's care, which sets modes and access lists as it sees fit.
pub(super) fn read(
    folder: Option<&Path>,
    name: &'static str,
    make: &'static str,
) -> Result<(PathBuf, Zeroizing<Vec<u8>>), KeyError> {
    let path = folder.ok_or(KeyError::NoCredentials(name))?.join(name);
    match File::open(&path).and_then(read_all) {
        Ok(bytes) => Ok((path, bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(KeyError::NoCredential { name, make }),
        Err(source) => Err(KeyError::Io { path, source }),
    }
}
