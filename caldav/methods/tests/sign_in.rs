//! Sign-in (RFC 7617) and the well-known path (RFC 6764 section 5).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use almanac_methods::{Edge, Settings};
use bytes::Bytes;
use http::StatusCode;
use support::{Server, basic, edge, request};

const METHODS: [&str; 17] = [
    "OPTIONS",
    "GET",
    "HEAD",
    "PUT",
    "POST",
    "DELETE",
    "COPY",
    "MOVE",
    "MKCOL",
    "MKCALENDAR",
    "PROPFIND",
    "PROPPATCH",
    "REPORT",
    "LOCK",
    "UNLOCK",
    "PATCH",
    "BREW",
];

#[tokio::test]
async fn every_method_without_credentials_is_401_with_one_basic_challenge() {
    let server = Server::new();
    for method in METHODS {
        for path in [
            "/",
            "/dav/calendars/erika/calendar/",
            "/dav/calendars/erika/calendar/a.ics",
            "/dav/%2f",
            "/api/x",
        ] {
            let answer = server.raw(request(method, path, &[], Bytes::new())).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), "Basic realm=\"Almanac\"", "{method} {path}");
        }
    }
    assert_eq!(server.memory.calls(), 0, "nothing was asked of the store");
}

#[tokio::test]
async fn wrong_credentials_are_not_told_apart() {
    let server = Server::new();
    let rows = [
        basic("erika", "wrong"),
        basic("erika", ""),
        basic("nobody", "erika-password"),
        basic("", ""),
        basic("erika\n", "erika-password"),
        "Basic".to_owned(),
        "Basic !!!!".to_owned(),
        "Basic ZXJpa2E=".to_owned(),
        "Bearer abc".to_owned(),
        format!("Basic {}", "A".repeat(100_000)),
    ];
    let first = server.raw(request("GET", "/dav/", &[], Bytes::new())).await;
    for row in rows {
        let answer = server.raw(request("GET", "/dav/", &[("authorization", &row)], Bytes::new())).await;
        assert_eq!((answer.status, &answer.headers), (StatusCode::UNAUTHORIZED, &first.headers), "{row:.20}");
        assert_eq!(answer.octets, first.octets, "{row:.20}");
    }
    let twice = basic("erika", "erika-password");
    let both = [("authorization", twice.as_str()), ("authorization", twice.as_str())];
    let answer = server.raw(request("GET", "/dav/", &both, Bytes::new())).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_realm_cannot_break_out_of_its_quotes() {
    let server = Server::with(Settings { realm: "a\", x=\"b\\".to_owned(), ..Settings::default() });
    let answer = server.raw(request("GET", "/", &[], Bytes::new())).await;
    assert_eq!(answer.header("www-authenticate"), "Basic realm=\"a, x=b\"");
}

#[tokio::test]
async fn the_well_known_path_sends_every_method_on_without_credentials() {
    let server = Server::new();
    for method in METHODS {
        for path in ["/.well-known/caldav", "/.well-known/caldav/", "/.well-known/caldav?x=1"] {
            let answer = server.raw(request(method, path, &[], Bytes::new())).await;
            assert_eq!(answer.status, StatusCode::MOVED_PERMANENTLY, "{method}");
            assert_eq!(answer.header("location"), "http://cal.example:8008/dav/", "{method}");
        }
    }
}

#[tokio::test]
async fn the_location_comes_from_the_public_url_else_from_a_host_of_ours_else_it_is_a_path() {
    let https = || Edge { scheme: http::uri::Scheme::HTTPS, ..edge() };
    let rows = [
        (None, "cal.example:8008", "https://cal.example:8008/dav/"),
        (None, "CAL.example:8008", "https://CAL.example:8008/dav/"),
        (None, "evil.example", "/dav/"),
        (None, "cal.example", "/dav/"),
        (Some("https://pub.example"), "evil.example", "https://pub.example/dav/"),
        (Some("https://pub.example/"), "cal.example:8008", "https://pub.example/dav/"),
    ];
    for (public_url, host, location) in rows {
        let server =
            Server::with(Settings { public_url: public_url.map(str::to_owned), ..Settings::default() });
        let asked = request("PROPFIND", "/.well-known/caldav", &[("host", host)], Bytes::new());
        assert_eq!(server.raw_at(asked, https()).await.header("location"), location, "{public_url:?} {host}");
    }
}

#[tokio::test]
async fn the_authority_of_an_absolute_uri_counts_before_the_host_header() {
    let server = Server::new();
    for (authority, location) in
        [("cal.example:8008", "http://cal.example:8008/dav/"), ("evil.example", "/dav/")]
    {
        let uri = format!("http://{authority}/.well-known/caldav");
        let asked = request("GET", &uri, &[("host", "cal.example:8008")], Bytes::new());
        assert_eq!(server.raw(asked).await.header("location"), location);
    }
    let answer = server.send("OPTIONS", "http://cal.example:8008/dav/calendars/erika/", &[], "").await;
    assert_eq!(answer.status, StatusCode::OK);
}
