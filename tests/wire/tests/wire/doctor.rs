//! `almanac doctor`: what it finds in a server that is well, and in one that is not. Nothing is asked of the network.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use almanac_harness::{Cli, Daemon, Options, Signal};
use serde_json::Value;

use crate::listeners::certificate;

/// The delivered unit, in the place of whatever this machine has.
const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/almanac.service");

fn doctor(daemon: &Daemon) -> Cli {
    let backups = daemon.state().join("backups");
    daemon.cli(&["doctor", "--json", "--unit-file", UNIT, "--backups", backups.to_str().unwrap()])
}

/// The findings by name; where there are several of a name, the worst.
fn findings(cli: &Cli) -> BTreeMap<String, Value> {
    let rows: Vec<Value> = serde_json::from_str(&cli.stdout).unwrap_or_else(|e| panic!("{e}: {cli:?}"));
    let mut findings = BTreeMap::new();
    for row in rows {
        assert_eq!(row["remedy"].is_null(), row["level"] == "ok", "who finds fault says what to do: {row}");
        let name = row["name"].as_str().unwrap().to_owned();
        if row["level"] != "ok" || !findings.contains_key(&name) {
            findings.insert(name, row);
        }
    }
    findings
}

#[track_caller]
fn well(cli: &Cli, name: &str) -> String {
    let finding = &findings(cli)[name];
    assert_eq!(finding["level"], "ok", "{finding}");
    finding["seen"].as_str().unwrap().to_owned()
}

/// What was seen of a problem.
#[track_caller]
fn unwell(cli: &Cli, name: &str) -> String {
    assert_eq!(cli.code, Some(7), "{cli:?}");
    let finding = &findings(cli)[name];
    assert_eq!(finding["level"], "problem", "{finding}");
    finding["seen"].as_str().unwrap().to_owned()
}

