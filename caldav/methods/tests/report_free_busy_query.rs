//! free-busy-query (RFC 4791 section 7.10).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod multistatus;
mod support;

use almanac_backend::Access;
use http::StatusCode;
use multistatus::report;
use support::{Server, event, object};

const CALENDAR: &str = "/dav/calendars/erika/calendar/";

fn query(attributes: &str) -> String {
    report("C:free-busy-query", &format!("<C:time-range {attributes}/>"))
}

const MARCH: &str = "start='20260301T000000Z' end='20260401T000000Z'";

#[tokio::test]
async fn the_busy_times_are_merged_and_tell_nothing_else() {
    let server = Server::new();
    server.put(&format!("{CALENDAR}a.ics"), &event("a", 2)).await;
    let rows = [
        ("b", vec!["DTSTART:20260302T093000Z", "DURATION:PT1H", "SUMMARY:Secret"]),
        ("c", vec!["DTSTART:20260305T090000Z", "DURATION:PT1H", "STATUS:TENTATIVE"]),
        ("d", vec!["DTSTART:20260306T090000Z", "DURATION:PT1H", "STATUS:CANCELLED"]),
        ("e", vec!["DTSTART:20260307T090000Z", "DURATION:PT1H", "TRANSP:TRANSPARENT"]),
        ("f", vec!["DTSTART:20260302T080000Z", "DURATION:PT30M", "RRULE:FREQ=WEEKLY;COUNT=2"]),
    ];
    for (uid, lines) in rows {
        server.put(&format!("{CALENDAR}{uid}.ics"), &object("VEVENT", uid, &lines)).await;
    }
    let answer = server.send("REPORT", CALENDAR, &[("depth", "1")], &query(MARCH)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/calendar; charset=utf-8");
    let busy: Vec<&str> = answer.text().lines().filter(|line| line.starts_with("FREEBUSY")).collect();
    assert_eq!(
        busy,
        [
            "FREEBUSY;FBTYPE=BUSY:20260302T080000Z/20260302T083000Z",
            "FREEBUSY;FBTYPE=BUSY:20260302T090000Z/20260302T103000Z",
            "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260305T090000Z/20260305T100000Z",
            "FREEBUSY;FBTYPE=BUSY:20260309T080000Z/20260309T083000Z",
        ]
    );
    for line in
        ["BEGIN:VFREEBUSY", "DTSTART:20260301T000000Z", "DTEND:20260401T000000Z", "DTSTAMP:20260302T080000Z"]
    {
        assert!(answer.text().contains(&format!("\r\n{line}\r\n")), "{line}");
    }
    assert!(!answer.text().contains("Secret") && !answer.text().contains("UID:b"));
}

#[tokio::test]
async fn it_takes_the_privilege_to_read_busy_times_and_no_more() {
    let server = Server::new();
    server.put(&format!("{CALENDAR}a.ics"), &event("a", 2)).await;
    let path = "/dav/calendars/max/erika-calendar/";
    let ask = async || server.send_as("max", "REPORT", path, &[("depth", "1")], &query(MARCH)).await;
    assert_eq!(ask().await.status, StatusCode::NOT_FOUND);
    server.memory.share("erika", "calendar", "max", Access::FreeBusy);
    let answer = ask().await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text().contains("20260302T090000Z/20260302T100000Z"));
    assert_eq!(
        server.send_as("otto", "REPORT", CALENDAR, &[("depth", "1")], &query(MARCH)).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn without_a_body_being_read() {
    let server = Server::new();
    server.put(&format!("{CALENDAR}a.ics"), &event("a", 2)).await;
    let before = server.memory.bodies_read();
    server.send("REPORT", CALENDAR, &[("depth", "1")], &query(MARCH)).await;
    assert_eq!(server.memory.bodies_read(), before);
}

#[tokio::test]
async fn the_depth_and_the_period_are_taken_by_the_letter() {
    let server = Server::new();
    server.put(&format!("{CALENDAR}a.ics"), &event("a", 2)).await;
    let zero = server.send("REPORT", CALENDAR, &[("depth", "0")], &query(MARCH)).await;
    assert_eq!(zero.status, StatusCode::OK);
    assert!(!zero.text().contains("FREEBUSY;"), "the calendar itself is never busy");
    for attributes in [
        "",
        "start='20260301T000000Z'",
        "end='20260301T000000Z'",
        "start='20260301' end='20260302'",
        "start='20260302T000000Z' end='20260301T000000Z'",
    ] {
        let answer = server.send("REPORT", CALENDAR, &[("depth", "1")], &query(attributes)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{attributes}");
    }
    let home = server.send("REPORT", "/dav/calendars/erika/", &[("depth", "1")], &query(MARCH)).await;
    assert_eq!((home.status, home.condition().as_str()), (StatusCode::FORBIDDEN, "D:supported-report"));
}

#[tokio::test]
async fn what_costs_more_than_its_budget_is_refused_as_too_many() {
    let server = Server::new();
    let dense = ["DTSTART:20260101T000000Z", "DURATION:PT1S", "RRULE:FREQ=MINUTELY"];
    server.put(&format!("{CALENDAR}a.ics"), &object("VEVENT", "a", &dense)).await;
    let year = query("start='20260101T000000Z' end='20270101T000000Z'");
    let answer = server.send("REPORT", CALENDAR, &[("depth", "1")], &year).await;
    assert_eq!(
        (answer.status, answer.condition().as_str()),
        (StatusCode::INSUFFICIENT_STORAGE, "D:number-of-matches-within-limits")
    );
}
