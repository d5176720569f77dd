//! Each test runs one real client's script (`clients/*.py`) against a daemon of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::process::Command;

use almanac_harness::{Daemon, Options, Person};

/// The folder with the Python clients; `tests/conformance/install clients` makes it.
fn venv() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin");
    assert!(path.join("python3").exists(), "the clients are missing: run tests/conformance/install clients");
    path.canonicalize().unwrap()
}

fn run(script: &str, programs: &[&str]) {
    let daemon = Daemon::start();
    let erika = daemon.person("erika");
    run_in(tempfile::tempdir().unwrap().path(), script, &[], programs, &daemon, &erika);
}

/// Runs a script in `folder`, as erika's client of `daemon`.
fn run_in(
    folder: &Path,
    script: &str,
    arguments: &[&str],
    programs: &[&str],
    daemon: &Daemon,
    erika: &Person,
) {
    let path = format!("{}:{}", venv().display(), std::env::var("PATH").unwrap_or_default());
    for program in programs {
        let found = path.split(':').any(|folder| Path::new(folder).join(program).exists());
        assert!(found, "{program} is missing: run tests/conformance/install clients");
    }
    let output = Command::new(venv().join("python3"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .env("XDG_DATA_HOME", folder.join("data"))
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .env("TERM", "dumb")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("ALMANAC_URL", format!("http://{}/", daemon.listeners()[0].authority()))
        .env("ALMANAC_LOGIN", &erika.login)
        .env("ALMANAC_SECRET", &erika.secret)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}:\n{out}\n{err}");
}

#[test]
fn vdirsyncer_khal_and_todoman_round_trip_both_ways() {
    run("vdirsyncer.py", &["vdirsyncer", "khal", "todo"]);
}

#[test]
fn python_caldav_discovers_creates_searches_syncs_edits_and_deletes() {
    run("python_caldav.py", &[]);
}

#[test]
fn cadaver_lists_gets_puts_copies_moves_and_deletes() {
    run("cadaver.py", &["cadaver"]);
}

#[test]
fn calcurse_synchronises_both_ways() {
    run("calcurse.py", &["calcurse", "calcurse-caldav"]);
}

#[test]
fn vdirsyncer_goes_on_after_a_restore_without_loss_and_without_doubles() {
    let folder = tempfile::tempdir().unwrap();
    let (script, programs) = ("vdirsyncer_restore.py", ["vdirsyncer"]);
    let mut daemon = Daemon::start();
    let erika = daemon.person("erika");
    run_in(folder.path(), script, &["before"], &programs, &daemon, &erika);
    let backup = folder.path().join("backup");
    let _ = daemon.cli(&["backup", backup.to_str().unwrap()]).ok();
    let address = daemon.listeners()[0].authority();
    daemon.stop();

    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::copy(daemon.state().join("root.key"), state.join("root.key")).unwrap();
    let mut restored = Daemon::stopped(Options::new().state(&state).set("http.listen", &address));
    let _ = restored.cli(&["restore", backup.to_str().unwrap()]).ok();
    restored.boot();
    run_in(folder.path(), script, &["after"], &programs, &restored, &erika);
}
