//! Bodies: their limits, codings and types; hostile XML.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use almanac_methods::{Body, BodyTimedOut, BoxError, Settings};
use bytes::Bytes;
use http::StatusCode;
use http_body::Frame;
use http_body_util::BodyExt;
use support::{HOST, Server, basic, event};

const EVENT: &str = "/dav/calendars/erika/calendar/a.ics";
const CALENDAR: &str = "/dav/calendars/erika/calendar/";

/// A body in pieces, of unknown length, that may end in an error.
struct Pieces {
    pieces: Vec<Result<Bytes, BoxError>>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.pieces.pop().map(|piece| piece.map(Frame::data)))
    }
}

fn in_pieces(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    mut pieces: Vec<Result<Bytes, BoxError>>,
) -> http::Request<Body> {
    pieces.reverse();
    let mut builder = http::Request::builder().method(method).uri(path).header("host", HOST);
    builder = builder.header("authorization", basic("erika", "erika-password"));
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Pieces { pieces }.boxed_unsync()).unwrap()
}

fn small() -> Server {
    let mut settings = Settings::default();
    settings.limits.body_bytes_max = 1_000;
    settings.xml.body_bytes_max = 1_000;
    Server::with(settings)
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413_by_its_declared_length_and_by_its_octets() {
    let server = small();
    for (method, path) in [
        ("PUT", EVENT),
        ("POST", CALENDAR),
        ("PROPFIND", CALENDAR),
        ("PROPPATCH", CALENDAR),
        ("REPORT", CALENDAR),
        ("MKCOL", "/dav/calendars/erika/new/"),
        ("MKCALENDAR", "/dav/calendars/erika/new/"),
    ] {
        // What is declared is not read: the body would say that it broke off.
        for length in ["1001", "10995116277760", "18446744073709551615"] {
            let declared =
                in_pieces(method, path, &[("content-length", length)], vec![Err("never read".into())]);
            assert_eq!(server.raw(declared).await.status, StatusCode::PAYLOAD_TOO_LARGE, "{method} {length}");
        }
        let streamed = (0..20).map(|_| Ok(Bytes::from(vec![b' '; 100]))).collect();
        assert_eq!(
            server.raw(in_pieces(method, path, &[], streamed)).await.status,
            StatusCode::PAYLOAD_TOO_LARGE,
            "{method}"
        );
    }
    assert_eq!(server.memory.objects_stored(), 0);
}

#[tokio::test]
async fn a_body_in_pieces_is_read_whole_and_one_that_breaks_off_stores_nothing() {
    let server = Server::new();
    let ics = event("u1", 2);
    let bytes = |text: &str| Ok::<_, BoxError>(Bytes::copy_from_slice(text.as_bytes()));
    let cut = |error: BoxError| in_pieces("PUT", EVENT, &[], vec![bytes(&ics), Err(error)]);
    assert_eq!(server.raw(cut("reset".into())).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(server.raw(cut(Box::new(BodyTimedOut))).await.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(server.memory.objects_stored(), 0);
    let pieces = ics.as_bytes().chunks(7).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)));
    let pieces = pieces.map(|piece| piece.map_err(|never| match never {})).collect();
    assert_eq!(server.raw(in_pieces("PUT", EVENT, &[], pieces)).await.status, StatusCode::CREATED);
    assert_eq!(server.send("GET", EVENT, &[], "").await.text(), ics);
}

#[tokio::test]
async fn a_method_without_a_body_does_not_read_one() {
    let server = Server::new();
    server.put(EVENT, &event("u1", 2)).await;
    for (method, status) in [("OPTIONS", 200), ("GET", 200), ("HEAD", 200), ("COPY", 403), ("DELETE", 204)] {
        let body = vec![Err("never read".into())];
        let request =
            in_pieces(method, EVENT, &[("content-length", "99999999999"), ("destination", EVENT)], body);
        assert_eq!(server.raw(request).await.status.as_u16(), status, "{method}");
    }
}

#[tokio::test]
async fn a_compressed_body_is_415() {
    let server = Server::new();
    for (method, path) in [
        ("PUT", EVENT),
        ("PROPFIND", CALENDAR),
        ("REPORT", CALENDAR),
        ("MKCALENDAR", "/dav/calendars/erika/new/"),
    ] {
        for coding in ["gzip", "br", "zstd", "deflate", "identity, gzip", "x"] {
            let answer = server.send(method, path, &[("content-encoding", coding)], &event("u1", 2)).await;
            assert_eq!(
                (answer.status, answer.header("accept-encoding")),
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "identity")
            );
        }
    }
    assert_eq!(server.memory.objects_stored(), 0);
    let answer = server.send("PUT", EVENT, &[("content-encoding", "Identity")], &event("u1", 2)).await;
    assert_eq!(answer.status, StatusCode::CREATED);
}

