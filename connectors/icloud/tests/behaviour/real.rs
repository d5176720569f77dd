//! Real servers: Radicale and Xandikos, from the private folder that `tests/bench/install` makes.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use almanac_icloud::{CalDav, Scheduling};
use tempfile::TempDir;

use crate::account::{account_of, keeps_promises};

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; dropping it ends its process and removes its files.
struct Real {
    url: String,
    process: Child,
    _folder: TempDir,
}

/// A program of the private folder. `None`, and it is said why, if it is not there.
fn program(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv-bench/bin").join(name);
    if path.is_file() {
        return Some(path);
    }
    let why = format!("{name} is missing: run tests/bench/install first");
    assert!(
        std::env::var_os("ALMANAC_ALL_TESTS").is_none(),
        "all tests are to run, and this one cannot: {why}"
    );
    eprintln!("not run: {why}");
    None
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("almanac-icloud-").tempdir().unwrap()
}

/// Starts a server on a free port.
fn start(program: &Path, folder: TempDir, arguments: impl Fn(u16) -> Vec<String>) -> Real {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let address = free.unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut command = Command::new(program);
    command.args(arguments(address.port())).env("HOME", folder.path()).stdin(Stdio::null());
    let mut process = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none() && Instant::now() < deadline, "it does not start: {ended:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Real { url: format!("http://{address}/"), process, _folder: folder }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended by itself
        let _ = self.process.wait();
    }
}

const RADICALE: &str = "\
[auth]
type = htpasswd
htpasswd_filename = FOLDER/users
htpasswd_encryption = plain
[storage]
filesystem_folder = FOLDER/collections
[web]
type = none
[logging]
level = error
";

fn radicale() -> Option<Real> {
    let program = program("radicale")?;
    let folder = folder();
    let at = folder.path().to_str().unwrap().to_owned();
    std::fs::write(folder.path().join("config"), RADICALE.replace("FOLDER", &at)).unwrap();
    std::fs::write(folder.path().join("users"), "ada:secret\n").unwrap();
    let calendar = folder.path().join("collections/collection-root/ada/work");
    std::fs::create_dir_all(&calendar).unwrap();
    let properties = r#"{"tag": "VCALENDAR", "C:supported-calendar-component-set": "VEVENT"}"#;
    std::fs::write(calendar.join(".Radicale.props"), properties).unwrap();
    Some(start(&program, folder, |port| {
        vec![format!("--config={at}/config"), format!("--server-hosts=127.0.0.1:{port}")]
    }))
}

fn xandikos() -> Option<Real> {
    let program = program("xandikos")?;
    let folder = folder();
    let at = folder.path().to_str().unwrap().to_owned();
    Some(start(&program, folder, |port| {
        let listen = [format!("--port={port}"), "--listen-address=127.0.0.1".to_owned()];
        let serve = ["serve", "--no-detect-systemd", "--defaults", "--current-user-principal=/ada/"];
        let serve = serve.map(str::to_owned).into_iter();
        serve.chain([format!("--directory={at}/root")]).chain(listen).collect()
    }))
}

fn account(server: &Real, scheduling: Scheduling) -> CalDav {
    account_of(&server.url, "ada", "secret", scheduling)
}

#[tokio::test]
async fn radicale_keeps_all_promises() {
    let Some(server) = radicale() else { return };
    let scheduling = account(&server, Scheduling::Server).probe().await.unwrap().scheduling;
    assert_eq!(scheduling, Scheduling::None, "it sends no mail");
    keeps_promises(|| account(&server, scheduling)).await;
}

#[tokio::test]
async fn xandikos_keeps_all_promises() {
    let Some(server) = xandikos() else { return };
    let scheduling = account(&server, Scheduling::Server).probe().await.unwrap().scheduling;
    keeps_promises(|| account(&server, scheduling)).await;
}
