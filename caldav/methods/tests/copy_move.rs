//! COPY and MOVE.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use almanac_backend::Access;
use almanac_methods::Settings;
use http::StatusCode;
use support::{Answer, Headers, Server, event};

const FROM: &str = "/dav/calendars/erika/calendar/a.ics";
const OTHER: &str = "/dav/calendars/erika/second/";

async fn two_calendars() -> (Server, String) {
    let server = Server::new();
    let etag = server.put(FROM, &event("u1", 2)).await;
    server.send("MKCALENDAR", OTHER, &[], "").await;
    (server, etag)
}

async fn send(server: &Server, method: &str, from: &str, to: &str, more: &[(&str, &str)]) -> Answer {
    let mut headers = vec![("destination", to)];
    headers.extend(more);
    server.send(method, from, &headers, "").await
}

#[tokio::test]
async fn an_object_is_copied_and_the_source_stays() {
    let (server, etag) = two_calendars().await;
    let to = format!("{OTHER}b%20c.ics");
    let copied = send(&server, "COPY", FROM, &to, &[]).await;
    assert_eq!(copied.status, StatusCode::CREATED);
    assert_ne!(copied.header("etag"), etag);
    let there = server.send("GET", &to, &[], "").await;
    assert_eq!((there.text(), there.header("etag")), (event("u1", 2).as_str(), copied.header("etag")));
    assert_eq!(server.send("GET", FROM, &[], "").await.header("etag"), etag);
    assert_eq!(send(&server, "COPY", FROM, &to, &[]).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        send(&server, "COPY", FROM, &to, &[("overwrite", "F")]).await.status,
        StatusCode::PRECONDITION_FAILED
    );
}

