//! Keys wear out: a bounded number of seals each.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use almanac_base::{Clock, ManualClock};
use almanac_store::limits::SEALS_PER_KEY_MAX;
use almanac_store::{IndexField, MacPurpose, Space, Store, StoreError, TenantStore, Tuning};
use jiff::SignedDuration;

use crate::common::{block_on, options, put, row_key, rows, tenant, value};

fn open(folder: &Path, seals_per_key_max: u64) -> Store {
    let tuning = Tuning { seals_per_key_max, ..Tuning::default() };
    Store::open_tuned(options(folder), &tuning).unwrap()
}

/// Which of its keys a tenant seals with.
fn epoch(tenant: &TenantStore) -> u32 {
    tenant.key_epoch().unwrap().number
}

/// The ids of the keys that sealed the objects of tenant 1.
fn keys_in_use(folder: &Path) -> BTreeSet<Vec<u8>> {
    let prefix = row_key(tenant(1), Space::Objects, b"");
    let objects = rows(folder).into_iter().filter(|(key, _)| key.starts_with(&prefix));
    objects.map(|(_, stored)| stored[17..33].to_vec()).collect()
}

#[test]
fn a_new_epoch_begins_at_the_limit_and_old_values_stay_readable() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 5);
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    assert_eq!(one.key_epoch(), None);
    for number in 0..12_u8 {
        block_on(one.commit(put(&one, &[number], &[number]))).unwrap();
        assert_eq!(epoch(&one), u32::from(number) / 5 + 1);
    }
    drop((one, store));
    assert_eq!(keys_in_use(folder.path()).len(), 3);
    let store = open(folder.path(), 5);
    let one = store.tenant(tenant(1)).unwrap();
    assert_eq!(epoch(&one), 3);
    assert!((0..12_u8).all(|number| value(&one, &[number]) == Some(vec![number])));
}

#[test]
fn a_key_of_production_seals_no_more_than_half_of_what_random_nonces_allow() {
    assert_eq!(SEALS_PER_KEY_MAX, 1 << 31);
    assert_eq!(Tuning::default().seals_per_key_max, SEALS_PER_KEY_MAX);
}

#[test]
fn keyed_hashes_and_codes_stay_when_a_new_epoch_begins_and_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 5);
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    let names = |one: &TenantStore| {
        let hashes = [IndexField::Login, IndexField::Uid, IndexField::Href, IndexField::Secret]
            .map(|field| one.keyed_hash(field, &[b"a", b"b"]));
        (hashes, one.mac(MacPurpose::SyncToken, b"m"))
    };
    let before = names(&one);
    for number in 0..12_u8 {
        block_on(one.commit(put(&one, &[number], b"v"))).unwrap();
    }
    assert_eq!((epoch(&one), names(&one)), (3, before));
    drop((one, store));
    let store = open(folder.path(), 5);
    assert_eq!(names(&store.tenant(tenant(1)).unwrap()), before);
}

/// The nonces of the objects of tenant 1 (`seal`: version 16, format 1, key id 16, nonce 12).
fn nonces(folder: &Path) -> BTreeSet<Vec<u8>> {
    let prefix = row_key(tenant(1), Space::Objects, b"");
    let objects = rows(folder).into_iter().filter(|(key, _)| key.starts_with(&prefix));
    objects.map(|(_, stored)| stored[33..45].to_vec()).collect()
}

#[test]
fn nonces_differ_for_equal_values_and_in_a_copy_that_is_written_on() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let write = |folder: &Path, keys: std::ops::Range<u8>| {
        let store = open(folder, 1 << 20);
        let one = store.tenant(tenant(1)).unwrap();
        for key in keys {
            block_on(one.commit(put(&one, &[key], b"the same"))).unwrap();
        }
    };
    block_on(open(folder.path(), 1 << 20).create_tenant(tenant(1))).unwrap();
    write(folder.path(), 0..20);
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let before = nonces(folder.path());
    assert_eq!(before.len(), 20);
    write(folder.path(), 20..40);
    write(copy.path(), 20..40);
    assert_eq!(keys_in_use(folder.path()), keys_in_use(copy.path()), "under one key");
    let (here, there) = (nonces(folder.path()), nonces(copy.path()));
    assert_eq!((here.len(), there.len()), (40, 40));
    assert_eq!(here.intersection(&there).cloned().collect::<BTreeSet<_>>(), before);
}

#[test]
fn a_restart_does_not_forget_how_often_a_key_has_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 5);
    block_on(store.create_tenant(tenant(1))).unwrap();
    drop(store);
    for number in 0..12_u8 {
        let store = open(folder.path(), 5);
        let one = store.tenant(tenant(1)).unwrap();
        block_on(one.commit(put(&one, &[number], b"v"))).unwrap();
        assert_eq!(epoch(&one), u32::from(number) / 5 + 1);
    }
}

#[test]
fn seals_of_refused_commits_count_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 5);
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    for _ in 0..5 {
        let refused = put(&one, b"k", b"v")
            .require(almanac_store::Precondition::Exists(Space::Objects, b"k".as_slice().into()));
        assert!(matches!(block_on(one.commit(refused)), Err(StoreError::Conflict { .. })));
    }
    block_on(one.commit(put(&one, b"k", b"v"))).unwrap();
    assert_eq!(epoch(&one), 2);
    drop((one, store));
    let store = open(folder.path(), 5);
    assert_eq!(value(&store.tenant(tenant(1)).unwrap(), b"k").unwrap(), b"v");
}

#[test]
fn a_write_that_no_key_can_seal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 5);
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    let write = (0..6_u8).fold(almanac_store::Write::new(), |write, number| {
        write.put(Space::Objects, [number].as_slice(), one.new_version(), vec![])
    });
    assert!(matches!(block_on(one.commit(write)), Err(StoreError::TooLarge)));
}

#[test]
fn concurrent_writers_never_get_more_seals_from_a_key_than_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 5);
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..8_u8 {
            let one = &one;
            scope.spawn(move || {
                for number in 0..10_u8 {
                    block_on(one.commit(put(one, &[writer, number], b"v"))).unwrap();
                }
            });
        }
    });
    assert_eq!(epoch(&one), 16);
    drop((one, store));
    let prefix = row_key(tenant(1), Space::Objects, b"");
    let mut uses = std::collections::BTreeMap::<Vec<u8>, usize>::new();
    for (_, stored) in rows(folder.path()).into_iter().filter(|(key, _)| key.starts_with(&prefix)) {
        *uses.entry(stored[17..33].to_vec()).or_default() += 1;
    }
    assert_eq!((uses.len(), uses.values().max()), (16, Some(&5)));
    // Whatever order the commits landed in, the count on disk is not below the truth.
    let store = open(folder.path(), 5);
    let one = store.tenant(tenant(1)).unwrap();
    block_on(one.commit(put(&one, b"next", b"v"))).unwrap();
    assert_eq!(epoch(&one), 17);
}

#[test]
fn a_key_knows_when_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new("2026-11-21T08:00:00Z".parse().unwrap()));
    let mut options = options(folder.path());
    options.clock = Arc::clone(&clock) as _;
    let since = clock.now();
    let store = Store::open(options.clone()).unwrap();
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    block_on(one.commit(put(&one, b"k", b"v"))).unwrap();
    drop((one, store));
    clock.advance(SignedDuration::from_hours(24));
    let store = Store::open(options).unwrap();
    let one = store.tenant(tenant(1)).unwrap();
    block_on(one.commit(put(&one, b"k", b"v"))).unwrap();
    assert_eq!(one.key_epoch().unwrap().since, since);
}
