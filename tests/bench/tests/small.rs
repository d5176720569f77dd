//! The bench itself, small: that its workloads run against the built daemon and find its answers right.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::process::Command;

#[test]
fn a_small_bench_finds_every_answer_right_and_names_every_workload() {
    let output = Command::new(env!("CARGO_BIN_EXE_almanac-bench"))
        .env("ALMANAC_BIN", almanac_harness::binary())
        .env_remove("BENCH_JSON")
        .envs([("EVENTS", "200"), ("PEERS", "none"), ("ROUNDS", "0"), ("CELL", "0"), ("CONNECTIONS", "1")])
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    for workload in ["get", "put", "delete", "PROPFIND depth 1", "calendar-query, a month", "mixed fleet"] {
        let named = out.lines().any(|line| line.trim_start().starts_with(workload));
        assert!(named, "{workload}: {out}");
    }
}
