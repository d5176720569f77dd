//! A fault at the n-th write or sync of the daemon, from its very first start on: nothing acknowledged is lost, nothing
//! refused is half there, every request is answered, and a restart finds a store that opens and is whole.
//!
//! A sample of all n, spread over a short life; `ALMANAC_FAULTS=all` tries every one.

use std::path::{Path, PathBuf};

use almanac_harness::{Cli, Client, Daemon, Options, Person, Request, TENANT, ics};

use crate::interposer::{Call, Kind, read_trace, with_fault};
use crate::ledger::{Known, Ledger};
use crate::places;

const LOGIN: &str = "erika";
const ADD_TENANT: [&str; 3] = ["tenant", "add", TENANT];
#[rustfmt::skip]
const ADD_USER: [&str; 11] = [
    "user", "add", LOGIN, "--tenant", TENANT, "--email", "erika@example.invalid", "--display-name", "Erika", "--role",
    "practitioner",
];
const ADD_PASSWORD: [&str; 5] = ["app-password", "add", LOGIN, "--label", "tests"];
/// Places that are tried of each kind, without `ALMANAC_FAULTS=all`.
const SAMPLE: usize = 5;
const KINDS: [Kind; 9] = [
    Kind::Full,
    Kind::NoSpace,
    Kind::Error,
    Kind::Torn,
    Kind::Short,
    Kind::SyncError,
    Kind::SyncNoSpace,
    Kind::SyncLoss,
    Kind::Kill,
];

/// Why a life goes no further: a fault that lasts, or the end of the daemon.
struct Over;

/// One daemon with a fault ahead of it, and what it promised.
struct Life {
    what: String,
    /// After any failed write sled may wait for its log for ever; then nothing is taken until a restart.
    may_stall: bool,
    kind: Kind,
    daemon: Daemon,
    trace: PathBuf,
    tenant: bool,
    user: bool,
    person: Option<Person>,
    ledger: Ledger,
    known: Option<Known>,
    refused: usize,
}

fn options(engine: &str, state: &Path) -> Options {
    Options::new().without_canary().set("store.engine", engine).state(state)
}

impl Life {
    fn new(engine: &str, state: &Path, (kind, at): (Kind, usize)) -> Self {
        let trace = state.with_extension("trace");
        Self {
            what: format!("{engine}, {kind:?} at {at}"),
            may_stall: engine == "sled",
            kind,
            daemon: Daemon::stopped(with_fault(options(engine, state), (kind, at), state, &trace)),
            trace,
            tenant: false,
            user: false,
            person: None,
            ledger: Ledger::default(),
            known: None,
            refused: 0,
        }
    }

    fn hit(&self) -> Option<Call> {
        read_trace(&self.trace).into_iter().find(|call| call.hit)
    }

    /// Lets the daemon start and be used until it is over.
    fn run(&mut self) -> Result<(), Over> {
        if let Err(cli) = self.daemon.try_boot() {
            self.refuse(&cli);
            return Err(Over);
        }
        self.make_person()?;
        let Some(person) = self.person.clone() else { return Err(Over) };
        let client = self.daemon.client(&person);
        let path = |name: &str| person.object(&format!("{name}.ics"));
        self.put(&client, &path("a"), "a", 1)?;
        self.put(&client, &path("b"), "b", 90)?;
        self.put(&client, &path("c"), "c", 3000)?;
        let mut known = Known::default();
        if self.refused == 0 && known.learn(&client, &person.calendar()).is_ok() {
            self.known = Some(known);
        }
        self.put(&client, &path("a"), "a", 2)?;
        self.delete(&client, &path("b"))?;
        self.put(&client, &path("d"), "d", 500)?;
        self.put(&client, &path("c"), "c", 40)
    }

    /// A tenant, a user and an app password; each is tried twice.
    fn make_person(&mut self) -> Result<(), Over> {
        self.tenant = self.ask(&ADD_TENANT)?.is_some();
        self.user = self.ask(&ADD_USER)?.is_some();
        let secret = self.ask(&ADD_PASSWORD)?;
        self.person = secret.map(|secret| Person { login: LOGIN.into(), secret: secret.trim().into() });
        Ok(())
    }

