//! The power is cut at random moments under eight concurrent writers: the daemon goes on with what its disk had.
//!
//! The disk is an ext4 file system on a loop device. The daemon is stopped in mid-work and the device copied: what the
//! system had not been told to sync is not in the copy. `sync_file_range` does nothing here, as it promises nothing.

use std::fs;
use std::path::Path;

use almanac_harness::{Daemon, Options, Signal, ics};
use tempfile::TempDir;

use crate::disk::{self, BYTES, Disk};
use crate::fleet::Fleet;
use crate::interposer::{Idle, with_idle};
use crate::{await_stopped, number, seeded};

/// A folder in memory, if it has room for some disks; else a usual one.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let free = rustix::fs::statvfs(memory).map_or(0, |found| found.f_bavail * found.f_frsize);
    let parent = if free > 4 * BYTES { memory.into() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("almanac-power-").tempdir_in(parent).unwrap()
}

/// A disk of its own. Where there can be none, as in most containers, the reason is printed, which the runner shows at the
/// end; that is no failure even where all tests are to run, since the right to mount does not bring loop devices.
fn disk(folder: &TempDir) -> Option<Disk> {
    let made = disk::possible().map_err(str::to_owned).and_then(|()| Disk::make(folder.path(), "0"));
    made.inspect_err(|why| println!("not run: {why}")).ok()
}

fn on(disk: &Disk, engine: &str, idle: Idle) -> Daemon {
    let options = Options::new().without_canary().set("store.engine", engine);
    Daemon::stopped(with_idle(options.state(&disk.path().join("state")), idle))
}

/// Stops the daemon in mid-work, cuts the power, and kills what is left of the daemon.
fn cut(daemon: &mut Daemon, disk: &Disk, name: &str) -> Disk {
    daemon.signal(Signal::STOP);
    await_stopped(daemon.pid());
    let left = disk.after_a_cut(name);
    daemon.kill9();
    left
}

fn cuts(engine: &str) {
    let folder = folder();
    let Some(mut disk) = disk(&folder) else { return };
    let rounds = number("ALMANAC_CRASH_ROUNDS", 8);
    let mut random = seeded(engine);
    let mut daemon = on(&disk, engine, Idle::Ranges);
    let mut fleet = Fleet::new(daemon.person("erika"), &mut random);
    daemon.boot();
    for round in 1..=rounds {
        let count = 1 + random.below(200);
        disk = fleet.write_until(&mut daemon, count, |daemon| cut(daemon, &disk, &round.to_string()));
        daemon = on(&disk, engine, Idle::Ranges);
        daemon.boot();
        fleet.check(&daemon);
    }
    assert_eq!(daemon.cli(&["store", "verify", "--json"]).json()["damaged"], 0);
    println!("{engine}: {rounds} power cuts, {} writes acknowledged, none lost", fleet.acknowledged);
    assert!(fleet.acknowledged > rounds, "the writers wrote");
    drop(daemon);
}

#[test]
fn nothing_acknowledged_is_lost_in_a_power_cut_with_redb() {
    cuts("redb");
}

#[test]
fn nothing_acknowledged_is_lost_in_a_power_cut_with_sled() {
    cuts("sled");
}

/// That the tests above can fail.
#[test]
fn a_cut_takes_what_was_not_synced() {
    let folder = folder();
    let Some(disk) = disk(&folder) else { return };
    let mut daemon = on(&disk, "redb", Idle::Syncs);
    let erika = daemon.person("erika");
    daemon.boot();
    let _ = daemon.client(&erika).put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let left = cut(&mut daemon, &disk, "1");
    let kept = fs::metadata(left.path().join("state/store.redb")).map_or(0, |file| file.len());
    assert_eq!(kept, 0, "the store is on the disk although nothing was synced");
}
