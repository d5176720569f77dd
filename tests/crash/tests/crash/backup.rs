//! Backup and restore that end at any of their steps: what is there by half does not pass for whole, and doing it
//! again works.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use almanac_harness::{Cli, Daemon, Multistatus, Options, Person, Signal, ics, send_signal};
use tempfile::TempDir;

use crate::interposer::{Call, Kind, read_trace, with_fault};
use crate::{await_stopped, places};

/// Objects, and lines of each: the backup is written in some pieces.
const OBJECTS: usize = 6;
const LINES: usize = 14_000;

/// A running daemon with some megabytes in it, and a folder for its backups.
struct Scene {
    engine: &'static str,
    daemon: Daemon,
    erika: Person,
    folder: TempDir,
}

fn options(engine: &str) -> Options {
    Options::new().without_canary().set("store.engine", engine)
}

impl Scene {
    fn new(engine: &'static str) -> Self {
        let mut daemon = Daemon::stopped(options(engine));
        let erika = daemon.person("erika");
        daemon.boot();
        let client = daemon.client(&erika);
        let note = format!("COMMENT:{}\n", "x".repeat(60)).repeat(LINES);
        for n in 0..OBJECTS {
            let body = ics::event_with(&n.to_string(), "x", "20261201T090000Z", &note);
            let _ = client.put(&erika.object(&format!("{n}.ics")), body).expect(201);
        }
        Self { engine, daemon, erika, folder: tempfile::tempdir().unwrap() }
    }

    fn listing(&self, daemon: &Daemon) -> Multistatus {
        daemon.client(&self.erika).propfind(&self.erika.calendar(), "1", &["D:getetag"]).multistatus()
    }

    /// A new folder for one backup and what is told of it.
    fn place(&self, name: &str) -> Place {
        let folder = self.folder.path().canonicalize().unwrap().join(name);
        fs::create_dir(&folder).unwrap();
        Place { file: folder.join("file"), trace: folder.with_extension("trace"), folder }
    }

    /// The command line to this daemon's state, with a fault ahead of it on what it does to its backup.
    fn command_line(&self, fault: (Kind, usize), place: &Place) -> Daemon {
        let options = options(self.engine).state(self.daemon.state());
        // From the folder above, so that the sync of the folder itself counts.
        Daemon::stopped(with_fault(options, fault, place.folder.parent().unwrap(), &place.trace))
    }

    fn backup(&self, fault: (Kind, usize), place: &Place) -> Cli {
        self.command_line(fault, place).cli(&["backup", place.file()])
    }

    /// Asserts that `place` holds no backup, or half of one that is refused.
    fn refused(&self, place: &Place) {
        let verified = self.daemon.cli(&["backup", "verify", place.file()]);
        if place.file.exists() {
            assert!(verified.failed(6).contains("remedy: "));
        } else {
            let _ = verified.failed(1);
        }
    }

    /// What a backup writes and syncs when nothing stops it.
    fn steps(&self, name: &str) -> Vec<Call> {
        let place = self.place(name);
        assert!(self.backup((Kind::Count, 0), &place).ok().starts_with("complete: "));
        read_trace(&place.trace)
    }
}

struct Place {
    folder: PathBuf,
    file: PathBuf,
    trace: PathBuf,
}

impl Place {
    fn file(&self) -> &str {
        self.file.to_str().unwrap()
    }

    fn hit(&self) -> Call {
        read_trace(&self.trace).into_iter().find(|call| call.hit).expect("the fault came")
    }
}

/// Ends the command at each step, be the daemon running or not.
fn killed_at_every_step(scene: &Scene, name: &str) {
    let steps = scene.steps(&format!("{name}-whole"));
    assert!(steps.len() > OBJECTS, "{} steps", steps.len());
    for at in 1..=steps.len() {
        let place = scene.place(&format!("{name}-{at}"));
        assert_eq!(scene.backup((Kind::Kill, at), &place).code, None, "killed at {at}");
        if place.hit().is_sync() {
            // All of it was written. Whether it is on the disk nobody was told.
            let _ = scene.daemon.cli(&["backup", "verify", place.file()]).ok();
        } else {
            scene.refused(&place);
        }
    }
    for (kind, at) in [(Kind::NoSpace, 3), (Kind::Error, 4), (Kind::Torn, 5), (Kind::SyncError, 1)] {
        let place = scene.place(&format!("{name}-{kind:?}"));
        assert!(scene.backup((kind, at), &place).failed(1).contains("remedy: "));
        assert!(!place.file.exists(), "{kind:?}");
        scene.refused(&place);
    }
    let place = scene.place(&format!("{name}-short"));
    let _ = scene.backup((Kind::Short, 2), &place).ok();
    let _ = scene.daemon.cli(&["backup", "verify", place.file()]).ok();
}

