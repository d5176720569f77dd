//! Keys wear out: a bounded number of seals each.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use almanac_base::{Clock, ManualClock};
use almanac_store::{Space, Store, StoreError, TenantStore, Tuning};
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
