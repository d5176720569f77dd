//! What operators ask for, ended at any of its steps, be it the daemon that does it or the command line: asked for again,
//! or by the next start alone, it is done, and nothing else has changed.
//!
//! The interposer sees writes and syncs. Renames pass it, so a step before and one after each is what is tried.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use almanac_harness::{Cli, Daemon, Options, Person, TENANT, ics};
use tempfile::TempDir;

use crate::interposer::{Kind, read_trace, with_fault};
use crate::places;

const OBJECTS: usize = 20;
/// Steps that are tried without `ALMANAC_FAULTS=all`.
const SAMPLE: usize = 4;

/// Which process does it, and is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Daemon,
    CommandLine,
}

/// A stopped store with three tenants, and what the commands need beside it.
struct Scene {
    engine: &'static str,
    folder: PathBuf,
    first: PathBuf,
    erika: Person,
    others: Vec<Person>,
    _kept: TempDir,
}

fn options(engine: &str, state: &Path) -> Options {
    Options::new().without_canary().set("store.engine", engine).state(state)
}

/// What became of a command.
struct Tried {
    /// The steps before it and until its end.
    before: usize,
    after: usize,
    /// Whether the fault came.
    ended: bool,
    cli: Cli,
}

impl Scene {
    /// `prepare` gets the running daemon.
    fn new(engine: &'static str, prepare: impl FnOnce(&Self, &Daemon)) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path().canonicalize().unwrap();
        let first = folder.join("first");
        let mut daemon = Daemon::stopped(options(engine, &first));
        let erika = daemon.person("erika");
        let others =
            (0..2).map(|n| daemon.person_in(&format!("tenant-{n}"), &format!("person-{n}"))).collect();
        daemon.boot();
        let scene = Self { engine, folder, first, erika, others, _kept: kept };
        for person in scene.everybody() {
            for n in 0..OBJECTS {
                let object = person.object(&format!("{n}.ics"));
                let _ = daemon.client(person).put(&object, ics::simple(&n.to_string())).expect(201);
            }
        }
        prepare(&scene, &daemon);
        daemon.stop();
        scene
    }

    fn everybody(&self) -> impl Iterator<Item = &Person> {
        std::iter::once(&self.erika).chain(&self.others)
    }

    /// Tries `command` once with a fault.
    fn tried(&self, by: By, command: &[&str], fault: (Kind, usize), state: &Path) -> Tried {
        let copied = Command::new("cp").arg("-a").args([&self.first, &state.to_owned()]).status().unwrap();
        assert!(copied.success());
        let trace = state.with_extension("trace");
        let steps = || read_trace(&trace).len();
        let mut faulty = Daemon::stopped(with_fault(options(self.engine, state), fault, state, &trace));
        let (before, cli) = match by {
            By::CommandLine => (0, faulty.cli(command)),
            By::Daemon => match faulty.try_boot() {
                Ok(()) => (steps(), Daemon::stopped(options(self.engine, state)).cli(command)),
                // Killed while it starts it was not asked.
                Err(cli) => return Tried { before: 0, after: 0, ended: false, cli },
            },
        };
        assert!(fault.0 == Kind::Kill || cli.code == Some(0), "{cli:?}");
        let after = steps();
        if by == By::Daemon {
            faulty.kill9();
        }
        let ended = read_trace(&trace).iter().any(|call| call.hit);
        Tried { before, after, ended, cli }
    }

