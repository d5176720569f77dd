//! Stores that are not opened: one sentence, nothing touched.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use almanac_store::{CreateMode, FixedKey, OpenError, OpenOptions, Space, Store, look};

use crate::common::{announce, block_on, files, forge, open, options, put, row_key, rows, tenant, value};

/// A closed store with one tenant, one object, one change.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let tenant = block_on(store.create_tenant(tenant(1))).unwrap();
    block_on(tenant.commit(put(&tenant, b"k", b"v").log(announce(&tenant, 1, b"")))).unwrap();
    drop(store);
    folder
}

/// Opens, expects a refusal, and checks that no file changed in any way; and that a look says the same.
fn refusal(options: OpenOptions) -> OpenError {
    let folder = options.state.clone();
    let before = files(&folder);
    let looked = look(&options).err().map(|error| error.to_string());
    let Err(error) = Store::open(options) else { panic!("the store was opened") };
    assert!(before == files(&folder), "a refused store was touched: {error}");
    let text = error.to_string();
    assert_eq!(looked.as_ref(), Some(&text), "a look from outside");
    assert!(!text.contains('\n') && !text.ends_with('.') && text.len() > 30, "{text}");
    error
}

fn copy(from: &Path, to: &Path, names: &[&str]) {
    for name in names {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[test]
fn a_store_in_use_is_refused_and_free_again_when_it_is_closed() {
    let folder = prepared();
    let store = open(folder.path());
    assert!(matches!(refusal(options(folder.path())), OpenError::InUse(_)));
    store.close();
    let second = open(folder.path());
    assert!(matches!(refusal(options(folder.path())), OpenError::InUse(_)));
    drop((store, second));
    drop(open(folder.path()));
}

#[test]
fn a_wrong_key_is_refused() {
    let folder = prepared();
    let mut wrong = options(folder.path());
    wrong.key = Arc::new(FixedKey::new([9; 32]));
    assert!(matches!(refusal(wrong), OpenError::WrongKey(_)));
    drop(open(folder.path()));
}

#[test]
fn a_missing_key_of_an_existing_store_is_refused_and_none_is_made() {
    let folder = prepared();
    fs::remove_file(folder.path().join("root.key")).unwrap();
    assert!(matches!(refusal(options(folder.path())), OpenError::KeyFile(_)));
}

#[test]
fn a_missing_store_is_refused_if_none_is_to_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let mut never = options(folder.path());
    never.create = CreateMode::Never;
    assert!(matches!(refusal(never.clone()), OpenError::Missing(_)));
    never.state = folder.path().join("deeper");
    assert!(matches!(Store::open(never), Err(OpenError::Missing(_))));
    assert!(!folder.path().join("deeper").exists());
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let folder = prepared();
    let file = folder.path().join("store.redb");
    for (name, bytes) in
        [("text", b"Dear diary, ".repeat(1000)), ("nothing", vec![]), ("zeros", vec![0; 9000])]
    {
        fs::write(&file, bytes).unwrap();
        assert!(matches!(refusal(options(folder.path())), OpenError::Foreign(_)), "{name}");
    }
}

#[test]
fn the_redb_file_of_another_program_is_refused() {
    let folder = prepared();
    let file = folder.path().join("store.redb");
    fs::remove_file(&file).unwrap();
    let db = redb::Database::create(&file).unwrap();
    let transact = db.begin_write().unwrap();
    transact.open_table(redb::TableDefinition::<u64, u64>::new("other")).unwrap();
    transact.commit().unwrap();
    drop(db);
    assert!(matches!(refusal(options(folder.path())), OpenError::Foreign(_)));
}

#[test]
fn a_cut_store_is_refused_as_damaged() {
    let folder = prepared();
    let file = folder.path().join("store.redb");
    let bytes = fs::read(&file).unwrap();
    for part in [2, 4, 8] {
        fs::write(&file, &bytes[..bytes.len() / part]).unwrap();
        let error = refusal(options(folder.path()));
        assert!(matches!(error, OpenError::Damaged { .. }), "1/{part}: {error}");
    }
}

#[test]
fn a_newer_store_is_refused() {
    let folder = prepared();
    let row = row_key(tenant(0), Space::Format, b"store");
    let mut format = rows(folder.path()).remove(&row).unwrap();
    let version = &mut format[16 + 8..16 + 8 + 4];
    assert_eq!(version, 3_u32.to_be_bytes());
    version.copy_from_slice(&4_u32.to_be_bytes());
    forge(folder.path(), &[(row, format)]);
    assert!(matches!(refusal(options(folder.path())), OpenError::NewerVersion { found: 4, known: 3 }));
}

#[test]
fn an_older_copy_of_the_store_is_refused() {
    let folder = prepared();
    let kept = tempfile::tempdir().unwrap();
    copy(folder.path(), kept.path(), &["store.redb"]);
    let store = open(folder.path());
    let one = store.tenant(tenant(1)).unwrap();
    // A commit that announces nothing: even its loss is noticed.
    block_on(one.commit(put(&one, b"k2", b"v"))).unwrap();
    drop((one, store));
    copy(kept.path(), folder.path(), &["store.redb"]);
    assert!(matches!(refusal(options(folder.path())), OpenError::RolledBack(_)));
}

#[test]
fn a_store_that_is_not_the_one_of_the_mark_is_refused() {
    let (folder, other) = (prepared(), prepared());
    copy(other.path(), folder.path(), &["store.redb", "root.key"]);
    assert!(matches!(refusal(options(folder.path())), OpenError::DamagedMark(_)));
}

#[test]
fn a_store_that_vanished_is_not_replaced_by_an_empty_one() {
    let folder = prepared();
    fs::remove_file(folder.path().join("store.redb")).unwrap();
    assert!(matches!(refusal(options(folder.path())), OpenError::Damaged { .. }));
}

#[test]
fn a_torn_or_changed_mark_is_refused() {
    let folder = prepared();
    let file = folder.path().join("head");
    let bytes = fs::read(&file).unwrap();
    for length in 0..bytes.len() {
        fs::write(&file, &bytes[..length]).unwrap();
        assert!(matches!(refusal(options(folder.path())), OpenError::DamagedMark(_)), "{length}");
    }
    for place in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[place] ^= 1;
        fs::write(&file, wrong).unwrap();
        assert!(matches!(refusal(options(folder.path())), OpenError::DamagedMark(_)), "{place}");
    }
    fs::write(&file, bytes).unwrap();
    drop(open(folder.path()));
}