#[tokio::test]
async fn an_xml_method_takes_xml_types_only() {
    let server = Server::new();
    let body = "<D:propfind xmlns:D=\"DAV:\"><D:prop><D:displayname/></D:prop></D:propfind>";
    let rows = [
        ("text/xml", 207),
        ("application/xml; charset=\"utf-8\"", 207),
        ("Application/XML", 207),
        ("application/davmount+xml", 207),
        ("text/plain", 415),
        ("application/json", 415),
        ("application/x-www-form-urlencoded", 207), // curl -d
        ("application/octet-stream", 207),
        ("text/calendar", 415),
        ("", 415),
    ];
    for (content_type, status) in rows {
        let answer =
            server.send("PROPFIND", CALENDAR, &[("content-type", content_type), ("depth", "0")], body).await;
        assert_eq!(answer.status.as_u16(), status, "{content_type}");
    }
    assert_eq!(
        server.send("PROPFIND", CALENDAR, &[("depth", "0")], body).await.status,
        StatusCode::MULTI_STATUS
    );
    let told =
        server.send("PROPFIND", CALENDAR, &[("content-type", "text/plain"), ("depth", "0")], body).await;
    assert_eq!(told.text(), "send the body as application/xml\n");
    let none = [("content-type", "text/plain"), ("depth", "0")];
    assert_eq!(server.send("PROPFIND", CALENDAR, &none, "").await.status, StatusCode::MULTI_STATUS);
}

#[tokio::test]
async fn hostile_xml_is_refused_by_every_method_that_reads_xml() {
    let server = Server::new();
    let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
    let attributes: String = (0..70).map(|n| format!(" a{n}=\"\"")).collect();
    let declarations: String = (0..40).map(|n| format!(" xmlns:n{n}=\"urn:{n}\"")).collect();
    let rows: Vec<(&str, String, &str)> = vec![
        ("doctype", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>".to_owned(), "D:no-external-entities"),
        ("external", "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>".to_owned(), "D:no-external-entities"),
        ("unclosed", "<a>".to_owned(), ""),
        ("two roots", "<a/><a/>".to_owned(), ""),
        ("unknown prefix", "<x:a/>".to_owned(), ""),
        ("duplicate attribute", "<a b=\"\" b=\"\"/>".to_owned(), ""),
        ("unknown entity", "<a>&b;</a>".to_owned(), ""),
        ("not XML", "hello".to_owned(), ""),
        ("only a declaration", "<?xml version=\"1.0\"?>".to_owned(), ""),
        ("too deep", deep, ""),
        ("too many attributes", format!("<a{attributes}/>"), ""),
        ("too many declarations", format!("<a{declarations}/>"), ""),
        ("too many elements", format!("<a>{}</a>", "<b/>".repeat(20_001)), ""),
    ];
    for (name, body, condition) in rows {
        let status = if condition.is_empty() { StatusCode::BAD_REQUEST } else { StatusCode::FORBIDDEN };
        for method in ["PROPFIND", "PROPPATCH", "REPORT", "MKCOL", "MKCALENDAR"] {
            let path = if method.starts_with("MK") { "/dav/calendars/erika/new/" } else { CALENDAR };
            let answer =
                server.send(method, path, &[("depth", "0"), ("content-type", "text/xml")], &body).await;
            assert_eq!((answer.status, answer.condition().as_str()), (status, condition), "{method}: {name}");
        }
    }
}

#[tokio::test]
async fn no_refusal_repeats_what_was_sent() {
    let server = Server::new();
    let mark = "CANARY-7f3a";
    let ics = event(mark, 2).replace("Check-up", mark);
    let path = format!("{CALENDAR}{mark}.ics");
    let rows = [
        ("PUT", format!("{path}/x"), ics.clone()),
        ("PUT", path.clone(), ics.replace("END:VCALENDAR", mark)),
        ("GET", path.clone(), String::new()),
        ("DELETE", path.clone(), String::new()),
        ("PROPFIND", CALENDAR.to_owned(), format!("<{mark}")),
        ("REPORT", CALENDAR.to_owned(), format!("<a xmlns=\"urn:{mark}\"/>")),
        ("COPY", path.clone(), String::new()),
        (mark, path, String::new()),
    ];
    for (method, path, body) in rows {
        let answer = server.send(method, &path, &[("destination", "http://CANARY-7f3a/")], &body).await;
        assert!(answer.status.is_client_error() || answer.status == StatusCode::BAD_GATEWAY, "{method}");
        let headers: Vec<_> = answer.headers.values().map(|value| value.to_str().unwrap()).collect();
        assert!(
            !headers.join(" ").contains(mark) && !answer.text().contains(mark),
            "{method}: {}",
            answer.text()
        );
    }
}
