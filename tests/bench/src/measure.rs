//! What an operation costs: the server's CPU time from `/proc`, which survives a noisy machine, and the latency.

use std::time::{Duration, Instant};

/// Figures of one workload.
pub(crate) struct Figures {
    pub(crate) workload: &'static str,
    pub(crate) connections: usize,
    pub(crate) operations: usize,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) cpu_ms: f64,
}

/// User and system time of a process, all its threads, ended ones included.
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    let per_second = rustix::param::clock_ticks_per_second();
    Duration::from_millis((ticks(11) + ticks(12)) * 1_000 / per_second.max(1))
}

/// Peak resident memory of a process, in KiB (VmHWM).
pub(crate) fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Runs `operation(connection, n)` on `connections` threads, `each` times per thread.
pub(crate) fn run(
    pid: u32,
    workload: &'static str,
    connections: usize,
    each: usize,
    operation: &(dyn Fn(usize, usize) + Sync),
) -> Figures {
    let before = cpu(pid);
    let begun = Instant::now();
    let mut latencies: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|connection| {
                scope.spawn(move || {
                    let timed = |n| {
                        let begun = Instant::now();
                        operation(connection, n);
                        begun.elapsed()
                    };
                    (0..each).map(timed).collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("a wrong answer is printed above"))
            .collect()
    });
    let elapsed = begun.elapsed();
    let spent = cpu(pid).saturating_sub(before);
    latencies.sort_unstable();
    let operations = latencies.len();
    let at = |share: f64| {
        let index = (share * (operations.saturating_sub(1)) as f64) as usize;
        latencies.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    };
    Figures {
        workload,
        connections,
        operations,
        per_second: operations as f64 / elapsed.as_secs_f64(),
        p50_ms: at(0.50),
        p99_ms: at(0.99),
        cpu_ms: spent.as_secs_f64() * 1_000.0 / operations.max(1) as f64,
    }
}
