//! The process as the system sees it: no core dumps, the owner of the files, one store for one process.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};

use almanac_harness::{Daemon, Options};

#[test]
fn a_core_dump_is_never_written() {
    let daemon = Daemon::start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
    let core = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
    let numbers: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(numbers, ["0", "0"], "{core}");
}

#[test]
fn root_works_as_the_owner_of_the_state_folder() {
    let mut daemon = Daemon::stopped(Options::new().without_canary());
    let folder = daemon.state().to_owned();
    fs::create_dir(&folder).unwrap();
    let parent = folder.parent().unwrap();
    if chown(&folder, Some(65534), Some(65534)).is_err() {
        println!("not run: the owner of a folder cannot be changed here; needs root");
        return;
    }
    fs::set_permissions(parent, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let owners = |what: &str| {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let meta = entry.metadata().unwrap();
            assert_eq!((meta.uid(), meta.gid()), (65534, 65534), "{what}: {}", entry.path().display());
        }
    };
    let erika = daemon.person("erika");
    owners("made by commands");
    daemon.boot();
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let uid = status.lines().find(|l| l.starts_with("Uid:")).unwrap();
    assert!(uid.split_whitespace().skip(1).all(|id| id == "65534"), "{uid}");
    let _ = daemon.client(&erika).get(&erika.calendar()).expect(200);
    let _ = daemon.cli(&["status"]).ok();
    owners("while it runs");
    daemon.stop();
    owners("after the stop");
    daemon.boot();
}
