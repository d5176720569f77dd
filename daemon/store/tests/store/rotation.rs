//! A tenant gets a new key while it is used: records stay what they were, and the older key opens nothing any more.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use almanac_store::{Rotated, Space, Store, TenantStore};

use crate::common::{announce, block_on, collection, open, put, row_key, rows, tenant, value};

const OBJECTS: u8 = 100;

/// A store with objects, their summaries and their changes.
fn filled(folder: &Path) -> Store {
    let store = open(folder);
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    for number in 0..OBJECTS {
        let write = put(&one, &[number], &[number; 100])
            .put(Space::Summaries, [number].as_slice(), one.new_version(), vec![number])
            .log(announce(&one, 1, &[number]));
        block_on(one.commit(write)).unwrap();
    }
    store
}

fn rotate(one: &TenantStore) -> Rotated {
    block_on(one.rotate_key(&|_| {})).unwrap()
}

/// The keys that sealed values of tenant 1 name, and those whose rows are there.
fn keys(folder: &Path) -> (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>) {
    let (mut named, mut kept) = (BTreeSet::new(), BTreeSet::new());
    for (row, stored) in rows(folder) {
        let Some(rest) = row.strip_prefix(tenant(1).as_bytes().as_slice()) else { continue };
        let (space, key) = rest.split_first().unwrap();
        if *space == Space::Keys as u8 {
            kept.insert(key[..16].to_vec());
        } else if *space != Space::Changes as u8 {
            named.insert(stored[17..33].to_vec());
        } else if key.len() == 24 {
            named.insert(stored[16 + 48 + 1..16 + 48 + 17].to_vec());
        }
    }
    (named, kept)
}

fn check(store: &Store) {
    let one = store.tenant(tenant(1)).unwrap();
    assert!((0..OBJECTS).all(|number| value(&one, &[number]) == Some(vec![number; 100])));
    let log = block_on(one.changes(collection(1), 0, 1_000)).unwrap();
    let told: Vec<u8> = log.rows.iter().map(|change| change.value[0]).collect();
    assert_eq!(told, (0..OBJECTS).collect::<Vec<_>>());
    assert!(store.verify(&mut |_, _| {}).unwrap().is_sound());
}

#[test]
fn a_new_key_seals_everything_anew_and_the_old_one_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path());
    let one = store.tenant(tenant(1)).unwrap();
    let versions = |one: &TenantStore| {
        (0..OBJECTS)
            .map(|n| block_on(one.get(Space::Objects, &[n])).unwrap().unwrap().version)
            .collect::<Vec<_>>()
    };
    let before = versions(&one);
    let done = rotate(&one);
    assert_eq!((done.epoch.number, done.resealed, done.removed), (2, 3 * u64::from(OBJECTS), 1));
    assert_eq!(versions(&one), before, "ETags stay");
    check(&store);
    let (again, name) = (rotate(&one), one.key_epoch().unwrap());
    assert_eq!((again.epoch.number, again.epoch), (3, name));
    drop((one, store));
    let (named, kept) = keys(folder.path());
    assert_eq!(named.len(), 1, "one key sealed everything");
    assert_eq!(named, kept, "and no other is kept");
    check(&open(folder.path()));
}

#[test]
fn writers_and_readers_do_not_notice_a_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path());
    let one = store.tenant(tenant(1)).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for lane in 0..4_u8 {
            let (one, stop) = (&one, &stop);
            scope.spawn(move || {
                for number in 0_u32.. {
                    let name = [200, lane, number.to_be_bytes()[3] % 10];
                    block_on(one.commit(put(one, &name, &number.to_be_bytes()))).unwrap();
                    assert_eq!(value(one, &name), Some(number.to_be_bytes().to_vec()));
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
        (0..5).for_each(|_| _ = rotate(&one));
        stop.store(true, Ordering::Relaxed);
    });
    check(&store);
    drop((one, store));
    let (named, kept) = keys(folder.path());
    assert_eq!((named.len(), named), (1, kept));
}

#[test]
fn a_rotation_that_is_cut_off_anywhere_leaves_everything_readable_and_the_next_one_finishes_it() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path()));
    let mut cuts = 0;
    loop {
        let store = open(folder.path());
        let one = store.tenant(tenant(1)).unwrap();
        let calls = AtomicUsize::new(0);
        let cut = |_| assert!(calls.fetch_add(1, Ordering::Relaxed) < cuts, "cut off");
        let done = catch_unwind(AssertUnwindSafe(|| block_on(one.rotate_key(&cut))));
        drop((one, store));
        check(&open(folder.path()));
        if done.is_ok() {
            break;
        }
        cuts += 1;
    }
    assert!(cuts > 5, "it was cut off {cuts} times");
    let (named, kept) = keys(folder.path());
    assert_eq!((named.len(), named), (1, kept), "what the cuts left behind is gone too");
}

#[test]
fn rows_without_a_seal_are_no_part_of_it_and_an_empty_tenant_just_gets_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    assert_eq!(rotate(&one).resealed, 0);
    assert_eq!(rotate(&one).removed, 1);
    block_on(one.commit(put(&one, b"k", b"v"))).unwrap();
    let heads = store.heads();
    assert_eq!(rotate(&one).resealed, 1);
    assert_eq!(store.heads().tenants, heads.tenants, "nothing is announced: nothing changed");
    drop((one, store));
    assert!(rows(folder.path()).contains_key(&row_key(tenant(1), Space::Objects, b"k")));
    assert_eq!(value(&open(folder.path()).tenant(tenant(1)).unwrap(), b"k"), Some(b"v".to_vec()));
}

#[test]
fn two_rotations_at_once_take_turns_and_what_is_verified_meanwhile_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path());
    let one = store.tenant(tenant(1)).unwrap();
    std::thread::scope(|scope| {
        let rotating: Vec<_> =
            (0..2).map(|_| scope.spawn(|| (0..8).for_each(|_| _ = rotate(&one)))).collect();
        while !rotating.iter().all(|thread| thread.is_finished()) {
            assert_eq!(
                store.verify(&mut |_, _| {}).unwrap().damages,
                [],
                "the state that is looked at may be older"
            );
        }
    });
    check(&store);
    drop((one, store));
    check(&open(folder.path()));
    let (named, kept) = keys(folder.path());
    assert_eq!((named.len(), named), (1, kept));
}

#[test]
fn a_key_that_is_rotated_away_in_the_middle_of_a_verification_still_opens_the_state_that_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    let many = (0..10_100_u16).fold(almanac_store::Write::new(), |write, number| {
        write.put(Space::Objects, number.to_be_bytes().as_slice(), one.new_version(), vec![7])
    });
    block_on(one.commit(many)).unwrap();
    let mut removed = 0;
    let report = store.verify(&mut |rows, _| {
        if rows == 10_000 {
            removed = rotate(&one).removed;
        }
    });
    assert_eq!(removed, 1, "in the middle");
    assert_eq!(report.unwrap().damages, []);
}
