//! A root key in a file of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Kept, KeyError, KeyProvider, KeyWish, RootKey};
use crate::files::sync_folder_of;
use crate::seal::random;

/// No file with a secret is longer than this.
pub(super) const SECRET_BYTES_MAX: u64 = 4096;

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
                make(&self.path, RootKey::random()?.to_hex().as_bytes())?;
                read_key(&self.path)
            }
            result => result,
        }
    }

    fn keep(&self) -> Result<Kept, KeyError> {
        let failed = |source| not_replaced(&self.path, source);
        let beside = read_key(&self.path)?.name_beside(&self.path).ok_or(KeyError::NoRandom)?;
        // Where this cannot be written, the new key could not be either.
        write_aside(&self.path, b"").and_then(fs::remove_file).map_err(failed)?;
        match fs::hard_link(&self.path, &beside) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => sync_folder_of(&self.path).map_err(failed)?,
        }
        Ok(Kept::In(beside))
    }

    fn replace(&self, new: &RootKey) -> Result<(), KeyError> {
        replace(&self.path, new.to_hex().as_bytes()).map_err(|source| not_replaced(&self.path, source))
    }
}

/// Why a key file was not replaced. What the operator can do about it by letting the server write is said only if that is
/// what it lacks.
fn not_replaced(path: &Path, source: io::Error) -> KeyError {
    let path = path.into();
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            KeyError::Fixed { path, source }
        }
        _ => KeyError::Io { path, source },
    }
}

fn read_key(path: &Path) -> Result<RootKey, KeyError> {
    RootKey::from_hex(&read(path)?).ok_or_else(|| KeyError::Malformed(path.into()))
}

/// Reads a file that nobody but its owner may use.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
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
    read_all(file).map_err(failed)
}

/// The bytes of a file, up to one more than a file with a secret may have.
pub(super) fn read_all(file: File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX as usize + 1)); // no copy is left by growing
    file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes a private file whole or not at all: written aside, then linked to its name, which fails if the name is taken.
pub(super) fn make(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let failed = |source| KeyError::Io { path: path.into(), source };
    let aside = write_aside(path, bytes).map_err(failed)?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside).map_err(failed)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => sync_folder_of(path).map_err(failed),
    }
}

/// Puts a private file in the place of the one there is, whole or not at all, durably.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = write_aside(path, bytes)?;
    fs::rename(&aside, path).inspect_err(|_| _ = fs::remove_file(&aside))?;
    sync_folder_of(path)
}

/// Writes a private file beside its place, durably, under a name that nothing else has.
fn write_aside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let number = random().map_err(|_| io::Error::other("no random bytes for the name of a file"))?;
    let aside = path.with_added_extension(format!("new-{:016x}", u64::from_be_bytes(number)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.inspect_err(|_| _ = fs::remove_file(&aside))?;
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_that_may_not_be_written_is_said_to_be_one() {
        for (kind, fixed) in [
            (io::ErrorKind::PermissionDenied, true),
            (io::ErrorKind::ReadOnlyFilesystem, true),
            (io::ErrorKind::StorageFull, false),
            (io::ErrorKind::QuotaExceeded, false),
            (io::ErrorKind::Other, false),
        ] {
            let error = not_replaced(Path::new("root.key"), kind.into());
            assert_eq!(matches!(error, KeyError::Fixed { .. }), fixed, "{kind}");
            assert_eq!(error.to_string().contains("let the user"), fixed, "{error}");
        }
    }
}
