//! PROPPATCH.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use almanac_backend::Access;
use http::StatusCode;
use support::{Answer, Server, event};

const CALENDAR: &str = "/dav/calendars/erika/calendar/";

fn update(steps: &str) -> String {
    format!(
        "<D:propertyupdate xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" \
         xmlns:A=\"http://apple.com/ns/ical/\" xmlns:X=\"urn:x\">{steps}</D:propertyupdate>"
    )
}

fn set(prop: &str) -> String {
    format!("<D:set><D:prop>{prop}</D:prop></D:set>")
}

fn remove(prop: &str) -> String {
    format!("<D:remove><D:prop>{prop}</D:prop></D:remove>")
}

async fn patch(server: &Server, path: &str, steps: &str) -> Answer {
    server.send("PROPPATCH", path, &[("content-type", "text/xml")], &update(steps)).await
}

async fn shown(server: &Server, login: &str, path: &str) -> String {
    let body = "<D:propfind xmlns:D=\"DAV:\" xmlns:A=\"http://apple.com/ns/ical/\" xmlns:X=\"urn:x\"><D:prop>\
         <D:displayname/><A:calendar-color/><X:note/></D:prop></D:propfind>";
    let answer = server.send_as(login, "PROPFIND", path, &[("depth", "0")], body).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS, "{}", answer.text());
    answer.text().to_owned()
}

#[tokio::test]
async fn live_and_dead_properties_are_set_and_removed() {
    let server = Server::new();
    let steps = set("<D:displayname>Work</D:displayname><A:calendar-color>#00FF00</A:calendar-color>")
        + &set("<X:note a=\"1\">b &lt; c<X:d/></X:note>");
    let answer = patch(&server, CALENDAR, &steps).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    assert_eq!(answer.text().matches("<D:propstat>").count(), 1, "{}", answer.text());
    assert!(answer.text().contains("<D:href>/dav/calendars/erika/calendar/</D:href>"));
    assert!(answer.text().contains("<D:status>HTTP/1.1 200 OK</D:status>"));
    let now = shown(&server, "erika", CALENDAR).await;
    for part in ["<D:displayname>Work<", "#00FF00", "b &lt; c"] {
        assert!(now.contains(part), "{part}: {now}");
    }
    let steps = remove("<D:displayname/><A:calendar-color/><X:note/><X:never-there/>");
    assert!(patch(&server, CALENDAR, &steps).await.text().contains("HTTP/1.1 200 OK"));
    let now = shown(&server, "erika", CALENDAR).await;
    for part in ["Work", "#00FF00", "b &lt; c"] {
        assert!(!now.contains(part), "{part}: {now}");
    }
}

#[tokio::test]
async fn the_steps_are_applied_in_document_order() {
    let server = Server::new();
    let steps = set("<X:note>1</X:note>")
        + &remove("<X:note/>")
        + &set("<X:note>2</X:note>")
        + &remove("<X:note/>")
        + &set("<X:note>3</X:note>");
    let answer = patch(&server, CALENDAR, &steps).await;
    assert_eq!(answer.text().matches("note").count(), 1, "named once: {}", answer.text());
    assert!(shown(&server, "erika", CALENDAR).await.contains(">3<"));
}

#[tokio::test]
async fn if_one_property_is_refused_none_is_changed() {
    let server = Server::new();
    let steps = set("<D:displayname>Work</D:displayname>")
        + &set("<D:getetag>x</D:getetag><D:resourcetype/>")
        + &remove("<X:note/>");
    let answer = patch(&server, CALENDAR, &steps).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    let parts: Vec<&str> = answer.text().split("<D:propstat>").skip(1).collect();
    assert_eq!(parts.len(), 2, "{}", answer.text());
    let refused = "<D:error><D:cannot-modify-protected-property/></D:error>";
    assert!(parts[0].contains("getetag") && parts[0].contains("resourcetype") && parts[0].contains(refused));
    assert!(parts[0].contains("HTTP/1.1 403 Forbidden"));
    assert!(
        parts[1].contains("displayname") && parts[1].contains("note") && parts[1].contains("HTTP/1.1 424 ")
    );
    assert!(!shown(&server, "erika", CALENDAR).await.contains("Work"));
}

