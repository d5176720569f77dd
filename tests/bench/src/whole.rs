//! What is measured of a server as a whole: memory, disk, start, growth.

use std::time::Instant;

use serde_json::json;

use crate::http::Connection;
use crate::options::Options;
use crate::proc;
use crate::report::Report;
use crate::subject::Subject;
use crate::targets::Totals;
use crate::workloads::{Cell, overwrite_all};

const MIB: f64 = 1_048_576.0;

/// Memory and disk of every server.
pub(crate) fn sizes(subjects: &[Subject], report: &mut Report) {
    println!(
        "\n{:<34}{:>8}{:>18}{:>12}{:>16}",
        "after these runs", "events", "peak memory MiB", "disk MiB", "bytes/event"
    );
    for subject in subjects {
        let (server, events) = (subject.server.name(), subject.data.events);
        let (peak, disk) = (peak_mib(subject), disk_bytes(subject));
        let per_event = disk / events as f64;
        println!("  {server:<32}{events:>8}{peak:>18.1}{:>12.1}{per_event:>16.0}", disk / MIB);
        report.line(&json!({
            "figure": "size", "server": server, "events": events, "peak_mib": peak, "disk_bytes": disk,
        }));
    }
}

fn peak_mib(subject: &Subject) -> f64 {
    subject.peak_kib() as f64 / 1_024.0
}

fn disk_bytes(subject: &Subject) -> f64 {
    proc::disk_bytes(subject.server.folder()) as f64
}

/// The largest calendar of Almanac: its memory, its start, its disk after everything was overwritten.
pub(crate) fn largest(subjects: &mut [Subject], options: &Options, report: &mut Report) -> Totals {
    let almanac = subjects.iter_mut().filter(|subject| subject.server.name() == "Almanac");
    let subject = almanac.max_by_key(|subject| subject.data.events).expect("Almanac is always measured");
    let events = subject.data.events;
    let mut totals = Totals { events, peak_mib: peak_mib(subject), ..Totals::default() };

    let begun = subject.server.restart();
    let mut connection = Connection::new(subject.endpoint().address);
    let mut ask = |request, expected| {
        let answer = connection.exchange(&request, Instant::now() + options.cut).expect("an answer");
        assert_eq!(answer.status, expected, "the first answers after the start");
        begun.elapsed().as_secs_f64()
    };
    totals.start_seconds = ask(subject.endpoint().get(0), 200);
    let query = ask(subject.endpoint().month(&subject.data.month), 207);
    println!(
        "\nstart of Almanac with {events} events: first response after {:.3} s, first month query after {query:.3} s",
        totals.start_seconds
    );
    report.line(&json!({
        "figure": "start", "events": events, "first_response_s": totals.start_seconds, "first_query_s": query,
    }));

    if options.rounds > 0 {
        totals.disk_per_event = Some(rounds(subject, options, report));
        totals.peak_mib = totals.peak_mib.max(peak_mib(subject));
    }
    totals
}

/// Overwrites every event some times; the bytes on the disk per event.
fn rounds(subject: &Subject, options: &Options, report: &mut Report) -> f64 {
    const CONNECTIONS: usize = 32;
    let events = subject.data.events;
    let before = disk_bytes(subject) / events as f64;
    for round in 1..=options.rounds {
        // A round is as long as the calendar is large, so it has no other bound than this one.
        let deadline = Instant::now() + options.cut * 10;
        let time = options.cut * 10;
        let figures = overwrite_all(&Cell { subject, connections: CONNECTIONS, time, deadline }).figures();
        assert_eq!((figures.operations, figures.errors), (events, 0), "{:?}", figures.first_error);
        println!(
            "round {round:>2} of overwriting: {:.0} puts/s, {:.3} CPU ms per put, {:.0} bytes on the disk per event",
            figures.per_second,
            figures.cpu_ms,
            disk_bytes(subject) / events as f64
        );
    }
    let after = disk_bytes(subject) / events as f64;
    println!(
        "disk per event: {before:.0} bytes before, {after:.0} after {} rounds, peak memory {:.1} MiB",
        options.rounds,
        peak_mib(subject)
    );
    report.line(&json!({
        "figure": "overwriting", "events": events, "rounds": options.rounds, "disk_per_event": after,
    }));
    after
}
