//! `make sim`: many histories and large imports, with bounds that end it with an error, and figures at its end.

use std::time::{Duration, Instant};

use almanac_contract::form;
use almanac_google::sim::GoogleSim;
use almanac_icloud::sim::{Habits, Server};
use almanac_outlook::sim::{CALENDAR, Graph};
use jiff::Timestamp;
use serde_json::json;

use crate::caldav::AtCalDav;
use crate::figures::{Figures, many, number};
use crate::google::AtGoogle;
use crate::histories::Kind;
use crate::outlook::AtOutlook;
use crate::vendor::Vendor;
use crate::world::{Terms, World, event};

/// Events of an import.
const EVENTS: u64 = 10_000;

/// How long an import may take.
const IMPORT: Duration = Duration::from_secs(60);

/// What an import may need beside what is there before it, in MiB; the store, which is in memory here, among it.
const IMPORT_MIB: u64 = 400;

/// Of so many histories one has the real connectors.
const REAL_OF: u64 = 2;

const NOW: &str = "2026-03-02T08:00:00Z";

#[test]
#[ignore = "takes minutes: make sim"]
fn figures_of_many_histories_and_imports() {
    // The imports first: what they need is measured by the memory of the process.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let imports: Vec<Import> = runtime.block_on(async {
        let world = World::at(NOW).await;
        let clock = &world.clock;
        let (google, outlook) = (AtGoogle::of(google(), clock).await, AtOutlook::of(outlook(), clock).await);
        let caldav = AtCalDav::of(caldav(), clock).await;
        let mut imports = Vec::new();
        for (name, vendor) in [("Google", &google as &dyn Vendor), ("Outlook", &outlook), ("CalDAV", &caldav)]
        {
            imports.push(import(name, vendor).await);
        }
        imports
    });
    let histories = number("HISTORIES").unwrap_or(10_000);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let begin = Instant::now();
    let real = many(Kind::Real, histories / REAL_OF, threads);
    println!("{}", told("with real connectors", &real, begin.elapsed()));
    let begin = Instant::now();
    let memory = many(Kind::Memory, histories - histories / REAL_OF, threads);
    println!("{}", told("with vendors in memory", &memory, begin.elapsed()));
    for import in &imports {
        println!(
            "import of {EVENTS} events from {}: {:.1} s, {} requests, {} MiB more at its peak",
            import.name,
            import.took.as_secs_f64(),
            import.requests,
            import.mib
        );
    }
    real.assert(Kind::Real);
    memory.assert(Kind::Memory);
    for import in &imports {
        assert!(import.took <= IMPORT, "the import from {} took {:?}", import.name, import.took);
        assert!(import.mib <= IMPORT_MIB, "the import from {} needed {} MiB", import.name, import.mib);
    }
}

fn told(which: &str, figures: &Figures, took: Duration) -> String {
    let per = |n: u64| figures.requests as f64 / n.max(1) as f64;
    format!(
        "{} histories {which} in {:.0} s: {} edits, {} objects written on either side\n\
         \x20 requests: {:.1} per edit, {:.1} per object written; writes while idle: {}\n\
         \x20 lost: {}, in two objects: {}, mails without a word: {}, otherwise wrong: {}\n\
         \x20 parked: {} of {} {:?}",
        figures.histories,
        took.as_secs_f64(),
        figures.edits,
        figures.written,
        per(figures.edits),
        per(figures.written),
        figures.idle_writes,
        figures.lost,
        figures.doubled,
        figures.mails,
        figures.wrong.len(),
        figures.parked_all(),
        figures.objects,
        figures.parked,
    )
}

struct Import {
    name: &'static str,
    took: Duration,
    requests: u64,
    mib: u64,
}

/// Links a calendar with one that is full.
async fn import(name: &'static str, vendor: &dyn Vendor) -> Import {
    let world = World::at(NOW).await;
    let link = world.link_with("v", &vendor.calendar(), Terms::default()).await;
    forget_peak();
    let before = memory("VmRSS:");
    let begin = Instant::now();
    let report = world.run(&link, vendor.connector()).await.unwrap_or_else(|(_, stop)| panic!("{stop:?}"));
    let (took, peak) = (begin.elapsed(), memory("VmHWM:"));
    assert_eq!((report.here.created, report.there.all(), report.parked), (EVENTS, 0, 0), "{name}");
    let requests = vendor.take_counts().requests;
    assert!(world.run(&link, vendor.connector()).await.unwrap().is_idle());
    Import { name, took, requests, mib: peak.saturating_sub(before) / 1024 }
}

/// A figure of this process's memory in KiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next())
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5"); // where it is forbidden, the peak is one of all imports
}

/// When the nth event is: the day and the hour.
fn when(n: u64) -> (String, u64) {
    (format!("2026-{:02}-{:02}", 3 + n / 28 % 9, 1 + n % 28), 6 + n % 12)
}

fn is_series(n: u64) -> bool {
    n.is_multiple_of(20)
}

fn google() -> GoogleSim {
    let mut google = GoogleSim::new(NOW.parse::<Timestamp>().unwrap());
    let calendar = google.person.clone();
    for n in 0..EVENTS {
        let (day, hour) = when(n);
        let at = |hour| json!({ "dateTime": format!("{day}T{hour:02}:00:00"), "timeZone": "Europe/Vienna" });
        let text = format!("What is to be said of event {n}. ").repeat(4);
        let mut event = json!({ "summary": format!("Event {n}"), "description": text, "start": at(hour), "end": at(hour + 1) });
        if is_series(n) {
            event["recurrence"] = json!(["RRULE:FREQ=DAILY;COUNT=8"]);
        }
        google.make(&calendar, event).unwrap();
    }
    google
}

fn outlook() -> Graph {
    let mut graph = Graph::new(NOW.parse::<Timestamp>().unwrap());
    graph.page_events = 200;
    for n in 0..EVENTS {
        let (day, hour) = when(n);
        let at = |hour| json!({ "dateTime": format!("{day}T{hour:02}:00:00"), "timeZone": "W. Europe Standard Time" });
        let text = format!("What is to be said of event {n}. ").repeat(4);
        let mut event = json!({
            "subject": format!("Event {n}"), "body": { "contentType": "text", "content": text },
            "start": at(hour), "end": at(hour + 1),
        });
        if is_series(n) {
            event["recurrence"] = json!({
                "pattern": { "type": "daily", "interval": 1 },
                "range": { "type": "numbered", "numberOfOccurrences": 8, "startDate": day },
            });
        }
        graph.create(CALENDAR, &event).unwrap();
    }
    graph
}

fn caldav() -> Server {
    let mut server = Server::new(Habits::default());
    for n in 0..EVENTS {
        let rule = if is_series(n) { "RRULE:FREQ=DAILY;COUNT=8" } else { "" };
        let text = format!("What-is-to-be-said-of-event-{n}.").repeat(4);
        let day = u32::try_from(1 + n % 28).unwrap();
        let made = event(&format!("uid-{n}"), day, &format!("SUMMARY:Event-{n} DESCRIPTION:{text} {rule}"));
        let object = form::create(&form::read(&made), NOW.parse().unwrap(), &almanac_ical::Limits::default());
        server.put("work", &format!("{n}.ics"), object.unwrap().bytes());
    }
    server
}