    /// Ends `command` at a sample of its steps and asks for it again; `done` looks at a daemon in which it is done.
    fn ended_at_any_step(&self, by: By, command: &[&str], done: &dyn Fn(&Daemon)) {
        let name = |at| self.folder.join(format!("{by:?}-{at}"));
        let Tried { before, after, .. } = self.tried(by, command, (Kind::Count, 0), &name(0));
        assert!(after > before + 1, "{command:?} by {by:?}: {before} to {after}");
        let sample: Vec<_> = places(after - before, SAMPLE).into_iter().map(|step| before + step).collect();
        let mut ended = 0;
        for at in &sample {
            let state = name(*at);
            ended += usize::from(self.tried(by, command, (Kind::Kill, *at), &state).ended);
            // It may have been done before: then there is nothing left to do, which `done` sees.
            let again = Daemon::stopped(options(self.engine, &state)).cli(command);
            assert!(matches!(again.code, Some(0 | 1)), "{command:?} by {by:?} at {at}: {again:?}");
            let mut daemon = Daemon::stopped(options(self.engine, &state));
            daemon.boot();
            done(&daemon);
            assert_eq!(
                daemon.cli(&["store", "verify", "--json"]).json()["damaged"],
                0,
                "{command:?} at {at}"
            );
            daemon.kill9();
            fs::remove_dir_all(&state).unwrap();
        }
        assert!(
            ended * 2 > sample.len(),
            "{command:?} by {by:?}: only {ended} of {} were ended",
            sample.len()
        );
    }

    fn all_is_there(&self, daemon: &Daemon) {
        for person in self.everybody() {
            assert_eq!(daemon.client(person).members(&person.calendar()).len(), OBJECTS);
        }
    }
}

fn root_key_changes(engine: &'static str, by: By) {
    let scene = Scene::new(engine, |_, _| ());
    let key = |state: &Path| fs::read(state.join("root.key")).unwrap();
    let before = key(&scene.first);
    scene.ended_at_any_step(by, &["key", "rotate", "--root"], &|daemon| {
        scene.all_is_there(daemon);
        assert!(!daemon.state().join("root.pending").exists(), "it is finished");
        assert_ne!(key(daemon.state()), before);
    });
}

#[test]
fn a_change_of_the_root_key_that_a_running_daemon_did_not_finish_is_finished() {
    root_key_changes("redb", By::Daemon);
}

#[test]
fn a_change_of_the_root_key_that_a_running_daemon_did_not_finish_is_finished_with_sled() {
    root_key_changes("sled", By::Daemon);
}

#[test]
fn a_change_of_the_root_key_that_the_command_line_did_not_finish_is_finished() {
    root_key_changes("redb", By::CommandLine);
    root_key_changes("sled", By::CommandLine);
}

#[test]
fn a_store_that_was_not_made_smaller_to_the_end_is_whole() {
    for engine in ["redb", "sled"] {
        let scene = Scene::new(engine, |_, _| ());
        scene.ended_at_any_step(By::CommandLine, &["store", "compact"], &|daemon| scene.all_is_there(daemon));
    }
}

#[test]
fn a_tenant_whose_import_was_ended_is_there_as_a_whole_or_not_at_all() {
    for by in [By::Daemon, By::CommandLine] {
        let scene = Scene::new("redb", |scene, daemon| {
            let (file, key) = (scene.folder.join("export"), scene.folder.join("key"));
            let [file, key] = [&file, &key].map(|path| path.to_str().unwrap());
            let _ = daemon.cli(&["tenant", "export", TENANT, file, "--key-file", key]).ok();
            let _ = daemon.cli(&["tenant", "remove", TENANT, "--yes"]).ok();
        });
        let (file, key) = (scene.folder.join("export"), scene.folder.join("key"));
        let import = ["tenant", "import", file.to_str().unwrap(), "--key-file", key.to_str().unwrap()];
        scene.ended_at_any_step(by, &import, &|daemon| {
            let secret = daemon.cli(&["app-password", "add", "erika", "--label", "new"]).ok();
            let erika = Person { login: "erika".into(), secret: secret.trim().into() };
            assert_eq!(daemon.client(&erika).members(&erika.calendar()).len(), OBJECTS);
            let tenants = daemon.cli(&["tenant", "list", "--json"]).json();
            assert_eq!(tenants.as_array().unwrap().len(), 3);
        });
    }
}

/// A scene in which one object of each of two kinds of deletion is in the trash.
fn with_trash() -> Scene {
    Scene::new("redb", |scene, daemon| {
        let client = daemon.client(&scene.erika);
        let _ = client.delete(&scene.erika.object("7.ics")).expect(204);
        let _ = client.delete(&scene.erika.collection("tasks")).expect(204);
    })
}

