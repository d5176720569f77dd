//! PUT: what is stored, what is refused, and with which condition.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;

use almanac_backend::Access;
use almanac_methods::Settings;
use http::StatusCode;
use support::{Server, event, object};
use tokio::task::JoinSet;

const EVENT: &str = "/dav/calendars/erika/calendar/a.ics";
const TEXT: (&str, &str) = ("content-type", "text/calendar; charset=utf-8");

#[tokio::test]
async fn a_put_creates_then_replaces_and_each_time_tells_a_new_etag() {
    let server = Server::new();
    let created = server.send("PUT", EVENT, &[TEXT], &event("u1", 2)).await;
    assert_eq!((created.status, created.octets.len()), (StatusCode::CREATED, 0));
    let replaced = server.send("PUT", EVENT, &[TEXT], &event("u1", 3)).await;
    assert_eq!((replaced.status, replaced.octets.len()), (StatusCode::NO_CONTENT, 0));
    assert_ne!(created.header("etag"), replaced.header("etag"));
    for etag in [created.header("etag"), replaced.header("etag")] {
        assert_eq!((etag.len(), etag.matches('"').count()), (34, 2), "a strong tag");
    }
    assert_eq!(server.send("GET", EVENT, &[], "").await.text(), event("u1", 3));
}

#[tokio::test]
async fn the_media_type_may_be_absent_but_not_wrong() {
    let server = Server::new();
    let rows = [
        ("text/calendar", true),
        ("Text/Calendar;charset=\"UTF-8\"; component=VEVENT", true),
        ("text/calendar; charset=us-ascii; version=2.0", true),
        ("application/octet-stream", true),
        ("text/calendar; charset=iso-8859-1", false),
        ("text/calendar; version=1.0", false),
        ("text/x-vcalendar", false),
        ("text/vcard", false),
        ("text/plain", false),
        ("application/calendar+json", false),
        ("application/x-www-form-urlencoded", false),
        ("nonsense", false),
        ("", false),
    ];
    for (content_type, taken) in rows {
        let answer = server.send("PUT", EVENT, &[("content-type", content_type)], &event("u1", 2)).await;
        assert_eq!(answer.status.is_success(), taken, "{content_type}");
        if !taken {
            assert_eq!(
                (answer.status, answer.condition().as_str()),
                (StatusCode::FORBIDDEN, "C:supported-calendar-data")
            );
        }
    }
    assert!(server.send("PUT", EVENT, &[], &event("u1", 2)).await.status.is_success());
}

#[tokio::test]
async fn each_violated_condition_is_403_with_exactly_its_element_and_nothing_is_stored() {
    let server = Server::new();
    let start = "DTSTART:20260302T090000Z";
    let two_uids = event("u1", 2).replace(
        "END:VCALENDAR",
        "BEGIN:VEVENT\r\nUID:u2\r\nDTSTART:20260302T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR",
    );
    let mixed =
        event("u1", 2).replace("END:VCALENDAR", "BEGIN:VTODO\r\nUID:u1\r\nEND:VTODO\r\nEND:VCALENDAR");
    let rows: Vec<(&str, String, &str)> = vec![
        ("empty", String::new(), "C:valid-calendar-data"),
        ("not iCalendar", "hello".to_owned(), "C:valid-calendar-data"),
        ("cut short", event("u1", 2)[..80].to_owned(), "C:valid-calendar-data"),
        ("NUL", event("u1", 2).replace("Check", "Ch\0ck"), "C:valid-calendar-data"),
        (
            "INTERVAL=0",
            object("VEVENT", "u1", &[start, "RRULE:FREQ=DAILY;INTERVAL=0"]),
            "C:valid-calendar-data",
        ),
        ("impossible date", object("VEVENT", "u1", &["DTSTART:20260231T090000Z"]), "C:valid-calendar-data"),
        (
            "METHOD",
            event("u1", 2).replace("VERSION:2.0", "VERSION:2.0\r\nMETHOD:REQUEST"),
            "C:valid-calendar-object-resource",
        ),
        ("two UIDs", two_uids, "C:valid-calendar-object-resource"),
        ("mixed", mixed, "C:valid-calendar-object-resource"),
        ("wrong kind", object("VTODO", "u1", &[]), "C:supported-calendar-component"),
        ("every second", object("VEVENT", "u1", &[start, "RRULE:FREQ=SECONDLY"]), "C:max-instances"),
        (
            "long line",
            object("VEVENT", "u1", &[start, &format!("SUMMARY:{}", "x".repeat(5 << 20))]),
            "C:max-resource-size",
        ),
    ];
    for (name, ics, condition) in rows {
        let answer = server.send("PUT", EVENT, &[TEXT], &ics).await;
        assert_eq!(
            (answer.status, answer.condition().as_str()),
            (StatusCode::FORBIDDEN, condition),
            "{name}"
        );
        assert!(answer.text().matches('<').count() <= 4, "one element only: {}", answer.text());
        assert_eq!(server.memory.objects_stored(), 0, "{name}");
    }
}

