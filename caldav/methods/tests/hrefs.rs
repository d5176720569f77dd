//! Paths that try to mean something else (RFC 3986 section 6; attack list rows 15 and 16).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use http::StatusCode;
use support::{Server, event};

const HOME: &str = "/dav/calendars/erika/";
const TEXT: (&str, &str) = ("content-type", "text/calendar");

/// Segments that no resource can have, as they would be sent.
const BAD: [&str; 28] = [
    "..",
    ".",
    "%2e%2e",
    "%2E%2e",
    ".%2e",
    "%2e",
    "%2f",
    "a%2fb",
    "a%2Fb.ics",
    "%2f..%2f..",
    "%5c",
    "a%5cb",
    "%00",
    "a%00.ics",
    "%0d%0aX-A:%20b",
    "%7f",
    "%c2%85",
    "%c0%af",
    "%c0%ae%c0%ae",
    "%e0%80%af",
    "%ff",
    "%ed%a0%80",
    "%",
    "%2",
    "%zz",
    "%252f",
    "%252e%252e",
    "a%25252fb",
];

#[tokio::test]
async fn a_segment_that_hides_another_path_is_400_for_every_method_and_place() {
    let server = Server::new();
    server.put("/dav/calendars/erika/calendar/a.ics", &event("u1", 2)).await;
    let stored = server.memory.objects_stored();
    let methods = [
        "OPTIONS",
        "GET",
        "HEAD",
        "PUT",
        "DELETE",
        "POST",
        "PROPFIND",
        "PROPPATCH",
        "REPORT",
        "MKCOL",
        "MKCALENDAR",
    ];
    let calls = server.memory.calls();
    for bad in BAD {
        for path in [
            format!("/{bad}"),
            format!("/dav/{bad}/"),
            format!("/dav/calendars/{bad}/calendar/a.ics"),
            format!("/dav/calendars/erika/{bad}/"),
            format!("/dav/calendars/erika/{bad}/a.ics"),
            format!("/dav/calendars/erika/calendar/{bad}"),
            format!("/dav/calendars/erika/calendar/a.ics/{bad}/c"),
        ] {
            for method in methods {
                let answer = server.send(method, &path, &[TEXT], &event("u2", 2)).await;
                assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} {path}");
            }
            for method in ["COPY", "MOVE"] {
                let from = "/dav/calendars/erika/calendar/a.ics";
                let answer = server.send(method, from, &[("destination", &path)], "").await;
                assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} to {path}");
            }
        }
    }
    assert_eq!(
        (server.memory.objects_stored(), server.memory.calls()),
        (stored, calls),
        "the store was not asked"
    );
}

#[tokio::test]
async fn empty_segments_and_too_long_names_are_400() {
    let server = Server::new();
    let long = "x".repeat(256);
    for path in [
        "//dav/calendars/erika/calendar/a.ics".to_owned(),
        "/dav//calendars/erika/".to_owned(),
        "/dav/calendars/erika/calendar//".to_owned(),
        "//evil.example/dav/".to_owned(),
        format!("{HOME}calendar/{long}"),
        format!("{HOME}{long}/"),
        format!("{HOME}calendar/{}", "%C3%A4".repeat(128)),
    ] {
        for method in ["GET", "PUT", "PROPFIND"] {
            let answer = server.send(method, &path, &[TEXT], &event("u2", 2)).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn an_odd_but_sound_name_is_one_name_however_it_is_encoded() {
    let server = Server::new();
    // Several spellings of one name; the last is the one that we write.
    let rows: [&[&str]; 8] = [
        &["a;b=c.ics", "a%3bb%3Dc.ics", "a%3Bb%3Dc.ics"],
        &["a+b", "a%2bb", "a%2Bb"],
        &["%61@b", "a%40b", "a@b"],
        &["(x)!*'", "%28x%29%21%2A%27"],
        &["%c3%a4%20b", "%C3%A4%20b"],
        &["...", "%2e%2e%2e", "..."],
        &["x%2540y", "x%2540y"],
        &["100%25", "100%25"],
    ];
    for (n, spellings) in rows.iter().enumerate() {
        let etag = server.put(&format!("{HOME}calendar/{}", spellings[0]), &event(&format!("u{n}"), 2)).await;
        let written = format!("{HOME}calendar/{}", spellings.last().unwrap());
        for spelling in *spellings {
            let path = format!("{HOME}calendar/{spelling}");
            assert_eq!(server.send("GET", &path, &[], "").await.header("etag"), etag, "{path}");
            assert_eq!(
                server.send("GET", &format!("{path}/"), &[], "").await.header("etag"),
                etag,
                "{path}/"
            );
            assert_eq!(
                server.send("GET", &format!("{path}?q=/.."), &[], "").await.header("etag"),
                etag,
                "{path}?"
            );
        }
        let conflict =
            server.send("PUT", &format!("{HOME}calendar/other"), &[TEXT], &event(&format!("u{n}"), 2)).await;
        assert!(
            conflict.text().contains(&format!("<D:href>{written}</D:href>")),
            "{written}: {}",
            conflict.text()
        );
    }
}

#[tokio::test]
async fn paths_compare_with_case() {
    let server = Server::new();
    server.put("/dav/calendars/erika/calendar/a.ics", &event("u1", 2)).await;
    for path in [
        "/DAV/calendars/erika/",
        "/dav/Calendars/erika/",
        "/dav/calendars/Erika/",
        "/dav/calendars/erika/calendar/A.ics",
    ] {
        assert_eq!(server.send("GET", path, &[], "").await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn another_tenants_resources_answer_every_method_like_absent_ones() {
    let server = Server::new();
    server.put("/dav/calendars/erika/calendar/a.ics", &event("u1", 2)).await;
    let methods = [
        "GET",
        "HEAD",
        "PUT",
        "DELETE",
        "POST",
        "PROPFIND",
        "PROPPATCH",
        "MKCOL",
        "MKCALENDAR",
        "COPY",
        "MOVE",
    ];
    let propertyupdate = "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop><D:displayname/></D:prop></D:set></D:propertyupdate>";
    for suffix in ["", "calendar/", "calendar/a.ics", "new/"] {
        for method in methods {
            let body = match method {
                "PUT" | "POST" => event("u1", 2),
                "PROPPATCH" => propertyupdate.to_owned(),
                _ => String::new(),
            };
            let headers = [("destination", "/dav/calendars/otto/calendar/a.ics"), ("depth", "0")];
            let headers = if matches!(method, "DELETE" | "MOVE") { &headers[..1] } else { &headers[..] };
            let foreign = server
                .send_as("otto", method, &format!("/dav/calendars/erika/{suffix}"), headers, &body)
                .await;
            let absent = server
                .send_as("otto", method, &format!("/dav/calendars/nobody/{suffix}"), headers, &body)
                .await;
            assert!(foreign.status.is_client_error(), "{method} {suffix}: {}", foreign.status);
            assert_eq!(foreign.status, absent.status, "{method} {suffix}");
            let hide = |text: &str| text.replace("nobody", "erika");
            assert_eq!(
                (foreign.headers, hide(&String::from_utf8_lossy(&foreign.octets))),
                (absent.headers.clone(), hide(&String::from_utf8_lossy(&absent.octets))),
                "{method} {suffix}"
            );
        }
    }
}
