//! Which definitions of time zones an answer holds (RFC 7809 sections 3.1.3 and 7.1).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod multistatus;
mod support;

use multistatus::{Multistatus, query, report};
use support::{Answer, Server, object};

const CALENDAR: &str = "/dav/calendars/erika/calendar/";
const PATH: &str = "/dav/calendars/erika/calendar/a.ics";
const ALL: (&str, &str) = ("caldav-timezones", "T");
const NONE: (&str, &str) = ("caldav-timezones", "F");
const DATA: &str = "<D:prop><C:calendar-data/></D:prop>";

/// What clients write who know their zone by name only.
fn by_name() -> String {
    let lines = [
        "DTSTART;TZID=Europe/Berlin:19530301T090000",
        "DTEND;TZID=\"W. Europe Standard Time\":19530301T100000",
    ];
    object("VEVENT", "a", &lines)
}

fn zone(name: &str) -> String {
    format!(
        "BEGIN:VTIMEZONE\r\nTZID:{name}\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\n\
         TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
}

/// An event in a zone that everybody knows and in one that nobody else does, with both definitions.
fn with_definitions() -> String {
    let lines = ["DTSTART;TZID=Europe/Berlin:20260301T090000", "DTEND;TZID=Our zone:20260301T100000"];
    let zones = zone("Europe/Berlin") + &zone("Our zone");
    object("VEVENT", "a", &lines).replace("BEGIN:VEVENT", &format!("{zones}BEGIN:VEVENT"))
}

/// The calendar data of the three reports that return it.
async fn reported(server: &Server, header: (&str, &str)) -> [String; 3] {
    let bodies = [
        report("C:calendar-multiget", &format!("{DATA}<D:href>{PATH}</D:href>")),
        query(DATA, "<C:comp-filter name='VEVENT'/>"),
        report("D:sync-collection", &format!("<D:sync-token/><D:sync-level>1</D:sync-level>{DATA}")),
    ];
    let mut data = [const { String::new() }; 3];
    for (data, body) in data.iter_mut().zip(bodies) {
        let answer: Answer = server.send("REPORT", CALENDAR, &[header], &body).await;
        *data = Multistatus::of(&answer).at(PATH).text("calendar-data");
    }
    data
}

#[tokio::test]
async fn definitions_of_well_known_zones_are_left_out_if_the_client_says_so() {
    let server = Server::new();
    let octets = with_definitions();
    let etag = server.put(PATH, &octets).await;
    let stripped = octets.replace(&zone("Europe/Berlin"), "");
    let answer = server.send("GET", PATH, &[NONE], "").await;
    assert_eq!(answer.text(), stripped);
    assert_eq!(answer.header("etag"), etag);
    assert_eq!(reported(&server, NONE).await, [const { "" }; 3].map(|_| stripped.clone()));
    let whole = server.send("GET", CALENDAR, &[NONE], "").await;
    assert!(whole.text().contains("TZID:Our zone") && !whole.text().contains("TZID:Europe/Berlin"));
    assert!(whole.header("etag").starts_with("W/"));
}

#[tokio::test]
async fn a_definition_that_is_missing_is_added_if_the_client_says_so() {
    let server = Server::new();
    let etag = server.put(PATH, &by_name()).await;
    let answer = server.send("GET", PATH, &[ALL], "").await;
    assert_eq!(answer.header("etag"), etag);
    let mut shown = reported(&server, ALL).await.to_vec();
    shown.push(answer.text().to_owned());
    shown.push(server.send("GET", CALENDAR, &[ALL], "").await.text().to_owned());
    let again = [("content-type", "text/calendar"), ("prefer", "return=representation"), ALL];
    shown.push(server.send("PUT", PATH, &again, &by_name()).await.text().to_owned());
    for text in shown {
        for name in ["Europe/Berlin", "W. Europe Standard Time"] {
            let defined = format!("BEGIN:VTIMEZONE\r\nTZID:{name}\r\n");
            assert_eq!(text.matches(&defined).count(), 1, "{name}: {text}");
        }
        let (zone, event) = text.split_once("BEGIN:VEVENT").expect("the event comes after its zones");
        assert!(event.contains("DTSTART;TZID=Europe/Berlin:19530301T090000"), "{text}");
        assert!(zone.contains("UNTIL=19491002T010000Z"), "the rules of its year are there: {text}");
    }
}

#[tokio::test]
async fn what_needs_no_change_comes_octet_for_octet_with_its_strong_etag() {
    for (octets, header) in
        [(with_definitions(), ALL), (by_name(), NONE), (by_name(), ("caldav-timezones", "x"))]
    {
        let server = Server::new();
        let etag = server.put(PATH, &octets).await;
        let answer = server.send("GET", PATH, &[header], "").await;
        assert_eq!((answer.text(), answer.header("etag")), (octets.as_str(), etag.as_str()), "{header:?}");
        assert_eq!(reported(&server, header).await, [const { "" }; 3].map(|_| octets.clone()));
    }
}

#[tokio::test]
async fn a_zone_that_nothing_explains_gets_no_definition() {
    let server = Server::new();
    let octets = object("VEVENT", "a", &["DTSTART;TZID=Nowhere:20260301T090000"]);
    server.put(PATH, &octets).await;
    assert_eq!(server.send("GET", PATH, &[ALL], "").await.text(), octets);
}

#[tokio::test]
async fn a_name_that_is_a_mere_offset_is_defined_by_it() {
    let server = Server::new();
    let lines = ["DTSTART;TZID=GMT+0100:20260301T090000", "DTEND;TZID=UTC-0330:20260301T100000"];
    server.put(PATH, &object("VEVENT", "a", &lines)).await;
    let text = server.send("GET", PATH, &[ALL], "").await.text().to_owned();
    for (name, offset) in [("GMT+0100", "+0100"), ("UTC-0330", "-0330")] {
        let zone = format!(
            "BEGIN:VTIMEZONE\r\nTZID:{name}\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\n\
             TZOFFSETFROM:{offset}\r\nTZOFFSETTO:{offset}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
        );
        assert!(text.contains(&zone), "{text}");
    }
}

#[tokio::test]
async fn the_one_definition_in_a_whole_calendar_is_right_for_its_oldest_member() {
    let server = Server::new();
    let recent = object("VEVENT", "a", &["DTSTART;TZID=Europe/Berlin:20260301T090000"]);
    server.put(PATH, &recent).await;
    let old = object("VEVENT", "b", &["DTSTART;TZID=Europe/Berlin:19470601T090000"]);
    server.put(&format!("{CALENDAR}b.ics"), &old).await;
    let text = server.send("GET", CALENDAR, &[ALL], "").await.text().to_owned();
    assert_eq!(text.matches("BEGIN:VTIMEZONE").count(), 1);
    assert!(text.contains("DTSTART:19470511T030000"), "the double summer time of 1947: {text}");
}

#[tokio::test]
async fn caches_are_told_that_the_header_matters() {
    let server = Server::new();
    let etag = server.put(PATH, &by_name()).await;
    for path in [PATH, CALENDAR] {
        assert_eq!(server.send("GET", path, &[], "").await.header("vary"), "CalDAV-Timezones", "{path}");
    }
    let same = server.send("GET", PATH, &[("if-none-match", &etag), ALL], "").await;
    assert_eq!((same.status.as_u16(), same.header("vary")), (304, "CalDAV-Timezones"));
    assert_eq!(same.header("etag"), etag);
}

#[tokio::test]
async fn an_expansion_is_in_utc_and_a_selection_decides_what_is_shown() {
    let server = Server::new();
    server.put(PATH, &by_name()).await;
    let expand = "<C:expand start='19530101T000000Z' end='19540101T000000Z'/>";
    let dates = "<C:comp name='VCALENDAR'><C:comp name='VEVENT'><C:prop name='DTSTART'/></C:comp></C:comp>";
    for wish in [expand, dates] {
        let prop = format!("<D:prop><C:calendar-data>{wish}</C:calendar-data></D:prop>");
        let body = query(&prop, "<C:comp-filter name='VEVENT'/>");
        let found = Multistatus::of(&server.send("REPORT", CALENDAR, &[ALL], &body).await);
        assert!(!found.at(PATH).text("calendar-data").contains("VTIMEZONE"), "{wish}");
    }
}
