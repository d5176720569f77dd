//! A redb engine whose disk can be held: what is committed meanwhile waits in the queue.

use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Waker};

use almanac_store::Space;
use almanac_store::engine::redb::{Medium, RedbEngine, file_medium};
use almanac_store::engine::{Commit, Committed, Engine, EngineError};
use redb::StorageBackend;

use crate::engines::{block_on, commit, key, put, tenant};

#[derive(Default)]
struct State {
    shut: bool,
    /// A sync waits at the gate.
    held: bool,
}

#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<State>, Condvar)>);

impl Gate {
    fn set(&self, shut: bool) {
        self.0.0.lock().unwrap().shut = shut;
        self.0.1.notify_all();
    }

    /// Returns when a sync waits.
    fn await_held(&self) {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |state| !state.held).unwrap());
    }

    fn pass(&self) {
        let mut state = self.0.0.lock().unwrap();
        while state.shut {
            state.held = true;
            self.0.1.notify_all();
            state = self.0.1.wait(state).unwrap();
        }
        state.held = false;
    }

    fn medium(&self) -> Arc<Medium> {
        let gate = self.clone();
        Arc::new(move |path: &Path| Ok(Box::new(Gated { file: file_medium(path)?, gate: gate.clone() }) as _))
    }
}

struct Gated {
    file: Box<dyn StorageBackend>,
    gate: Gate,
}

impl fmt::Debug for Gated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gated")
    }
}

impl StorageBackend for Gated {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.gate.pass();
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)
    }
}

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Committed, EngineError>> + Send + 'a>>;

fn write(number: u8) -> Commit {
    commit(vec![], vec![put(Space::Objects, &[number], 1, b"v")], vec![])
}

/// Commits of their own, handed over one by one; none is answered yet.
fn hand_over(engine: &RedbEngine, numbers: std::ops::Range<u8>) -> Vec<Waiting<'_>> {
    let begin = |number| {
        let mut waiting = engine.commit(write(number));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        waiting
    };
    numbers.map(begin).collect()
}

#[test]
fn commits_that_wait_while_the_disk_is_busy_become_durable_in_one_group() {
    let (folder, gate) = (tempfile::tempdir().unwrap(), Gate::default());
    let engine = RedbEngine::create(&folder.path().join("rows"), 1 << 20, gate.medium()).unwrap();
    let before = engine.stats();
    gate.set(true);
    let mut waiting = hand_over(&engine, 0..1);
    gate.await_held();
    waiting.extend(hand_over(&engine, 1..51));
    gate.set(false);
    for one in waiting {
        block_on(one).unwrap();
    }
    let after = engine.stats();
    assert_eq!((after.commits - before.commits, after.groups - before.groups), (51, 2));
    assert_eq!(after.syncs - before.syncs, 4, "quick repair writes in two phases");
}

#[test]
fn what_is_queued_when_an_engine_is_closed_is_acknowledged_and_there_after_a_restart() {
    let (folder, gate) = (tempfile::tempdir().unwrap(), Gate::default());
    let path = folder.path().join("rows");
    let engine = RedbEngine::create(&path, 1 << 20, gate.medium()).unwrap();
    gate.set(true);
    let mut waiting = hand_over(&engine, 0..1);
    gate.await_held();
    waiting.extend(hand_over(&engine, 1..21));
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| engine.close());
        gate.set(false);
        closing.join().unwrap();
    });
    for one in waiting {
        block_on(one).unwrap();
    }
    assert!(matches!(block_on(engine.commit(write(99))), Err(EngineError::Closed)));
    drop(engine);
    let engine = RedbEngine::open(&path, 1 << 20, Arc::new(file_medium)).unwrap();
    let keys: Vec<_> = (0..21).map(|number| (Space::Objects, key(&[number]))).collect();
    assert!(block_on(engine.get_many(tenant(1), &keys)).unwrap().iter().all(Option::is_some));
}
