//! What sled's wrapper does when the disk fails to store what it was given.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use almanac_base::TenantId;
use almanac_store::engine::sled::{SledEngine, SledTuning};
use almanac_store::engine::{Commit, Engine, EngineError, Mutation};
use almanac_store::{RecordVersion, Space};
use bytes::Bytes;

use crate::kill::block_on;

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
            assert!(matches!(engine.export(&mut |_, _| Ok(())), Err(EngineError::Poisoned)));
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
