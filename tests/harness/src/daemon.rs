//! The built daemon as a child process, with a state folder of its own.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::canary::Canary;
use crate::client::Client;
use crate::logs::Logs;
use crate::person::Person;
use crate::ready::{self, Ready};
use crate::response::Response;
use crate::wire::Address;

/// How long a start or an orderly stop may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The tenant that [`Daemon::person`] puts people into.
pub const TENANT: &str = "praxis-nord";

/// The path of the binary under test: `ALMANAC_BIN`, else `almanac` next to the running test.
///
/// # Panics
/// If it has not been built.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("ALMANAC_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap();
    let found =
        test.ancestors().skip(1).take(2).map(|folder| folder.join("almanac")).find(|path| path.is_file());
    found.expect("no binary to test: run `cargo build --package almanac` first")
}

/// How a daemon is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    state: Option<PathBuf>,
    /// A socket that the daemon gets as a service manager would give it.
    handed: Option<Arc<OwnedFd>>,
    /// Where the daemon is started, if it is to find its state folder by itself.
    started_in: Option<PathBuf>,
    without_canary: bool,
    /// A program that starts the daemon in its own place, with its arguments.
    started_by: Vec<String>,
}

impl Options {
    /// The defaults, but with free ports on the loopback interface.
    #[must_use]
    pub fn new() -> Self {
        Self::default().set("http.listen", "127.0.0.1:0").set("management.listen", "127.0.0.1:0")
    }

    /// Sets a configuration key such as `limits.body_timeout`, by its environment variable.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        let name = format!("ALMANAC_{}", key.to_ascii_uppercase().replace('.', "__"));
        self.environment.retain(|(n, _)| *n != name);
        self.environment.push((name, value.into()));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Hands a socket over that is bound already, for the purpose `name`. A copy of it stays open with us.
    #[must_use]
    pub fn hand_over(mut self, socket: impl Into<OwnedFd>, name: &str) -> Self {
        self.handed = Some(Arc::new(socket.into()));
        self.variable("LISTEN_FDNAMES", name).variable("LISTEN_FDS", "1")
    }

    /// Adds an argument to `almanac serve`.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Keeps the state in `folder`, which outlives the daemon, instead of in a temporary one.
    #[must_use]
    pub fn state(mut self, folder: &Path) -> Self {
        self.state = Some(folder.into());
        self
    }

    /// Starts the daemon in `folder` and does not tell it where its state is: `state`, in `folder`, is what it should
    /// choose.
    #[must_use]
    pub fn started_in(mut self, folder: &Path, state: &str) -> Self {
        self.state = Some(folder.join(state));
        self.started_in = Some(folder.into());
        self
    }

    /// Starts the daemon by a program that becomes it, such as `env` or `unshare`: the daemon's command line follows
    /// these words.
    #[must_use]
    pub fn started_by(mut self, words: &[&str]) -> Self {
        self.started_by = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Makes no person and no event by itself: for tests of what a fresh store holds, or of a store that refuses.
    #[must_use]
    pub fn without_canary(mut self) -> Self {
        self.without_canary = true;
        self
    }
}

/// What a command of the command line said.
#[derive(Debug)]
pub struct Cli {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Cli {
    /// What a command says until its end.
    ///
    /// # Panics
    /// If it is not UTF-8.
    #[must_use]
    pub fn of(process: Child) -> Self {
        let output = process.wait_with_output().unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard output, if the command succeeded.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Standard error, if the command failed with `code`.
    ///
    /// # Panics
    /// If it ended otherwise, or gave no reason.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(!self.stderr.trim().is_empty(), "a failure without a word");
        self.stderr
    }

    /// Standard output as JSON, if the command succeeded.
    ///
    /// # Panics
    /// If it did not, or wrote anything else.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }
}

struct Running {
    process: Child,
    ready: Ready,
}

/// A daemon and its state folder. Dropping it stops the daemon and checks the canary.
pub struct Daemon {
    options: Options,
    state: PathBuf,
    /// An empty file: this machine may have a configuration of its own where the program looks for one.
    configuration: PathBuf,
    running: Option<Running>,
    logs: Vec<Logs>,
    canary: Option<Canary>,
    tenants: Mutex<HashSet<String>>,
    _folder: TempDir,
}

impl Daemon {
    /// A running daemon with default options.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(Options::new())
    }

    /// A running daemon.
    ///
    /// # Panics
    /// If it does not become ready.
    #[must_use]
    pub fn start_with(options: Options) -> Self {
        let mut daemon = Self::stopped(options);
        if daemon.options.without_canary {
            daemon.boot();
            return daemon;
        }
        let mut canary = Canary::new();
        let person = daemon.person(&canary.login());
        daemon.boot();
        canary.plant(&daemon.client(&person), &person);
        daemon.canary = Some(canary);
        daemon
    }

