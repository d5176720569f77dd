//! What a full disk, a store that takes no writes, and a broken one look like.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use http::StatusCode;
use support::{Fault, Server, event};

const EVENT: &str = "/dav/calendars/erika/calendar/a.ics";
const CALENDAR: &str = "/dav/calendars/erika/calendar/";

#[tokio::test]
async fn a_fault_of_the_store_has_its_status_for_every_method_that_writes() {
    let server = Server::new();
    server.put(EVENT, &event("u1", 2)).await;
    let propertyupdate = "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop><D:displayname/></D:prop></D:set></D:propertyupdate>";
    let ics = event("u1", 2);
    let rows = [
        ("PUT", EVENT, ics.as_str()),
        ("POST", CALENDAR, ics.as_str()),
        ("DELETE", EVENT, ""),
        ("DELETE", CALENDAR, ""),
        ("COPY", EVENT, ""),
        ("MOVE", CALENDAR, ""),
        ("MKCALENDAR", "/dav/calendars/erika/new/", ""),
        ("MKCOL", "/dav/calendars/erika/new/", ""),
        ("PROPPATCH", CALENDAR, propertyupdate),
    ];
    let faults = [
        (Fault::NoSpace, 507, "D:sufficient-disk-space"),
        (Fault::QuotaExceeded, 507, "D:quota-not-exceeded"),
        (Fault::Unavailable, 503, ""),
        (Fault::Internal, 500, ""),
    ];
    for (fault, status, condition) in faults {
        server.memory.fail(Some(fault));
        for (method, path, body) in rows {
            let to =
                if path == EVENT { "/dav/calendars/erika/tasks/b.ics" } else { "/dav/calendars/erika/b/" };
            let answer = server.send(method, path, &[("destination", to)], body).await;
            assert_eq!(
                (answer.status.as_u16(), answer.condition().as_str()),
                (status, condition),
                "{fault:?} {method}"
            );
            assert!(!answer.text().contains("machine room"), "the answer tells nothing of the inside");
            assert_eq!(answer.header("retry-after"), if status == 503 { "10" } else { "" });
        }
    }
    server.memory.fail(None);
    assert_eq!(server.send("GET", EVENT, &[], "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_fault_in_the_middle_of_a_calendar_breaks_it_off() {
    use http_body_util::BodyExt;
    let server = Server::new();
    for n in 0..60 {
        let ics = event(&format!("u{n}"), 2).replace("Check-up", &"x".repeat(4_000));
        server.put(&format!("{CALENDAR}{n}.ics"), &ics).await;
    }
    let credentials = support::basic("erika", "erika-password");
    let request = support::request("GET", CALENDAR, &[("authorization", &credentials)], bytes::Bytes::new());
    let mut body = server.service.serve(request, support::edge()).await.into_body();
    let first = body.frame().await.expect("a piece").expect("is sent");
    assert!(first.into_data().unwrap().starts_with(b"BEGIN:VCALENDAR"));
    server.memory.fail(Some(Fault::Internal));
    let mut last = None;
    while let Some(frame) = body.frame().await {
        last = Some(frame.is_ok());
    }
    assert_eq!(
        last,
        Some(false),
        "the end is an error, so that the client does not take a part for the whole"
    );
}

#[tokio::test]
async fn a_body_that_nobody_reads_does_no_work() {
    let server = Server::new();
    for n in 0..200 {
        let ics = event(&format!("u{n}"), 2).replace("Check-up", &"x".repeat(8_000));
        server.put(&format!("{CALENDAR}{n}.ics"), &ics).await;
    }
    use http_body_util::BodyExt;
    let credentials = support::basic("erika", "erika-password");
    let request = support::request("GET", CALENDAR, &[("authorization", &credentials)], bytes::Bytes::new());
    let mut body = server.service.serve(request, support::edge()).await.into_body();
    assert!(server.memory.bodies_read() <= 50, "one batch makes the first piece");
    body.frame().await.expect("a piece").expect("is sent");
    assert!(server.memory.bodies_read() <= 100, "no more than what waits to be sent");
    drop(body);
    assert!(server.memory.bodies_read() <= 100);
}
