//! The package for rpm distributions: what is in it, and that its program starts. `make package-test` builds it and
//! calls this as root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Runs a program to its end; what it printed.
#[track_caller]
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Where the two kinds of distributions differ: files are compared by what they are, not where they lie.
fn place(path: &str) -> String {
    let path = path.trim_start_matches('.').trim_end_matches(".gz");
    path.replacen("/usr/lib/systemd/", "/lib/systemd/", 1).replacen(
        "/usr/share/zsh/site-functions/",
        "/usr/share/zsh/vendor-completions/",
        1,
    )
}

#[test]
#[ignore = "needs the packages; make package-test runs it"]
fn the_rpm_package_holds_what_the_debian_package_holds_and_its_program_starts() {
    let package = std::env::var("ALMANAC_RPM").expect("ALMANAC_RPM names the package");
    let debian = std::env::var("ALMANAC_DEB").expect("ALMANAC_DEB names the other one");
    let listed = run("dpkg-deb", &["--contents", &debian]);
    let files = listed.lines().filter(|line| !line.starts_with('d'));
    let in_debian: BTreeSet<String> = files.map(|line| place(line.rsplit(' ').next().unwrap())).collect();
    let in_rpm: BTreeSet<String> =
        run("rpm", &["--query", "--package", "--list", &package]).lines().map(place).collect();
    // The licences: Debian has one file for both.
    let only_here = |file: &&String| !file.contains("/LICENSE-");
    let only_there = |file: &&String| !file.ends_with("/copyright") && !file.contains("/changelog");
    let ours: Vec<_> = in_rpm.iter().filter(only_here).collect();
    assert_eq!(ours, in_debian.iter().filter(only_there).collect::<Vec<_>>());

    assert_eq!(
        run("rpm", &["--query", "--package", "--configfiles", &package]),
        "/etc/almanac/almanac.toml\n",
        "an upgrade keeps it"
    );
    let scripts = run("rpm", &["--query", "--package", "--scripts", &package]);
    for word in [
        "postinstall scriptlet",
        "systemd-sysusers almanac.conf",
        "systemd-tmpfiles --create almanac.conf",
        "daemon-reload",
        "preuninstall scriptlet",
        "disable --now almanac-backup.timer almanac.socket almanac.service",
        "postuninstall scriptlet",
        "try-restart almanac.service",
    ] {
        assert!(scripts.contains(word), "{word}:\n{scripts}");
    }
    let needs = run("rpm", &["--query", "--package", "--requires", &package]);
    for need in ["systemd", "libsystemd.so.0()(64bit)", "libc.so.6"] {
        assert!(needs.lines().any(|line| line.starts_with(need)), "{need}:\n{needs}");
    }

    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    run("rpm", &["--root", root, "--nodeps", "--noscripts", "--install", &package]);
    let program = folder.path().join("usr/bin/almanac");
    assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o777, 0o755);
    let program = program.to_str().unwrap();
    let config = folder.path().join("etc/almanac/almanac.toml");
    assert_eq!(run(program, &["config", "check", "--config", config.to_str().unwrap()]), "ok\n");
    assert_eq!(run(program, &["logs", "--directory", root]), "", "it reads the journal");
}
