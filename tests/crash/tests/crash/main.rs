//! The daemon on a disk that fails, and killed at random moments and at every step: what was acknowledged is there,
//! nothing is half there.
//!
//! `ALMANAC_CRASH_ROUNDS` rounds on one store; `ALMANAC_CRASH_SEED` repeats the choices of an earlier run;
//! `ALMANAC_FAULTS=all` tries every place where the disk can fail instead of a sample.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod backup;
mod commands;
mod disk;
mod faults;
mod fleet;
mod interposer;
mod kill;
mod ledger;
mod model;
mod operations;
mod power;

use std::fs;

use almanac_harness::Random;

/// The number that a variable of the environment gives.
fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// The choices of a run; what it prints repeats them.
fn seeded(what: &str) -> Random {
    let seed = number("ALMANAC_CRASH_SEED", Random::seed());
    println!("{what}: ALMANAC_CRASH_SEED={seed}");
    Random::new(seed)
}

/// The places to try among `all` of them: a sample, spread out, or every one.
fn places(all: usize, sample: usize) -> Vec<usize> {
    if std::env::var("ALMANAC_FAULTS").is_ok_and(|value| value == "all") {
        return (1..=all).collect();
    }
    (0..sample).map(|n| 1 + all * (2 * n + 1) / (2 * sample)).collect()
}

/// Waits until every thread of a process is stopped.
fn await_stopped(pid: u32) {
    let tasks = format!("/proc/{pid}/task");
    let is_stopped = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default(); // it may have ended
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    };
    while !fs::read_dir(&tasks).unwrap().map(Result::unwrap).all(is_stopped) {
        std::thread::yield_now();
    }
}
