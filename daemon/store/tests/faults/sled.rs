//! What sled's wrapper does when the disk fails to store what it was given.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use almanac_base::TenantId;
use almanac_store::engine::sled::{SledEngine, SledTuning};
use almanac_store::engine::{Commit, Engine, EngineError, Mutation};
use almanac_store::{EngineKind, OpenError, RecordVersion, Space, Store, StoreError};
use bytes::Bytes;

use crate::kill::{block_on, options};

const TENANT: TenantId = TenantId::from_bytes([1; 16]);

fn write(number: u8) -> Commit {
    let mut commit = Commit::new(TENANT);
    let (version, value) = (RecordVersion::from_bytes([number; 16]), Bytes::from(vec![number; 9000]));
    let key = [number].as_slice().into();
    commit.mutations.push(Mutation::Put { space: Space::Objects, key, version, value });
    commit
}

fn is_there(engine: &dyn Engine, number: u8) -> bool {
    let keys = [(Space::Objects, [number].as_slice().into())];
    let found = block_on(engine.get_many(TENANT, &keys)).unwrap();
    found[0].as_ref().is_some_and(|(_, value)| value[..] == vec![number; 9000])
}

/// A disk whose syncs fail while it is told to.
fn failing(kind: io::ErrorKind) -> (Arc<AtomicBool>, SledTuning) {
    let fails = Arc::new(AtomicBool::new(false));
    let sync = {
        let fails = Arc::clone(&fails);
        move |file: &File| if fails.load(Ordering::Relaxed) { Err(kind.into()) } else { file.sync_data() }
    };
    (fails, SledTuning { sync: Arc::new(sync), ..SledTuning::default() })
}

#[test]
fn after_a_failed_sync_sled_serves_nothing_until_a_restart_which_loses_nothing_acknowledged() {
    for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
        let folder = tempfile::tempdir().unwrap();
        let path: &Path = &folder.path().join("rows");
        let (fails, tuning) = failing(kind);
        let engine = SledEngine::create(path, 1 << 20, tuning).unwrap();
        for number in 0..5 {
            block_on(engine.commit(write(number))).unwrap();
        }
        fails.store(true, Ordering::Relaxed);
        let failed = block_on(engine.commit(write(5)));
        match kind {
            io::ErrorKind::StorageFull => assert!(matches!(failed, Err(EngineError::NoSpace)), "{failed:?}"),
            _ => assert!(matches!(failed, Err(EngineError::Io(_))), "{failed:?}"),
        }
        fails.store(false, Ordering::Relaxed);
        for _ in 0..3 {
            assert!(matches!(block_on(engine.commit(write(6))), Err(EngineError::Poisoned)));
            assert!(matches!(block_on(engine.read(TENANT, &[])), Err(EngineError::Poisoned)));
            assert!(matches!(engine.export(&mut |_, _, _| Ok(())), Err(EngineError::Poisoned)));
        }
        engine.close();
        let engine = SledEngine::open(path, 1 << 20, SledTuning::default()).unwrap();
        assert!((0..5).all(|number| is_there(&engine, number)));
        assert!(!is_there(&engine, 6));
        block_on(engine.commit(write(6))).unwrap();
    }
}

#[test]
fn each_group_is_synced_before_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let engine = SledEngine::create(&folder.path().join("rows"), 1 << 20, SledTuning::default()).unwrap();
    let before = engine.stats();
    for number in 0..7 {
        block_on(engine.commit(write(number))).unwrap();
    }
    let group = block_on(engine.commit_many((7..100).map(write).collect()));
    assert!(group.iter().all(Result::is_ok));
    let after = engine.stats();
    assert_eq!((after.groups - before.groups, after.syncs - before.syncs), (8, 8));
}

