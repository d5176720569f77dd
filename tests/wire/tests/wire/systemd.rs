//! The service manager's side: what it is told, when, and what it hands over.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use almanac_harness::{Address, Client, Daemon, Options, Signal, binary, cannot_run, ics};

/// The socket of a service manager.
pub(crate) struct Manager(UnixDatagram);

impl Manager {
    /// Listens in `folder`; the daemon is told by its options.
    pub(crate) fn listen(folder: &Path) -> (Self, Options) {
        let path = folder.join("notify.sock");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        (Self(socket), Options::new().variable("NOTIFY_SOCKET", path.to_str().unwrap()))
    }

    /// The lines of the next message.
    pub(crate) fn hear(&self) -> Vec<String> {
        let mut bytes = [0; 4096];
        let count = self.0.recv(&mut bytes).expect("the daemon says something");
        String::from_utf8(bytes[..count].to_vec()).unwrap().lines().map(str::to_owned).collect()
    }

    /// Whether there is nothing to hear.
    pub(crate) fn is_silent(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let silent = self.0.recv(&mut [0; 16]).is_err();
        self.0.set_nonblocking(false).unwrap();
        silent
    }
}

#[test]
fn the_manager_is_told_ready_with_the_addresses_and_stopping_at_the_first_signal() {
    let folder = tempfile::tempdir().unwrap();
    let (manager, options) = Manager::listen(folder.path());
    let mut daemon = Daemon::start_with(options);
    let url = format!("http://{}", daemon.listeners()[0].tcp());
    assert_eq!(manager.hear(), ["READY=1".to_owned(), format!("STATUS=serving {url}")]);
    assert!(manager.is_silent(), "ready is said once");
    // A request that goes on keeps the daemon from ending, not from saying so.
    let mut wire = daemon.anonymous().connect().unwrap();
    wire.send("PUT /dav/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n").unwrap();
    daemon.signal(Signal::TERM);
    assert_eq!(manager.hear()[0], "STOPPING=1");
    drop(wire);
    assert!(daemon.await_end().success());
    assert!(manager.is_silent(), "stopping is said once");
}

#[test]
fn a_daemon_that_cannot_start_is_never_ready() {
    let folder = tempfile::tempdir().unwrap();
    let (manager, options) = Manager::listen(folder.path());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut daemon = Daemon::stopped(options.without_canary().set("http.listen", &address));
    let _ = daemon.try_boot().unwrap_err();
    assert!(manager.is_silent());
}

#[test]
fn the_watchdog_is_fed_by_a_daemon_that_works_and_not_by_one_that_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let (manager, options) = Manager::listen(folder.path());
    let daemon = Daemon::start_with(options.without_canary().variable("WATCHDOG_USEC", "200000"));
    let mut heard: Vec<_> = (0..6).flat_map(|_| manager.hear()).collect();
    heard.retain(|line| !line.starts_with("READY") && !line.starts_with("STATUS"));
    assert_eq!(heard, ["WATCHDOG=1"; 5]);
    daemon.signal(Signal::STOP);
    let stat = format!("/proc/{}/stat", daemon.pid());
    while !fs::read_to_string(&stat).unwrap().contains(") T ") {
        std::thread::yield_now();
    }
    while !manager.is_silent() {}
    manager.0.set_read_timeout(Some(Duration::from_millis(600))).unwrap();
    assert!(manager.0.recv(&mut [0; 16]).is_err(), "a daemon that stands still feeds nobody");
    daemon.signal(Signal::CONT);
    manager.0.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert_eq!(manager.hear(), ["WATCHDOG=1"]);
}

#[test]
fn the_watchdog_of_another_process_is_not_fed() {
    let folder = tempfile::tempdir().unwrap();
    let (manager, options) = Manager::listen(folder.path());
    let options = options.variable("WATCHDOG_USEC", "2000").variable("WATCHDOG_PID", "1");
    let _daemon = Daemon::start_with(options.without_canary());
    assert_eq!(manager.hear()[0], "READY=1");
    manager.0.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(manager.0.recv(&mut [0; 16]).is_err());
}

#[test]
fn a_restart_refuses_no_connection_to_a_socket_of_the_manager() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::Tcp(socket.local_addr().unwrap());
    let mut daemon = Daemon::start_with(Options::new().hand_over(socket, "http"));
    assert_eq!(daemon.listeners(), std::slice::from_ref(&address), "in the place of http.listen");
    let erika = daemon.person("erika");
    let client = Client::new(address).sign_in(&erika);
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    daemon.stop();
    let mut waiting = client.connect().unwrap();
    waiting.send(client.request("GET", &erika.object("a.ics")).to_bytes()).unwrap();
    daemon.boot();
    assert_eq!(waiting.read_response("GET").unwrap().expect(200).text(), ics::simple("a"));
}

#[test]
fn a_unix_socket_of_the_manager_stays_when_the_daemon_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("management.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let mut daemon = Daemon::start_with(Options::new().without_canary().hand_over(socket, "management"));
    assert_eq!(Client::new(Address::Unix(path.clone())).get("/health/ready").text(), "ready\n");
    assert_eq!(daemon.management("/health/live").text(), "alive\n", "the ready line names it");
    daemon.stop();
    assert!(path.exists());
}

#[test]
fn a_socket_of_unknown_purpose_or_open_to_strangers_is_refused() {
    let refused = |address: &str, name: &str| {
        let socket = TcpListener::bind(address).unwrap();
        let options = Options::new().without_canary().hand_over(socket, name);
        Daemon::stopped(options).try_boot().unwrap_err().failed(3)
    };
    let why = refused("127.0.0.1:0", "almanac.socket");
    assert!(why.contains("\"almanac.socket\"") && why.contains("FileDescriptorName="), "{why}");
    let why = refused("127.0.0.1:0", "control");
    assert!(why.contains("\"control\""), "{why}");
    let why = refused("0.0.0.0:0", "http");
    assert!(why.contains("in clear over a network"), "{why}");
}

#[test]
fn the_first_connection_starts_the_daemon_through_systemd_socket_activate() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut command = Command::new("systemd-socket-activate");
    command.arg("--listen").arg(at("http.sock")).arg("--listen").arg(at("management.sock"));
    command.arg("--fdname=http:management").arg(binary()).arg("serve").arg("--state").arg(at("state"));
    let Ok(mut daemon) = command.spawn() else {
        return cannot_run("systemd-socket-activate is not installed");
    };
    while !at("management.sock").exists() {
        assert!(daemon.try_wait().unwrap().is_none(), "it waits for a connection");
        std::thread::yield_now();
    }
    let get = |socket: &str, path: &str| Client::new(Address::Unix(at(socket))).get(path);
    let _ = get("http.sock", "/dav/").expect(401);
    let _ = get("management.sock", "/health/ready").expect(200);
    let kill = Command::new("kill").arg(daemon.id().to_string()).status().unwrap();
    assert!(kill.success() && daemon.wait().unwrap().success());
    assert!(at("http.sock").exists());
}
