//! What the log says of a request, and what it must not say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use almanac_methods::Edge;
use bytes::Bytes;
use support::{Fault, Server, basic, edge, event, request};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

const CALENDAR: &str = "/dav/calendars/erika/calendar/";

/// Writes every field of every span and event into one text.
#[derive(Clone, Default)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    spans: Arc<AtomicU64>,
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Log {
    fn line(&self, kind: &str, metadata: Option<&Metadata<'_>>, write: impl FnOnce(&mut Fields<'_>)) {
        let mut line = format!("{kind} {}", metadata.map_or("", |it| it.level().as_str()));
        write(&mut Fields(&mut line));
        self.lines.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("almanac_")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.line("span", Some(span.metadata()), |fields| span.record(fields));
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.line("record", None, |fields| values.record(fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.line("event", Some(event.metadata()), |fields| event.record(fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_request_is_one_line_with_its_id_its_route_and_its_outcome() {
    let (server, log) = (Server::new(), Log::default());
    let _guard = tracing::subscriber::set_default(log.clone());
    server.put(&format!("{CALENDAR}a.ics"), &event("u1", 2)).await;
    let lines = log.take();
    let all = lines.join("\n");
    for part in [
        "span INFO request.id=req_07070707070707070707070707070707 operation=\"PUT\"",
        "route=\"/dav/calendars/{principal}/{collection}/{object}\"",
        "principal.id=usr_01010101010101010101010101010101",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    let events: Vec<&String> = lines.iter().filter(|line| line.starts_with("event")).collect();
    assert_eq!(events, ["event DEBUG message=served outcome=201 elapsed_ms=0"]);
}

#[tokio::test]
async fn a_failed_sign_in_is_one_line_with_the_address_and_without_the_credentials() {
    let (server, log) = (Server::new(), Log::default());
    let _guard = tracing::subscriber::set_default(log.clone());
    let from = Edge { peer: Some("192.0.2.7".parse().unwrap()), ..edge() };
    let wrong = basic("erika", "not-the-password");
    server.raw_at(request("GET", CALENDAR, &[("authorization", &wrong)], Bytes::new()), from.clone()).await;
    let lines = log.take();
    assert_eq!(
        lines.iter().filter(|line| *line == "event WARN message=sign-in failed peer=\"192.0.2.7\"").count(),
        1
    );
    assert!(!lines.join("\n").contains("erika") && !lines.join("\n").contains("not-the"), "{lines:?}");
    // Without credentials it is the usual first request of a client.
    server.raw_at(request("GET", CALENDAR, &[], Bytes::new()), from).await;
    assert!(!log.take().join("\n").contains("sign-in failed"));
}

#[tokio::test]
async fn a_fault_is_logged_once_where_it_ends() {
    let (server, log) = (Server::new(), Log::default());
    let _guard = tracing::subscriber::set_default(log.clone());
    server.memory.fail(Some(Fault::Internal));
    for path in [format!("{CALENDAR}a.ics"), CALENDAR.to_owned()] {
        server.send("GET", &path, &[], "").await;
        let lines = log.take();
        let errors: Vec<&String> = lines.iter().filter(|line| line.starts_with("event ERROR")).collect();
        assert_eq!(errors, ["event ERROR message=a request failed error=\"a secret of the machine room\""]);
    }
}

#[tokio::test]
async fn no_line_shows_what_a_request_held() {
    let (server, log) = (Server::new(), Log::default());
    let _guard = tracing::subscriber::set_default(log.clone());
    let mark = "CANARY7f3a";
    let path = format!("{CALENDAR}{mark}.ics");
    let ics = event(mark, 2).replace("Check-up", mark);
    server.put(&path, &ics).await;
    let query = format!(
        "<C:calendar-multiget xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><D:prop/><D:href>{path}</D:href></C:calendar-multiget>"
    );
    let destination = format!("/dav/calendars/erika/tasks/{mark}");
    let rows = [
        ("GET", path.as_str(), ""),
        ("GET", CALENDAR, ""),
        ("PUT", path.as_str(), mark),
        ("PUT", CALENDAR, ics.as_str()),
        ("POST", CALENDAR, ics.as_str()),
        ("PROPFIND", path.as_str(), ""),
        ("PROPFIND", CALENDAR, "<CANARY7f3a"),
        ("REPORT", CALENDAR, query.as_str()),
        ("MKCALENDAR", "/dav/calendars/erika/CANARY7f3a/", ""),
        ("PROPPATCH", path.as_str(), "<CANARY7f3a/>"),
        ("COPY", path.as_str(), ""),
        ("MOVE", path.as_str(), ""),
        (mark, path.as_str(), ""),
        ("GET", "/dav/%2fCANARY7f3a?CANARY7f3a", ""),
        ("DELETE", path.as_str(), ""),
    ];
    for (method, path, body) in rows {
        server
            .send(method, path, &[("destination", &destination), ("if-none-match", "\"CANARY7f3a\"")], body)
            .await;
    }
    server.memory.fail(Some(Fault::Internal));
    server.send("GET", &path, &[], "").await;
    let all = log.take().join("\n");
    assert!(all.matches("message=served").count() == rows.len() + 2, "{all}");
    assert!(!all.contains(mark), "{all}");
    assert!(!all.contains("erika"), "{all}");
}
