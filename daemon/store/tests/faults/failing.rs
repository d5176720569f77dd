//! A fault at every single write and sync of a short life: nothing acknowledged is lost, nothing refused is
//! seen, and the engine goes on by itself, except after a sync that failed.

use std::collections::BTreeMap;
use std::path::Path;

use almanac_base::{CollectionId, TenantId};
use almanac_store::engine::redb::RedbEngine;
use almanac_store::engine::{Commit, Engine, EngineError, LogEntry, Mutation};
use almanac_store::{Order, RecordVersion, Scan, Space, Values, prefix_range};
use bytes::Bytes;

use crate::disk::{Disk, Fault, Random};
use crate::kill::block_on;

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const COMMITS: u8 = 12;

fn write(number: u8) -> Commit {
    let version = RecordVersion::from_bytes([number; 16]);
    let value = Bytes::from(vec![number; 3000]);
    let mut commit = Commit::new(TENANT);
    let key = [number].as_slice().into();
    commit.mutations.push(Mutation::Put { space: Space::Objects, key, version, value });
    commit.log.push(LogEntry {
        collection: CollectionId::from_bytes([1; 16]),
        object: [number; 32],
        version,
        value: Bytes::new(),
    });
    commit
}

/// The numbers of the objects there are, with their sizes, and the tenant's head.
fn seen(engine: &dyn Engine) -> (BTreeMap<u8, usize>, u64) {
    let scan = Scan {
        space: Space::Objects,
        range: prefix_range(b""),
        limit: 1000,
        order: Order::Ascending,
        values: Values::Include,
    };
    let rows = block_on(engine.scan(TENANT, &scan)).unwrap().rows;
    let head = block_on(engine.read(TENANT, &[])).unwrap().0;
    (rows.iter().map(|(key, (_, value))| (key[0], value.len())).collect(), head)
}

/// One life with a fault at the `number`-th write or sync. Returns whether the fault came.
fn live(fault: Fault, number: u64) -> bool {
    let disk = Disk::default();
    let create = || RedbEngine::create(Path::new("none"), 1 << 20, disk.medium()).unwrap();
    let engine = create();
    disk.fail(fault, number);
    let mut acknowledged = BTreeMap::new();
    let mut unsure = BTreeMap::new();
    for commit in 0..COMMITS {
        match block_on(engine.commit(write(commit))) {
            Ok(_) => _ = acknowledged.insert(commit, 3000),
            Err(EngineError::NoSpace) => assert_eq!(fault, Fault::Full),
            Err(EngineError::Io(_)) => _ = unsure.insert(commit, 3000),
            Err(EngineError::Corrupt(_)) => assert_eq!(fault, Fault::Panic),
            Err(other) => panic!("{fault:?} at {number}: {other:?}"),
        }
        let (rows, head) = seen(&engine);
        let lost = acknowledged.keys().find(|key| !rows.contains_key(key));
        assert_eq!(lost, None, "{fault:?} at {number}: lost after an acknowledgement");
        let invented = rows.keys().find(|key| !acknowledged.contains_key(key) && !unsure.contains_key(key));
        assert_eq!(invented, None, "{fault:?} at {number}: refused, but seen");
        assert_eq!(head, rows.len() as u64, "{fault:?} at {number}: a gap");
    }
    let hit = disk.was_hit();
    disk.heal();
    block_on(engine.commit(write(100))).unwrap();
    let before = seen(&engine);
    engine.close();
    let engine = RedbEngine::open(Path::new("none"), 1 << 20, disk.medium()).unwrap();
    assert_eq!(seen(&engine), before, "{fault:?} at {number}: another state after a restart");
    assert_eq!(engine.heads().tenants[&TENANT], before.1);
    hit
}

fn at_every_step(fault: Fault) {
    let lives = (0..).take_while(|number| live(fault, *number)).count();
    assert!(lives > usize::from(COMMITS), "only {lives} faults came");
}

#[test]
fn a_torn_write_at_any_moment_loses_nothing_acknowledged() {
    at_every_step(Fault::TornWrite);
}

#[test]
fn a_write_reported_as_failed_at_any_moment_loses_nothing_acknowledged() {
    at_every_step(Fault::LateWrite);
}

