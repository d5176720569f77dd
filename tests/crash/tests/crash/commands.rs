//! Commands that rewrite the whole store, ended at any of their steps: done again, they find everything.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use almanac_harness::{Daemon, Multistatus, Options, Person, ics};

use crate::interposer::{Kind, read_trace, with_fault};
use crate::places;

const OBJECTS: usize = 20;

fn options(engine: &str, state: &Path) -> Options {
    Options::new().without_canary().set("store.engine", engine).state(state)
}

fn listing(daemon: &Daemon, erika: &Person) -> Multistatus {
    daemon.client(erika).propfind(&erika.calendar(), "1", &["D:getetag"]).multistatus()
}

/// Makes a store of `from`, ends `command` at each of a sample of its steps, and does it again; afterwards the store
/// is one of `to`.
fn ended_at_any_step(from: &str, to: &str, command: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let first = folder.join("first");
    let mut daemon = Daemon::stopped(options(from, &first));
    let erika = daemon.person("erika");
    daemon.boot();
    for n in 0..OBJECTS {
        let _ = daemon
            .client(&erika)
            .put(&erika.object(&format!("{n}.ics")), ics::simple(&n.to_string()))
            .expect(201);
    }
    let before = listing(&daemon, &erika);
    daemon.stop();
    let ended = |at: usize, kind: Kind| {
        let state = folder.join(format!("{kind:?}-{at}"));
        let copied = Command::new("cp").arg("-a").args([&first, &state]).status().unwrap();
        assert!(copied.success());
        let trace = state.with_extension("trace");
        let faulty = Daemon::stopped(with_fault(options(from, &state), (kind, at), &state, &trace));
        let first_try = faulty.cli(command);
        let killed = first_try.code.is_none();
        assert!(killed || first_try.code == Some(0), "{command:?} at {at}: {first_try:?}");
        if killed {
            // It was not told to be done, but it may be: then what is there is of the other engine already.
            let again = Daemon::stopped(options(from, &state)).cli(command);
            assert!(again.code == Some(0) || from != to, "{command:?} at {at}: {again:?}");
        }
        let mut daemon = Daemon::stopped(options(to, &state));
        daemon.boot();
        assert!(listing(&daemon, &erika) == before, "{command:?} at {at}");
        let answer = daemon.client(&erika).get(&erika.object("7.ics")).expect(200);
        assert_eq!(answer.text(), ics::simple("7"), "{command:?} at {at}");
        assert_eq!(daemon.cli(&["store", "verify", "--json"]).json()["damaged"], 0, "{command:?} at {at}");
        daemon.kill9();
        (read_trace(&trace).len(), killed)
    };
    let (steps, _) = ended(0, Kind::Count);
    // The last steps give names and remove what was there; no two runs have quite the same number.
    let sample: BTreeSet<_> = places(steps - 2, 4).into_iter().chain(steps - 5..steps - 1).collect();
    let killed = sample.iter().filter(|at| ended(**at, Kind::Kill).1).count();
    assert!(killed * 2 > sample.len(), "only {killed} of {} were killed", sample.len());
}

#[test]
fn a_rotation_of_keys_that_is_killed_at_any_step_can_be_done_again_with_redb() {
    ended_at_any_step("redb", "redb", &["key", "rotate"]);
}

#[test]
fn a_rotation_of_keys_that_is_killed_at_any_step_can_be_done_again_with_sled() {
    ended_at_any_step("sled", "sled", &["key", "rotate"]);
}

#[test]
fn a_conversion_that_is_killed_at_any_step_can_be_done_again() {
    ended_at_any_step("redb", "sled", &["store", "convert", "--to", "sled"]);
    ended_at_any_step("sled", "redb", &["store", "convert", "--to", "redb"]);
}
