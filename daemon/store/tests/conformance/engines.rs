//! The engines under test, and short words for what tests say to them.

use std::path::Path;
use std::sync::Arc;

use almanac_base::{CollectionId, TenantId};
use almanac_store::engine::memory::MemoryEngine;
use almanac_store::engine::redb::{Medium, RedbEngine, file_medium};
use almanac_store::engine::sled::{SledEngine, SledTuning};
use almanac_store::engine::{Commit, Engine, LogEntry, Mutation, Row};
use almanac_store::{Key, Precondition, RecordVersion, Space};
use bytes::Bytes;
use redb::backends::InMemoryBackend;

/// An engine, and the folder it lives in.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) engine: Arc<dyn Engine>,
    _folder: Arc<tempfile::TempDir>,
}

/// A redb that keeps its file in memory: the same code without waiting for a disk.
pub(crate) fn redb_in_memory() -> Arc<dyn Engine> {
    let medium: Arc<Medium> = Arc::new(|_: &Path| Ok(Box::new(InMemoryBackend::new()) as _));
    Arc::new(RedbEngine::create(Path::new("none"), 1 << 20, medium).unwrap())
}

/// A sled in a new folder.
pub(crate) fn sled(folder: &Path) -> Arc<dyn Engine> {
    Arc::new(SledEngine::create(folder, 1 << 20, SledTuning::default()).unwrap())
}

pub(crate) fn subjects() -> Vec<Subject> {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let redb = RedbEngine::create(&folder.path().join("rows"), 1 << 20, Arc::new(file_medium)).unwrap();
    let engines: [(_, Arc<dyn Engine>); 3] = [
        ("memory", Arc::new(MemoryEngine::new())),
        ("redb", Arc::new(redb)),
        ("sled", sled(&folder.path().join("sled"))),
    ];
    engines.map(|(name, engine)| Subject { name, engine, _folder: Arc::clone(&folder) }).into()
}

/// Runs `test` on every engine.
pub(crate) fn on_every_engine<F: Future<Output = ()>>(test: impl Fn(Arc<dyn Engine>) -> F) {
    for subject in subjects() {
        println!("engine {}", subject.name); // what a failure happened on
        block_on(test(Arc::clone(&subject.engine)));
    }
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) fn tenant(number: u8) -> TenantId {
    TenantId::from_bytes([number; 16])
}

pub(crate) fn collection(number: u8) -> CollectionId {
    CollectionId::from_bytes([number; 16])
}

pub(crate) fn version(number: u8) -> RecordVersion {
    RecordVersion::from_bytes([number; 16])
}

pub(crate) fn key(bytes: &[u8]) -> Key {
    bytes.into()
}

pub(crate) fn row(number: u8, value: &'static [u8]) -> Row {
    (version(number), Bytes::from_static(value))
}

pub(crate) fn put(space: Space, name: &[u8], number: u8, value: &'static [u8]) -> Mutation {
    Mutation::Put { space, key: key(name), version: version(number), value: Bytes::from_static(value) }
}

pub(crate) fn announce(of: CollectionId, number: u8) -> LogEntry {
    LogEntry {
        collection: of,
        object: [number; 32],
        version: version(number),
        value: Bytes::from_static(b"c"),
    }
}

/// A commit in tenant 1.
pub(crate) fn commit(
    preconditions: Vec<Precondition>,
    mutations: Vec<Mutation>,
    log: Vec<LogEntry>,
) -> Commit {
    Commit { tenant: tenant(1), preconditions, mutations, log }
}
