//! OPTIONS, and the methods that a resource does not take.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use http::StatusCode;
use support::Server;

const FIXED: &str = "OPTIONS, GET, HEAD, PROPFIND, PROPPATCH, REPORT";
const COLLECTION: &str =
    "OPTIONS, GET, HEAD, POST, DELETE, COPY, MOVE, MKCOL, MKCALENDAR, PROPFIND, PROPPATCH, REPORT";
const OBJECT: &str = "OPTIONS, GET, HEAD, PUT, DELETE, COPY, MOVE, PROPFIND, PROPPATCH, REPORT";

#[tokio::test]
async fn options_names_the_classes_and_the_methods_of_each_kind_of_resource() {
    let server = Server::new();
    let rows = [
        ("/", FIXED),
        ("/dav/", FIXED),
        ("/dav/principals/", FIXED),
        ("/dav/principals/erika/", FIXED),
        ("/dav/calendars/", FIXED),
        ("/dav/calendars/erika/", FIXED),
        ("/dav/calendars/erika/calendar/", COLLECTION),
        ("/dav/calendars/erika/calendar", COLLECTION),
        ("/dav/calendars/erika/calendar/a.ics", OBJECT),
        ("*", FIXED),
    ];
    for (path, allow) in rows {
        let answer = server.send("OPTIONS", path, &[], "").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("dav"), "1, 3, access-control, calendar-access, extended-mkcol", "{path}");
        assert_eq!(answer.header("allow"), allow, "{path}");
        assert!(answer.octets.is_empty());
    }
}

#[tokio::test]
async fn a_method_that_the_resource_does_not_take_is_405_with_the_ones_it_takes() {
    let server = Server::new();
    for path in ["/", "/dav/principals/erika/", "/dav/calendars/erika/"] {
        for method in
            ["PUT", "DELETE", "COPY", "MOVE", "POST", "LOCK", "UNLOCK", "PATCH", "TRACE", "ACL", "BREW"]
        {
            let answer = server.send(method, path, &[], "").await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert_eq!(answer.header("allow"), FIXED, "{method} {path}");
        }
    }
    for (path, methods, allow) in [
        ("/dav/calendars/erika/calendar/", ["PUT", "LOCK", "UNLOCK"], COLLECTION),
        ("/dav/calendars/erika/calendar/a.ics", ["POST", "LOCK", "UNLOCK"], OBJECT),
    ] {
        for method in methods {
            let answer = server.send(method, path, &[], "x").await;
            assert_eq!(
                (answer.status, answer.header("allow")),
                (StatusCode::METHOD_NOT_ALLOWED, allow),
                "{method}"
            );
        }
    }
}

#[tokio::test]
async fn what_the_paths_do_not_name_is_404() {
    let server = Server::new();
    for path in [
        "/x",
        "/api",
        "/hooks/a",
        "/feeds",
        "/dav/x/",
        "/dav/principals/erika/x",
        "/dav/calendars/erika/a/b/c",
    ] {
        for method in
            ["OPTIONS", "GET", "HEAD", "DELETE", "COPY", "MOVE", "POST", "PROPFIND", "PROPPATCH", "REPORT"]
        {
            let answer = server.send(method, path, &[], "").await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
        }
    }
}
