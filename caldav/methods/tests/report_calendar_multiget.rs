//! calendar-multiget (RFC 4791 section 7.9).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod multistatus;
mod support;

use almanac_backend::Access;
use http::StatusCode;
use multistatus::{Multistatus, report};
use support::{HOST, Server, event, object};

const CALENDAR: &str = "/dav/calendars/erika/calendar/";
const DATA: &str = "<D:prop><D:getetag/><C:calendar-data/></D:prop>";

fn multiget(prop: &str, hrefs: &[&str]) -> String {
    let hrefs: String = hrefs.iter().map(|href| format!("<D:href>{href}</D:href>")).collect();
    report("C:calendar-multiget", &format!("{prop}{hrefs}"))
}

async fn get(server: &Server, path: &str, hrefs: &[&str]) -> Multistatus {
    Multistatus::of(&server.send("REPORT", path, &[("depth", "1")], &multiget(DATA, hrefs)).await)
}

#[tokio::test]
async fn each_href_has_its_response_in_the_order_asked_and_as_it_was_sent() {
    let server = Server::new();
    let etag = server.put(&format!("{CALENDAR}a%20b.ics"), &event("a", 2)).await;
    server.put(&format!("{CALENDAR}c.ics"), &event("c", 3)).await;
    let absolute = format!("http://{HOST}{CALENDAR}c.ics");
    let encoded = "/dav/calendars/erika/calendar/%63.ics";
    let asked = [&absolute, "/dav/calendars/erika/calendar/a%20b.ics", encoded];
    let found = get(&server, CALENDAR, &asked).await;
    assert_eq!(found.hrefs(), asked);
    assert_eq!(found.responses[1].text("getetag"), etag);
    assert_eq!(found.responses[1].text("calendar-data"), event("a", 2));
    assert_eq!(found.responses[0].text("calendar-data"), found.responses[2].text("calendar-data"));
}

#[tokio::test]
async fn an_href_that_names_nothing_here_is_404_of_its_own_and_spoils_no_other() {
    let server = Server::new();
    server.put(&format!("{CALENDAR}a.ics"), &event("a", 2)).await;
    server.put("/dav/calendars/erika/tasks/t.ics", &object("VTODO", "t", &["SUMMARY:x"])).await;
    let bad = [
        "/dav/calendars/erika/calendar/nothing.ics",
        "/dav/calendars/erika/calendar/",
        "/dav/calendars/erika/calendar/../calendar/a.ics",
        "/dav/calendars/erika/calendar/%2e%2e",
        "/dav/calendars/erika/calendar/a%2fb.ics",
        "/dav/calendars/erika/calendar/a%00.ics",
        "/dav/calendars/erika/calendar/%252e%252e",
        "/dav/calendars/erika/calendar/a%zz.ics",
        "/dav/calendars/erika/tasks/t.ics",
        "/dav/calendars/otto/calendar/a.ics",
        "http://elsewhere.example/dav/calendars/erika/calendar/a.ics",
        "//elsewhere.example/dav/calendars/erika/calendar/a.ics",
        "a.ics",
        "mailto:erika@example.org",
        "",
    ];
    let good = "/dav/calendars/erika/calendar/a.ics";
    let mut asked = bad.to_vec();
    asked.push(good);
    let found = get(&server, CALENDAR, &asked).await;
    assert_eq!(found.hrefs(), asked);
    for href in bad {
        assert_eq!(found.at(href).status, Some(404), "{href}");
    }
    assert_eq!(found.at(good).text("calendar-data"), event("a", 2));
}

#[tokio::test]
async fn very_many_hrefs_are_answered_each() {
    let server = Server::new();
    for number in 0..40 {
        server.put(&format!("{CALENDAR}{number}.ics"), &event(&format!("uid-{number}"), 2)).await;
    }
    let hrefs: Vec<String> = (0..5_000).map(|number| format!("{CALENDAR}{}.ics", number % 80)).collect();
    let asked: Vec<&str> = hrefs.iter().map(String::as_str).collect();
    let found = get(&server, CALENDAR, &asked).await;
    assert_eq!(found.hrefs(), asked);
    assert_eq!(found.responses.iter().filter(|response| response.status == Some(404)).count(), 2_480);
}

#[tokio::test]
async fn on_a_member_only_that_member_can_be_named() {
    let server = Server::new();
    for name in ["a", "b"] {
        server.put(&format!("{CALENDAR}{name}.ics"), &event(name, 2)).await;
    }
    let (a, b) = ("/dav/calendars/erika/calendar/a.ics", "/dav/calendars/erika/calendar/b.ics");
    let found = get(&server, a, &[a, b]).await;
    assert_eq!((found.at(a).text("calendar-data"), found.at(b).status), (event("a", 2), Some(404)));
}

#[tokio::test]
async fn without_calendar_data_no_tree_is_made_but_the_etag_is_there() {
    let server = Server::new();
    let etag = server.put(&format!("{CALENDAR}a.ics"), &event("a", 2)).await;
    let body =
        multiget("<D:prop><D:getetag/><D:nothing/></D:prop>", &["/dav/calendars/erika/calendar/a.ics"]);
    let found = Multistatus::of(&server.send("REPORT", CALENDAR, &[], &body).await);
    assert_eq!((found.responses[0].text("getetag"), found.responses[0].names(404)), (etag, vec!["nothing"]));
    let minimal = server.send("REPORT", CALENDAR, &[("prefer", "return=minimal")], &body).await;
    assert_eq!(minimal.header("preference-applied"), "return=minimal");
    assert!(Multistatus::of(&minimal).responses[0].names(404).is_empty());
}

#[tokio::test]
async fn who_may_see_busy_times_only_gets_no_object() {
    let server = Server::new();
    server.put(&format!("{CALENDAR}a.ics"), &event("a", 2)).await;
    server.memory.share("erika", "calendar", "max", Access::FreeBusy);
    let shared = "/dav/calendars/max/erika-calendar/";
    let body = multiget(DATA, &["/dav/calendars/max/erika-calendar/a.ics"]);
    for path in [shared, "/dav/calendars/max/erika-calendar/a.ics"] {
        let answer = server.send_as("max", "REPORT", path, &[], &body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.condition(), "D:need-privileges");
        assert!(!answer.text().contains("Check-up"));
    }
}
