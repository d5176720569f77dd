//! A real disk without room: a small tmpfs, where the test may mount one.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use almanac_base::TenantId;
use almanac_store::engine::sled::SledTuning;
use almanac_store::{EngineKind, OpenError, Space, Store, StoreError, TenantStore, Tuning, Write};

use crate::kill::{block_on, options};

/// Set where no test may be skipped.
const ALL_TESTS: &str = "ALMANAC_ALL_TESTS";

/// A mounted tmpfs, unmounted when dropped.
struct Small(tempfile::TempDir);

impl Small {
    fn mount(mib: u32) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m,mode=0700"), "almanac-test"])
            .arg(folder.path())
            .output();
        match mount {
            Ok(output) if output.status.success() => Ok(Self(folder)),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// `None`, with a word about it, where none can be mounted and a test may be skipped.
    fn mount_or_skip(mib: u32) -> Option<Self> {
        Self::mount(mib)
            .inspect_err(|reason| {
                let skipped = format!("no tmpfs can be mounted here ({reason})");
                assert!(std::env::var_os(ALL_TESTS).is_none(), "{skipped}");
                eprintln!("skipped: {skipped}");
            })
            .ok()
    }

    fn state(&self) -> PathBuf {
        self.0.path().join("state")
    }

    /// Leaves no free byte.
    fn fill(&self) {
        let mut filler = File::create(self.filler()).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while filler.write_all(&vec![1; size]).is_ok() {}
        }
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// Octets that nothing makes shorter.
fn noise(seed: u64) -> Vec<u8> {
    let next =
        |n: &u64| Some(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(seed), next).map(|n| n.to_be_bytes()[0]).take(20_000).collect()
}

fn put(tenant: &TenantStore, number: u64) -> Result<(), StoreError> {
    let key = number.to_be_bytes();
    let write = Write::new().put(Space::Objects, key.as_slice(), tenant.new_version(), noise(number));
    block_on(tenant.commit(write)).map(|_| ())
}

fn is_there(tenant: &TenantStore, number: u64) -> bool {
    block_on(tenant.get(Space::Objects, &number.to_be_bytes())).unwrap().is_some()
}

/// Writes until there is no room; returns the numbers that were acknowledged.
fn write_until_full(tenant: &TenantStore, from: u64) -> std::ops::Range<u64> {
    for number in from.. {
        match put(tenant, number) {
            Ok(()) => {}
            Err(StoreError::NoSpace) => return from..number,
            Err(other) => panic!("{other:?}"),
        }
    }
    unreachable!("the numbers do not end")
}

fn check(folder: &Path, numbers: std::ops::Range<u64>) {
    let store = Store::open(options(folder, EngineKind::Redb)).unwrap();
    let tenant = store.tenant(TenantId::from_bytes([1; 16])).unwrap();
    assert!(numbers.clone().all(|number| is_there(&tenant, number)));
    assert!(!is_there(&tenant, numbers.end));
}

#[test]
fn a_full_disk_refuses_writes_serves_reads_and_needs_no_restart_when_there_is_room() {
    let Some(small) = Small::mount_or_skip(16) else { return };
    let store = Store::open(options(&small.state(), EngineKind::Redb)).unwrap();
    let tenant = block_on(store.create_tenant(TenantId::from_bytes([1; 16]))).unwrap();
    put(&tenant, 0).unwrap();
    small.fill();
    let first = write_until_full(&tenant, 1);
    let opened = store.stats().engine.reopened;
    for _ in 0..50 {
        assert!(matches!(put(&tenant, first.end), Err(StoreError::NoSpace)));
        assert!((0..first.end).all(|number| is_there(&tenant, number)));
    }
    assert_eq!(store.stats().engine.reopened, opened, "redb is not made to fail again and again");

    fs::remove_file(small.filler()).unwrap();
    put(&tenant, first.end).unwrap();
    let second = write_until_full(&tenant, first.end + 1);
    assert!(second.end > first.end + 10, "the room is used");
    drop((tenant, store));
    check(&small.state(), 0..second.end); // opens while the disk is full
}

/// A sled store that keeps away from the last bytes of a disk.
fn open_sled(small: &Small, free_bytes_min: u64) -> Result<Store, OpenError> {
    let sled = SledTuning { free_bytes_min, ..SledTuning::default() };
    Store::open_tuned(options(&small.state(), EngineKind::Sled), &Tuning { sled, ..Tuning::default() })
}

#[test]
fn sled_refuses_writes_before_the_disk_is_full_serves_reads_and_goes_on_when_there_is_room() {
    let Some(small) = Small::mount_or_skip(64) else { return };
    assert!(matches!(open_sled(&small, 1 << 30), Err(OpenError::NoSpace(_))), "no room to begin");
    let store = open_sled(&small, 16 << 20).unwrap();
    let tenant = block_on(store.create_tenant(TenantId::from_bytes([1; 16]))).unwrap();
    let first = write_until_full(&tenant, 0);
    for _ in 0..50 {
        assert!(matches!(put(&tenant, first.end), Err(StoreError::NoSpace)));
        assert!(first.clone().all(|number| is_there(&tenant, number)));
    }
    small.fill();
    assert!(first.clone().all(|number| is_there(&tenant, number)), "reads need no room");
    assert!(matches!(put(&tenant, first.end), Err(StoreError::NoSpace)));
    assert_eq!(store.stats().engine.reopened, 0, "sled was never made to fail");
    drop((tenant, store));
    assert!(matches!(open_sled(&small, 16 << 20), Err(OpenError::NoSpace(_))), "it would not open again");
    fs::remove_file(small.filler()).unwrap();
    let store = open_sled(&small, 4 << 20).unwrap();
    let tenant = store.tenant(TenantId::from_bytes([1; 16])).unwrap();
    assert!(first.clone().all(|number| is_there(&tenant, number)));
    put(&tenant, first.end).unwrap();
}

#[test]
fn a_disk_that_is_full_after_all_costs_sled_nothing_acknowledged() {
    let Some(small) = Small::mount_or_skip(64) else { return };
    let store = open_sled(&small, 0).unwrap();
    let tenant = block_on(store.create_tenant(TenantId::from_bytes([1; 16]))).unwrap();
    put(&tenant, 0).unwrap();
    let mut acknowledged = 1;
    // Nothing guards sled here: it meets the end of the disk itself, and what it answers then may be anything.
    std::thread::scope(|scope| {
        scope.spawn(|| small.fill());
        while put(&tenant, acknowledged).is_ok() {
            acknowledged += 1;
        }
    });
    drop((tenant, store));
    fs::remove_file(small.filler()).unwrap();
    let store = open_sled(&small, 0).unwrap();
    let tenant = store.tenant(TenantId::from_bytes([1; 16])).unwrap();
    assert!((0..acknowledged).all(|number| is_there(&tenant, number)));
    put(&tenant, acknowledged + 1).unwrap();
}
