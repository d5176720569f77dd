//! Radicale and Xandikos, from the private folder that `tests/bench/install` makes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use almanac_harness::{Address, Client, cannot_run};
use tempfile::TempDir;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who signs in.
pub(crate) const LOGIN: &str = "ada";

/// With what.
pub(crate) const PASSWORD: &str = "canary-password-of-ada";

/// A running server; dropping it ends its process and removes its files.
pub(crate) struct Server {
    address: SocketAddr,
    process: Child,
    folder: TempDir,
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Another device of the person who owns the calendars.
    pub(crate) fn client(&self) -> Client {
        Client::new(Address::Tcp(self.address)).sign_in_with(LOGIN, PASSWORD)
    }

    /// What the server wrote to its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended by itself
        let _ = self.process.wait();
    }
}

/// A program of a private folder. `None`, and it is said why, if it is not there.
pub(crate) fn program(folder: &str, name: &str, install: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target").join(folder).join("bin").join(name);
    if path.is_file() {
        return Some(path);
    }
    cannot_run(&format!("{name} is missing: run {install} first"));
    None
}

fn server(name: &str) -> Option<PathBuf> {
    program("venv-bench", name, "tests/bench/install")
}

/// In memory if there is such a place: whether files survive a loss of power is not what is tried.
pub(crate) fn folder() -> TempDir {
    let mut folder = tempfile::Builder::new();
    let memory = folder.prefix("almanac-vendors-").tempdir_in("/dev/shm");
    memory.or_else(|_| folder.tempdir()).unwrap()
}

/// Starts a server on a free port. Somebody else may take it in between: then on another.
fn start(program: &Path, folder: TempDir, arguments: impl Fn(u16) -> Vec<String>) -> Server {
    for _ in 0..5 {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let address = free.unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command.args(arguments(address.port())).env("HOME", folder.path()).stdin(Stdio::null());
        let mut process = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        if serves(&mut process, address) {
            return Server { address, process, folder };
        }
        let _ = process.kill();
        let _ = process.wait();
    }
    panic!("it does not start: {}", std::fs::read_to_string(folder.path().join("log")).unwrap());
}

/// Waits until a process answers; whether it does, and nobody else in its place.
fn serves(process: &mut Child, address: SocketAddr) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline && process.try_wait().unwrap().is_none() {
        // An attempt may meet itself where nobody listens: the port is one that the system gives to callers, too.
        let met = TcpStream::connect(address).is_ok_and(|stream| stream.local_addr().unwrap() != address);
        let answers = met && Client::new(Address::Tcp(address)).request("OPTIONS", "/").try_send().is_ok();
        if answers && process.try_wait().unwrap().is_none() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

const RADICALE: &str = "\
[auth]
type = htpasswd
htpasswd_filename = FOLDER/users
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = FOLDER/collections
[web]
type = none
[logging]
level = info
";

/// Radicale with one calendar, `/ada/main/`.
pub(crate) fn radicale() -> Option<Server> {
    let program = server("radicale")?;
    let folder = folder();
    let at = folder.path().to_str().unwrap().to_owned();
    std::fs::write(folder.path().join("config"), RADICALE.replace("FOLDER", &at)).unwrap();
    std::fs::write(folder.path().join("users"), format!("{LOGIN}:{PASSWORD}\n")).unwrap();
    let calendar = folder.path().join("collections/collection-root/ada/main");
    std::fs::create_dir_all(&calendar).unwrap();
    let properties = r#"{"tag": "VCALENDAR", "C:supported-calendar-component-set": "VEVENT", "D:displayname": "Practice"}"#;
    std::fs::write(calendar.join(".Radicale.props"), properties).unwrap();
    Some(start(&program, folder, |port| {
        vec![format!("--config={at}/config"), format!("--server-hosts=127.0.0.1:{port}")]
    }))
}

/// Xandikos with one calendar, which it makes itself. It lets everybody in.
pub(crate) fn xandikos() -> Option<Server> {
    let program = server("xandikos")?;
    let folder = folder();
    let at = folder.path().to_str().unwrap().to_owned();
    Some(start(&program, folder, |port| {
        let listen = [format!("--port={port}"), "--listen-address=127.0.0.1".to_owned()];
        let serve = ["serve", "--no-detect-systemd", "--defaults", "--current-user-principal=/ada/"];
        let serve = serve.map(str::to_owned).into_iter();
        serve.chain([format!("--directory={at}/root")]).chain(listen).collect()
    }))
}
