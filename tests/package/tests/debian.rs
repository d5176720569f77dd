//! The Debian package, on the machine that runs the test: it is installed, started, upgraded and purged. `make
//! package-test` builds it and calls this as root; nothing of an Almanac may be installed before.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

const STATE: &str = "/var/lib/almanac";
const UNIT: &str = "/lib/systemd/system/almanac.service";

/// What a user of the package looks for.
const CONTENTS: [&str; 14] = [
    "./usr/bin/almanac",
    "./etc/almanac/almanac.toml",
    "./lib/systemd/system/almanac.service",
    "./lib/systemd/system/almanac.socket",
    "./lib/systemd/system/almanac-backup.service",
    "./lib/systemd/system/almanac-backup.timer",
    "./usr/lib/sysusers.d/almanac.conf",
    "./usr/lib/tmpfiles.d/almanac.conf",
    "./usr/share/doc/almanac/README.md",
    "./usr/share/man/man1/almanac.1.gz",
    "./usr/share/man/man1/almanac-serve.1.gz",
    "./usr/share/bash-completion/completions/almanac",
    "./usr/share/zsh/vendor-completions/_almanac",
    "./usr/share/fish/vendor_completions.d/almanac.fish",
];

/// Purges the package, whatever the test came to.
struct Installed;

impl Drop for Installed {
    fn drop(&mut self) {
        let _ = Command::new("dpkg").args(["--purge", "almanac"]).status();
    }
}

/// Runs a program to its end; what it printed.
#[track_caller]
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The service as the unit starts it: its command, as its user, with a service manager that listens.
fn start(folder: &Path) -> (Child, UnixDatagram) {
    let unit = fs::read_to_string(UNIT).unwrap();
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let path = folder.join("notify.sock");
    let _ = fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    let mut daemon = Command::new("setpriv");
    daemon.args(["--reuid", "almanac", "--regid", "almanac", "--clear-groups", "--no-new-privs"]);
    daemon.args(command.split_whitespace()).env("NOTIFY_SOCKET", &path);
    daemon.env("ALMANAC_HTTP__LISTEN", "127.0.0.1:0").env("ALMANAC_MANAGEMENT__LISTEN", "127.0.0.1:0");
    let daemon = daemon.spawn().unwrap();
    assert!(hear(&socket).starts_with("READY=1\nSTATUS=serving http://127.0.0.1:"));
    (daemon, socket)
}

fn hear(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let count = socket.recv(&mut bytes).expect("the service says something");
    String::from_utf8_lossy(bytes.get(..count).unwrap()).into_owned()
}

fn stop(mut daemon: Child, socket: &UnixDatagram) {
    run("kill", &[&daemon.id().to_string()]);
    assert!(hear(socket).starts_with("STOPPING=1\n"));
    assert!(daemon.wait().unwrap().success());
}

#[test]
#[ignore = "changes the machine; make package-test runs it"]
fn the_package_is_installed_started_upgraded_and_purged() {
    let package = std::env::var("ALMANAC_DEB").expect("ALMANAC_DEB names the package");
    if run("id", &["-u"]).trim() != "0" {
        println!("not run: only root can install a package");
        return;
    }
    let known = Command::new("dpkg").args(["--status", "almanac"]).output().unwrap();
    assert!(!known.status.success() && !Path::new(STATE).exists(), "an Almanac is installed here");

    let contents = run("dpkg-deb", &["--contents", &package]);
    for file in CONTENTS {
        assert!(contents.lines().any(|line| line.ends_with(&format!(" {file}"))), "{file}:\n{contents}");
    }
    assert!(!contents.contains("./home/") && !contents.contains("/target/"), "{contents}");

    let depends = run("dpkg-deb", &["--field", &package, "Depends"]);
    assert!(depends.contains("libsystemd0") && depends.contains("libc6"), "{depends}");

    let _installed = Installed;
    run("dpkg", &["--install", &package]);
    let state = fs::metadata(STATE).unwrap();
    assert_eq!(state.permissions().mode() & 0o777, 0o700);
    let user: u32 = run("id", &["-u", "almanac"]).trim().parse().unwrap();
    assert_eq!(state.uid(), user);
    assert_eq!(run("almanac", &["config", "check", "--config", "/etc/almanac/almanac.toml"]), "ok\n");

    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (daemon, socket) = start(folder.path());
    run("almanac", &["tenant", "add", "practice"]);
    let found = run("almanac", &["doctor"]); // fails if there is a problem
    assert!(found.contains("unit hardening") && found.contains("open in the running server"), "{found}");
    let empty = folder.path().join("journal");
    fs::create_dir(&empty).unwrap();
    assert_eq!(run("almanac", &["logs", "--directory", empty.to_str().unwrap()]), "", "it reads the journal");
    run("kill", &["-HUP", &daemon.id().to_string()]);
    assert!(hear(&socket).starts_with("RELOADING=1\n"));
    assert!(hear(&socket).starts_with("READY=1\n"));
    stop(daemon, &socket);

    // The same package again is an upgrade as far as files and scripts go.
    fs::write("/etc/almanac/almanac.toml", "# ours\n").unwrap();
    run("dpkg", &["--install", "--force-confold", &package]);
    assert_eq!(fs::read_to_string("/etc/almanac/almanac.toml").unwrap(), "# ours\n");
    let (daemon, socket) = start(folder.path());
    assert!(run("almanac", &["tenant", "list"]).contains("practice"), "an upgrade keeps the data");
    stop(daemon, &socket);
    for entry in fs::read_dir(STATE).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().uid(), user, "{}", entry.path().display());
    }

    run("dpkg", &["--remove", "almanac"]);
    assert!(Path::new(STATE).join("root.key").exists(), "a removal keeps the data");
    assert!(!Path::new("/usr/bin/almanac").exists());
    run("dpkg", &["--purge", "almanac"]);
    assert!(!Path::new(STATE).exists() && !Path::new("/etc/almanac").exists());
}