#[tokio::test]
async fn a_uid_that_another_member_has_is_refused_with_the_href_of_that_member() {
    let server = Server::new();
    server.put("/dav/calendars/erika/calendar/a%20b%C3%A4.ics", &event("u1", 2)).await;
    let answer = server.send("PUT", EVENT, &[TEXT], &event("u1", 3)).await;
    assert_eq!((answer.status, answer.condition().as_str()), (StatusCode::FORBIDDEN, "C:no-uid-conflict"));
    assert!(answer.text().contains("<D:href>/dav/calendars/erika/calendar/a%20b%C3%A4.ics</D:href>"));
    // UIDs are unique in a collection, not in a home.
    server.send("MKCALENDAR", "/dav/calendars/erika/second/", &[], "").await;
    server.put("/dav/calendars/erika/second/a.ics", &event("u1", 2)).await;
}

#[tokio::test]
async fn precondition_headers_are_decided_by_the_write_itself() {
    let server = Server::new();
    let stale = server.put(EVENT, &event("u1", 1)).await;
    let etag = server.put(EVENT, &event("u1", 2)).await;
    let absent = "/dav/calendars/erika/calendar/new.ics";
    let (weak, mixed) = (format!("W/{etag}"), format!("{stale}, {etag}"));
    let (own, tagged) = (format!("([{etag}])"), format!("<{EVENT}> ([{etag}])"));
    let (either, foreign) =
        (format!("([{stale}]) ([{etag}])"), format!("<http://other.example{EVENT}> ([{etag}])"));
    let absolute = format!("<http://cal.example:8008{EVENT}> ([{etag}])");
    let elsewhere = format!("</dav/calendars/erika/calendar/b.ics> (Not [{etag}])");
    let not = format!("(Not [{etag}])");
    let (done, failed, bad) =
        (StatusCode::NO_CONTENT, StatusCode::PRECONDITION_FAILED, StatusCode::BAD_REQUEST);
    let rows: [(&str, &str, &str, StatusCode); 23] = [
        (EVENT, "if-match", &stale, failed),
        (EVENT, "if-match", &weak, failed),
        (EVENT, "if-match", "\"\"", failed),
        (EVENT, "if-match", "", bad),
        (EVENT, "if-match", "x", bad),
        (EVENT, "if-none-match", "*", failed),
        (EVENT, "if-none-match", &etag, failed),
        (EVENT, "if-none-match", &weak, failed),
        (EVENT, "if-unmodified-since", "Mon, 02 Mar 2026 07:00:00 GMT", failed),
        (EVENT, "if", "(<urn:uuid:1>)", failed),
        (EVENT, "if", &not, failed),
        (EVENT, "if", &foreign, failed),
        (EVENT, "if", "(<urn:uuid:1>", bad),
        (EVENT, "if", "garbage", bad),
        (absent, "if-match", "*", failed),
        (absent, "if-match", &etag, failed),
        (absent, "if", &own, failed),
        (EVENT, "if", &elsewhere, done),
        (EVENT, "if", "(<urn:uuid:1>) (Not <DAV:no-lock>)", done),
        (EVENT, "if-unmodified-since", "Mon, 02 Mar 2026 08:00:00 GMT", done),
        (EVENT, "if-unmodified-since", "nonsense", done),
        (EVENT, "if-none-match", &stale, done),
        (EVENT, "if-match", "*", done),
    ];
    for (path, header, value, status) in rows {
        // The refused ones come first, so that the ETag is still the one above.
        let answer = server.send("PUT", path, &[TEXT, (header, value)], &event("u1", 2)).await;
        assert_eq!(answer.status, status, "{header}: {value}");
    }
    for header in [("if-match", &mixed), ("if", &own), ("if", &tagged), ("if", &either), ("if", &absolute)] {
        let answer = server.send("PUT", EVENT, &[TEXT, (header.0, header.1)], &event("u1", 2)).await;
        assert_eq!(answer.status, failed, "{header:?}: the tag is stale by now");
        let now = server.put(EVENT, &event("u1", 2)).await;
        let value = header.1.replace(&etag, &now);
        let answer = server.send("PUT", EVENT, &[TEXT, (header.0, &value)], &event("u1", 2)).await;
        assert_eq!(answer.status, done, "{value}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_parallel_puts_with_one_etag_one_wins() {
    let server = Arc::new(Server::new());
    let etag = server.put(EVENT, &event("u1", 2)).await;
    let mut puts = JoinSet::new();
    for n in 0..64 {
        let (server, etag) = (Arc::clone(&server), etag.clone());
        let body = object("VEVENT", "u1", &["DTSTART:20260302T090000Z", &format!("SEQUENCE:{n}")]);
        puts.spawn(async move {
            let answer = server.send("PUT", EVENT, &[TEXT, ("if-match", &etag)], &body).await;
            (answer.status, body)
        });
    }
    let answers = puts.join_all().await;
    let won: Vec<_> = answers.iter().filter(|(status, _)| *status == StatusCode::NO_CONTENT).collect();
    let lost = answers.iter().filter(|(status, _)| *status == StatusCode::PRECONDITION_FAILED).count();
    assert_eq!((won.len(), lost), (1, 63));
    assert_eq!(server.send("GET", EVENT, &[], "").await.text(), won[0].1);
}

#[tokio::test]
async fn a_client_may_prefer_to_see_what_is_stored() {
    let server = Server::new();
    let prefer = ("prefer", "return=representation");
    let created = server.send("PUT", EVENT, &[TEXT, prefer], &event("u1", 2)).await;
    let replaced = server.send("PUT", EVENT, &[TEXT, prefer], &event("u1", 3)).await;
    let lost = server
        .send("PUT", EVENT, &[TEXT, prefer, ("if-match", created.header("etag"))], &event("u1", 4))
        .await;
    let rows = [
        (&created, StatusCode::CREATED, 2),
        (&replaced, StatusCode::OK, 3),
        (&lost, StatusCode::PRECONDITION_FAILED, 3),
    ];
    for (answer, status, day) in rows {
        assert_eq!((answer.status, answer.text()), (status, event("u1", day).as_str()));
        assert_eq!(answer.header("preference-applied"), "return=representation");
        assert_eq!(answer.header("content-location"), EVENT);
        assert_eq!(answer.header("content-type"), "text/calendar; charset=utf-8; component=VEVENT");
        assert_eq!(answer.header("vary"), "CalDAV-Timezones, Brief, Prefer");
    }
    assert_eq!(lost.header("etag"), replaced.header("etag"));
}

#[tokio::test]
async fn a_put_where_no_object_can_be_is_refused() {
    let server = Server::new();
    server.memory.share("erika", "calendar", "max", Access::Read);
    let rows = [
        ("erika", "/dav/calendars/erika/none/a.ics", StatusCode::CONFLICT, ""),
        ("erika", "/dav/calendars/nobody/calendar/a.ics", StatusCode::CONFLICT, ""),
        ("erika", "/dav/calendars/max/calendar/a.ics", StatusCode::CONFLICT, ""),
        ("otto", EVENT, StatusCode::CONFLICT, ""),
        ("erika", "/dav/calendars/erika/calendar/a/b.ics", StatusCode::CONFLICT, ""),
        ("erika", "/dav/calendars/erika/a.ics", StatusCode::METHOD_NOT_ALLOWED, ""),
        ("erika", "/a.ics", StatusCode::NOT_FOUND, ""),
        ("max", "/dav/calendars/max/erika-calendar/a.ics", StatusCode::FORBIDDEN, "D:need-privileges"),
    ];
    for (login, path, status, condition) in rows {
        let answer = server.send_as(login, "PUT", path, &[TEXT], &event("u1", 2)).await;
        assert_eq!((answer.status, answer.condition().as_str()), (status, condition), "{login} {path}");
    }
    assert_eq!(server.memory.objects_stored(), 0);
}

#[tokio::test]
async fn a_new_member_needs_bind_and_a_new_content_write_content() {
    let server = Server::new();
    server.put(EVENT, &event("u1", 2)).await;
    server.memory.share("erika", "calendar", "max", Access::Read);
    for (name, privilege) in [("a.ics", "write-content"), ("b.ics", "bind")] {
        let path = format!("/dav/calendars/max/erika-calendar/{name}");
        let answer = server.send_as("max", "PUT", &path, &[TEXT], &event("u1", 2)).await;
        assert!(answer.text().contains(&format!("<D:privilege><D:{privilege}/>")), "{}", answer.text());
    }
}

#[tokio::test]
async fn who_a_collection_is_shared_with_writes_as_far_as_the_share_goes() {
    for (access, status) in [(Access::FreeBusy, 403), (Access::Read, 403), (Access::ReadWrite, 201)] {
        let server = Server::new();
        server.memory.share("erika", "calendar", "max", access);
        let path = "/dav/calendars/max/erika-calendar/a.ics";
        let answer = server.send_as("max", "PUT", path, &[TEXT], &event("u1", 2)).await;
        assert_eq!(answer.status.as_u16(), status, "{access:?}");
        let seen = server.send("GET", EVENT, &[], "").await;
        assert_eq!(seen.status == StatusCode::OK, access == Access::ReadWrite, "{access:?}");
    }
}

#[tokio::test]
async fn a_part_of_an_object_is_not_stored_for_the_whole() {
    let server = Server::new();
    let range = ("content-range", "bytes 0-99/200");
    assert_eq!(
        server.send("PUT", EVENT, &[TEXT, range], &event("u1", 2)).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(server.memory.objects_stored(), 0);
}

#[tokio::test]
async fn what_clients_get_wrong_is_taken() {
    let server = Server::new();
    let rows = [
        ("no DTSTAMP", "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260302T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n".to_owned()),
        ("bare LF", event("2", 2).replace("\r\n", "\n")),
        ("no DTEND", object("VEVENT", "3", &["DTSTART:20260302T090000Z"])),
        ("VFREEBUSY", object("VFREEBUSY", "4", &["DTSTART:20260302T090000Z", "DTEND:20260302T100000Z"])),
        ("attendees stay", object("VEVENT", "5", &["DTSTART:20260302T090000Z", "ORGANIZER:mailto:a@example.org", "ATTENDEE;SCHEDULE-AGENT=SERVER:mailto:b@example.org"])),
    ];
    for (n, (name, ics)) in rows.iter().enumerate() {
        let path = format!("/dav/calendars/erika/calendar/{n}.ics");
        assert_eq!(server.send("PUT", &path, &[TEXT], ics).await.status, StatusCode::CREATED, "{name}");
        assert_eq!(server.send("GET", &path, &[], "").await.text(), ics, "{name}");
    }
}

#[tokio::test]
async fn limits_come_from_the_settings() {
    let mut settings = Settings::default();
    settings.ical.object_bytes_max = 400;
    settings.limits.body_bytes_max = 800;
    let server = Server::with(settings);
    let sized = |bytes: usize| {
        let bare = object("VEVENT", "u1", &["DTSTART:20260302T090000Z", "X-A:"]);
        bare.replace("X-A:", &format!("X-A:{}", "x".repeat(bytes - bare.len())))
    };
    let rows = [
        (400, StatusCode::CREATED, ""),
        (401, StatusCode::FORBIDDEN, "C:max-resource-size"),
        (800, StatusCode::FORBIDDEN, "C:max-resource-size"),
        (801, StatusCode::PAYLOAD_TOO_LARGE, ""),
    ];
    for (bytes, status, condition) in rows {
        let answer = server.send("PUT", EVENT, &[TEXT], &sized(bytes)).await;
        assert_eq!((answer.status, answer.condition().as_str()), (status, condition), "{bytes}");
    }
}