fn trash(daemon: &Daemon) -> Vec<serde_json::Value> {
    let list = daemon.cli(&["trash", "list", "--json"]).json();
    list["entries"].as_array().or(list.as_array()).unwrap().clone()
}

#[test]
fn what_was_being_restored_from_the_trash_is_there_once_or_still_in_the_trash() {
    for by in [By::Daemon, By::CommandLine] {
        let scene = with_trash();
        let stopped = Daemon::stopped(options("redb", &scene.first));
        let entry = trash(&stopped).into_iter().find(|entry| entry["kind"] == "object").unwrap();
        let restore = ["trash", "restore", entry["id"].as_str().unwrap()];
        scene.ended_at_any_step(by, &restore, &|daemon| {
            scene.all_is_there(daemon);
            let body = daemon.client(&scene.erika).get(&scene.erika.object("7.ics")).expect(200);
            assert_eq!(body.text(), ics::simple("7"));
            assert_eq!(trash(daemon).len(), 1);
        });
    }
}

#[test]
fn a_trash_that_was_not_purged_to_the_end_can_be_purged() {
    for by in [By::Daemon, By::CommandLine] {
        let scene = with_trash();
        scene.ended_at_any_step(by, &["trash", "purge", "--all", "--yes"], &|daemon| {
            assert!(trash(daemon).is_empty());
            let client = daemon.client(&scene.erika);
            assert_eq!(client.members(&scene.erika.calendar()).len(), OBJECTS - 1);
        });
    }
}

#[test]
fn an_import_whose_daemon_is_killed_tells_what_is_imported_and_can_be_repeated() {
    const EVENTS: usize = 30;
    let scene = Scene::new("redb", |_, _| ());
    let long = format!("DESCRIPTION:{}\n", "a word and another\n ".repeat(5_000));
    let event = |n: usize| {
        format!(
            "BEGIN:VEVENT\nUID:imported-{n}\nDTSTAMP:20261101T080000Z\nDTSTART:20261201T090000Z\n{long}END:VEVENT\n"
        )
    };
    let file = scene.folder.join("file.ics");
    fs::write(&file, ics::calendar(&(0..EVENTS).map(event).collect::<String>())).unwrap();
    let import = ["import", file.to_str().unwrap(), "erika/calendar"];
    let whole = scene.tried(By::Daemon, &import, (Kind::Count, 0), &scene.folder.join("whole"));
    assert!(whole.cli.stdout.starts_with(&format!("created {EVENTS},")), "{:?}", whole.cli);
    // How many objects go into one commit is up to the moment: the kill is moved until it comes after a part and before the end.
    let steps = whole.after - whole.before;
    let mut late = whole.before + steps * 4 / 5;
    let mut tries = Vec::new();
    let state = loop {
        let state = scene.folder.join(format!("killed-{}", tries.len()));
        let killed = scene.tried(By::Daemon, &import, (Kind::Kill, late), &state);
        let too_early = killed.ended && killed.cli.stdout.starts_with("created 0,");
        if killed.ended && !too_early {
            assert_eq!(killed.cli.code, Some(1), "{:?}", killed.cli);
            assert!(killed.cli.stdout.starts_with("created "), "{:?}", killed.cli);
            break state;
        }
        tries.push((late, killed.cli));
        assert!(tries.len() < 12, "it never ends in the middle: {tries:?}");
        late = if too_early {
            late + steps.div_ceil(4)
        } else {
            late.saturating_sub(steps.div_ceil(8)).max(whole.before + 1)
        };
    };
    let mut daemon = Daemon::stopped(options("redb", &state));
    let again = daemon.cli(&import).ok();
    assert!(!again.contains("unchanged 0"), "{again}");
    daemon.boot();
    assert_eq!(daemon.client(&scene.erika).members(&scene.erika.calendar()).len(), OBJECTS + EVENTS);
}
