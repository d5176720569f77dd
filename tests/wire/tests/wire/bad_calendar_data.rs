//! Hostile and malformed calendar data: SECURITY.md section 5, rows 9, 11, 14; RFC 4791 section 5.3.2.1.

use almanac_harness::{Client, Daemon, Options, Person, ics};

use crate::erika;

/// Puts `body` and asserts that it is refused with `condition`, and that nothing is stored.
fn refused(client: &Client, erika: &Person, what: &str, body: impl AsRef<[u8]>, condition: &str) {
    let answer = client.put(&erika.object("bad.ics"), body);
    assert_eq!(answer.status, 403, "{what}: {answer}");
    assert_eq!(answer.precondition(), condition, "{what}");
    assert_eq!(client.members(&erika.calendar()), Vec::<String>::new(), "{what}");
}

const DATA: &str = "C:valid-calendar-data";
const RESOURCE: &str = "C:valid-calendar-object-resource";
const SIZE: &str = "C:max-resource-size";

#[test]
fn what_is_not_icalendar_is_refused() {
    let (_daemon, erika, client) = erika();
    let good = ics::simple("a");
    let mut latin = good.clone().into_bytes();
    let at = good.find("Dental").unwrap();
    latin[at] = 0xe4;
    refused(&client, &erika, "not UTF-8", &latin, DATA);
    refused(&client, &erika, "NUL", good.replace("Dental", "De\0tal"), DATA);
    refused(&client, &erika, "another control character", good.replace("Dental", "De\u{8}tal"), DATA);
    refused(&client, &erika, "no calendar", "hello", DATA);
    refused(&client, &erika, "an empty body", "", DATA);
    refused(&client, &erika, "truncated", &good[..good.len() - 20], DATA);
    refused(&client, &erika, "mismatched end", good.replace("END:VEVENT", "END:VTODO"), DATA);
    refused(&client, &erika, "a line without a colon", good.replace("SUMMARY:", "SUMMARY "), DATA);
    refused(&client, &erika, "an unclosed quote", good.replace("SUMMARY:", "SUMMARY;X=\"a:"), DATA);
    refused(&client, &erika, "text after the end", format!("{good}hello\r\n"), DATA);
    refused(&client, &erika, "two calendars", format!("{good}{good}"), RESOURCE);
    refused(&client, &erika, "an empty calendar", ics::calendar(""), RESOURCE);
    refused(&client, &erika, "only a zone", ics::calendar(&ics::berlin("Europe/Berlin")), RESOURCE);
    refused(&client, &erika, "version 1.0", good.replace("VERSION:2.0", "VERSION:1.0"), DATA);
}

#[test]
fn what_is_no_single_object_is_refused() {
    let (_daemon, erika, client) = erika();
    let event = |uid: &str| {
        format!("BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20261101T080000Z\nDTSTART:20261201T090000Z\nEND:VEVENT\n")
    };
    let todo = "BEGIN:VTODO\nUID:a\nDTSTAMP:20261101T080000Z\nEND:VTODO\n";
    refused(&client, &erika, "two UIDs", ics::calendar(&(event("a") + &event("b"))), RESOURCE);
    refused(&client, &erika, "mixed components", ics::calendar(&(event("a") + todo)), RESOURCE);
    refused(&client, &erika, "METHOD", ics::calendar(&format!("METHOD:REQUEST\n{}", event("a"))), RESOURCE);
    refused(&client, &erika, "no UID", ics::calendar(&event("a").replace("UID:a\n", "")), RESOURCE);
    refused(&client, &erika, "an empty UID", ics::calendar(&event("")), RESOURCE);
    refused(&client, &erika, "two masters", ics::calendar(&(event("a") + &event("a"))), RESOURCE);
    refused(&client, &erika, "two UIDs in one event", ics::calendar(&event("a\nUID:b")), DATA);
    refused(
        &client,
        &erika,
        "no DTSTART",
        ics::calendar(&event("a").replace("DTSTART:20261201T090000Z\n", "")),
        DATA,
    );
}

#[test]
fn impossible_dates_and_rules_are_refused() {
    let (_daemon, erika, client) = erika();
    let with = |extra: &str| ics::event_with("a", "x", "20261201T090000Z", extra);
    for start in [
        "20260230T090000Z",
        "20261301T090000Z",
        "20261201T250000Z",
        "20261201T096100Z",
        "2026-12-01",
        "x",
        "20261201T0900",
        "00000000T000000Z",
    ] {
        refused(&client, &erika, start, ics::event("a", "x", start), DATA);
    }
    for rule in [
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=SOMETIMES",
        "INTERVAL=2",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;BYMONTH=13",
        "FREQ=DAILY;FREQ=WEEKLY",
        "FREQ=DAILY;UNTIL=x",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=YEARLY;BYMONTHDAY=32",
        "FREQ=DAILY;COUNT=99999999999999999999",
        "",
    ] {
        refused(&client, &erika, rule, with(&format!("RRULE:{rule}")), DATA);
    }
}