#[tokio::test]
async fn an_object_is_moved_and_the_source_is_gone() {
    let (server, _) = two_calendars().await;
    let to = format!("http://cal.example:8008{OTHER}b.ics");
    assert_eq!(send(&server, "MOVE", FROM, &to, &[("overwrite", "F")]).await.status, StatusCode::CREATED);
    assert_eq!(server.send("GET", FROM, &[], "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.send("GET", &format!("{OTHER}b.ics"), &[], "").await.text(), event("u1", 2));
    // A new name in the same collection is no UID conflict with itself.
    assert_eq!(
        send(&server, "MOVE", &format!("{OTHER}b.ics"), &format!("{OTHER}c.ics"), &[]).await.status,
        StatusCode::CREATED
    );
    server.put(FROM, &event("u2", 2)).await;
    assert_eq!(
        send(&server, "MOVE", FROM, &format!("{OTHER}c.ics"), &[("overwrite", "T")]).await.status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn a_copy_within_a_collection_is_a_uid_conflict() {
    let (server, _) = two_calendars().await;
    let answer = send(&server, "COPY", FROM, "/dav/calendars/erika/calendar/b.ics", &[]).await;
    assert_eq!((answer.status, answer.condition().as_str()), (StatusCode::FORBIDDEN, "C:no-uid-conflict"));
    assert!(answer.text().contains(&format!("<D:href>{FROM}</D:href>")));
}

#[tokio::test]
async fn the_preconditions_are_of_the_source() {
    let (server, etag) = two_calendars().await;
    let to = format!("{OTHER}b.ics");
    for row in [("if-match", "\"x\""), ("if-none-match", "*"), ("if", "([\"x\"])")] {
        for method in ["COPY", "MOVE"] {
            let answer = send(&server, method, FROM, &to, &[row]).await;
            assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED, "{method} {row:?}");
        }
    }
    let missing = FROM.replace("a.ics", "none.ics");
    for tag in ["*", "\"x\""] {
        for method in ["COPY", "MOVE"] {
            let answer = send(&server, method, &missing, &to, &[("if-match", tag)]).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {tag}");
        }
    }
    assert_eq!(send(&server, "COPY", FROM, &to, &[("if-match", &etag)]).await.status, StatusCode::CREATED);
    // A list tagged with the destination is about the destination.
    let about = |tag: &str| format!("<http://cal.example:8008{to}> ([{tag}])");
    let there = server.send("GET", &to, &[], "").await.header("etag").to_owned();
    assert_eq!(
        send(&server, "MOVE", FROM, &to, &[("if", &about("\"x\""))]).await.status,
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(
        send(&server, "MOVE", FROM, &to, &[("if", &about(&there))]).await.status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn every_other_destination_is_refused_with_its_status() {
    let (server, _) = two_calendars().await;
    server.memory.share("erika", "calendar", "max", Access::Read);
    let rows: [(&str, &str, u16, &str); 27] = [
        (FROM, FROM, 403, ""),
        (FROM, "/dav/calendars/erika/none/b.ics", 409, ""),
        (FROM, "/dav/calendars/otto/calendar/b.ics", 409, ""),
        (FROM, "/dav/calendars/erika/calendar/b.ics/c", 409, ""),
        (FROM, "/dav/calendars/erika/b.ics", 403, ""),
        (FROM, "/dav/principals/erika/", 403, ""),
        (FROM, "/elsewhere", 403, ""),
        (FROM, "http://other.example/dav/calendars/erika/second/b.ics", 502, ""),
        (FROM, "https://cal.example:9/dav/calendars/erika/second/b.ics", 502, ""),
        (FROM, "ftp://cal.example:8008/dav/calendars/erika/second/b.ics", 502, ""),
        (FROM, "http://erika@cal.example:8008/dav/calendars/erika/second/b.ics", 502, ""),
        (FROM, "//cal.example:8008/dav/calendars/erika/second/b.ics", 400, ""),
        (FROM, "b.ics", 400, ""),
        (FROM, "", 400, ""),
        (FROM, "/dav/calendars/erika/second/%2e%2e", 400, ""),
        (FROM, "/dav/calendars/erika/second/../calendar/b.ics", 400, ""),
        (FROM, "/dav/calendars/erika/second/a%2fb.ics", 400, ""),
        (FROM, "/dav/calendars/erika/second/%00", 400, ""),
        (FROM, "/dav/calendars/erika/tasks/b.ics", 403, "C:supported-calendar-component"),
        ("/dav/calendars/erika/calendar/none.ics", "/dav/calendars/erika/second/b.ics", 404, ""),
        (OTHER, "/dav/calendars/erika/calendar/b.ics", 403, "C:calendar-collection-location-ok"),
        (OTHER, "/dav/calendars/erika/", 403, "C:calendar-collection-location-ok"),
        (OTHER, "/dav/x/", 403, "C:calendar-collection-location-ok"),
        (OTHER, "/dav/calendars/erika/a/b/c/", 409, ""),
        (OTHER, OTHER, 403, ""),
        ("/dav/calendars/erika/none/", "/dav/calendars/erika/third/", 404, ""),
        ("/dav/calendars/erika/", "/dav/calendars/erika/third/", 405, ""),
    ];
    let before = server.memory.objects_stored();
    for (from, to, status, condition) in rows {
        for method in ["COPY", "MOVE"] {
            let answer = send(&server, method, from, to, &[]).await;
            assert_eq!(
                (answer.status.as_u16(), answer.condition().as_str()),
                (status, condition),
                "{method} {from} {to}"
            );
        }
    }
    let shared = "/dav/calendars/max/erika-calendar/a.ics";
    let to_own = [("destination", "/dav/calendars/max/calendar/a.ics")];
    let answer = server.send_as("max", "MOVE", shared, &to_own, "").await;
    assert_eq!((answer.status, answer.condition().as_str()), (StatusCode::FORBIDDEN, "D:need-privileges"));
    let unbind = "<D:resource><D:href>/dav/calendars/max/erika-calendar/</D:href><D:privilege><D:unbind/>";
    assert!(answer.text().contains(unbind), "{}", answer.text());
    assert_eq!(server.memory.objects_stored(), before);
    assert_eq!(server.send_as("max", "COPY", shared, &to_own, "").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_destination_may_name_any_host_of_this_server() {
    let server =
        Server::with(Settings { public_url: Some("https://pub.example".to_owned()), ..Settings::default() });
    server.put(FROM, &event("u1", 2)).await;
    server.send("MKCALENDAR", OTHER, &[], "").await;
    for base in [
        "https://pub.example",
        "HTTPS://PUB.example:443",
        "http://cal.example:8008",
        "https://cal.example:8008",
        "",
    ] {
        let answer = send(&server, "COPY", FROM, &format!("{base}{OTHER}b.ics"), &[]).await;
        assert!(answer.status.is_success(), "{base}: {}", answer.status);
    }
    let to = format!("http://by.proxy{OTHER}b.ics");
    let headers = [("destination", to.as_str()), ("host", "by.proxy")];
    assert_eq!(server.send("COPY", FROM, &headers, "").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn headers_out_of_their_grammar_are_400() {
    let (server, _) = two_calendars().await;
    let to = ("destination", "/dav/calendars/erika/second/b.ics");
    let third = ("destination", "/dav/calendars/erika/third/");
    let rows: [(&str, &str, Headers<'_>); 7] = [
        ("COPY", FROM, &[]),
        ("COPY", FROM, &[to, to]),
        ("COPY", FROM, &[to, ("overwrite", "maybe")]),
        ("COPY", FROM, &[to, ("overwrite", "T"), ("overwrite", "F")]),
        ("COPY", OTHER, &[third, ("depth", "1")]),
        ("MOVE", OTHER, &[third, ("depth", "0")]),
        ("MOVE", OTHER, &[third, ("depth", "all")]),
    ];
    for (method, path, headers) in rows {
        let answer = server.send(method, path, headers, "").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} {headers:?}");
    }
}

#[tokio::test]
async fn a_collection_is_renamed_or_copied_with_or_without_its_members() {
    let (server, etag) = two_calendars().await;
    let (calendar, third) = ("/dav/calendars/erika/calendar/", "/dav/calendars/erika/third");
    assert_eq!(send(&server, "COPY", calendar, third, &[("depth", "0")]).await.status, StatusCode::CREATED);
    assert_eq!(server.send("GET", &format!("{third}/a.ics"), &[], "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        send(&server, "COPY", calendar, third, &[("overwrite", "F")]).await.status,
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(send(&server, "COPY", calendar, third, &[]).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.send("GET", &format!("{third}/a.ics"), &[], "").await.text(), event("u1", 2));
    assert_eq!(
        send(&server, "MOVE", calendar, "/dav/calendars/erika/fourth/", &[]).await.status,
        StatusCode::CREATED
    );
    assert_eq!(server.send("GET", FROM, &[], "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.send("GET", "/dav/calendars/erika/fourth/a.ics", &[], "").await.header("etag"), etag);
}

#[tokio::test]
async fn the_privilege_that_is_missing_is_named_with_its_place() {
    for (access, method, privilege, place) in [
        (Access::FreeBusy, "COPY", "read", "erika-calendar"),
        (Access::FreeBusy, "MOVE", "unbind", "erika-calendar"),
        (Access::Read, "MOVE", "unbind", "erika-calendar"),
    ] {
        let server = Server::new();
        server.put(FROM, &event("u1", 2)).await;
        server.memory.share("erika", "calendar", "max", access);
        let to = [("destination", "/dav/calendars/max/calendar/a.ics")];
        let answer = server.send_as("max", method, "/dav/calendars/max/erika-calendar/a.ics", &to, "").await;
        let named = format!("<D:href>/dav/calendars/max/{place}/</D:href><D:privilege><D:{privilege}/>");
        assert!(answer.text().contains(&named), "{method}: {}", answer.text());
    }
    let server = Server::new();
    server.memory.share("erika", "calendar", "max", Access::Read);
    let own = "/dav/calendars/max/calendar/a.ics";
    let put = server.send_as("max", "PUT", own, &[("content-type", "text/calendar")], &event("u1", 2)).await;
    assert_eq!(put.status, StatusCode::CREATED);
    server.put(FROM, &event("u1", 2)).await;
    for (method, from, to, privilege) in [
        ("COPY", own, "erika-calendar/b.ics", "bind"),
        ("MOVE", own, "erika-calendar/b.ics", "bind"),
        ("COPY", own, "erika-calendar/a.ics", "write-content"),
        ("MOVE", own, "erika-calendar/a.ics", "bind"),
        ("COPY", "/dav/calendars/max/calendar/", "erika-calendar/", "bind"),
        ("MOVE", "/dav/calendars/max/calendar/", "erika-calendar/", "bind"),
    ] {
        let target = format!("/dav/calendars/max/{to}");
        let answer = server.send_as("max", method, from, &[("destination", &target)], "").await;
        let named =
            format!("<D:href>/dav/calendars/max/erika-calendar/</D:href><D:privilege><D:{privilege}/>");
        assert!(answer.text().contains(&named), "{method} to {to}: {}", answer.text());
    }
    server.memory.share("erika", "calendar", "max", Access::FreeBusy);
    let to = [("destination", "/dav/calendars/max/third/")];
    let answer = server.send_as("max", "COPY", "/dav/calendars/max/erika-calendar/", &to, "").await;
    let named = "<D:href>/dav/calendars/max/erika-calendar/</D:href><D:privilege><D:read/>";
    assert!(answer.text().contains(named), "{}", answer.text());
    let answer = server.send_as("max", "MOVE", "/dav/calendars/max/erika-calendar/", &to, "").await;
    assert_eq!(
        answer.status,
        StatusCode::CREATED,
        "whatever it shows, a share has the name that its sharee gives it"
    );
}
