//! DELETE.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use almanac_backend::Access;
use http::StatusCode;
use support::{Server, event};

const EVENT: &str = "/dav/calendars/erika/calendar/a.ics";
const CALENDAR: &str = "/dav/calendars/erika/calendar/";

#[tokio::test]
async fn an_object_is_deleted_once() {
    let server = Server::new();
    server.put(EVENT, &event("u1", 2)).await;
    let answer = server.send("DELETE", EVENT, &[], "").await;
    assert_eq!((answer.status, answer.octets.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(server.send("DELETE", EVENT, &[], "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.send("GET", EVENT, &[], "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_delete_is_conditional() {
    let server = Server::new();
    let stale = server.put(EVENT, &event("u1", 1)).await;
    let etag = server.put(EVENT, &event("u1", 2)).await;
    let rows = [
        ("if-match", stale.as_str()),
        ("if-match", "\"x\""),
        ("if-none-match", "*"),
        ("if-none-match", etag.as_str()),
        ("if-unmodified-since", "Sun, 01 Mar 2026 00:00:00 GMT"),
        ("if", "(<opaquelocktoken:1>)"),
    ];
    for row in rows {
        let answer = server.send("DELETE", EVENT, &[row], "").await;
        assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED, "{row:?}");
    }
    let absent = "/dav/calendars/erika/calendar/none.ics";
    for tag in ["*", "\"x\""] {
        let answer = server.send("DELETE", absent, &[("if-match", tag)], "").await;
        assert_eq!(
            answer.status,
            StatusCode::NOT_FOUND,
            "missing in any case (RFC 9110 section 13.2.1): {tag}"
        );
    }
    assert_eq!(server.send("DELETE", EVENT, &[("if-match", &etag)], "").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_deleted_collection_is_gone_with_its_members_and_its_name_is_free_at_once() {
    let server = Server::new();
    server.put(EVENT, &event("u1", 2)).await;
    for depth in ["0", "1"] {
        assert_eq!(
            server.send("DELETE", CALENDAR, &[("depth", depth)], "").await.status,
            StatusCode::BAD_REQUEST
        );
    }
    assert_eq!(
        server.send("DELETE", CALENDAR, &[("if-match", "\"x\"")], "").await.status,
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(
        server.send("DELETE", CALENDAR, &[("depth", "infinity")], "").await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(server.send("GET", EVENT, &[], "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.send("DELETE", CALENDAR, &[], "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.send("MKCALENDAR", CALENDAR, &[], "").await.status, StatusCode::CREATED);
    assert_eq!(server.send("GET", EVENT, &[], "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_who_may_write_deletes_and_a_sharee_ends_the_share_only() {
    let server = Server::new();
    server.put(EVENT, &event("u1", 2)).await;
    server.memory.share("erika", "calendar", "max", Access::Read);
    assert_eq!(server.send_as("otto", "DELETE", EVENT, &[], "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.send_as("otto", "DELETE", CALENDAR, &[], "").await.status, StatusCode::NOT_FOUND);
    let answer = server.send_as("max", "DELETE", "/dav/calendars/max/erika-calendar/a.ics", &[], "").await;
    assert_eq!((answer.status, answer.condition().as_str()), (StatusCode::FORBIDDEN, "D:need-privileges"));
    assert!(answer.text().contains("<D:privilege><D:unbind/></D:privilege>"), "{}", answer.text());
    let shared = "/dav/calendars/max/erika-calendar/";
    assert_eq!(server.send_as("max", "DELETE", shared, &[], "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.send_as("max", "GET", shared, &[], "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.send("GET", EVENT, &[], "").await.status, StatusCode::OK);
}
