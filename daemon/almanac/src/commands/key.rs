//! The root key: where the configuration has it, and the passphrase that protects it.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use almanac_app::AppError;
use almanac_store::{
    CredentialKey, FileKey, FreshKey, KeyError, KeyProvider, KeyWish, OpenError, Passphrase, PassphraseKey,
    RootError, RootKey, Store,
};
use rustix::io::retry_on_intr;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::rows::RootRow;
use super::run::refused;
use crate::as_owner::become_owner_of;
use crate::config::{Config, Engine, Key};
use crate::failure::{Exit, Failure};
use crate::limits::TERMINAL_LINE_BYTES_MAX;

/// Set by systemd for a unit that has credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Gives the root key as the configuration wants it.
pub(crate) fn provider(config: &Config) -> Arc<dyn KeyProvider> {
    match (config.store.engine, config.store.key) {
        // What is gone with the process needs no key that outlives it.
        (Engine::Memory, _) => Arc::new(FreshKey::default()),
        (_, Key::File) => {
            let path = config.store.key_file.clone().unwrap_or_else(|| config.store.path.join("root.key"));
            Arc::new(FileKey { path })
        }
        (_, Key::Credential) => Arc::new(CredentialKey { folder: credentials() }),
        (_, Key::Passphrase) => Arc::new(wrapped_in(config, config.store.path.join("root.wrapped"))),
    }
}

fn credentials() -> Option<PathBuf> {
    env::var_os(CREDENTIALS).map(PathBuf::from)
}

/// The root key in `wrapped`, under the passphrase of the configuration.
fn wrapped_in(config: &Config, wrapped: PathBuf) -> PassphraseKey {
    let passphrase = match &config.store.passphrase_file {
        Some(path) => Passphrase::File(path.clone()),
        None => Passphrase::Credential(credentials()),
    };
    PassphraseKey { wrapped, passphrase }
}

/// Another passphrase for the root key, or the first one for the key in `key_file`. Says what is left to do.
pub(crate) fn change_passphrase(
    config: &Config,
    new_file: Option<&Path>,
    key_file: Option<&Path>,
) -> Result<String, Failure> {
    if key_file.is_none() && config.store.key != Key::Passphrase {
        return Err(Failure::configuration(
            "no passphrase protects the root key: key in [store] says otherwise",
            "set key = \"passphrase\"; for a store that has a key file already, name it with --key-file",
        ));
    }
    // Read before root becomes somebody who perhaps may not.
    let new = match new_file {
        Some(path) => Passphrase::File(path.into()).read().map_err(failure)?,
        None => asked_twice()?,
    };
    let adopted = key_file.map(|path| FileKey { path: path.into() }.load(KeyWish::Existing));
    let adopted = adopted.transpose().map_err(failure)?;
    become_owner_of(&config.store.path)?;
    let key = wrapped_in(config, config.store.path.join("root.wrapped"));
    match &adopted {
        Some(root) => key.adopt(root, &new),
        None => key.change(&new),
    }
    .map_err(failure)?;
    let place = match &config.store.passphrase_file {
        Some(path) => format!("put it into {}", path.display()),
        None => "encrypt it as the credential almanac.passphrase".to_owned(),
    };
    Ok(match key_file {
        None => format!("changed; before the next start, {place}\n"),
        Some(file) => format!(
            "wrapped; before the next start, set key = \"passphrase\" in [store] and {place}; then keep a copy of {} \
             where nobody gets at it, and remove it here\n",
            file.display()
        ),
    })
}

/// The key that lies in a file, in clear or under the passphrase of the configuration.
pub(crate) fn read_key(config: &Config, path: &Path) -> Result<RootKey, Failure> {
    let mut magic = [0; 8];
    let begun = File::open(path).and_then(|mut file| io::Read::read_exact(&mut file, &mut magic));
    let root = if begun.is_ok() && almanac_store::keys::is_wrapped(&magic) {
        wrapped_in(config, path.into()).load(KeyWish::Existing)
    } else {
        FileKey { path: path.into() }.load(KeyWish::Existing)
    };
    root.map_err(failure)
}

/// Changes the root key of an open store, to the one that `next` holds in digits if it holds any.
pub(crate) async fn rotate_root(store: Arc<Store>, next: &[u8]) -> Result<RootRow, Failure> {
    let wrong =
        || Failure::failed("the new root key is not 64 hexadecimal digits", "make one: openssl rand -hex 32");
    let next = if next.is_empty() { None } else { Some(RootKey::from_hex(next).ok_or_else(wrong)?) };
    let rotated = tokio::task::spawn_blocking(move || store.rotate_root(next)).await;
    match rotated.map_err(|_| AppError::Bug("the change of the root key panicked"))? {
        Ok(done) => Ok(RootRow::from(&done)),
        Err(RootError::Key(error)) => Err(failure(error)),
        Err(RootError::Open(error)) => Err(refused(&error)),
        Err(RootError::Store(error)) => Err(AppError::from(error).into()),
        Err(error) => {
            let text = error.to_string();
            let (what, remedy) = text.split_once("; ").unwrap_or((&text, "try again"));
            let exit = match error {
                RootError::NoNextKey => Exit::Usage,
                RootError::NotInstalled => Exit::WrongKey,
                _ => Exit::Failed,
            };
            Err(Failure::new(exit, what, remedy))
        }
    }
}

fn failure(error: KeyError) -> Failure {
    refused(&OpenError::from(error))
}

fn asked_twice() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let first = asked("new passphrase: ")?;
    if *first != *asked("again: ")? {
        return Err(Failure::failed("the passphrases differ", "try again; nothing has changed"));
    }
    Ok(first)
}

/// One line of the terminal, which does not show it.
fn asked(prompt: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let cannot = |error: io::Error| {
        Failure::failed(
            format!("cannot ask for the passphrase: {error}"),
            "name a file: --new-passphrase-file",
        )
    };
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::usage(
            "there is no terminal to ask for the passphrase",
            "name a file: --new-passphrase-file",
        ));
    }
    let shown = tcgetattr(&stdin).map_err(|error| cannot(error.into()))?;
    let interrupt = shown.special_codes[SpecialCodeIndex::VINTR];
    let mut hidden = shown.clone();
    // The key that interrupts ends the line instead: its signal would leave the terminal as it is now.
    hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    hidden.special_codes[SpecialCodeIndex::VEOL] = interrupt;
    tcsetattr(&stdin, OptionalActions::Flush, &hidden).map_err(|error| cannot(error.into()))?;
    let _ = write!(io::stderr(), "{prompt}");
    let mut line = Zeroizing::new(vec![0; TERMINAL_LINE_BYTES_MAX]);
    let read = retry_on_intr(|| rustix::io::read(&stdin, line.as_mut_slice())); // one line, and no copy of it
    let _ = tcsetattr(&stdin, OptionalActions::Flush, &shown);
    let _ = writeln!(io::stderr());
    line.truncate(read.map_err(|error| cannot(error.into()))?);
    if interrupt != 0 && line.last() == Some(&interrupt) {
        return Err(Failure::failed(
            "interrupted while asking for the passphrase",
            "try again; nothing has changed",
        ));
    }
    let end = line.strip_suffix(b"\n").map_or(line.len(), <[u8]>::len);
    line.truncate(end);
    Ok(line)
}