    /// A state folder with nothing in it, and no daemon yet: [`Daemon::boot`] starts it.
    #[must_use]
    pub fn stopped(options: Options) -> Self {
        let folder = tempfile::Builder::new().prefix("almanac-").tempdir().unwrap();
        let state = options.state.clone().unwrap_or_else(|| folder.path().join("state"));
        let configuration = folder.path().join("almanac.toml");
        std::fs::write(&configuration, "").unwrap();
        Self {
            options,
            state,
            configuration,
            running: None,
            logs: Vec::new(),
            canary: None,
            tenants: Mutex::default(),
            _folder: folder,
        }
    }

    /// Starts the daemon and waits until it is ready.
    ///
    /// # Panics
    /// If it ends instead, or does neither.
    pub fn boot(&mut self) {
        if let Err(cli) = self.try_boot() {
            panic!("the daemon did not become ready: {cli:?}");
        }
    }

    /// Starts the daemon and waits until it is ready or has ended.
    ///
    /// # Errors
    /// How it ended.
    ///
    /// # Panics
    /// If it is running already, or does neither.
    pub fn try_boot(&mut self) -> Result<(), Cli> {
        assert!(self.running.is_none(), "the daemon is running already");
        let mut command = self.serve();
        command.args(&self.options.arguments);
        if let Some((program, words)) = self.options.started_by.split_first() {
            let mut starter = Command::new(program);
            starter.args(words);
            command = wrapped(&command, starter);
            command.stdin(Stdio::null());
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let stdout = Logs::follow(process.stdout.take().unwrap());
        let stderr = Logs::follow(process.stderr.take().unwrap());
        self.logs.extend([stdout.clone(), stderr.clone()]);
        if let Some(line) = stderr.wait_for(PATIENCE, ready::is_ready) {
            self.running = Some(Running { process, ready: ready::parse(&line) });
            return Ok(());
        }
        let code = await_exit(&mut process)
            .unwrap_or_else(|| panic!("neither ready nor ended: {}", stderr.text()))
            .code();
        stdout.wait_for_end(PATIENCE);
        Err(Cli { code, stdout: stdout.text(), stderr: stderr.text() })
    }

    /// Starts the daemon and kills it after `delay`, ready or not.
    pub fn boot_and_kill(&mut self, delay: Duration) {
        assert!(self.running.is_none(), "the daemon is running already");
        let mut command = self.serve();
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(delay);
        process.kill().unwrap();
        process.wait().unwrap();
    }

    fn serve(&self) -> Command {
        let mut command = match &self.options.started_in {
            None => self.command(["serve"]),
            Some(folder) => {
                let mut command = self.bare();
                command.arg("serve").current_dir(folder);
                command
            }
        };
        command.stdin(Stdio::null());
        match &self.options.handed {
            None => command,
            Some(socket) => handing_over(&command, socket),
        }
    }

    fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.bare();
        command.arg("--state").arg(&self.state).args(arguments);
        command
    }

    /// The program with the environment of the options, and nothing of ours.
    fn bare(&self) -> Command {
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("ALMANAC_")) {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG").env("ALMANAC_CONFIG", &self.configuration);
        command.envs(self.options.environment.iter().map(|(n, v)| (n, v)));
        command
    }

    /// Runs a command of the command line against this state folder, whether the daemon runs or not.
    #[must_use]
    pub fn cli(&self, arguments: &[&str]) -> Cli {
        self.cli_with_input(arguments, b"")
    }

    /// The same with `input` on standard input.
    #[must_use]
    pub fn cli_with_input(&self, arguments: &[&str], input: &[u8]) -> Cli {
        let mut process = self.begin_cli(arguments);
        let _ = process.stdin.take().unwrap().write_all(input); // a command that reads nothing may be gone already
        Cli::of(process)
    }

    /// Starts such a command and does not wait for its end; [`Cli::of`] does.
    #[must_use]
    pub fn begin_cli(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Makes a person in the usual tenant, with an app password.
    #[must_use]
    pub fn person(&self, login: &str) -> Person {
        self.person_in(TENANT, login)
    }

    /// Makes a person in `tenant`, which is made with its first one, with an app password.
    #[must_use]
    pub fn person_in(&self, tenant: &str, login: &str) -> Person {
        if self.tenants.lock().unwrap().insert(tenant.into()) {
            let _ = self.cli(&["tenant", "add", tenant]).ok();
        }
        let email = format!("{login}@example.invalid");
        let name = format!("Name of {login}");
        let _ = self
            .cli(&[
                "user",
                "add",
                login,
                "--tenant",
                tenant,
                "--email",
                &email,
                "--display-name",
                &name,
                "--role",
                "practitioner",
            ])
            .ok();
        let secret = self.cli(&["app-password", "add", login, "--label", "tests"]).ok().trim().to_owned();
        Person { login: login.into(), secret }
    }

    /// A client of the first listener, signed in as `person`.
    #[must_use]
    pub fn client(&self, person: &Person) -> Client {
        self.anonymous().sign_in(person)
    }

    /// A client of the first listener without credentials.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        Client::new(self.listeners().first().expect("a listener").clone())
    }

