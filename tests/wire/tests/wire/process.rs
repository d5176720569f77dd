//! The process as the system sees it: no core dumps, the owner of the files, one store for one process.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use almanac_harness::{Daemon, Options, cannot_run};

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
        return cannot_run("the owner of a folder cannot be changed here; needs root");
    }
    fs::set_permissions(parent, PermissionsExt::from_mode(0o755)).unwrap();
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

#[test]
fn nobody_but_root_and_the_owner_is_heard_on_the_control_socket_even_if_it_is_open_to_all() {
    let daemon = Daemon::start();
    let socket = daemon.state().join("control.sock");
    let own = fs::metadata(&socket).unwrap().uid();
    for (path, mode) in [(daemon.state().parent().unwrap(), 0o711), (daemon.state(), 0o711), (&socket, 0o666)]
    {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    // What curl sends is no command: whoever is heard is told so.
    let ask = |uid: u32| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--http0.9", "--max-time", "30", "--unix-socket"]).arg(&socket);
        let output = curl.arg("http://localhost/").uid(uid).output();
        output.map(|output| String::from_utf8(output.stdout).unwrap())
    };
    assert!(ask(own).unwrap().contains("does not understand"));
    let Ok(said) = ask(65534) else {
        return cannot_run("no process of another user can be started here; needs root");
    };
    assert_eq!(said, "");
    assert!(daemon.await_log(|line| line.contains("a stranger tried")).is_some(), "{}", daemon.log());
}
