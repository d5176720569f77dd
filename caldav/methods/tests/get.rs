//! GET and HEAD.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use almanac_backend::Access;
use http::StatusCode;
use support::{Server, event, object};

const EVENT: &str = "/dav/calendars/erika/calendar/a.ics";
const CALENDAR: &str = "/dav/calendars/erika/calendar/";

#[tokio::test]
async fn an_object_comes_back_octet_for_octet_with_its_etag() {
    let server = Server::new();
    // Bare LF, no DTSTAMP, unknown properties and a byte order mark: nothing is mended.
    let odd = "\u{feff}BEGIN:VCALENDAR\nVERSION:2.0\nX-A;B=\"c\":d\nBEGIN:VEVENT\nUID:u1\nDTSTART:20260302T090000Z\n\
         X-LONG:a\n bc\nEND:VEVENT\nEND:VCALENDAR\n";
    let etag = server.put(EVENT, odd).await;
    let answer = server.send("GET", EVENT, &[], "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.text(), odd);
    assert_eq!(answer.header("etag"), etag);
    assert_eq!(answer.header("content-type"), "text/calendar; charset=utf-8; component=VEVENT");
    assert_eq!(answer.header("last-modified"), "Mon, 02 Mar 2026 08:00:00 GMT");
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("content-disposition"), "attachment");
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = Server::new();
    server.put(EVENT, &event("u1", 2)).await;
    for path in [
        "/",
        "/dav/calendars/erika/",
        "/dav/principals/erika/",
        EVENT,
        CALENDAR,
        "/dav/calendars/erika/none/",
    ] {
        let get = server.send("GET", path, &[], "").await;
        let mut head = server.send("HEAD", path, &[], "").await;
        assert!(head.octets.is_empty(), "{path}");
        if let Some(length) = head.headers.remove("content-length") {
            assert_eq!(length.to_str().unwrap(), get.octets.len().to_string(), "{path}");
        } else {
            assert_eq!(path, CALENDAR, "only a streamed body has an unknown length");
        }
        assert_eq!((head.status, head.headers), (get.status, get.headers), "{path}");
    }
}

#[tokio::test]
async fn a_head_that_is_not_modified_names_no_length() {
    let server = Server::new();
    let etag = server.put(EVENT, &event("u1", 2)).await;
    let answer = server.send("HEAD", EVENT, &[("if-none-match", &etag)], "").await;
    assert_eq!((answer.status, answer.header("content-length")), (StatusCode::NOT_MODIFIED, ""));
}

#[tokio::test]
async fn a_get_is_conditional() {
    let server = Server::new();
    let etag = server.put(EVENT, &event("u1", 2)).await;
    let weak = format!("W/{etag}");
    let list = format!("\"other\", {etag}");
    let own = format!("([{etag}])");
    let before = "Mon, 02 Mar 2026 07:59:59 GMT";
    let at = "Mon, 02 Mar 2026 08:00:00 GMT";
    let (ok, same, failed, bad) =
        (StatusCode::OK, StatusCode::NOT_MODIFIED, StatusCode::PRECONDITION_FAILED, StatusCode::BAD_REQUEST);
    let rows: [(&[(&str, &str)], StatusCode); 20] = [
        (&[("if-none-match", &etag)], same),
        (&[("if-none-match", &weak)], same),
        (&[("if-none-match", &list)], same),
        (&[("if-none-match", "*")], same),
        (&[("if-none-match", "\"other\"")], ok),
        (&[("if-none-match", "other")], bad),
        (&[("if-match", &etag)], ok),
        (&[("if-match", "*")], ok),
        (&[("if-match", &weak)], failed),
        (&[("if-match", "\"other\"")], failed),
        (&[("if-modified-since", at)], same),
        (&[("if-modified-since", before)], ok),
        (&[("if-modified-since", "yesterday")], ok),
        (&[("if-modified-since", at), ("if-none-match", "\"other\"")], ok),
        (&[("if-unmodified-since", before)], failed),
        (&[("if-unmodified-since", at)], ok),
        (&[("if-unmodified-since", before), ("if-match", &etag)], ok),
        (&[("if", &own)], ok),
        (&[("if", "([\"other\"])")], failed),
        (&[("if", "([other])")], bad),
    ];
    for (headers, status) in rows {
        let answer = server.send("GET", EVENT, headers, "").await;
        assert_eq!(answer.status, status, "{headers:?}");
        if status == same {
            assert!(answer.octets.is_empty());
            assert_eq!(answer.header("etag"), etag);
        }
    }
}