    /// What the command said; `None` if it was refused and it is not known whether it was done.
    fn ask(&mut self, command: &[&str]) -> Result<Option<String>, Over> {
        for _ in 0..2 {
            let cli = self.daemon.cli(command);
            if cli.code == Some(0) {
                return Ok(Some(cli.stdout));
            }
            if cli.stderr.contains("there is already such") {
                return Ok(None); // the first try was done after all
            }
            self.refuse(&cli);
            if self.kind == Kind::Kill {
                return Err(Over);
            }
        }
        assert!(self.lasts(), "{}: refused twice: {}", self.what, self.daemon.log());
        Err(Over)
    }

    /// A command or a start failed: it must have said why and what to do.
    fn refuse(&mut self, cli: &Cli) {
        self.refused += 1;
        assert!(self.hit().is_some(), "{}: refused before the fault: {cli:?}", self.what);
        if self.kind != Kind::Kill {
            assert!(cli.code.is_some() && cli.stderr.contains("remedy: "), "{}: {cli:?}", self.what);
        }
        assert_ne!(self.kind, Kind::Short, "{}: a short write is no error: {cli:?}", self.what);
    }

    /// Whether what failed once may fail again until a restart.
    fn lasts(&self) -> bool {
        self.kind == Kind::Full || self.kind.is_of_a_sync() || (self.may_stall && self.kind.is_an_error())
    }

    fn put(&mut self, client: &Client, path: &str, uid: &str, lines: usize) -> Result<(), Over> {
        let note = format!("COMMENT:{}\n", "x".repeat(60)).repeat(lines);
        let body = ics::event_with(uid, &format!("{lines} lines"), "20261201T090000Z", &note);
        self.write(path, Some(body.clone()), &client.put_request(path, &body))
    }

    fn delete(&mut self, client: &Client, path: &str) -> Result<(), Over> {
        self.write(path, None, &client.request("DELETE", path))
    }

    /// Sends a write, and once more if it was refused.
    fn write(&mut self, path: &str, state: Option<String>, request: &Request) -> Result<(), Over> {
        for _ in 0..2 {
            let answer = match request.try_send() {
                Ok(answer) => answer,
                Err(error) => {
                    self.ledger.doubt(path, state);
                    assert!(self.kind == Kind::Kill && self.hit().is_some(), "{}: {error}", self.what);
                    return Err(Over);
                }
            };
            match answer.status {
                201 | 204 => {
                    self.ledger.acknowledge(path, state);
                    return Ok(());
                }
                404 if state.is_none() && self.refused > 0 => {
                    self.ledger.acknowledge(path, state); // the first try removed it after all
                    return Ok(());
                }
                status => {
                    self.refused += 1;
                    self.ledger.doubt(path, state.clone());
                    let wanted: &[u16] = match self.kind {
                        Kind::Full | Kind::NoSpace => &[507],
                        Kind::SyncNoSpace => &[507, 503],
                        Kind::Error | Kind::Torn => &[500],
                        Kind::SyncError | Kind::SyncLoss => &[500, 503],
                        Kind::Short | Kind::Kill | Kind::Stop | Kind::Count => &[],
                    };
                    let hit = self.hit();
                    let stalled = self.may_stall && self.kind.is_an_error() && status == 503;
                    assert!(
                        (stalled || wanted.contains(&status)) && hit.is_some(),
                        "{}, {hit:?}: {answer}",
                        self.what
                    );
                }
            }
        }
        assert!(self.lasts(), "{}: refused twice: {}", self.what, self.daemon.log());
        Err(Over)
    }

    /// Ends the daemon, with a word to it or without.
    fn end(&mut self, at: usize) {
        if !self.daemon.is_running() {
            return;
        }
        if at.is_multiple_of(2) {
            self.daemon.signal(almanac_harness::Signal::TERM);
            self.daemon.await_end(); // whatever it answers: it ends
        } else {
            self.daemon.kill9();
        }
    }