#[test]
fn without_a_mark_the_store_opens_and_begins_a_new_life() {
    let folder = prepared();
    let store = open(folder.path());
    let first = store.incarnation();
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.incarnation(), first, "the same life over restarts");
    drop(store);
    fs::remove_file(folder.path().join("head")).unwrap();
    let store = open(folder.path());
    let second = store.incarnation();
    assert_ne!(second, first);
    assert_eq!(value(&store.tenant(tenant(1)).unwrap(), b"k").unwrap(), b"v");
    drop(store);
    assert_eq!(open(folder.path()).incarnation(), second);
}

#[test]
fn a_half_made_store_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("store.new"), b"half of a file").unwrap();
    drop(open(folder.path()));
    assert_eq!(files(folder.path()).keys().collect::<Vec<_>>(), ["head", "lock", "root.key", "store.redb"]);
    drop(open(folder.path()));
}

#[test]
fn every_file_of_a_store_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("state");
    drop(open(&folder));
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o7777, 0o700);
    for (name, (_, mode, _)) in files(&folder) {
        assert_eq!(mode & 0o7777, 0o600, "{name}");
    }
}

#[test]
fn a_refusal_names_the_cause_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("root.key")).unwrap();
    let error = Store::open(options(folder.path())).err().unwrap();
    assert!(error.to_string().contains("root.key"), "{error}");
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    assert!(source.is_empty() || !error.to_string().contains(&source), "{error}: {source}");
}
