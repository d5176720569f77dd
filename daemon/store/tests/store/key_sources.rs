//! Where a root key comes from beside its own file: a credential, and a file that a passphrase opens.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use almanac_store::keys::{CREDENTIAL_PASSPHRASE, CREDENTIAL_ROOT_KEY};
use almanac_store::{
    CredentialKey, FileKey, KeyError, KeyProvider, KeyWish, OpenError, Passphrase, PassphraseKey, Store,
};

use crate::common::{block_on, chmod, options, put, tenant, value};

const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn private(path: &Path, text: &[u8]) {
    fs::write(path, text).unwrap();
    chmod(path, 0o600);
}

/// A wrapped key in `folder`, and its passphrase beside it.
fn wrapped(folder: &Path, passphrase: &str) -> PassphraseKey {
    private(&folder.join("passphrase"), passphrase.as_bytes());
    PassphraseKey {
        wrapped: folder.join("root.wrapped"),
        passphrase: Passphrase::File(folder.join("passphrase")),
    }
}

/// A store under `key` keeps what is written to it.
fn serves(folder: &Path, key: Arc<dyn KeyProvider>) {
    let mut options = options(&folder.join("state"));
    options.key = key;
    let store = Store::open(options.clone()).unwrap();
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    block_on(one.commit(put(&one, b"k", b"v"))).unwrap();
    drop((one, store));
    let store = Store::open(options.clone()).unwrap();
    assert_eq!(value(&store.tenant(tenant(1)).unwrap(), b"k").unwrap(), b"v");
    drop(store);
    options.key = Arc::new(FileKey { path: folder.join("another") });
    options.key.load(KeyWish::MayCreate).unwrap();
    assert!(matches!(Store::open(options), Err(OpenError::WrongKey(_))));
}

#[test]
fn a_credential_is_read_and_never_made() {
    let folder = tempfile::tempdir().unwrap();
    let key = CredentialKey { folder: Some(folder.path().into()) };
    for wish in [KeyWish::Existing, KeyWish::MayCreate] {
        let error = key.load(wish).unwrap_err();
        assert!(matches!(error, KeyError::NoCredential { .. }));
        assert!(error.to_string().contains("systemd-creds encrypt --name=almanac.root-key"), "{error}");
        let outside = CredentialKey { folder: None }.load(wish).unwrap_err();
        assert!(matches!(outside, KeyError::NoCredentials(_)));
        assert!(outside.to_string().contains("systemd-run"), "{outside}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::write(folder.path().join(CREDENTIAL_ROOT_KEY), &HEX[1..]).unwrap();
    assert!(matches!(key.load(KeyWish::Existing), Err(KeyError::Malformed(_))));
    fs::write(folder.path().join(CREDENTIAL_ROOT_KEY), HEX).unwrap();
    serves(folder.path(), Arc::new(key));
}

#[test]
fn a_wrapped_key_is_made_once_private_and_opened_by_its_passphrase_alone() {
    let folder = tempfile::tempdir().unwrap();
    let key = wrapped(folder.path(), "correct horse battery\n");
    assert!(matches!(key.load(KeyWish::Existing), Err(KeyError::NotWrapped(_))));
    serves(folder.path(), Arc::new(key.clone()));
    let mode = fs::metadata(&key.wrapped).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);

    let other = wrapped(folder.path(), "correct horse batterY\n");
    assert!(matches!(other.load(KeyWish::MayCreate), Err(KeyError::WrongPassphrase(_))));
    // With or without a line end it is the same, also as a credential.
    let credentials = folder.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(credentials.join(CREDENTIAL_PASSPHRASE), "correct horse battery").unwrap();
    let key = PassphraseKey { passphrase: Passphrase::Credential(Some(credentials)), ..key };
    key.load(KeyWish::Existing).unwrap();
    chmod(&key.wrapped, 0o640);
    assert!(matches!(key.load(KeyWish::Existing), Err(KeyError::Exposed { mode: 0o640, .. })));
}

#[test]
fn a_passphrase_that_is_missing_exposed_empty_or_short_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let load = |passphrase: &str| wrapped(folder.path(), passphrase).load(KeyWish::MayCreate);
    assert!(matches!(load("\n"), Err(KeyError::BadPassphrase(_))));
    assert!(matches!(load("11 letters.\n"), Err(KeyError::BadPassphrase(_))));
    assert!(matches!(load(&"x".repeat(5000)), Err(KeyError::BadPassphrase(_))));
    let key = wrapped(folder.path(), "correct horse battery");
    chmod(&folder.path().join("passphrase"), 0o644);
    assert!(matches!(key.load(KeyWish::MayCreate), Err(KeyError::Exposed { mode: 0o644, .. })));
    fs::remove_file(folder.path().join("passphrase")).unwrap();
    assert!(matches!(key.load(KeyWish::MayCreate), Err(KeyError::NoPassphrase(_))));
    assert!(!key.wrapped.exists(), "nothing was made");
}

