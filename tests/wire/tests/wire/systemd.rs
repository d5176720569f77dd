//! The service manager's side: what it is told, when, and what it hands over.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use almanac_harness::{Daemon, Options, Signal};

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
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
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
    while !std::fs::read_to_string(&stat).unwrap().contains(") T ") {
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
