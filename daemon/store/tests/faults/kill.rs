//! kill -9 while eight writers write: what was acknowledged is there, nothing is there by half.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use almanac_base::{CollectionId, SystemClock, TenantId};
use almanac_store::{
    CreateMode, EngineKind, FileKey, LogWrite, OpenOptions, Space, Store, TenantStore, Write,
};

const LANES: u8 = 8;
const FOLDER: &str = "ALMANAC_TEST_KILL_FOLDER";
const ENGINE: &str = "ALMANAC_TEST_KILL_ENGINE";
const ROUNDS: &str = "ALMANAC_TEST_KILL_ROUNDS";
const TENANT: TenantId = TenantId::from_bytes([1; 16]);

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) fn options(folder: &Path, engine: EngineKind) -> OpenOptions {
    OpenOptions {
        state: folder.into(),
        engine,
        cache_bytes: 4 << 20,
        key: Arc::new(FileKey { path: folder.join("root.key") }),
        clock: Arc::new(SystemClock),
        create: CreateMode::IfMissing,
    }
}

fn lane_id(lane: u8) -> CollectionId {
    CollectionId::from_bytes([lane; 16])
}

fn number_in(tenant: &TenantStore, space: Space, lane: u8) -> u64 {
    let record = block_on(tenant.get(space, &[lane])).unwrap();
    record.map_or(0, |record| u64::from_be_bytes(record.value[..8].try_into().unwrap()))
}

/// The writer: not a test of its own, but what the test below starts and kills.
#[test]
#[ignore = "started by the test beside it"]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let sled = std::env::var(ENGINE).is_ok_and(|name| name == EngineKind::Sled.name());
    let engine = if sled { EngineKind::Sled } else { EngineKind::Redb };
    let store = Store::open(options(Path::new(&folder), engine)).unwrap();
    let tenant = store.tenant(TENANT).unwrap();
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            let tenant = &tenant;
            scope.spawn(move || {
                for number in number_in(tenant, Space::Objects, lane) + 1.. {
                    // Now and then one that an engine may have to take apart.
                    let length = match number {
                        _ if number % 40 == 9 => 1_500_000,
                        _ if number % 7 == 0 => 12_000,
                        _ => 1200,
                    };
                    let value = [number.to_be_bytes().to_vec(), vec![lane; length]].concat();
                    let version = tenant.new_version();
                    let log = LogWrite {
                        collection: lane_id(lane),
                        object: [lane; 32],
                        version,
                        value: number.to_be_bytes().to_vec(),
                    };
                    let write = Write::new()
                        .put(Space::Objects, [lane].as_slice(), version, value.clone())
                        .put(Space::Summaries, [lane].as_slice(), version, value)
                        .log(log);
                    block_on(tenant.commit(write)).unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "ack {lane} {number}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

/// Lets a writer run until it has acknowledged `enough` commits, kills it, and returns the last number that
/// each lane acknowledged and how many commits that were.
fn round(folder: &Path, engine: EngineKind, enough: usize) -> (BTreeMap<u8, u64>, usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::writer", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(ENGINE, engine.name())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut last = BTreeMap::new();
    let mut count = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        // The last line may be cut: then it was no acknowledgement.
        let Some(("ack", rest)) = line.split_once(' ') else { continue };
        let Some((lane, number)) = rest.split_once(' ') else { continue };
        last.insert(lane.parse().unwrap(), number.parse().unwrap());
        count += 1;
        if count == enough {
            child.kill().unwrap(); // SIGKILL; what is in the pipe is still read
        }
    }
    child.wait().unwrap();
    assert!(count >= enough, "the writer ended by itself after {count} commits");
    (last, count)
}

fn check(folder: &Path, engine: EngineKind, acknowledged: &BTreeMap<u8, u64>) {
    let store = Store::open(options(folder, engine)).unwrap();
    let tenant = store.tenant(TENANT).unwrap();
    let mut changes = 0;
    for lane in 0..LANES {
        let object = number_in(&tenant, Space::Objects, lane);
        let promised = acknowledged.get(&lane).copied().unwrap_or(0);
        assert!(object >= promised, "lane {lane}: {promised} was acknowledged, {object} is there");
        assert_eq!(object, number_in(&tenant, Space::Summaries, lane), "lane {lane}: half of a commit");
        let mut after = 0;
        loop {
            let page = block_on(tenant.changes(lane_id(lane), after, 1000)).unwrap();
            for change in &page.rows {
                changes += 1;
                after = change.seq;
            }
            if !page.more {
                let last = page
                    .rows
                    .last()
                    .map_or(0, |change| u64::from_be_bytes(change.value[..].try_into().unwrap()));
                assert_eq!(last, object, "lane {lane}: the log and the object differ");
                break;
            }
        }
    }
    assert_eq!(
        store.heads().tenants.get(&TENANT).copied().unwrap_or(0),
        changes,
        "a gap in the tenant's log"
    );
}

fn rounds(engine: EngineKind) {
    let rounds = std::env::var(ROUNDS).ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path(), engine)).unwrap();
    block_on(store.create_tenant(TENANT)).unwrap();
    drop(store);
    let (mut acknowledged, mut commits) = (BTreeMap::new(), 0);
    for number in 0..rounds {
        // Moments spread over the life of a writer, the very first commits among them.
        let (last, count) = round(folder.path(), engine, 1 + number * 61 % 240);
        acknowledged.extend(last);
        commits += count;
        check(folder.path(), engine, &acknowledged);
    }
    println!("{}: {rounds} rounds, {commits} acknowledged commits, none lost", engine.name());
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_there_after_kill_9() {
    rounds(EngineKind::Redb);
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_there_after_kill_9_with_sled() {
    rounds(EngineKind::Sled);
}