#[test]
fn another_passphrase_opens_the_same_key_and_the_one_before_opens_it_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let key = wrapped(folder.path(), "correct horse battery");
    serves(folder.path(), Arc::new(key.clone()));
    assert!(matches!(key.change(b"short"), Err(KeyError::BadPassphrase(_))));
    key.load(KeyWish::Existing).unwrap();
    key.change(b"staple staple staple").unwrap();
    assert!(matches!(key.load(KeyWish::Existing), Err(KeyError::WrongPassphrase(_))));
    assert!(matches!(key.change(b"staple staple staple"), Err(KeyError::WrongPassphrase(_))));
    let key = wrapped(folder.path(), "staple staple staple");
    let mut options = options(&folder.path().join("state"));
    options.key = Arc::new(key);
    let store = Store::open(options).unwrap();
    assert_eq!(value(&store.tenant(tenant(1)).unwrap(), b"k").unwrap(), b"v");
}

#[test]
fn a_store_with_a_key_file_gets_a_passphrase_without_being_written() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let store = Store::open(options(&state)).unwrap();
    block_on(store.create_tenant(tenant(1))).unwrap();
    drop(store);
    let root = FileKey { path: state.join("root.key") }.load(KeyWish::Existing).unwrap();
    let key = wrapped(&state, "correct horse battery");
    key.adopt(&root, b"correct horse battery").unwrap();
    assert!(matches!(key.adopt(&root, b"correct horse battery"), Err(KeyError::Wrapped(_))));
    let mut options = options(&state);
    options.key = Arc::new(key);
    assert!(Store::open(options).unwrap().tenant(tenant(1)).is_some());
}

#[test]
fn a_wrapped_key_that_was_cut_or_changed_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let key = wrapped(folder.path(), "correct horse battery");
    key.load(KeyWish::MayCreate).unwrap();
    let whole = fs::read(&key.wrapped).unwrap();
    assert_eq!(whole.len(), 8 + 12 + 16 + 12 + 32 + 16);
    for length in [0, 7, 8, 19, 20, 36, whole.len() - 1] {
        private(&key.wrapped, &whole[..length]);
        assert!(matches!(key.load(KeyWish::MayCreate), Err(KeyError::BadWrapped(_))), "{length}");
    }
    // Magic, memory, passes, lanes, salt, nonce, key, tag; the high bytes of the numbers ask for too much.
    for (at, is_bad) in [
        (0, true),
        (8, true),
        (11, false),
        (12, true),
        (19, true),
        (20, false),
        (36, false),
        (50, false),
        (95, false),
    ] {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        private(&key.wrapped, &changed);
        match key.load(KeyWish::MayCreate) {
            Err(KeyError::BadWrapped(_)) => assert!(is_bad, "{at}"),
            Err(KeyError::WrongPassphrase(_)) => assert!(!is_bad, "{at}"),
            other => panic!("{at}: {other:?}"),
        }
    }
    private(&key.wrapped, &[whole.as_slice(), b"more"].concat());
    assert!(matches!(key.load(KeyWish::MayCreate), Err(KeyError::BadWrapped(_))));
}

#[test]
fn a_wrapped_key_is_neither_kept_nor_replaced_while_another_command_changes_it() {
    let folder = tempfile::tempdir().unwrap();
    let key = wrapped(folder.path(), "correct horse battery");
    let root = key.load(KeyWish::MayCreate).unwrap();
    let other = fs::File::create(folder.path().join("root.lock")).unwrap();
    other.lock().unwrap();
    assert!(matches!(key.keep(), Err(KeyError::Changing(_))));
    assert!(matches!(key.replace(&root), Err(KeyError::Changing(_))));
    drop(other);
    key.keep().unwrap();
    key.replace(&root).unwrap();
}
