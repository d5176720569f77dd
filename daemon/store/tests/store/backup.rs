//! Backups: whole, of one state, refused if anything about them is not right; and stores made of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use almanac_store::backup::{BackupError, BackupInfo, restore, verify};
use almanac_store::{FileKey, FixedKey, OpenError, Space, Store, TenantStore, Write};

use crate::common::{announce, block_on, collection, files, open, options, put, rows, tenant, value};

fn backup(store: &Store) -> (Vec<u8>, BackupInfo) {
    let mut file = Vec::new();
    let info = store.backup(&mut file, &mut |_, _| {}).unwrap();
    (file, info)
}

/// Verifies a backup under the key of the store in `folder`.
fn check(file: &[u8], folder: &Path) -> Result<BackupInfo, BackupError> {
    let key = FileKey { path: folder.join("root.key") };
    verify(&mut &*file, &key, &mut |_, _| {})
}

/// Restores into `to` under the key of the store in `from`.
fn restored(file: &[u8], from: &Path, to: &Path) -> Result<BackupInfo, BackupError> {
    fs::create_dir_all(to).unwrap();
    fs::copy(from.join("root.key"), to.join("root.key")).unwrap();
    restore(&mut &*file, &options(to), None, &mut |_, _| {})
}

/// A store with some objects, one of them larger than a piece of a backup.
fn filled(folder: &Path) -> Store {
    let store = open(folder);
    let tenant = block_on(store.create_tenant(tenant(1))).unwrap();
    for number in 0..40_u8 {
        let write = put(&tenant, &[number], &[number; 900]).log(announce(&tenant, 1, &[number]));
        block_on(tenant.commit(write)).unwrap();
    }
    block_on(tenant.commit(put(&tenant, b"large", &vec![7; 3 << 20]))).unwrap();
    store
}

#[test]
fn a_restored_store_has_every_row_of_the_one_that_was_backed_up_and_a_life_of_its_own() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = filled(from.path());
    let mut steps = Vec::new();
    let mut file = Vec::new();
    let info = store.backup(&mut file, &mut |rows, bytes| steps.push((rows, bytes))).unwrap();
    assert!(steps.is_sorted() && !steps.is_empty(), "progress is told");
    assert_eq!(check(&file, from.path()).unwrap(), info);
    assert_eq!(restored(&file, from.path(), to.path()).unwrap(), info);
    let (incarnation, heads) = (store.incarnation(), store.heads());
    assert_eq!(info.incarnation, incarnation);
    store.close();

    let (mut before, mut after) = (rows(from.path()), rows(to.path()));
    assert_eq!(before.len() as u64, info.rows);
    // The incarnation and the count of groups are the new store's own.
    for rows in [&mut before, &mut after] {
        rows.retain(|key, _| key.len() > 1 && !key.ends_with(b"store"));
    }
    assert!(before == after, "octet for octet");

    let store = open(to.path());
    assert_ne!(store.incarnation(), incarnation);
    assert_eq!(store.heads().tenants, heads.tenants);
    let again = store.tenant(tenant(1)).unwrap();
    assert_eq!(value(&again, b"large").unwrap().len(), 3 << 20);
    assert_eq!(block_on(again.changes(collection(1), 0, 100)).unwrap().rows.len(), 40);
    block_on(again.commit(put(&again, b"new", b"v"))).unwrap();
}

#[test]
fn a_backup_shows_nothing_of_what_is_in_it_and_not_even_how_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path());
    let tenant = store.tenant(tenant(1)).unwrap();
    block_on(tenant.commit(put(&tenant, b"key-in-the-clear", b"a marked value"))).unwrap();
    let (file, _) = backup(&store);
    for mark in [b"key-in-the-clear".as_slice(), b"a marked value", &[1; 16]] {
        assert!(!file.windows(mark.len()).any(|part| part == mark));
    }
}

