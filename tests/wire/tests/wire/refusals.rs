//! What the store refuses to open: one clear sentence with a remedy, an own exit code, nothing touched.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use almanac_harness::{Daemon, Options, ics};

/// Every file of the state folder with its content, but for what a start may touch: the lock, and the control socket.
fn content(state: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(state).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_file() && name != "lock" {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    files
}

/// A stopped daemon whose store holds one person.
fn stopped() -> Daemon {
    let daemon = Daemon::stopped(Options::new().without_canary());
    let _ = daemon.person("erika");
    daemon
}

/// Asserts that neither the daemon nor a command opens the store, and that both leave it as it is.
fn assert_refused(daemon: &mut Daemon, code: i32) -> String {
    let before = content(daemon.state());
    let why = daemon.try_boot().unwrap_err().failed(code);
    let _ = daemon.cli(&["user", "list"]).failed(code);
    assert!(why.lines().count() >= 2, "a sentence and a remedy: {why}");
    assert!(before == content(daemon.state()), "the files were touched");
    why
}

#[test]
fn a_wrong_key_is_refused_with_5() {
    let mut daemon = stopped();
    let other = stopped();
    let key = daemon.state().join("root.key");
    let right = fs::read(&key).unwrap();
    fs::write(&key, fs::read(other.state().join("root.key")).unwrap()).unwrap();
    assert_refused(&mut daemon, 5);
    fs::write(&key, right).unwrap();
    daemon.boot();
}

#[test]
fn a_missing_key_is_refused_and_not_replaced() {
    let mut daemon = stopped();
    let key = daemon.state().join("root.key");
    let aside = daemon.state().parent().unwrap().join("aside.key");
    fs::rename(&key, &aside).unwrap();
    assert_refused(&mut daemon, 5);
    assert!(!key.exists());
    fs::rename(aside, key).unwrap();
    daemon.boot();
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let mut daemon = stopped();
    let key = daemon.state().join("root.key");
    for mode in [0o640, 0o604, 0o666] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let why = assert_refused(&mut daemon, 5);
        assert!(why.contains("chmod") || why.contains("600"), "{why}");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    daemon.boot();
}

#[test]
fn a_second_daemon_exits_with_4_and_the_first_goes_on() {
    let daemon = Daemon::start();
    let erika = daemon.person("erika");
    let mut second = Daemon::stopped(Options::new().without_canary().state(daemon.state()));
    let why = second.try_boot().unwrap_err().failed(4);
    assert!(why.lines().count() >= 2, "{why}");
    let _ = daemon.client(&erika).put(&erika.object("a.ics"), ics::simple("a")).expect(201);
}

#[test]
fn a_damaged_store_is_refused_with_6() {
    let mut daemon = stopped();
    let store = daemon.state().join("store.redb");
    let whole = fs::read(&store).unwrap();
    for (what, damaged) in [
        ("a foreign file", b"this is no store at all".repeat(1000)),
        ("an empty file", Vec::new()),
        ("a truncated file", whole[..whole.len() / 3].to_vec()),
        ("a zeroed head", [vec![0; 4096], whole[4096..].to_vec()].concat()),
    ] {
        fs::write(&store, damaged).unwrap();
        let code = daemon.try_boot().err().unwrap_or_else(|| panic!("{what} was opened"));
        let why = code.failed(6);
        assert!(why.lines().count() >= 2, "{what}: {why}");
    }
    fs::write(&store, whole).unwrap();
    daemon.boot();
}

#[test]
fn a_damaged_mark_is_refused_with_6() {
    let mut daemon = stopped();
    let mark = daemon.state().join("head");
    let whole = fs::read(&mark).unwrap();
    fs::write(&mark, &whole[..whole.len() / 2]).unwrap();
    let why = assert_refused(&mut daemon, 6);
    assert!(why.contains("head"), "{why}");
    fs::write(&mark, whole).unwrap();
    daemon.boot();
}

#[test]
fn a_store_that_somebody_holds_and_does_not_answer_for_is_waited_for_and_then_refused_with_4() {
    let daemon = stopped();
    let lock = fs::File::open(daemon.state().join("lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(daemon.cli(&["status", "--json"]).json()["state"], "busy");
    let why = daemon.cli(&["user", "list"]).failed(4);
    assert!(why.contains("does not answer"), "{why}");
    lock.unlock().unwrap();
    let _ = daemon.cli(&["user", "list"]).ok();
}

#[test]
fn a_store_that_was_rolled_back_is_refused_with_6() {
    let mut daemon = stopped();
    let erika = {
        daemon.boot();
        daemon.person("hugo")
    };
    daemon.stop();
    let store = daemon.state().join("store.redb");
    let old = fs::read(&store).unwrap();
    daemon.boot();
    let _ = daemon.client(&erika).put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    daemon.stop();
    let new = fs::read(&store).unwrap();
    fs::write(&store, old).unwrap();
    assert_refused(&mut daemon, 6);
    fs::write(&store, new).unwrap();
    daemon.boot();
    let _ = daemon.client(&erika).get(&erika.object("a.ics")).expect(200);
}

#[test]
fn ciphertext_that_was_changed_is_never_served() {
    let mut daemon = Daemon::stopped(Options::new().without_canary());
    let erika = daemon.person("erika");
    daemon.boot();
    let body = ics::event_with("a", "x", "20261201T090000Z", &format!("DESCRIPTION:{}", "y".repeat(60)));
    let _ = daemon.client(&erika).put(&erika.object("a.ics"), &body).expect(201);
    daemon.stop();
    let store = daemon.state().join("store.redb");
    let whole = fs::read(&store).unwrap();
    // One bit in every 512 bytes: whatever the daemon still serves must be what was written.
    for offset in [3, 131, 259, 387] {
        let mut damaged = whole.clone();
        for byte in damaged.iter_mut().skip(8192 + offset).step_by(512) {
            *byte ^= 0x10;
        }
        fs::write(&store, damaged).unwrap();
        if daemon.try_boot().is_ok() {
            if let Ok(answer) = daemon.client(&erika).request("GET", &erika.object("a.ics")).try_send() {
                assert!(answer.status != 200 || answer.body == body.as_bytes(), "{answer}");
                assert!(answer.status == 200 || !answer.text().contains("BEGIN:"), "{answer}");
            }
            daemon.kill9();
        }
    }
    fs::write(&store, whole).unwrap();
    daemon.boot();
    assert_eq!(daemon.client(&erika).get(&erika.object("a.ics")).expect(200).body, body.as_bytes());
}
