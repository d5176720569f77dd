//! A store that nobody uses is looked at and made smaller, and stays the same store.

use std::fs;
use std::path::Path;

use almanac_store::upkeep::{Structure, check, compact};
use almanac_store::{EngineKind, OpenError, OpenOptions, Space, Store, Write};

use crate::common::{self, announce, block_on, collection, put, tenant, value};

const BOTH: [EngineKind; 2] = [EngineKind::Redb, EngineKind::Sled];

fn options(folder: &Path, engine: EngineKind) -> OpenOptions {
    OpenOptions { engine, ..common::options(folder) }
}

/// Octets that nothing makes shorter.
fn noise(seed: u8) -> Vec<u8> {
    let next =
        |n: &u64| Some(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(seed.into()), next).map(|n| n.to_be_bytes()[0]).take(60_000).collect()
}

/// A closed store in which much was written and most of it removed.
fn worn(engine: EngineKind) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path(), engine)).unwrap();
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    for number in 0..100_u8 {
        let write = put(&one, &[number], &noise(number)).log(announce(&one, 1, &[number]));
        block_on(one.commit(write)).unwrap();
    }
    for number in 10..100_u8 {
        block_on(one.commit(Write::new().delete(Space::Objects, [number].as_slice()))).unwrap();
    }
    drop((one, store));
    folder
}

fn holds_what_was_left(store: &Store) {
    let one = store.tenant(tenant(1)).unwrap();
    for number in 0..100_u8 {
        assert_eq!(value(&one, &[number]), (number < 10).then(|| noise(number)));
    }
    assert_eq!(block_on(one.changes(collection(1), 0, 1_000)).unwrap().rows.len(), 100);
    assert!(store.verify(&mut |_, _| {}).unwrap().is_sound());
}

#[test]
fn a_store_is_made_smaller_and_stays_the_same_one() {
    for engine in BOTH {
        let folder = worn(engine);
        let opened = || Store::open(options(folder.path(), engine)).unwrap();
        let store = opened();
        let (life, heads) = (store.incarnation(), store.heads());
        drop(store);
        if engine == EngineKind::Sled {
            fs::create_dir(folder.path().join("sled.new")).unwrap(); // of an attempt that was cut off
        }
        let done = compact(&options(folder.path(), engine), &mut |_, _| {}).unwrap();
        assert!(done.after < done.before / 2, "{}: {done:?}", engine.name());
        assert!(!folder.path().join("sled.new").exists());
        let store = opened();
        holds_what_was_left(&store);
        assert_eq!((store.incarnation(), store.heads()), (life, heads), "{}", engine.name());
        drop(store);
        let again = compact(&options(folder.path(), engine), &mut |_, _| {}).unwrap();
        assert!(again.after <= done.after.saturating_mul(2), "{}: {again:?}", engine.name());
        holds_what_was_left(&opened());
    }
}

#[test]
fn a_store_in_use_and_a_missing_one_are_neither_checked_nor_made_smaller() {
    for engine in BOTH {
        let folder = worn(engine);
        let wanted = options(folder.path(), engine);
        let store = Store::open(wanted.clone()).unwrap();
        assert!(matches!(check(&wanted), Err(OpenError::InUse(_))));
        assert!(matches!(compact(&wanted, &mut |_, _| {}), Err(OpenError::InUse(_))));
        drop(store);
        let nowhere = options(&folder.path().join("nowhere"), engine);
        assert!(matches!(check(&nowhere), Err(OpenError::Missing(_))));
        assert!(matches!(compact(&nowhere, &mut |_, _| {}), Err(OpenError::Missing(_))));
        assert_eq!(check(&wanted).unwrap(), Structure::Sound);
        holds_what_was_left(&Store::open(wanted).unwrap());
    }
}

#[test]
fn a_bit_that_flips_in_a_page_is_found_by_the_engine() {
    let folder = worn(EngineKind::Redb);
    let wanted = options(folder.path(), EngineKind::Redb);
    compact(&wanted, &mut |_, _| {}).unwrap(); // few pages are free
    let file = folder.path().join("store.redb");
    let whole = fs::read(&file).unwrap();
    let mut found = 0;
    for at in (8192..whole.len()).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        fs::write(&file, damaged).unwrap();
        match check(&wanted) {
            Ok(Structure::Sound) => {} // a page that holds nothing
            Ok(Structure::Repaired) | Err(OpenError::Damaged { .. }) => found += 1,
            Err(other) => panic!("{at}: {other}"),
        }
    }
    assert!(found > 10, "{found} flips were found");
    fs::write(&file, whole).unwrap();
    assert_eq!(check(&wanted).unwrap(), Structure::Sound);
}
