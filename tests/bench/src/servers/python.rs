//! A server in Python from the private folder `target/venv-bench`, which `tests/bench/install` makes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Quirk, Server};
use crate::data::Data;
use crate::http::Endpoint;
use crate::workloads::Workload;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What there is to know about such a server.
pub(super) struct Recipe {
    pub(super) name: &'static str,
    /// The arguments, for a port on the loopback interface.
    pub(super) arguments: Box<dyn Fn(u16) -> Vec<String> + Send + Sync>,
    pub(super) program: &'static str,
    /// Everything it keeps.
    pub(super) folder: TempDir,
    /// The path of the calendar collection.
    pub(super) calendar: &'static str,
    pub(super) authorization: Option<String>,
    /// The status of a successful DELETE.
    pub(super) deleted: u16,
    pub(super) quirks: &'static [Quirk],
    pub(super) note: &'static str,
    /// Workloads it cannot do, and why.
    pub(super) cannot: &'static [(Workload, &'static str)],
}

struct Python {
    recipe: Recipe,
    endpoint: Endpoint,
    process: Child,
}

/// The path of a program of the private folder.
///
/// # Panics
/// If it is not installed.
pub(super) fn program(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv-bench/bin").join(name);
    assert!(path.is_file(), "{name} is missing: run tests/bench/install first");
    path
}

/// Writes every object of `data` into a file of its own.
pub(super) fn preload(data: &Data, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for (n, text) in data.first().iter().enumerate() {
        std::fs::write(folder.join(Data::name(n)), text).unwrap();
    }
}

pub(super) fn start(recipe: Recipe) -> Box<dyn Server> {
    let (process, address) = spawn(&recipe);
    let endpoint =
        Endpoint { address, calendar: recipe.calendar.into(), authorization: recipe.authorization.clone() };
    Box::new(Python { recipe, endpoint, process })
}

fn spawn(recipe: &Recipe) -> (Child, SocketAddr) {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let address = free.unwrap();
    let mut command = Command::new(program(recipe.program));
    command.args((recipe.arguments)(address.port())).env("HOME", recipe.folder.path());
    let log = std::fs::File::create(recipe.folder.path().join("log")).unwrap();
    let mut process =
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none() && Instant::now() < deadline, "{} does not start: {ended:?}", recipe.name);
        std::thread::sleep(Duration::from_millis(20));
    }
    (process, address)
}

impl Server for Python {
    fn name(&self) -> &str {
        self.recipe.name
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }

    fn folder(&self) -> &Path {
        self.recipe.folder.path()
    }

    fn quirks(&self) -> &[Quirk] {
        self.recipe.quirks
    }

    fn note(&self) -> &str {
        self.recipe.note
    }

    fn deleted(&self) -> u16 {
        self.recipe.deleted
    }

    fn cannot(&self, workload: Workload) -> Option<&str> {
        self.recipe.cannot.iter().find(|(cannot, _)| *cannot == workload).map(|(_, why)| *why)
    }

    fn restart(&mut self) -> Instant {
        end(&mut self.process);
        let begun = Instant::now();
        (self.process, self.endpoint.address) = spawn(&self.recipe);
        begun
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

fn end(process: &mut Child) {
    let _ = process.kill(); // it may have ended by itself
    let _ = process.wait();
}