/// Every file with its bytes and when it was written.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>, std::time::SystemTime)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let bytes = fs::read(entry.path()).unwrap_or_default();
            (entry.file_name().into_string().unwrap(), bytes, entry.metadata().unwrap().modified().unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_server_that_is_well_has_no_problem_running_or_stopped_and_nothing_is_changed() {
    let mut daemon = Daemon::start();
    let running = doctor(&daemon);
    assert_eq!(running.code, Some(0), "{running:?}");
    assert!(well(&running, "store").contains("running server"));
    assert!(well(&running, "address").contains("answers"));
    assert!(well(&running, "well-known").contains("/dav/"));
    daemon.stop();
    let before = contents(daemon.state());
    let stopped = doctor(&daemon);
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert_eq!(contents(daemon.state()), before, "a look leaves no trace");
    assert!(well(&stopped, "store").contains("the key fits"));
    assert!(well(&stopped, "address").contains("free"));
    assert_eq!(well(&stopped, "server"), "stopped");
    for name in ["configuration", "state folder", "root key file", "clock", "unit hardening"] {
        well(&running, name);
        well(&stopped, name);
    }
    assert!(!findings(&stopped).contains_key("well-known"), "nobody is there to be asked");
    assert_eq!(findings(&stopped)["backup"]["level"], "warning");
    let people = daemon.cli(&["doctor"]).stdout;
    assert!(people.lines().any(|line| line.starts_with("ok") && line.contains("root key file")), "{people}");
}

#[test]
fn a_store_without_its_mark_is_looked_at_without_giving_it_a_new_life() {
    let mut daemon = Daemon::start();
    daemon.stop();
    fs::remove_file(daemon.state().join("head")).unwrap();
    let before = contents(daemon.state());
    well(&doctor(&daemon), "store");
    assert_eq!(contents(daemon.state()), before);
    daemon.boot();
}

#[test]
fn files_that_others_can_read_and_a_foreign_key_are_problems() {
    let daemon = Daemon::stopped(Options::new().without_canary());
    let _ = daemon.cli(&["tenant", "add", "t"]).ok();
    let key = daemon.state().join("root.key");
    let chmod = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    chmod(&key, 0o644);
    let found = doctor(&daemon);
    assert!(unwell(&found, "root key file").contains("0644"));
    assert!(unwell(&found, "state folder").contains("root.key"));
    assert!(unwell(&found, "store").contains("0644"), "and it would not start");
    chmod(&key, 0o600);
    chmod(daemon.state(), 0o755);
    assert!(unwell(&doctor(&daemon), "state folder").contains("0755"));
    chmod(daemon.state(), 0o700);
    let right = fs::read(&key).unwrap();
    fs::write(&key, "0".repeat(64)).unwrap();
    assert!(unwell(&doctor(&daemon), "store").contains("key does not fit"));
    fs::write(&key, right).unwrap();
    assert_eq!(doctor(&daemon).code, Some(0));
}

#[test]
fn a_key_that_only_the_service_gets_is_seen_through_the_running_server_and_is_no_problem_else() {
    let credentials = tempfile::tempdir().unwrap();
    fs::write(credentials.path().join("almanac.root-key"), "0123456789abcdef".repeat(4)).unwrap();
    let state = tempfile::tempdir().unwrap();
    let options =
        || Options::new().without_canary().state(&state.path().join("s")).set("store.key", "credential");
    let folder = credentials.path().to_str().unwrap();
    let daemon = Daemon::start_with(options().variable("CREDENTIALS_DIRECTORY", folder));
    let outside = Daemon::stopped(options());
    assert!(well(&doctor(&outside), "store").contains("running server"));
    drop(daemon);
    let found = doctor(&outside);
    assert_eq!(found.code, Some(0), "{found:?}");
    assert_eq!(findings(&found)["store"]["level"], "warning");
    assert!(well(&found, "root key file").contains("credential"));
}

#[test]
fn a_clock_that_went_back_and_a_backup_that_was_made_are_seen() {
    let daemon = Daemon::stopped(Options::new().without_canary());
    let _ = daemon.cli(&["tenant", "add", "t"]).ok();
    let head = fs::File::options().write(true).open(daemon.state().join("head")).unwrap();
    let later = head.metadata().unwrap().modified().unwrap() + std::time::Duration::from_secs(86_400);
    head.set_modified(later).unwrap();
    assert!(unwell(&doctor(&daemon), "clock").contains("went back"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("almanac-1.backup"), "").unwrap();
    let found = daemon.cli(&["doctor", "--json", "--backups", folder.path().to_str().unwrap()]);
    assert!(well(&found, "backup").contains("0 hours"));
}

#[test]
fn a_port_that_another_program_has_and_a_wrong_configuration_are_problems() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let daemon = Daemon::stopped(Options::new().without_canary().set("http.listen", &address));
    assert!(unwell(&doctor(&daemon), "address").contains(&address));
    let daemon = Daemon::stopped(Options::new().without_canary().set("http.listen", "nowhere"));
    let found = doctor(&daemon);
    assert!(unwell(&found, "configuration").contains("http.listen"), "{found:?}");
    well(&found, "unit hardening");
}

#[test]
fn a_server_that_hangs_is_found_to() {
    let daemon = Daemon::start_with(Options::new().without_canary());
    daemon.signal(Signal::STOP);
    let found = doctor(&daemon);
    daemon.signal(Signal::CONT);
    unwell(&found, "server");
}

#[test]
fn the_running_server_must_show_the_certificate_that_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let (options, _config) = certificate(folder.path());
    let options = options.without_canary().set("http.public_url", "https://localhost");
    let daemon = Daemon::start_with(options);
    let found = doctor(&daemon);
    assert!(well(&found, "certificate").contains("the key fits"));
    assert!(well(&found, "well-known").contains("https://localhost/dav/"), "{found:?}");
    // As after a renewal that the daemon has not seen: another folder with other files.
    let other = tempfile::tempdir().unwrap();
    let _ = certificate(other.path());
    let file = folder.path().join("almanac.toml");
    let tls = |name: &str| other.path().join(name).display().to_string();
    let text =
        format!("[http.tls]\ncert_file = \"{}\"\nkey_file = \"{}\"\n", tls("cert.pem"), tls("key.pem"));
    fs::write(&file, text).unwrap();
    let renewed = std::process::Command::new(almanac_harness::binary())
        .args(["doctor", "--json", "--config", file.to_str().unwrap(), "--state"])
        .arg(daemon.state())
        .output()
        .unwrap();
    let renewed = Cli {
        code: renewed.status.code(),
        stdout: String::from_utf8(renewed.stdout).unwrap(),
        stderr: String::from_utf8(renewed.stderr).unwrap(),
    };
    assert!(unwell(&renewed, "well-known").contains("https://"), "{renewed:?}");
}

#[test]
fn a_resolver_that_cannot_be_asked_is_a_warning() {
    let gone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let options = Options::new().without_canary().set("http.public_url", "https://cal.example.org");
    let daemon = Daemon::stopped(options);
    let _ = daemon.cli(&["tenant", "add", "t"]).ok();
    let found = daemon.cli(&["doctor", "--json", "--resolver", &gone]);
    assert_eq!(found.code, Some(0), "{found:?}");
    assert_eq!(findings(&found)["DNS"]["level"], "warning");
}