    /// Starts the daemon on a disk that works, and asserts that it has what it promised and takes more.
    fn check(&mut self, engine: &str, state: &Path) {
        let what = self.hit().map_or(self.what.clone(), |call| format!("{}, the {call}", self.what));
        let mut daemon = Daemon::stopped(options(engine, state));
        if let Err(cli) = daemon.try_boot() {
            panic!("{what}: the store does not open: {cli:?}");
        }
        let has = |kind: &str, key: &str, name: &str| {
            let rows = daemon.cli(&[kind, "list", "--json"]).json();
            rows.as_array().unwrap().iter().any(|row| row[key] == name)
        };
        let (tenant, user) = (has("tenant", "name", TENANT), has("user", "login", LOGIN));
        assert!(tenant || !self.tenant, "{what}: the tenant is lost");
        assert!(user || !self.user, "{what}: the user is lost");
        let person = self.person.clone().unwrap_or_else(|| {
            self.tenant = tenant;
            if !tenant {
                let _ = daemon.cli(&ADD_TENANT).ok();
            }
            if !user {
                let _ = daemon.cli(&ADD_USER).ok();
            }
            let secret = daemon.cli(&ADD_PASSWORD).ok();
            Person { login: LOGIN.into(), secret: secret.trim().into() }
        });
        let client = daemon.client(&person);
        self.ledger.check(&client, &person.calendar(), self.known.as_ref(), &what);
        let (path, body) = (person.object("later.ics"), ics::simple("later"));
        let _ = client.put(&path, &body).expect(201);
        self.ledger.acknowledge(&path, Some(body));
        self.ledger.check(&client, &person.calendar(), self.known.as_ref(), &what);
        let verified = daemon.cli(&["store", "verify", "--json"]).json();
        assert_eq!(verified["damaged"], 0, "{what}: {verified}");
        daemon.kill9();
    }
}

/// Starts the daemon while the disk is still full: it serves what there is, or says why not, and harms nothing.
fn start_without_room(engine: &str, state: &Path, at: usize) {
    let trace = state.with_extension("again");
    let mut daemon = Daemon::stopped(with_fault(options(engine, state), (Kind::Full, at), state, &trace));
    match daemon.try_boot() {
        Ok(()) => daemon.kill9(),
        Err(cli) => assert!(cli.code.is_some() && cli.stderr.contains("remedy: "), "{engine}, {at}: {cli:?}"),
    }
}

/// What came of a life.
struct Lived {
    calls: Vec<Call>,
    /// Writes, commands and starts that were refused.
    refused: usize,
}

/// One life with a fault.
fn live(engine: &str, kind: Kind, at: usize) -> Lived {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().canonicalize().unwrap().join("state");
    let mut life = Life::new(engine, &state, (kind, at));
    let _ = life.run();
    life.end(at);
    let lived = Lived { calls: read_trace(&life.trace), refused: life.refused };
    if kind == Kind::Full {
        start_without_room(engine, &state, 1 + at % 10);
    }
    life.check(engine, &state);
    lived
}

fn at_the_nth_call(engine: &str) {
    let calls = live(engine, Kind::Count, 0).calls;
    for kind in KINDS {
        let places = places(kind.places(&calls), SAMPLE);
        let (mut hits, mut refused) = (0, 0);
        for at in &places {
            let lived = live(engine, kind, *at);
            hits += usize::from(lived.calls.iter().any(|call| call.hit));
            refused += lived.refused;
        }
        println!("{engine}: {kind:?} at {hits} of {} places, {refused} refusals", kind.places(&calls));
        // No two lives are quite the same: the last places of a long one may be missed by a shorter one.
        assert!(hits + hits / 10 + 1 >= places.len(), "{kind:?}: only {hits} of {} came", places.len());
        assert_eq!(refused == 0, kind == Kind::Short, "{kind:?}: {refused} refusals");
    }
}

#[test]
fn a_fault_of_the_disk_at_the_nth_call_loses_nothing_acknowledged_with_redb() {
    at_the_nth_call("redb");
}

#[test]
fn a_fault_of_the_disk_at_the_nth_call_loses_nothing_acknowledged_with_sled() {
    at_the_nth_call("sled");
}