#[test]
fn an_event_that_ends_before_it_starts_makes_nobody_busy() {
    let (_daemon, erika, client) = erika();
    let with = |end: &str| ics::event(end, "x", "20261201T090000Z").replace("DURATION:PT1H", end);
    for (n, end) in ["DURATION:-PT1H", "DTEND:20261101T090000Z", "DTEND:20261201T090000Z"].iter().enumerate()
    {
        let answer = client.put(&erika.object(&format!("{n}.ics")), with(end));
        assert_eq!(answer.status, 201, "{end}: {answer}");
    }
    let range = "<C:time-range start=\"20261101T000000Z\" end=\"20261202T000000Z\"/>";
    let busy = client.report(&erika.calendar(), "C:free-busy-query", range).expect(200);
    let periods = crate::free_busy::periods(busy.text());
    assert!(periods.is_empty(), "{periods:?}");
    let _ = client.events_between(&erika.calendar(), "20261130T000000Z", "20261202T000000Z").expect(207);
}

#[test]
fn rules_that_are_too_dense_are_max_instances() {
    let (_daemon, erika, client) = erika();
    let with = |rule: &str| ics::event_with("a", "x", "20261201T090000Z", &format!("RRULE:{rule}"));
    for rule in [
        "FREQ=SECONDLY",
        "FREQ=SECONDLY;INTERVAL=30",
        "FREQ=MINUTELY;BYSECOND=0,30",
        "FREQ=HOURLY;BYMINUTE=0,1,2,3,4,5,6,7,8,9,10;BYSECOND=0,1,2,3,4,5,6,7,8,9",
    ] {
        refused(&client, &erika, rule, with(rule), "C:max-instances");
    }
    let _ = client.put(&erika.object("dense.ics"), with("FREQ=MINUTELY")).expect(201);
    let _ = client
        .put(
            &erika.object("never.ics"),
            ics::event_with("n", "x", "20261201T090000Z", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31"),
        )
        .expect(201);
    let _ = client
        .put(
            &erika.object("long.ics"),
            ics::event_with("l", "x", "20261201T090000Z", "RRULE:FREQ=DAILY;COUNT=1000000000"),
        )
        .expect(201);
    let found =
        client.events_between(&erika.calendar(), "20770101T000000Z", "20770102T000000Z").multistatus();
    assert_eq!(found.members(), ["dense.ics", "long.ics"]);
}

#[test]
fn bombs_are_refused_at_their_limit() {
    let (_daemon, erika, client) = erika();
    let nested = ics::calendar(&format!("{}{}", "BEGIN:VEVENT\n".repeat(8000), "END:VEVENT\n".repeat(8000)));
    refused(&client, &erika, "8,000 nested components", nested, DATA);
    let line = ics::event_with("a", &"x".repeat(5_000_000), "20261201T090000Z", "");
    refused(&client, &erika, "a line of 5 MB", line, SIZE);
    let folded = ics::event_with(
        "a",
        &"x".repeat(70).split_inclusive("x").collect::<Vec<_>>().join("\n "),
        "20261201T090000Z",
        "",
    );
    let _ = client.put(&erika.object("folded.ics"), folded).expect(201);
    let _ = client.delete(&erika.object("folded.ics")).expect(204);
    for name in ["EXDATE", "RDATE"] {
        let dates = |count: usize| {
            let all: Vec<_> = (0..count)
                .map(|n| {
                    format!(
                        "2027{:02}{:02}T{:02}{:02}00Z",
                        n / 40_320 % 12 + 1,
                        n / 1440 % 28 + 1,
                        n / 60 % 24,
                        n % 60
                    )
                })
                .collect();
            ics::event_with(
                "a",
                "x",
                "20261201T090000Z",
                &format!("RRULE:FREQ=DAILY\n{name}:{}", all.join(",")),
            )
        };
        // Without a rule it is the dates alone that make the instances.
        let dates = |count: usize| match name {
            "RDATE" => dates(count).replace("RRULE:FREQ=DAILY\r\n", ""),
            _ => dates(count),
        };
        refused(&client, &erika, name, dates(5_001), DATA);
        let path = erika.object("most.ics");
        let _ = client.put(&path, dates(5_000)).expect(201);
        let _ = client.delete(&path).expect(204);
        let lines: String = (0..6000)
            .map(|n| format!("{name}:20270101T{:02}{:02}{:02}Z\n", n / 3600, n / 60 % 60, n % 60))
            .collect();
        refused(&client, &erika, name, ics::event_with("a", "x", "20261201T090000Z", &lines), DATA);
    }
    let parameters =
        "X-A;".to_owned() + &(0..100_000).map(|n| format!("P{n}=1;")).collect::<String>() + "Z=1:x";
    refused(
        &client,
        &erika,
        "100,000 parameters",
        ics::event_with("a", "x", "20261201T090000Z", &parameters),
        DATA,
    );
    let properties: String = (0..100_000).map(|n| format!("X-{n}:1\n")).collect();
    refused(
        &client,
        &erika,
        "100,000 properties",
        ics::event_with("a", "x", "20261201T090000Z", &properties),
        SIZE,
    );
}

#[test]
fn an_object_beyond_its_limit_is_max_resource_size_and_a_body_beyond_is_413() {
    let daemon = Daemon::start_with(
        Options::new()
            .set("limits.object_bytes_max", "64KiB")
            .set("limits.xml_bytes_max", "64KiB")
            .set("limits.body_bytes_max", "256KiB"),
    );
    let erika = daemon.person("erika");
    let client = daemon.client(&erika);
    let sized = |size: usize| {
        ics::event_with("a", "x", "20261201T090000Z", &format!("DESCRIPTION:{}", "y\n ".repeat(size / 4)))
    };
    refused(&client, &erika, "100 KB", sized(100_000), SIZE);
    let answer = client.put(&erika.object("bad.ics"), sized(400_000));
    assert_eq!(answer.status, 413, "{answer}");
    let stored = client.propfind(&erika.calendar(), "0", &[SIZE]).multistatus();
    assert_eq!(stored.only().text(SIZE), "65536");
}

#[test]
fn a_wrong_type_or_coding_is_refused() {
    let (_daemon, erika, client) = erika();
    let put = |kind: &str| {
        client
            .request("PUT", &erika.object("a.ics"))
            .header("Content-Type", kind)
            .body(ics::simple("a"))
            .send()
    };
    for kind in
        ["text/html", "application/json", "image/png", "text/vcard", "text/calendar; charset=iso-8859-1"]
    {
        put(kind).expect_refused(403, "C:supported-calendar-data");
    }
    for coding in ["gzip", "br", "deflate", "zstd"] {
        let answer = client
            .put_request(&erika.object("b.ics"), ics::simple("b"))
            .header("Content-Encoding", coding)
            .send();
        let _ = answer.expect(415);
    }
    let part = client
        .put_request(&erika.object("c.ics"), ics::simple("c"))
        .header("Content-Range", "bytes 0-10/20")
        .send();
    let _ = part.expect(400); // RFC 9110 section 14.5
    assert_eq!(client.members(&erika.calendar()), Vec::<String>::new());
}

#[test]
fn what_clients_really_send_is_taken() {
    let (_daemon, erika, client) = erika();
    let put = |name: &str, body: String| client.put(&erika.object(name), body).status;
    let plain = ics::simple("plain");
    assert_eq!(put("no-dtstamp", ics::simple("no-dtstamp").replace("DTSTAMP:20261101T080000Z\r\n", "")), 201);
    assert_eq!(put("bare-lf", ics::simple("bare-lf").replace("\r\n", "\n")), 201);
    assert_eq!(put("no-end", ics::simple("no-end").replace("DURATION:PT1H\r\n", "")), 201);
    assert_eq!(put("no-newline", plain.trim_end().to_owned()), 201);
    assert_eq!(put("lower", ics::simple("lower").replace("BEGIN:VEVENT", "begin:vevent")), 201);
    let scheduling = ics::event_with(
        "s",
        "x",
        "20261201T090000Z",
        "ORGANIZER;SCHEDULE-STATUS=1.1;SCHEDULE-FORCE-SEND=REQUEST:mailto:a@example.invalid\n\
         ATTENDEE;SCHEDULE-AGENT=CLIENT;RSVP=TRUE:mailto:b@example.invalid",
    );
    assert_eq!(put("scheduling", scheduling.clone()), 201);
    assert_eq!(
        put(
            "private",
            ics::event_with(
                "p",
                "x",
                "20261201T090000Z",
                "X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC\nX-MOZ-LASTACK:20261101T080000Z"
            )
        ),
        201
    );
    assert_eq!(
        put(
            "busy",
            ics::calendar(
                "BEGIN:VFREEBUSY\nUID:busy\nDTSTAMP:20261101T080000Z\nFREEBUSY:20261204T090000Z/PT1H\nEND:VFREEBUSY"
            )
        ),
        201
    );
    assert_eq!(
        client.get(&erika.object("scheduling")).expect(200).text(),
        scheduling,
        "nothing is added or taken away"
    );
}