    /// The addresses of the listeners.
    #[must_use]
    pub fn listeners(&self) -> &[Address] {
        &self.running().ready.http
    }

    /// A GET on the management listener.
    #[must_use]
    pub fn management(&self, path: &str) -> Response {
        let address = self.running().ready.management.clone().expect("a management listener");
        Client::new(address).get(path)
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the daemon is not running")
    }

    /// Whether it was started and its end was not awaited. It may have ended by itself.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running().process.id()
    }

    /// The state folder.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The marks that this daemon must not show.
    ///
    /// # Panics
    /// If it was started without.
    #[must_use]
    pub fn canary(&self) -> &Canary {
        self.canary.as_ref().expect("a canary")
    }

    /// Everything that was written to stdout and stderr since the first start.
    #[must_use]
    pub fn log(&self) -> String {
        self.logs.iter().map(Logs::text).collect::<Vec<_>>().join("\n")
    }

    /// Waits for a line on stdout or stderr of the latest start; `None` after ten seconds without.
    #[must_use]
    pub fn await_log(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let latest = &self.logs[self.logs.len().saturating_sub(2)..];
        for _ in 0..200 {
            for logs in latest {
                if let Some(line) = logs.wait_for(Duration::from_millis(25), &wanted) {
                    return Some(line);
                }
            }
        }
        None
    }

    /// Sends `signal` to the daemon.
    pub fn signal(&self, signal: Signal) {
        send_signal(&self.running().process, signal);
    }

    /// Kills the daemon without a warning.
    pub fn kill9(&mut self) {
        let mut running = self.running.take().expect("the daemon is not running");
        running.process.kill().unwrap();
        running.process.wait().unwrap();
    }

    /// Waits until the daemon ends by itself; its exit status.
    ///
    /// # Panics
    /// If it does not.
    pub fn await_end(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("the daemon is not running");
        let status = await_exit(&mut running.process);
        if status.is_none() {
            let _ = running.process.kill();
        }
        for logs in &self.logs {
            logs.wait_for_end(PATIENCE);
        }
        status.unwrap_or_else(|| panic!("the daemon did not end:\n{}", self.log()))
    }

    /// Stops the daemon in an orderly way.
    ///
    /// # Panics
    /// If it does not end with exit code 0.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.await_end();
        assert_eq!(status.code(), Some(0), "an orderly stop:\n{}", self.log());
    }

    /// Stops and starts again.
    pub fn restart(&mut self) {
        self.stop();
        self.boot();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            if let Some(mut running) = self.running.take() {
                let _ = running.process.kill();
                let _ = running.process.wait();
            }
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            eprintln!(
                "--- the end of the daemon's log ---\n{}",
                lines[lines.len().saturating_sub(30)..].join("\n")
            );
            return;
        }
        if self.running.is_some() {
            if let Some(canary) = &self.canary {
                canary.assert_unseen("the metrics", self.management("/metrics").text());
            }
            self.stop();
        }
        if let Some(canary) = &self.canary {
            canary.assert_unseen("the log", &self.log());
            canary.assert_unseen_below(&self.state);
        }
    }
}

/// Sends `signal` to a process that a test started itself.
///
/// # Panics
/// If there is no such process.
pub fn send_signal(process: &Child, signal: Signal) {
    kill_process(Pid::from_child(process), signal).unwrap();
}

/// `command` with `socket` as the first descriptor after the standard ones, and told that it is meant.
fn handing_over(command: &Command, socket: &OwnedFd) -> Command {
    let script = "exec 3<&0 0</dev/null; LISTEN_PID=$$ exec \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]);
    let mut shell = wrapped(command, shell);
    shell.stdin(socket.try_clone().unwrap());
    shell
}

/// `starter` with the words and the environment of `command` after its own.
fn wrapped(command: &Command, mut starter: Command) -> Command {
    starter.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => starter.env(name, value),
            None => starter.env_remove(name),
        };
    }
    starter
}

/// Waits for the end of `process`; `None` if it does not come.
fn await_exit(process: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