#[tokio::test]
async fn what_is_no_collection_keeps_its_properties() {
    let server = Server::new();
    server.put("/dav/calendars/erika/calendar/a.ics", &event("u1", 2)).await;
    for path in
        ["/dav/principals/erika/", "/dav/calendars/erika/", "/dav/", "/dav/calendars/erika/calendar/a.ics"]
    {
        let answer = patch(&server, path, &set("<D:displayname>x</D:displayname><X:note>y</X:note>")).await;
        assert_eq!(answer.status, StatusCode::MULTI_STATUS, "{path}");
        assert_eq!(answer.text().matches("HTTP/1.1 403").count(), 1, "{path}: {}", answer.text());
    }
    for path in
        ["/dav/calendars/erika/none/", "/dav/calendars/erika/calendar/none.ics", "/dav/principals/otto/"]
    {
        let answer = patch(&server, path, &set("<X:note>y</X:note>")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_sharee_has_a_name_and_a_colour_of_their_own() {
    for access in [Access::FreeBusy, Access::Read, Access::ReadWrite] {
        of_their_own(access).await;
    }
}

/// Names and colours a share, whatever it shows.
async fn of_their_own(access: Access) {
    let server = Server::new();
    server.memory.share("erika", "calendar", "max", access);
    let shared = "/dav/calendars/max/erika-calendar/";
    let steps =
        update(&set("<D:displayname>Erika</D:displayname><A:calendar-color>#0000FF</A:calendar-color>"));
    let answer = server.send_as("max", "PROPPATCH", shared, &[], &steps).await;
    assert!(answer.text().contains("HTTP/1.1 200 OK"), "{}", answer.text());
    assert!(shown(&server, "max", shared).await.contains("#0000FF"));
    assert!(!shown(&server, "erika", CALENDAR).await.contains("#0000FF"));
    let steps = update(&set("<C:calendar-description>x</C:calendar-description>"));
    let answer = server.send_as("max", "PROPPATCH", shared, &[], &steps).await;
    let refused = "<C:calendar-description/></D:prop><D:status>HTTP/1.1 403 Forbidden</D:status>\
         <D:error><D:cannot-modify-protected-property/></D:error>";
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    assert!(answer.text().contains(refused), "{}", answer.text());
}

#[tokio::test]
async fn what_is_the_owners_is_refused_by_name_and_nothing_changes() {
    for access in [Access::FreeBusy, Access::Read, Access::ReadWrite] {
        let server = Server::new();
        server.memory.share("erika", "calendar", "max", access);
        let shared = "/dav/calendars/max/erika-calendar/";
        let steps = update(
            &(set(
                "<D:displayname>x</D:displayname><C:calendar-timezone-id>Asia/Tokyo</C:calendar-timezone-id>",
            ) + &remove("<C:schedule-calendar-transp/>")),
        );
        let answer = server.send_as("max", "PROPPATCH", shared, &[], &steps).await;
        let parts: Vec<&str> = answer.text().split("<D:propstat>").skip(1).collect();
        assert_eq!(parts.len(), 2, "{}", answer.text());
        assert!(parts[0].contains("calendar-timezone-id") && parts[0].contains("schedule-calendar-transp"));
        assert!(parts[0].contains("HTTP/1.1 403 ") && parts[1].contains("HTTP/1.1 424 "));
        assert!(parts[1].contains("displayname"));
        assert!(!shown(&server, "max", shared).await.contains(">x<"));
    }
}

#[tokio::test]
async fn a_value_that_there_is_no_room_for_is_507_in_its_propstat() {
    let server = Server::new();
    let steps =
        set(&format!("<D:displayname>{}</D:displayname><X:note>1</X:note>", "x".repeat((64 << 10) + 1)));
    let answer = patch(&server, CALENDAR, &steps).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    assert_eq!(answer.text().matches("<D:propstat>").count(), 1, "{}", answer.text());
    assert!(answer.text().contains("<D:displayname/>") && answer.text().contains("HTTP/1.1 507 "));
    assert!(answer.text().contains("<D:error><D:quota-not-exceeded/></D:error>"), "{}", answer.text());
    assert!(!shown(&server, "erika", CALENDAR).await.contains("note>1<"));
}

#[tokio::test]
async fn a_minimal_answer_to_a_success_is_empty_and_to_a_failure_complete() {
    let server = Server::new();
    for (header, applied) in
        [(("prefer", "return=minimal"), "return=minimal"), (("brief", "t"), "return=minimal")]
    {
        let answer = server.send("PROPPATCH", CALENDAR, &[header], &update(&set("<X:note>1</X:note>"))).await;
        assert_eq!((answer.status, answer.octets.len()), (StatusCode::OK, 0), "{header:?}");
        assert_eq!(answer.header("preference-applied"), applied);
        let answer = server.send("PROPPATCH", CALENDAR, &[header], &update(&set("<D:owner/>"))).await;
        assert_eq!(answer.status, StatusCode::MULTI_STATUS, "{header:?}");
    }
}

#[tokio::test]
async fn a_body_out_of_its_grammar_or_a_failed_precondition_changes_nothing() {
    let server = Server::new();
    for body in ["", "<D:propertyupdate xmlns:D=\"DAV:\"/>", "<D:propfind xmlns:D=\"DAV:\"/>", "x"] {
        let answer = server.send("PROPPATCH", CALENDAR, &[], body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let body = update(&set("<D:displayname>Work</D:displayname>"));
    for header in [("if-match", "\"x\""), ("if", "(<urn:uuid:1>)"), ("if-none-match", "*")] {
        let answer = server.send("PROPPATCH", CALENDAR, &[header], &body).await;
        assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED, "{header:?}");
    }
    assert!(!shown(&server, "erika", CALENDAR).await.contains("Work"));
}

#[tokio::test]
async fn twenty_thousand_properties_are_answered_in_time_that_grows_with_them() {
    let server = Server::new();
    let props: String = (0..9_000).map(|n| format!("<X:p{n}/>")).collect();
    let answer = patch(&server, CALENDAR, &set(&props)).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    assert_eq!(answer.text().matches("p8999").count(), 1);
}

#[tokio::test]
async fn an_object_keeps_dead_properties_and_its_etag() {
    let server = Server::new();
    let path = format!("{CALENDAR}a.ics");
    server.put(&path, &event("a", 1)).await;
    let before = server.send("GET", &path, &[], "").await;
    let answer = patch(&server, &path, &set("<X:note>kept</X:note>")).await;
    assert!(answer.text().contains("HTTP/1.1 200 OK"), "{}", answer.text());
    assert!(shown(&server, "erika", &path).await.contains("kept"));
    let body = "<D:propfind xmlns:D=\"DAV:\" xmlns:X=\"urn:x\"><D:prop><X:note/></D:prop></D:propfind>";
    let listing = server.send("PROPFIND", CALENDAR, &[("depth", "1")], body).await;
    assert_eq!(listing.text().matches(">kept<").count(), 1, "{}", listing.text());
    let query = "<C:calendar-query xmlns:C=\"urn:ietf:params:xml:ns:caldav\" xmlns:D=\"DAV:\" xmlns:X=\"urn:x\">\
         <D:prop><X:note/></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter></C:calendar-query>";
    let report = server.send("REPORT", CALENDAR, &[("depth", "1")], query).await;
    assert_eq!(report.text().matches(">kept<").count(), 1, "{}", report.text());
    let after = server.send("GET", &path, &[], "").await;
    assert_eq!(before.headers["etag"], after.headers["etag"]);
    let answer = patch(&server, &path, &set("<D:displayname>x</D:displayname>")).await;
    assert!(answer.text().contains("HTTP/1.1 403"), "{}", answer.text());
    assert!(patch(&server, &path, &remove("<X:note/>")).await.text().contains("HTTP/1.1 200 OK"));
    assert!(!shown(&server, "erika", &path).await.contains("kept"));
}
