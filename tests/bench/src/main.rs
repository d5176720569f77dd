//! What requests cost: every workload against a daemon with a calendar of constant density.
//!
//! `EVENTS` is the number of events (10,000). Every answer is checked by status and by the number of resources in
//! it, so a fast wrong answer ends the run. One line of JSON per workload goes to `BENCH_JSON` if that names a file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod data;
mod measure;
mod workloads;

use std::io::Write;

use almanac_harness::{Daemon, Options};
use data::Data;
use measure::{Figures, peak_kib};
use workloads::Bench;

fn main() {
    let events = std::env::var("EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let data = Data { events };
    let daemon = Daemon::start_with(Options::new().set("log.level", "warn").without_canary());
    let person = daemon.person("load");
    let file = std::env::temp_dir().join(format!("almanac-bench-{}.ics", std::process::id()));
    std::fs::write(&file, data.file()).unwrap();
    let begun = std::time::Instant::now();
    let _ = daemon.cli(&["import", file.to_str().unwrap(), "load/calendar"]).ok();
    std::fs::remove_file(&file).unwrap();
    println!("{events} events imported in {:.1} s", begun.elapsed().as_secs_f64());

    let bench =
        Bench { data, client: daemon.client(&person), calendar: person.calendar(), pid: daemon.pid() };
    println!(
        "{:<26}{:>6}{:>9}{:>10}{:>10}{:>10}{:>12}",
        "workload", "conns", "ops", "ops/s", "p50 ms", "p99 ms", "CPU ms/op"
    );
    let mut json = std::env::var_os("BENCH_JSON").map(|path| {
        std::fs::OpenOptions::new().create(true).append(true).open(path).expect("open the file of BENCH_JSON")
    });
    for figures in bench.all() {
        print(&figures);
        if let Some(json) = &mut json {
            writeln!(json, "{}", line(events, &figures)).unwrap();
        }
    }
    println!("peak memory {:.1} MiB", peak_kib(daemon.pid()) as f64 / 1_024.0);
}

fn print(figures: &Figures) {
    println!(
        "{:<26}{:>6}{:>9}{:>10.0}{:>10.2}{:>10.2}{:>12.3}",
        figures.workload,
        figures.connections,
        figures.operations,
        figures.per_second,
        figures.p50_ms,
        figures.p99_ms,
        figures.cpu_ms
    );
}

fn line(events: usize, figures: &Figures) -> serde_json::Value {
    serde_json::json!({
        "server": "almanac",
        "events": events,
        "workload": figures.workload,
        "connections": figures.connections,
        "operations": figures.operations,
        "per_second": figures.per_second,
        "p50_ms": figures.p50_ms,
        "p99_ms": figures.p99_ms,
        "cpu_ms": figures.cpu_ms,
    })
}
