//! POST to the add-member URI (RFC 5995).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use almanac_backend::Access;
use http::StatusCode;
use support::{Server, event};

const CALENDAR: &str = "/dav/calendars/erika/calendar/";
const TEXT: (&str, &str) = ("content-type", "text/calendar");

#[tokio::test]
async fn a_member_is_added_under_a_name_of_the_server() {
    let server = Server::new();
    let first = server.send("POST", CALENDAR, &[TEXT], &event("u1", 2)).await;
    let second =
        server.send("POST", CALENDAR, &[TEXT, ("prefer", "return=representation")], &event("u2", 3)).await;
    assert_ne!(first.header("location"), second.header("location"));
    assert_eq!((first.octets.len(), second.text()), (0, event("u2", 3).as_str()));
    for (answer, day) in [(&first, 2), (&second, 3)] {
        assert_eq!(answer.status, StatusCode::CREATED);
        let location = answer.header("location");
        assert!(location.starts_with(CALENDAR) && location.ends_with(".ics"), "{location}");
        let there = server.send("GET", location, &[], "").await;
        assert_eq!(
            (there.text(), there.header("etag")),
            (event(&format!("u{}", day - 1), day).as_str(), answer.header("etag"))
        );
    }
}

#[tokio::test]
async fn the_conditions_are_those_of_a_put() {
    let server = Server::new();
    server.memory.share("erika", "calendar", "max", Access::Read);
    server.put("/dav/calendars/erika/calendar/a.ics", &event("u1", 2)).await;
    let good = event("u2", 2);
    let rows: [(&str, &str, &str, &str, u16, &str); 7] = [
        ("erika", CALENDAR, "text/calendar", &event("u1", 2), 403, "C:no-uid-conflict"),
        ("erika", CALENDAR, "text/calendar", "x", 403, "C:valid-calendar-data"),
        ("erika", CALENDAR, "text/xml", &good, 403, "C:supported-calendar-data"),
        (
            "erika",
            "/dav/calendars/erika/tasks/",
            "text/calendar",
            &good,
            403,
            "C:supported-calendar-component",
        ),
        ("erika", "/dav/calendars/erika/none/", "text/calendar", &good, 404, ""),
        ("otto", CALENDAR, "text/calendar", &good, 404, ""),
        ("max", "/dav/calendars/max/erika-calendar/", "text/calendar", &good, 403, "D:need-privileges"),
    ];
    for (login, path, content_type, body, status, condition) in rows {
        let answer = server.send_as(login, "POST", path, &[("content-type", content_type)], body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.condition().as_str()),
            (status, condition),
            "{login} {path}"
        );
    }
    assert_eq!(server.memory.objects_stored(), 1);
}

#[tokio::test]
async fn precondition_headers_are_of_the_collection() {
    let server = Server::new();
    let etag = async || server.send("HEAD", CALENDAR, &[], "").await.header("etag").to_owned();
    let (stale, mut day) = (etag().await, 2);
    server.put("/dav/calendars/erika/calendar/a.ics", &event("a", 2)).await;
    let now = etag().await;
    let (own, old) = (format!("([{now}])"), format!("([{stale}])"));
    let rows = [
        ("if-match", stale.as_str(), 412),
        ("if-none-match", "*", 412),
        ("if-none-match", now.as_str(), 412),
        ("if", old.as_str(), 412),
        ("if", "(<urn:uuid:1>)", 412),
        ("if", "x", 400),
        ("if", own.as_str(), 201),
        ("if-match", "*", 201),
        ("if-none-match", stale.as_str(), 201),
    ];
    for (header, value, status) in rows {
        day += 1;
        let body = event(&format!("u{day}"), day);
        let answer = server.send("POST", CALENDAR, &[TEXT, (header, value)], &body).await;
        assert_eq!(answer.status.as_u16(), status, "{header}: {value}");
    }
    let absent = [TEXT, ("if-match", "*")];
    let answer = server.send("POST", "/dav/calendars/erika/none/", &absent, &event("u", 2)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}
