//! What hostile input may cost: CPU time and memory of the daemon, read from the system. `make attacks` runs these against a
//! release build, one after the other; the bounds are 64 MiB and 100 ms, the time with a factor of 5 for a busy machine.

use std::fs;

use almanac_harness::{Client, Daemon, NAMESPACES, Person, Response, ics};

use crate::erika;

const CPU_MS_MAX: u64 = 500;
const MEMORY_KIB_MAX: u64 = 64 * 1024;

/// CPU time that the process has used, in milliseconds.
fn cpu_ms(daemon: &Daemon) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).unwrap();
    let after_name: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = after_name[11].parse::<u64>().unwrap() + after_name[12].parse::<u64>().unwrap();
    ticks * 10 // the tick of every Linux that Rust runs on is 10 ms
}

/// The most memory that the process has had, in KiB, since [`forget_peak`].
fn peak_kib(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn forget_peak(daemon: &Daemon) {
    fs::write(format!("/proc/{}/clear_refs", daemon.pid()), "5").unwrap();
}

/// Runs `attack` once and asserts what it cost.
fn bounded(daemon: &Daemon, what: &str, attack: impl FnOnce() -> Response) -> Response {
    forget_peak(daemon);
    let (cpu, memory) = (cpu_ms(daemon), peak_kib(daemon));
    let answer = attack();
    let (cpu, memory) = (cpu_ms(daemon) - cpu, peak_kib(daemon).saturating_sub(memory));
    println!("{what}: {} after {cpu} ms of CPU and {memory} KiB", answer.status);
    assert!(cpu <= CPU_MS_MAX, "{what} took {cpu} ms of CPU");
    assert!(memory <= MEMORY_KIB_MAX, "{what} took {memory} KiB");
    assert!(answer.status < 500 || answer.status == 507, "{what}: {answer}");
    answer
}

fn propfind(client: &Client, erika: &Person, body: &str) -> Response {
    client.request("PROPFIND", &erika.calendar()).header("Depth", "0").xml(body).send()
}

#[test]
#[ignore = "make attacks"]
fn xml_bombs_are_cheap() {
    let (daemon, erika, client) = erika();
    let prop = |inside: &str| format!("<D:propfind {NAMESPACES}><D:prop>{inside}</D:prop></D:propfind>");
    let attributes: String = (0..80_000).map(|n| format!(" a{n}=''")).collect();
    let namespaces: String = (0..40_000).map(|n| format!(" xmlns:n{n}='u'")).collect();
    let bodies = [
        ("80,000 attributes", prop(&format!("<a{attributes}/>"))),
        ("40,000 namespaces", prop(&format!("<D:a{namespaces}/>"))),
        ("100,000 levels", prop(&"<D:a>".repeat(100_000))),
        ("200,000 elements", prop(&"<D:a/>".repeat(160_000))),
        ("a name of 1 MB", prop(&format!("<D:{}/>", "a".repeat(1_000_000)))),
        ("a comment of 1 MB", prop(&format!("<!--{}-->", "-a".repeat(500_000)))),
        ("20,000 known properties", prop(&"<D:getetag/>".repeat(19_000))),
        ("billion laughs", format!("<!DOCTYPE x [<!ENTITY a 'a'>]>{}", prop(&"&a;".repeat(300_000)))),
    ];
    for (what, body) in &bodies {
        let _ = bounded(&daemon, what, || propfind(&client, &erika, body));
    }
}

#[test]
#[ignore = "make attacks"]
fn recurrence_bombs_are_cheap() {
    let (daemon, erika, client) = erika();
    let rules = [
        "FREQ=DAILY;COUNT=1000000000",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=SECONDLY;COUNT=1",
        "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=3",
        "FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1",
        "FREQ=MONTHLY;BYSETPOS=366;BYDAY=MO",
        "FREQ=YEARLY;COUNT=1;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23;BYMINUTE=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29;BYSECOND=0,1,2,3,4,5,6,7,8,9",
        "FREQ=HOURLY;INTERVAL=1000000;BYMONTHDAY=31;BYMONTH=2",
    ];
    for (n, rule) in rules.iter().enumerate() {
        let body = ics::event_with(&n.to_string(), "x", "16010101T000000Z", &format!("RRULE:{rule}"));
        let _ = bounded(&daemon, rule, || client.put(&erika.object(&n.to_string()), body));
    }
    let _ = bounded(&daemon, "a query far ahead", || {
        client.events_between(&erika.calendar(), "20990101T000000Z", "20990201T000000Z")
    });
    let _ = bounded(&daemon, "a query of 400 years", || {
        client.events_between(&erika.calendar(), "17000101T000000Z", "21000101T000000Z")
    });
}

#[test]
#[ignore = "make attacks"]
fn calendar_data_bombs_are_cheap() {
    let (daemon, erika, client) = erika();
    let bodies = [
        ("8,000 nested components", ics::calendar(&"BEGIN:VEVENT\n".repeat(8000))),
        ("a line of 5 MB", ics::event("a", &"x".repeat(5 << 20), "20261201T090000Z")),
        ("5 MB of folds", ics::event("a", &"\n x".repeat(1_700_000), "20261201T090000Z")),
        ("300,000 properties", ics::event_with("a", "x", "20261201T090000Z", &"X-A:1\n".repeat(300_000))),
        (
            "a million parameters",
            ics::event_with("a", "x", "20261201T090000Z", &format!("X-A{}:1", ";P=1".repeat(1_000_000))),
        ),
        (
            "a million exception dates",
            ics::event_with(
                "a",
                "x",
                "20261201T090000Z",
                &format!("RRULE:FREQ=DAILY\nEXDATE:20270101T090000Z{}", ",20270101T090000Z".repeat(500_000)),
            ),
        ),
        ("100,000 zones", ics::calendar(&"BEGIN:VTIMEZONE\nTZID:x\nEND:VTIMEZONE\n".repeat(100_000))),
    ];
    for (what, body) in &bodies {
        let answer = bounded(&daemon, what, || client.put(&erika.object("a.ics"), body));
        assert!((400..500).contains(&answer.status), "{what}: {}", answer.status);
    }
}

#[test]
#[ignore = "make attacks"]
fn amplification_is_bounded() {
    let (daemon, erika, client) = erika();
    for n in 0..300 {
        let body =
            ics::event_with(&n.to_string(), &"long ".repeat(200), "20200101T090000Z", "RRULE:FREQ=DAILY");
        let _ = client.put(&erika.object(&n.to_string()), body).expect(201);
    }
    let expand = |end: &str| {
        let inside = format!(
            "<D:prop><C:calendar-data><C:expand start=\"20260101T000000Z\" end=\"{end}\"/></C:calendar-data></D:prop>\
             <C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter>"
        );
        forget_peak(&daemon);
        let before = peak_kib(&daemon);
        let answer = client.report(&erika.calendar(), "C:calendar-query", &inside);
        let grown = peak_kib(&daemon).saturating_sub(before);
        println!(
            "expand of 300 series to {end}: {} with {} bytes, {grown} KiB",
            answer.status,
            answer.body.len()
        );
        assert!(grown <= MEMORY_KIB_MAX, "{grown} KiB");
        answer.multistatus()
    };
    let month = expand("20260201T000000Z");
    assert_eq!(month.entries.len(), 300, "an ordinary question is answered in full");
    let _ = expand("20270101T000000Z");
    let decades = expand("20560101T000000Z");
    assert!(decades.entries.iter().any(|e| e.status == Some(507)), "3.3 million instances are too many");
}

#[test]
#[ignore = "make attacks"]
fn definitions_of_many_zones_in_many_objects_are_cheap() {
    let (daemon, erika, client) = erika();
    let areas = ["Africa/Cairo", "America/New_York", "Asia/Tehran", "Australia/Sydney", "Europe/Berlin"];
    let zones = ["Europe/London", "Europe/Lisbon", "Europe/Paris", "Asia/Gaza", "Africa/Casablanca"];
    let lines: String =
        areas.iter().chain(&zones).map(|zone| format!("RDATE;TZID={zone}:19500101T000000\n")).collect();
    for n in 0..200 {
        let body = ics::event_with(&n.to_string(), "x", "19500101T000000Z", &lines);
        let _ = client.put(&erika.object(&n.to_string()), body).expect(201);
    }
    let data = "<D:prop><C:calendar-data/></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter>";
    let answer = bounded(&daemon, "10 definitions in each of 200 objects", || {
        let request = client.report_request(&erika.calendar(), "C:calendar-query", data);
        request.header("CalDAV-Timezones", "T").send()
    });
    assert_eq!(answer.text().matches("BEGIN:VTIMEZONE").count(), 2_000);
    let whole = bounded(&daemon, "the whole calendar with them", || {
        client.request("GET", &erika.calendar()).header("CalDAV-Timezones", "T").send()
    });
    assert_eq!(whole.text().matches("BEGIN:VTIMEZONE").count(), 10);
}

#[test]
#[ignore = "make attacks"]
fn a_thousand_idle_connections_do_not_slow_others() {
    let (daemon, erika, client) = erika();
    let idle: Vec<_> = (0..1000).map(|_| client.connect().unwrap()).collect();
    let answer =
        bounded(&daemon, "1,000 idle connections", || client.put(&erika.object("a.ics"), ics::simple("a")));
    let _ = answer.expect(201);
    drop(idle);
}
