//! The high-water mark keeps up, and does not cost a write of its own for each commit.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use almanac_base::ManualClock;
use almanac_store::limits::MARK_INTERVAL;
use almanac_store::{OpenError, OpenOptions, Store, TenantStore};
use jiff::SignedDuration;

use crate::common::{block_on, open, options, put, tenant};

fn interval() -> SignedDuration {
    SignedDuration::try_from(MARK_INTERVAL).unwrap()
}

fn with_clock(folder: &Path) -> (OpenOptions, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new("2026-11-21T08:00:00Z".parse().unwrap()));
    let mut options = options(folder);
    options.clock = Arc::clone(&clock) as _;
    (options, clock)
}

fn write(tenant: &TenantStore, times: u8) {
    for number in 0..times {
        block_on(tenant.commit(put(tenant, &[number], b"v"))).unwrap();
    }
}

/// Waits for the thread that writes the mark; what comes is asserted by the caller.
fn until_marked(store: &Store, times: u64) {
    while store.stats().marks < times {
        std::thread::yield_now();
    }
}

#[test]
fn under_load_the_mark_is_written_once_an_interval_and_when_the_store_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (options, clock) = with_clock(folder.path());
    let store = Store::open(options).unwrap();
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    assert_eq!(store.stats().marks, 1, "written at the start");
    let rest = SignedDuration::from_millis(200);
    for round in 2..5 {
        clock.advance(interval() - rest);
        write(&one, 40);
        clock.advance(rest);
        write(&one, 1);
        until_marked(&store, round);
        write(&one, 40);
    }
    clock.advance(interval() - rest);
    write(&one, 40);
    store.close();
    assert_eq!(store.stats().marks, 1 + 3 + 1, "at the start, once an interval, at the end");
    store.close();
    assert_eq!(store.stats().marks, 5, "a closed store has no more to say");
}

#[test]
fn a_clock_that_is_set_back_does_not_keep_the_mark_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (options, clock) = with_clock(folder.path());
    let store = Store::open(options).unwrap();
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    clock.advance(-SignedDuration::from_hours(24));
    write(&one, 1);
    until_marked(&store, 2);
}

#[test]
fn what_was_written_within_the_interval_is_in_the_mark_after_the_store_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (options, _) = with_clock(folder.path());
    let store = Store::open(options).unwrap();
    let one = block_on(store.create_tenant(tenant(1))).unwrap();
    write(&one, 1);
    store.close();
    let kept = fs::read(folder.path().join("store.redb")).unwrap();
    let store = open(folder.path());
    write(&store.tenant(tenant(1)).unwrap(), 1);
    store.close();
    fs::write(folder.path().join("store.redb"), kept).unwrap();
    assert!(matches!(Store::open(self::options(folder.path())), Err(OpenError::RolledBack(_))));
}