#[test]
fn a_backup_that_was_changed_cut_or_joined_anywhere_is_refused_and_leaves_no_store() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = filled(from.path());
    let (file, _) = backup(&store);
    let (other, _) = backup(&store);
    for at in (0..file.len()).step_by(file.len() / 97).chain([0, 9, 25, 40, 45, file.len() - 1]) {
        let mut changed = file.clone();
        changed[at] ^= 1;
        let error = check(&changed, from.path()).unwrap_err();
        assert!(
            matches!(
                error,
                BackupError::Damaged { .. }
                    | BackupError::Cut { .. }
                    | BackupError::Foreign
                    | BackupError::WrongKey
            ),
            "{at}: {error:?}"
        );
        let cut = check(&file[..at], from.path());
        assert!(matches!(cut, Err(BackupError::Cut { .. } | BackupError::Foreign)), "cut at {at}");
    }
    let longer = [file.as_slice(), b"x"].concat();
    assert!(matches!(check(&longer, from.path()), Err(BackupError::Damaged { .. })));
    let joined = [&file[..40], &other[40..]].concat();
    assert!(matches!(check(&joined, from.path()), Err(BackupError::Damaged { rows: 0 })));

    let half = &file[..file.len() / 2];
    assert!(matches!(restored(half, from.path(), to.path()), Err(BackupError::Cut { .. })));
    let left: Vec<_> = files(to.path()).into_keys().collect();
    assert_eq!(left, ["lock", "root.key"]);
    restored(&file, from.path(), to.path()).unwrap();
}

#[test]
fn a_restore_that_was_killed_is_begun_again() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (file, _) = backup(&filled(from.path()));
    fs::write(to.path().join("store.new"), b"the first half of a store").unwrap();
    restored(&file, from.path(), to.path()).unwrap();
    assert_eq!(open(to.path()).tenants().len(), 1);
}

#[test]
fn a_restore_overwrites_nothing_and_needs_the_right_key() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = filled(from.path());
    let (file, _) = backup(&store);
    let in_use = restore(&mut file.as_slice(), &options(from.path()), None, &mut |_, _| {});
    assert!(matches!(in_use, Err(BackupError::Open(OpenError::InUse(_)))));
    store.close();
    let before = files(from.path());
    let occupied = restore(&mut file.as_slice(), &options(from.path()), None, &mut |_, _| {});
    assert!(matches!(occupied, Err(BackupError::NotEmpty(_))));
    assert!(files(from.path()) == before);

    let mut wrong = options(to.path());
    let keyless = restore(&mut file.as_slice(), &wrong, None, &mut |_, _| {});
    assert!(matches!(keyless, Err(BackupError::Open(OpenError::KeyFile(_)))), "no key is made up");
    wrong.key = Arc::new(FixedKey::new([9; 32]));
    let foreign = restore(&mut file.as_slice(), &wrong, None, &mut |_, _| {});
    assert!(matches!(foreign, Err(BackupError::WrongKey)));
    let noise = restore(&mut [7; 100].as_slice(), &wrong, None, &mut |_, _| {});
    assert!(matches!(noise, Err(BackupError::Foreign)));
}

#[test]
fn a_backup_under_writes_is_of_one_state() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = filled(from.path());
    let stop = AtomicBool::new(false);
    let file = std::thread::scope(|scope| {
        let writer = store.tenant(tenant(1)).unwrap();
        let stop = &stop;
        block_on(writer.commit(pair(&writer, 1))).unwrap(); // the backups may be faster than the thread
        scope.spawn(move || {
            for number in 2_u32.. {
                block_on(writer.commit(pair(&writer, number))).unwrap();
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let files: Vec<_> = (0..5).map(|_| backup(&store).0).collect();
        stop.store(true, Ordering::Relaxed);
        files.into_iter().next_back().unwrap()
    });
    restored(&file, from.path(), to.path()).unwrap();
    let store = open(to.path());
    let again = store.tenant(tenant(1)).unwrap();
    let pair =
        [Space::Objects, Space::Summaries].map(|space| block_on(again.get(space, b"pair")).unwrap().unwrap());
    assert_eq!(pair[0].value, pair[1].value, "written together, kept together");
    let log = block_on(again.changes(collection(2), 0, u32::MAX)).unwrap();
    let last = u32::from_be_bytes(pair[0].value[..].try_into().unwrap());
    assert_eq!(log.rows.len(), last as usize, "the log ends where the records do");
}

/// A write of one number in two spaces and in the log.
fn pair(tenant: &TenantStore, number: u32) -> Write {
    let value = number.to_be_bytes().to_vec();
    Write::new()
        .put(Space::Objects, b"pair".as_slice(), tenant.new_version(), value.clone())
        .put(Space::Summaries, b"pair".as_slice(), tenant.new_version(), value.clone())
        .log(announce(tenant, 2, &value))
}