/// One life up to a sync that fails, the `number`-th from now. Returns whether it came.
fn live_until_a_sync_fails(fault: Fault, number: u64) -> bool {
    let disk = Disk::default();
    let engine = RedbEngine::create(Path::new("none"), 1 << 20, disk.medium()).unwrap();
    disk.fail(fault, number);
    let mut acknowledged = 0;
    let failed = (0..COMMITS).map(|commit| block_on(engine.commit(write(commit)))).find_map(|outcome| {
        acknowledged += u64::from(outcome.is_ok());
        outcome.err()
    });
    let Some(error) = failed else {
        return disk.was_hit();
    };
    match error {
        EngineError::Io(_) => {}
        EngineError::NoSpace => assert_eq!(fault, Fault::FullSync),
        other => panic!("at {number}: {other:?}"),
    }
    disk.heal();
    for _ in 0..3 {
        let commit = block_on(engine.commit(write(100)));
        assert!(matches!(commit, Err(EngineError::Poisoned)), "at {number}: {commit:?}");
        let read = block_on(engine.read(TENANT, &[]));
        assert!(matches!(read, Err(EngineError::Poisoned)), "at {number}: {read:?}");
    }
    assert_eq!(engine.heads().tenants.get(&TENANT).copied().unwrap_or(0), acknowledged);
    engine.close();
    check_after_a_cut(&disk, acknowledged, number);
    true
}

/// Whatever a power cut leaves of the disk opens, holds what was acknowledged and at most the commit that was on
/// its way, and takes writes.
fn check_after_a_cut(disk: &Disk, acknowledged: u64, number: u64) {
    for seed in 0..4 {
        let left = disk.after_a_cut(Random(seed));
        let engine = RedbEngine::open(Path::new("none"), 1 << 20, left.medium())
            .unwrap_or_else(|error| panic!("seed {seed} at {number}: {error:?}"));
        let (rows, head) = seen(&engine);
        assert_eq!(head, rows.len() as u64, "seed {seed} at {number}: a gap");
        let there = (0..acknowledged).all(|commit| rows.get(&(commit as u8)) == Some(&3000));
        assert!(there, "seed {seed} at {number}: lost after an acknowledgement");
        assert!(head <= acknowledged + 1, "seed {seed} at {number}: invented");
        block_on(engine.commit(write(100))).unwrap();
        engine.close();
        let after = left.after_a_cut(Random(seed));
        let engine = RedbEngine::open(Path::new("none"), 1 << 20, after.medium()).unwrap();
        assert_eq!(seen(&engine).1, head + 1, "seed {seed} at {number}: lost after the restart");
    }
}

#[test]
fn after_a_failed_sync_nothing_is_served_until_a_restart_which_loses_nothing_acknowledged() {
    for fault in [Fault::Sync, Fault::FullSync] {
        let lives = (0..).take_while(|number| live_until_a_sync_fails(fault, *number)).count();
        assert!(lives >= usize::from(COMMITS), "only {lives} faults came");
    }
}

/// One life up to a power cut at the `number`-th write or sync. Returns whether it came.
fn live_until_a_cut(number: u64) -> bool {
    let disk = Disk::default();
    let engine = RedbEngine::create(Path::new("none"), 1 << 20, disk.medium()).unwrap();
    disk.fail(Fault::Cut, number);
    let acknowledged =
        (0..COMMITS).take_while(|commit| block_on(engine.commit(write(*commit))).is_ok()).count();
    engine.close();
    check_after_a_cut(&disk, acknowledged as u64, number);
    disk.was_hit()
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_acknowledged() {
    let lives = (0..).take_while(|number| live_until_a_cut(*number)).count();
    assert!(lives > usize::from(COMMITS), "only {lives} cuts came");
}

#[test]
fn a_panic_below_the_engine_at_any_moment_loses_nothing_acknowledged() {
    at_every_step(Fault::Panic);
}

#[test]
fn a_disk_that_is_full_from_any_moment_serves_reads_and_takes_writes_again_once_there_is_room() {
    at_every_step(Fault::Full);
}

/// One life on a disk on which, from the `number`-th write or sync on, the store cannot even be opened again.
/// Returns whether that moment came.
fn live_without_any_room(number: u64) -> bool {
    let disk = Disk::default();
    let engine = RedbEngine::create(Path::new("none"), 1 << 20, disk.medium()).unwrap();
    disk.fail(Fault::NoRoomAtAll, number);
    let mut acknowledged = BTreeMap::new();
    for commit in 0..COMMITS {
        match block_on(engine.commit(write(commit))) {
            Ok(_) => _ = acknowledged.insert(commit, 3000),
            Err(EngineError::NoSpace) => assert!(disk.was_hit()),
            Err(other) => panic!("at {number}: {other:?}"),
        }
    }
    let hit = disk.was_hit();
    disk.heal();
    block_on(engine.commit(write(100))).unwrap();
    let (rows, head) = seen(&engine);
    assert!(acknowledged.keys().all(|key| rows.contains_key(key)), "at {number}: lost");
    assert_eq!(head, rows.len() as u64, "at {number}: a gap");
    hit
}

#[test]
fn a_store_that_cannot_be_opened_again_for_want_of_room_says_so_and_goes_on_once_there_is_room() {
    let lives = (0..).take_while(|number| live_without_any_room(*number)).count();
    assert!(lives > usize::from(COMMITS), "only {lives} faults came");
}
