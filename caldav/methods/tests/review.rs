//! Answers that once were wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use almanac_backend::Access;
use bytes::Bytes;
use http::StatusCode;
use support::{Server, event, request};

const CALENDAR: &str = "/dav/calendars/erika/calendar/";

const PATCH: &str = "<D:propertyupdate xmlns:D=\"DAV:\"><D:remove><D:prop><X:a xmlns:X=\"x\"/></D:prop></D:remove>\
     </D:propertyupdate>";

fn reports(path: &str) -> [String; 3] {
    let ns = "xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"";
    let prop = "<D:prop><C:calendar-data/></D:prop>";
    [
        format!("<C:calendar-multiget {ns}>{prop}<D:href>{path}</D:href></C:calendar-multiget>"),
        format!(
            "<C:calendar-query {ns}>{prop}<C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter></C:calendar-query>"
        ),
        format!(
            "<D:sync-collection {ns}><D:sync-token/><D:sync-level>1</D:sync-level>{prop}</D:sync-collection>"
        ),
    ]
}

#[tokio::test]
async fn a_fold_inside_a_character_and_a_byte_order_mark_do_no_harm_in_reports() {
    let server = Server::new();
    let path = format!("{CALENDAR}a.ics");
    let mut octets = b"\xef\xbb\xbf".to_vec();
    octets.extend(event("a", 1).replace("END:VEVENT", "SUMMARY:\u{1}\r\nEND:VEVENT").bytes().flat_map(
        |byte| {
            if byte == 1 { b"\xc3\r\n \xa4".to_vec() } else { vec![byte] }
        },
    ));
    let put = server
        .raw(request(
            "PUT",
            &path,
            &[
                ("authorization", &support::basic("erika", "erika-password")),
                ("content-type", "text/calendar"),
            ],
            Bytes::from(octets.clone()),
        ))
        .await;
    assert_eq!(put.status, StatusCode::CREATED);
    assert_eq!(server.send("GET", &path, &[], "").await.octets, octets, "GET gives what was sent");
    for report in reports(&path) {
        let answer = server.send("REPORT", CALENDAR, &[("depth", "1")], &report).await;
        let text = answer.text().to_owned();
        assert!(
            text.contains("SUMMARY:ä") && !text.contains('\u{fffd}') && !text.contains('\u{feff}'),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_object_too_large_to_expand_has_an_answer_of_its_own_and_the_others_theirs() {
    let server = Server::new();
    let heavy = event("heavy", 1).replace(
        "END:VEVENT",
        &format!("RRULE:FREQ=DAILY\r\nDESCRIPTION:{}\r\nEND:VEVENT", "x".repeat(40_000)),
    );
    server.put(&format!("{CALENDAR}heavy.ics"), &heavy).await;
    server.put(&format!("{CALENDAR}light.ics"), &event("light", 2)).await;
    let data = "<D:prop><C:calendar-data><C:expand start=\"20200101T000000Z\" end=\"20300101T000000Z\"/>\
         </C:calendar-data></D:prop>";
    let ns = "xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"";
    let hrefs = format!("<D:href>{CALENDAR}heavy.ics</D:href><D:href>{CALENDAR}light.ics</D:href>");
    for report in [
        format!("<C:calendar-multiget {ns}>{data}{hrefs}</C:calendar-multiget>"),
        format!(
            "<C:calendar-query {ns}>{data}<C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter></C:calendar-query>"
        ),
    ] {
        let answer = server.send("REPORT", CALENDAR, &[("depth", "1")], &report).await;
        let text = answer.text();
        assert_eq!(answer.status, StatusCode::MULTI_STATUS);
        assert_eq!(text.matches("HTTP/1.1 507").count(), 1, "{text}");
        assert!(text.contains("heavy.ics") && text.contains("UID:light"), "{text}");
    }
}

#[tokio::test]
async fn a_sync_token_in_an_if_header_holds_while_nothing_has_changed() {
    let server = Server::new();
    let body = "<D:propfind xmlns:D=\"DAV:\"><D:prop><D:sync-token/></D:prop></D:propfind>";
    let found = server.send("PROPFIND", CALENDAR, &[("depth", "0")], body).await;
    let text = found.text();
    let (_, rest) = text.split_once("<D:sync-token>").unwrap();
    let (token, _) = rest.split_once('<').unwrap();
    let condition = format!("<{CALENDAR}> (<{token}>)");
    let headers = [("content-type", "text/calendar"), ("if", condition.as_str())];
    let first = server.send("PUT", &format!("{CALENDAR}a.ics"), &headers, &event("a", 1)).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let second = server.send("PUT", &format!("{CALENDAR}b.ics"), &headers, &event("b", 1)).await;
    assert_eq!(second.status, StatusCode::PRECONDITION_FAILED);
    // The collection can be the target itself; what is not its token now does not match.
    let found = server.send("PROPFIND", CALENDAR, &[("depth", "0")], body).await;
    let (_, rest) = found.text().split_once("<D:sync-token>").unwrap();
    let (now, _) = rest.split_once('<').unwrap();
    let rows = [
        (format!("(<{token}>)"), 412),
        (format!("(Not <{now}>)"), 412),
        (format!("</dav/calendars/erika/tasks/> (<{now}>)"), 412),
        (format!("</dav/calendars/erika/calendar/a.ics> (<{now}>)"), 412),
        (format!("(Not <{token}>)"), 207),
        (format!("(<{now}>)"), 207),
    ];
    for (condition, status) in rows {
        for (method, content) in [("PROPFIND", body), ("PROPPATCH", PATCH)] {
            let headers = [("depth", "0"), ("if", condition.as_str())];
            let answer = server.send(method, CALENDAR, &headers, content).await;
            assert_eq!(answer.status.as_u16(), status, "{method} {condition}");
        }
    }
}

#[tokio::test]
async fn a_sync_token_matches_for_whoever_may_see_it_only() {
    let server = Server::new();
    let body = "<D:propfind xmlns:D=\"DAV:\"><D:prop><D:sync-token/></D:prop></D:propfind>";
    let found = server.send("PROPFIND", CALENDAR, &[("depth", "0")], body).await;
    let (_, rest) = found.text().split_once("<D:sync-token>").unwrap();
    let (token, _) = rest.split_once('<').unwrap();
    for (access, status) in [(Access::FreeBusy, 412), (Access::Read, 207)] {
        let server = Server::new();
        server.memory.share("erika", "calendar", "max", access);
        let condition = format!("(<{token}>)");
        let headers = [("depth", "0"), ("if", condition.as_str())];
        let path = "/dav/calendars/max/erika-calendar/";
        let answer = server.send_as("max", "PROPFIND", path, &headers, body).await;
        assert_eq!(answer.status.as_u16(), status, "{access:?}");
    }
}

#[tokio::test]
async fn who_sees_busy_times_only_is_offered_the_reports_that_work() {
    let server = Server::new();
    server.memory.share("max", "calendar", "erika", Access::FreeBusy);
    let body = "<D:propfind xmlns:D=\"DAV:\"><D:prop><D:supported-report-set/></D:prop></D:propfind>";
    let path = "/dav/calendars/erika/max-calendar/";
    let answer = server.send("PROPFIND", path, &[("depth", "0")], body).await;
    let named = |text: &str| -> Vec<String> {
        let after = text.split("<D:report><").skip(1);
        after.map(|rest| rest.split('/').next().unwrap().to_owned()).collect()
    };
    assert_eq!(named(answer.text()), ["C:free-busy-query", "D:expand-property"]);
    let server = Server::new();
    server.memory.share("max", "calendar", "erika", Access::Read);
    let answer = server.send("PROPFIND", path, &[("depth", "0")], body).await;
    let named = named(answer.text());
    assert!(named.contains(&"D:sync-collection".to_owned()));
    assert!(!named.contains(&"D:acl-principal-prop-set".to_owned()), "the list is for the owner to see");
}

#[tokio::test]
async fn an_if_header_that_does_not_hold_refuses_reads_too() {
    let server = Server::new();
    let body = "<D:propfind xmlns:D=\"DAV:\"><D:prop><D:getetag/></D:prop></D:propfind>";
    for (condition, status) in [("([\"no\"])", 412), ("(Not [\"no\"])", 207)] {
        let headers = [("depth", "0"), ("if", condition)];
        assert_eq!(server.send("PROPFIND", CALENDAR, &headers, body).await.status.as_u16(), status);
        assert_eq!(
            server.send("GET", "/dav/", &[("if", condition)], "").await.status.as_u16(),
            if status == 207 { 200 } else { 412 }
        );
        let [_, query, _] = reports("/x");
        assert_eq!(server.send("REPORT", CALENDAR, &headers, &query).await.status.as_u16(), status);
    }
}

#[tokio::test]
async fn a_resource_names_its_live_properties() {
    let server = Server::new();
    let body = "<D:propfind xmlns:D=\"DAV:\"><D:prop><D:supported-live-property-set/></D:prop></D:propfind>";
    let answer = server.send("PROPFIND", CALENDAR, &[("depth", "0")], body).await;
    for name in ["<D:add-member/>", "<D:sync-token/>", "<C:calendar-timezone-id/>"] {
        assert!(answer.text().contains(name), "{name}");
    }
    let object = format!("{CALENDAR}a.ics");
    server.put(&object, &event("a", 1)).await;
    let answer = server.send("PROPFIND", &object, &[("depth", "0")], body).await;
    assert!(answer.text().contains("<D:getetag/>") && !answer.text().contains("<D:sync-token/>"));
}