#[test]
fn a_backup_whose_client_ends_at_any_step_does_not_pass_for_whole_and_the_next_one_is() {
    let mut scene = Scene::new("redb");
    killed_at_every_step(&scene, "running");
    assert_eq!(scene.listing(&scene.daemon).members().len(), OBJECTS, "the daemon serves on");
    scene.daemon.stop();
    killed_at_every_step(&scene, "stopped");
}

/// The client is stopped at a step, so that the daemon can be killed right then.
fn daemon_killed(scene: &mut Scene, at: usize) -> Cli {
    let place = scene.place(&format!("daemon-{at}"));
    let client = scene.command_line((Kind::Stop, at), &place);
    let process = client.begin_cli(&["backup", place.file()]);
    while !read_trace(&place.trace).iter().any(|call| call.hit) {
        std::thread::yield_now();
    }
    await_stopped(process.id());
    scene.daemon.kill9();
    send_signal(&process, Signal::CONT);
    let cli = Cli::of(process);
    if cli.code == Some(0) {
        let _ = scene.daemon.cli(&["backup", "verify", place.file()]).ok();
    } else {
        assert!(cli.code == Some(1) && cli.stderr.contains("remedy: "), "at {at}: {cli:?}");
        assert!(!place.file.exists(), "at {at}");
        scene.refused(&place);
    }
    scene.daemon.boot();
    cli
}

#[test]
fn a_backup_whose_daemon_is_killed_at_any_step_does_not_pass_for_whole_and_the_next_one_is() {
    for engine in ["redb", "sled"] {
        let mut scene = Scene::new(engine);
        let steps = scene.steps("whole").len();
        let failed = (1..=steps).filter(|at| daemon_killed(&mut scene, *at).code != Some(0)).count();
        assert!(failed * 2 > steps, "{engine}: only {failed} of {steps} were cut off");
        let place = scene.place("after");
        let _ = scene.daemon.cli(&["backup", place.file()]).ok();
        let _ = scene.daemon.cli(&["backup", "verify", place.file()]).ok();
        assert_eq!(scene.listing(&scene.daemon).members().len(), OBJECTS);
    }
}

#[test]
fn a_restore_that_is_killed_at_any_step_leaves_no_half_store_and_can_be_done_again() {
    for engine in ["redb", "sled"] {
        let scene = Scene::new(engine);
        let _ = scene.steps("whole");
        let file = scene.folder.path().join("whole/file");
        let file = file.to_str().unwrap();
        let before = scene.listing(&scene.daemon);
        let restored = |name: &str, fault: (Kind, usize)| {
            let place = scene.place(name);
            fs::copy(scene.daemon.state().join("root.key"), place.folder.join("root.key")).unwrap();
            let state = options(engine).state(&place.folder);
            let killed = Daemon::stopped(with_fault(state.clone(), fault, &place.folder, &place.trace))
                .cli(&["restore", file]);
            let mut daemon = Daemon::stopped(state);
            if killed.code != Some(0) {
                assert_eq!((killed.code, fault.0), (None, Kind::Kill));
                let again = daemon.cli(&["restore", file]);
                // A store that is there is whole: it got its name last.
                assert!(again.code == Some(0) || again.stderr.contains("a store in"), "{fault:?}: {again:?}");
            }
            daemon.boot();
            assert!(scene.listing(&daemon) == before, "{engine}, {fault:?}");
            daemon.kill9();
            read_trace(&place.trace).len()
        };
        let steps = restored("count", (Kind::Count, 0));
        let sample: BTreeSet<_> = places(steps, 4).into_iter().chain(steps - 6..=steps).collect();
        for at in sample {
            restored(&format!("restored-{at}"), (Kind::Kill, at));
        }
    }
}
