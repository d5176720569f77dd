//! The unit files: understood by systemd, and as closed as they can be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use almanac_harness::cannot_run;

/// The highest exposure that `systemd-analyze security` may find; 0 is the best, 10 the worst.
const EXPOSURE_MAX: f64 = 1.5;

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging")
}

/// The units as they are, but with programs that are there. `None` without systemd-analyze.
fn units() -> Option<(tempfile::TempDir, Vec<PathBuf>)> {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        cannot_run("systemd-analyze is not installed");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut units = Vec::new();
    for entry in fs::read_dir(packaging()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "service" || kind == "socket" || kind == "timer") {
            let text = fs::read_to_string(&path).unwrap().replace("/usr/bin/almanac ", "/bin/true ");
            let copy = folder.path().join(path.file_name().unwrap());
            fs::write(&copy, text).unwrap();
            units.push(copy);
        }
    }
    units.sort();
    assert_eq!(units.len(), 4, "{units:?}");
    Some((folder, units))
}

fn analyze(arguments: &[&str], units: &[PathBuf]) -> (Output, String) {
    let output = Command::new("systemd-analyze").args(arguments).args(units).output().unwrap();
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output, String::from_utf8(text).unwrap())
}

#[test]
fn systemd_finds_nothing_to_complain_of_in_a_unit() {
    let Some((_folder, units)) = units() else { return };
    let (output, said) = analyze(&["verify", "--man=no"], &units);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[test]
fn no_service_is_more_exposed_than_it_must_be() {
    let Some((_folder, units)) = units() else { return };
    for unit in units.into_iter().filter(|unit| unit.extension().is_some_and(|kind| kind == "service")) {
        let (_, said) = analyze(&["security", "--offline=yes", "--no-pager"], std::slice::from_ref(&unit));
        let (_, level) = said.rsplit_once("exposure level for ").unwrap_or_else(|| panic!("{said}"));
        let level = level.split_whitespace().find_map(|word| word.parse::<f64>().ok()).unwrap();
        assert!(level <= EXPOSURE_MAX, "{}: {said}", unit.display());
    }
}

#[test]
fn the_service_is_told_what_the_program_says_and_dumps_no_core() {
    let text = fs::read_to_string(packaging().join("almanac.service")).unwrap();
    for line in ["Type=notify", "User=almanac", "StateDirectoryMode=0700", "LimitCORE=0", "WatchdogSec=30s"] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
}
