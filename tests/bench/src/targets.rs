//! What is asked of Almanac, and whether it was met.

use serde_json::json;

use crate::report::Report;
use crate::workloads::Workload::{self, *};

/// The size at which costs are judged.
const EVENTS: usize = 10_000;

/// CPU milliseconds per operation: workload, connections, the best of five other servers on a machine with two
/// cores (Radicale 3.9, Xandikos 0.4, Cyrus 3.6, RustiCal 0.15, Stalwart 0.16), the target.
const CPU: [(Workload, usize, f64, f64); 11] = [
    (Get, 1, 0.19, 0.02),
    (Put, 1, 1.7, 0.45),
    (Update, 1, 1.7, 0.45),
    (Put, 32, 1.6, 0.15),
    (Update, 32, 1.6, 0.15),
    (Listing, 1, 47.0, 4.7),
    (Month, 1, 13.4, 1.3),
    (SyncInitial, 1, 53.0, 5.0),
    (SyncIncremental, 1, 0.98, 0.1),
    (FreeBusy, 1, 10.0, 1.0),
    (Multiget, 1, 6.4, 0.6),
];

/// What is measured once for a whole run.
#[derive(Default)]
pub(crate) struct Totals {
    /// The events of the largest calendar.
    pub(crate) events: usize,
    pub(crate) peak_mib: f64,
    /// From the start of the process to its first answer.
    pub(crate) start_seconds: f64,
    /// After the rounds of overwriting, if there were any.
    pub(crate) disk_per_event: Option<f64>,
}

/// A line of the table.
struct Target {
    name: String,
    peer: String,
    target: f64,
    measured: Option<f64>,
    /// Whether more is better.
    at_least: bool,
}

pub(crate) fn print(report: &mut Report, totals: &Totals) {
    let mut targets: Vec<Target> = CPU
        .iter()
        .map(|(workload, connections, peer, target)| Target {
            name: format!("{}, {connections} conn., CPU ms/op", workload.name()),
            peer: format!("{peer}"),
            target: *target,
            measured: report.find("Almanac", EVENTS, *workload, *connections).map(|figures| figures.cpu_ms),
            at_least: false,
        })
        .collect();
    targets.extend(of_writes(report));
    targets.extend(of_growth(report, totals.events));
    targets.extend(of_totals(totals));
    println!("\n{:<58}{:>10}{:>9}{:>11}", "target (CPU at 10,000 events)", "best peer", "target", "measured");
    for target in targets {
        let met =
            target.measured.map(|is| if target.at_least { is >= target.target } else { is <= target.target });
        let sign = if target.at_least { ">=" } else { "<=" };
        println!(
            "  {:<56}{:>10}{:>9}{:>11}  {}",
            target.name,
            target.peer,
            format!("{sign} {}", target.target),
            target.measured.map_or("-".into(), |is| format!("{is:.3}")),
            met.map_or("not measured", |met| if met { "met" } else { "MISSED" }),
        );
        report.line(&json!({
            "figure": "target", "name": target.name, "target": target.target, "measured": target.measured, "met": met,
        }));
    }
}

fn of_writes(report: &Report) -> Vec<Target> {
    let find = |connections| report.find("Almanac", EVENTS, Put, connections);
    let speed = find(1).zip(find(32)).map(|(one, many)| many.per_second / one.per_second);
    let syncs = |workload| {
        report.find("Almanac", EVENTS, workload, 32).and_then(|figures| figures.syncs_per_operation)
    };
    let target = |name: &str, target, measured, at_least| Target {
        name: name.into(),
        peer: String::new(),
        target,
        measured,
        at_least,
    };
    vec![
        target("put, ops/s of 32 connections to those of 1", 3.0, speed, true),
        target("put, 32 conn., syncs per acknowledged put", 0.2, syncs(Put), false),
        target("update, 32 conn., syncs per acknowledged put", 0.2, syncs(Update), false),
    ]
}

/// CPU of the largest calendar to that of the smallest; where the answer grows, per object in it.
fn of_growth(report: &Report, largest: usize) -> Vec<Target> {
    const SMALLEST: usize = 1_000;
    let judged = Workload::ALL.into_iter().filter(|workload| *workload != Mixed);
    let ratio = |workload: Workload| {
        let cpu = |events| report.find("Almanac", events, workload, 1).map(|figures| figures.cpu_ms);
        let output = if workload.lists_all() { largest as f64 / SMALLEST as f64 } else { 1.0 };
        Some(cpu(largest)? / cpu(SMALLEST)?.max(f64::MIN_POSITIVE) / output)
    };
    judged
        .map(|workload| Target {
            name: format!(
                "{}, growth {SMALLEST} to {largest}{}",
                workload.name(),
                if workload.lists_all() { ", per object" } else { "" }
            ),
            peer: String::new(),
            target: 1.5,
            measured: ratio(workload),
            at_least: false,
        })
        .collect()
}

fn of_totals(totals: &Totals) -> Vec<Target> {
    let target = |what: &str, target, measured| Target {
        name: format!("{what} ({} events)", totals.events),
        peer: String::new(),
        target,
        measured,
        at_least: false,
    };
    vec![
        target("peak memory after all runs, MiB", 150.0, Some(totals.peak_mib)),
        target("start to the first response, s", 0.5, Some(totals.start_seconds)),
        target("disk bytes per event after overwriting", 2_048.0, totals.disk_per_event),
    ]
}