#[test]
fn no_reader_sees_a_group_before_it_is_durable() {
    let folder = tempfile::tempdir().unwrap();
    let durable = Arc::new(AtomicBool::new(true));
    let (entered, at_the_sync) = std::sync::mpsc::sync_channel(1);
    let (go, may_go) = std::sync::mpsc::sync_channel::<()>(1);
    let may_go = std::sync::Mutex::new(may_go);
    let sync = {
        let durable = Arc::clone(&durable);
        move |_: &File| {
            if !durable.load(Ordering::Acquire) {
                entered.send(()).unwrap();
                may_go.lock().unwrap().recv().unwrap();
                durable.store(true, Ordering::Release);
            }
            Ok(())
        }
    };
    let tuning = SledTuning { sync: Arc::new(sync), ..SledTuning::default() };
    let engine = SledEngine::create(&folder.path().join("rows"), 1 << 20, tuning).unwrap();
    durable.store(false, Ordering::Release);
    std::thread::scope(|scope| {
        scope.spawn(|| block_on(engine.commit(write(1))).unwrap());
        at_the_sync.recv().unwrap();
        let reader = scope.spawn(|| (is_there(&engine, 1), durable.load(Ordering::Acquire)));
        go.send(()).unwrap();
        assert_eq!(reader.join().unwrap(), (true, true));
    });
}

const OBJECTS: u8 = 200;

/// A closed store with some objects, some of them in pieces.
fn filled(folder: &Path) {
    let store = Store::open(options(folder, EngineKind::Sled)).unwrap();
    let tenant = block_on(store.create_tenant(TENANT)).unwrap();
    for number in 0..OBJECTS {
        let value = vec![number; 500 + usize::from(number % 4) * 3000];
        let write =
            almanac_store::Write::new().put(Space::Objects, [number].as_slice(), tenant.new_version(), value);
        block_on(tenant.commit(write)).unwrap();
    }
}

/// Whatever is wrong with the store: it is refused, or every object is there, or said to be damaged, or missing; none
/// is another one.
fn look_at(folder: &Path, what: &str) -> &'static str {
    let store = match Store::open(options(folder, EngineKind::Sled)) {
        Ok(store) => store,
        Err(OpenError::Damaged { .. } | OpenError::RolledBack(_)) => return "refused",
        Err(other) => panic!("{what}: {other}"),
    };
    let tenant = store.tenant(TENANT).unwrap();
    let mut verdict = "whole";
    for number in 0..OBJECTS {
        match block_on(tenant.get(Space::Objects, &[number])) {
            Ok(Some(record)) => assert!(record.value.iter().all(|byte| *byte == number), "{what}: {number}"),
            Ok(None) => return "lost",
            Err(StoreError::Corrupt(_) | StoreError::Poisoned | StoreError::Io(_)) => verdict = "told",
            Err(other) => panic!("{what}: {other:?}"),
        }
    }
    verdict
}

/// A single bit may make sled forget rows without a word, which is why it is not the default; whatever is missing at
/// the end is noticed.
#[test]
fn a_sled_store_that_was_cut_or_changed_shows_no_wrong_value_and_notices_a_lost_end() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let file = folder.path().join("store.sled/db");
    let whole = fs::read(&file).unwrap();
    let used = whole.len() - whole.iter().rev().take_while(|byte| **byte == 0).count();
    let kept = tempfile::tempdir().unwrap();
    copy_folder(folder.path(), kept.path());
    let mut verdicts = std::collections::BTreeMap::<_, u32>::new();
    for round in 0..30 {
        let place = used * (2 * round + 1) / 60;
        let mut bytes = whole.clone();
        let what = match round % 3 {
            0 => {
                bytes[place] ^= 1 << (round % 8);
                "a bit"
            }
            1 => {
                bytes[place..].fill(0);
                "a tail of zeros"
            }
            _ => {
                bytes.truncate(place);
                "a cut tail"
            }
        };
        fs::remove_dir_all(folder.path()).unwrap();
        copy_folder(kept.path(), folder.path());
        fs::write(&file, bytes).unwrap();
        let verdict = look_at(folder.path(), &format!("{what} at {place} of {used}"));
        assert!(what == "a bit" || verdict != "lost", "{what} at {place} of {used}");
        *verdicts.entry((what, verdict)).or_default() += 1;
    }
    println!("{verdicts:?}");
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
