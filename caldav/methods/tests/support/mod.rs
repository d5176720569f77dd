//! What the tests of this crate stand on: a service over an in-memory backend, and answers to look at.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod memory;
mod state;

use std::sync::Arc;

use almanac_base::{ManualClock, RequestId};
use almanac_methods::{Body, Edge, Service, Settings};
use bytes::Bytes;
use http::uri::Scheme;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};

pub use memory::{Fault, Memory};

/// When every test begins.
pub const NOW: &str = "2026-03-02T08:00:00Z";

/// A service with invented people. Erika and Max are of one tenant, Otto is of another. Everybody has the
/// collections `calendar` (VEVENT, VJOURNAL, VFREEBUSY) and `tasks` (VTODO).
pub struct Server {
    pub service: Service,
    pub memory: Arc<Memory>,
    pub clock: Arc<ManualClock>,
}

/// What came back, its body read to the end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub octets: Bytes,
}

/// Headers as pairs of name and value.
pub type Headers<'a> = &'a [(&'a str, &'a str)];

impl Server {
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        let clock = Arc::new(ManualClock::new(NOW.parse().unwrap()));
        let memory = Arc::new(Memory::new(clock.clone()));
        let service = Service::new(memory.clone(), clock.clone(), settings);
        Self { service, memory, clock }
    }

    /// Sends a request as Erika.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send_as("erika", method, path, headers, body).await
    }

    /// Sends a request as somebody.
    pub async fn send_as(
        &self,
        login: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let credentials = basic(login, &format!("{login}-password"));
        let mut all = vec![("authorization", credentials.as_str())];
        all.extend(headers);
        self.raw(request(method, path, &all, Bytes::copy_from_slice(body.as_bytes()))).await
    }

    /// Sends any request.
    pub async fn raw(&self, request: Request<Body>) -> Answer {
        self.raw_at(request, edge()).await
    }

    pub async fn raw_at(&self, request: Request<Body>, edge: Edge) -> Answer {
        let (parts, body) = self.service.serve(request, edge).await.into_parts();
        let octets = body.collect().await.expect("the body ends well").to_bytes();
        Answer { status: parts.status, headers: parts.headers, octets }
    }

    /// Stores an event and returns its ETag, quoted.
    pub async fn put(&self, path: &str, ics: &str) -> String {
        let answer = self.send("PUT", path, &[("content-type", "text/calendar")], ics).await;
        assert!(answer.status.is_success(), "{}", answer.text());
        answer.header("etag").to_owned()
    }
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.octets).expect("the body is text")
    }

    /// The one value of a header, or the empty text.
    pub fn header(&self, name: &str) -> &str {
        let values: Vec<_> = self.headers.get_all(name).iter().collect();
        assert!(values.len() < 2, "{name} is there {} times", values.len());
        values.first().map_or("", |value| value.to_str().unwrap())
    }

    /// The local name of the one element in a `DAV:error`; empty if the body is something else.
    pub fn condition(&self) -> String {
        let Ok(text) = std::str::from_utf8(&self.octets) else { return String::new() };
        let Some((_, inner)) = text.split_once("<D:error") else { return String::new() };
        let (_, inner) = inner.split_once('>').expect("the tag ends");
        let tag = inner.trim_start().strip_prefix('<').expect("an element");
        tag.chars().take_while(|c| !" />".contains(*c)).collect()
    }
}

/// A request with this body.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Bytes) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        builder = builder.header("host", HOST);
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Full::new(body).map_err(|never| match never {}).boxed_unsync()).unwrap()
}

/// The authority of the only listener.
pub const HOST: &str = "cal.example:8008";

pub fn edge() -> Edge {
    Edge {
        request_id: RequestId::from_bytes([7; 16]),
        scheme: Scheme::HTTP,
        listener_hosts: [HOST.to_owned()].into(),
        peer: None,
    }
}

/// An `Authorization` value.
pub fn basic(login: &str, password: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let pair = format!("{login}:{password}");
    let mut text = String::from("Basic ");
    for group in pair.as_bytes().chunks(3) {
        let bits =
            group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for digit in 0..4 {
            let used = digit <= group.len();
            let value = (bits >> (18 - 6 * digit)) & 63;
            text.push(if used { char::from(DIGITS[value as usize]) } else { '=' });
        }
    }
    text
}

/// A calendar object with these lines in its component.
pub fn object(kind: &str, uid: &str, lines: &[&str]) -> String {
    let mut ics = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Test//EN\r\nBEGIN:{kind}\r\nUID:{uid}\r\nDTSTAMP:20260301T000000Z\r\n"
    );
    for line in lines {
        ics.push_str(line);
        ics.push_str("\r\n");
    }
    ics.push_str(&format!("END:{kind}\r\nEND:VCALENDAR\r\n"));
    ics
}

/// An event of one hour on a day of March 2026, at nine in UTC.
pub fn event(uid: &str, day: u8) -> String {
    object(
        "VEVENT",
        uid,
        &[
            &format!("DTSTART:202603{day:02}T090000Z"),
            &format!("DTEND:202603{day:02}T100000Z"),
            "SUMMARY:Check-up",
        ],
    )
}