#[tokio::test]
async fn a_calendar_comes_as_one_stream_of_all_its_members() {
    let server = Server::new();
    let berlin = "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\n\
         TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";
    // More than a page of names, several batches and pieces.
    for n in 0..620 {
        let ics = object(
            "VEVENT",
            &format!("u{n}"),
            &["DTSTART;TZID=Europe/Berlin:20260302T090000", "SUMMARY:Zähne"],
        );
        let ics = ics.replace("BEGIN:VEVENT", &format!("{berlin}BEGIN:VEVENT"));
        server.put(&format!("{CALENDAR}{n:04}.ics"), &ics).await;
    }
    let answer = server.send("GET", CALENDAR, &[], "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/calendar; charset=utf-8");
    let text = answer.text();
    assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.ends_with("END:VCALENDAR\r\n"));
    for (what, count) in
        [("BEGIN:VCALENDAR", 1), ("BEGIN:VTIMEZONE", 1), ("BEGIN:VEVENT", 620), ("UID:u", 620)]
    {
        assert_eq!(text.matches(what).count(), count, "{what}");
    }
    let etag = answer.header("etag").to_owned();
    let again = server.send("GET", CALENDAR, &[("if-none-match", &etag)], "").await;
    assert_eq!((again.status, again.octets.len()), (StatusCode::NOT_MODIFIED, 0));
    server.send("DELETE", &format!("{CALENDAR}0000.ics"), &[], "").await;
    assert_eq!(server.send("GET", CALENDAR, &[("if-none-match", &etag)], "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_head_of_a_calendar_reads_no_member() {
    let server = Server::new();
    server.put(EVENT, &event("u1", 2)).await;
    let before = server.memory.bodies_read();
    assert_eq!(server.send("HEAD", CALENDAR, &[], "").await.status, StatusCode::OK);
    assert_eq!(server.memory.bodies_read(), before);
}

#[tokio::test]
async fn an_empty_calendar_is_an_empty_vcalendar() {
    let server = Server::new();
    let answer = server.send("GET", "/dav/calendars/erika/tasks/", &[], "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text().starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"), "{}", answer.text());
    assert!(answer.text().ends_with("END:VCALENDAR\r\n"));
}

#[tokio::test]
async fn what_is_missing_or_foreign_is_404_and_looks_the_same() {
    let server = Server::new();
    server.put(EVENT, &event("u1", 2)).await;
    let absent = server.send("GET", "/dav/calendars/erika/calendar/none.ics", &[], "").await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
    let paths =
        [EVENT, CALENDAR, "/dav/calendars/erika/", "/dav/principals/erika/", "/dav/calendars/nobody/x/"];
    for path in paths {
        let foreign = server.send_as("otto", "GET", path, &[], "").await;
        assert_eq!(foreign.status, absent.status, "{path}");
        assert_eq!(
            (foreign.headers, foreign.octets),
            (absent.headers.clone(), absent.octets.clone()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn whoever_may_see_busy_times_only_reads_no_member() {
    let server = Server::new();
    server.put(EVENT, &event("u1", 2)).await;
    server.memory.share("erika", "calendar", "max", Access::FreeBusy);
    for path in ["/dav/calendars/max/erika-calendar/", "/dav/calendars/max/erika-calendar/a.ics"] {
        let answer = server.send_as("max", "GET", path, &[], "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(answer.condition(), "D:need-privileges", "{path}");
        let resource =
            "<D:resource><D:href>/dav/calendars/max/erika-calendar/</D:href><D:privilege><D:read/>";
        assert!(answer.text().contains(resource), "{}", answer.text());
    }
}
