//! What requests cost, side by side: the same workloads against Almanac and other CalDAV servers, a cell of one
//! server, then of the next. Every answer is checked by status and by number and content of the resources.
//!
//! `make bench` runs it. `EVENTS=N`: Almanac alone, up to N events. `PEERS=full`: the others also at 10,000 events;
//! `PEERS=none`: without them. `ROUNDS=10`: overwrites every event so often at the end and tells the disk it takes.
//! `CELL`, `CUT`: seconds that a cell takes, and at most. `CONNECTIONS=1,8,32`. `BENCH_JSON`: a file that gets every figure as JSON.
//!
//! Start reading at [`servers`] and [`workloads`]. `CPU ms/op` is the figure that survives a busy machine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers fails by panicking"
)]

mod check;
mod data;
mod http;
mod measure;
mod multistatus;
mod options;
mod proc;
mod report;
mod requests;
mod servers;
mod subject;
mod tables;
mod targets;
mod whole;
mod workloads;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use data::Data;
use measure::{Failure, Figures};
use options::Options;
use report::{Report, Row};
use subject::Subject;
use workloads::{Cell, Workload};

fn main() -> ExitCode {
    let options = match Options::from_environment() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let begun = Instant::now();
    let mut report = Report::new(options.json.as_deref(), options.cut.as_secs());
    let mut subjects = launch(&options);
    for connections in &options.connections {
        for workload in Workload::ALL {
            Report::head(workload, *connections);
            for subject in &mut subjects {
                let outcome = measure(subject, workload, *connections, &options);
                let (server, events) = (subject.server.name().to_owned(), subject.data.events);
                report.add(Row { server, events, workload, connections: *connections, outcome });
            }
        }
    }
    whole::sizes(&subjects, &mut report);
    let totals = whole::largest(&mut subjects, &options, &mut report);
    tables::growth(&report, &options.sizes);
    tables::side_by_side(&report, &subjects);
    targets::print(&mut report, &totals);
    println!("\n{:.0} s in all", begun.elapsed().as_secs_f64());
    let wrong = |row: &&Row| row.server == "Almanac" && row.sound().is_none();
    match report.rows.iter().filter(wrong).count() {
        0 => ExitCode::SUCCESS,
        count => {
            println!("{count} cells of Almanac have wrong answers or none");
            ExitCode::FAILURE
        }
    }
}

/// All servers at all sizes, warm.
fn launch(options: &Options) -> Vec<Subject> {
    let mut sizes: Vec<usize> = options.sizes.iter().chain(&options.peer_sizes).copied().collect();
    sizes.sort_unstable();
    sizes.dedup();
    let mut subjects = Vec::new();
    for events in sizes {
        let data = Data::new(events);
        let almanac = options.sizes.contains(&events).then_some(servers::ALMANAC);
        let peers = servers::PEERS.into_iter().filter(|_| options.peer_sizes.contains(&events));
        for launch in almanac.into_iter().chain(peers) {
            let begun = Instant::now();
            let mut subject = Subject::new(launch(&data), data.clone());
            let loaded = begun.elapsed();
            warm(&mut subject, options);
            println!(
                "{:<16} {events:>6} events, {} of them in the month: loaded in {:.1} s, warm in {:.1} s; {}{}",
                subject.server.name(),
                data.month.objects.len(),
                loaded.as_secs_f64(),
                (begun.elapsed() - loaded).as_secs_f64(),
                subject.server.note(),
                subject.given_up.as_ref().map_or(String::new(), |why| format!(", {why}")),
            );
            subjects.push(subject);
        }
    }
    subjects
}

fn warm(subject: &mut Subject, options: &Options) {
    // A peer may read every file once before it answers.
    let cell = cell(subject, 1, Duration::ZERO, options.cut * 4);
    if let Err(failure) = workloads::warm_up(&cell) {
        subject.given_up = Some(format!("not warm: {}", reason(failure)));
    }
}

fn cell(subject: &Subject, connections: usize, time: Duration, cut: Duration) -> Cell<'_> {
    Cell { subject, connections, time, deadline: Instant::now() + cut }
}

fn reason(failure: Failure) -> String {
    match failure {
        Failure::Cut => "no answer in time".into(),
        Failure::Wrong(reason) => reason,
    }
}

fn measure(
    subject: &mut Subject,
    workload: Workload,
    connections: usize,
    options: &Options,
) -> Result<Figures, String> {
    if let Some(why) = subject.server.cannot(workload).or(subject.given_up.as_deref()) {
        return Err(format!("not measured: {why}"));
    }
    let figures =
        workload.run(&cell(subject, connections, options.cell, options.cut)).map(|tally| tally.figures());
    let cut = match &figures {
        Ok(figures) => figures.cut > 0,
        Err(failure) => matches!(failure, Failure::Cut),
    };
    if cut {
        // What is under way would be paid for by the next cell.
        subject.server.restart();
        if workload.writes() {
            subject.given_up = Some(format!("its state is unknown after the cut of {}", workload.name()));
        } else {
            warm(subject, options);
        }
    }
    figures.map_err(|failure| format!("not measured: {}", reason(failure)))
}
