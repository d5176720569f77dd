//! MKCALENDAR and MKCOL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use almanac_backend::{
    Access, Backend, Caller, Collection, CollectionKind, CollectionName, CollectionPath, Login,
};
use almanac_base::{TenantId, UserId};
use almanac_ical::ComponentKind;
use http::StatusCode;
use support::Server;

const NEW: &str = "/dav/calendars/erika/new/";
const XML: (&str, &str) = ("content-type", "application/xml; charset=utf-8");

async fn made(server: &Server) -> Option<Collection> {
    let login = Login::new("erika").unwrap();
    let caller = Caller {
        tenant: TenantId::from_bytes([1; 16]),
        user: UserId::from_bytes([1; 16]),
        login: login.clone(),
    };
    let at = CollectionPath { home: login, name: CollectionName::new("new").unwrap() };
    server.memory.collection(&caller, &at).await.unwrap()
}

/// A request body: `root` is `D:mkcol` or `C:mkcalendar`.
fn body(root: &str, props: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><{root} xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" \
         xmlns:A=\"http://apple.com/ns/ical/\"><D:set><D:prop>{props}</D:prop></D:set></{root}>"
    )
}

const CALENDAR_TYPE: &str = "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>";

#[tokio::test]
async fn a_collection_is_made_with_and_without_a_body() {
    let calendar = body("D:mkcol", CALENDAR_TYPE);
    let plain = body("D:mkcol", "<D:resourcetype><D:collection/></D:resourcetype>");
    let named = body("C:mkcalendar", "<D:displayname>Work</D:displayname>");
    let rows = [
        ("MKCALENDAR", "", CollectionKind::Calendar),
        ("MKCALENDAR", named.as_str(), CollectionKind::Calendar),
        ("MKCOL", "", CollectionKind::Plain),
        ("MKCOL", plain.as_str(), CollectionKind::Plain),
        ("MKCOL", calendar.as_str(), CollectionKind::Calendar),
    ];
    for (method, body, kind) in rows {
        let server = Server::new();
        let answer = server.send(method, NEW, &[XML], body).await;
        assert_eq!((answer.status, answer.octets.len()), (StatusCode::CREATED, 0), "{method} {body}");
        assert_eq!(answer.header("cache-control"), "no-cache");
        assert_eq!(made(&server).await.unwrap().kind, kind, "{method} {body}");
    }
}

#[tokio::test]
async fn properties_are_set_at_once_and_the_unknown_ones_are_kept() {
    let props = "<D:displayname>Praxis &amp; Büro</D:displayname><C:calendar-description>x</C:calendar-description>\
         <A:calendar-color>#FF2968FF</A:calendar-color><A:calendar-order>3</A:calendar-order>\
         <C:supported-calendar-component-set><C:comp name=\"VTODO\"/></C:supported-calendar-component-set>";
    for (method, body) in [
        ("MKCALENDAR", body("C:mkcalendar", props)),
        ("MKCOL", body("D:mkcol", &format!("{CALENDAR_TYPE}{props}"))),
    ] {
        let server = Server::new();
        assert_eq!(server.send(method, NEW, &[XML], &body).await.status, StatusCode::CREATED, "{method}");
        let collection = made(&server).await.unwrap();
        assert_eq!(collection.display_name.as_deref(), Some("Praxis & Büro"));
        assert_eq!(collection.description.as_deref(), Some("x"));
        assert_eq!(collection.components, [ComponentKind::Todo].into());
        let dead: Vec<&str> = collection.dead.iter().map(|dead| dead.local.as_str()).collect();
        assert_eq!(dead, ["calendar-color", "calendar-order"]);
        assert!(collection.dead[0].xml.contains("#FF2968FF"));
    }
}

#[tokio::test]
async fn a_property_that_cannot_be_set_makes_nothing_and_is_named() {
    let bad = "<D:displayname>x</D:displayname><D:getetag>y</D:getetag>";
    let kinds =
        "<C:supported-calendar-component-set><C:comp name=\"VPOLL\"/></C:supported-calendar-component-set>";
    let book = "<D:resourcetype><D:collection/><X:addressbook xmlns:X=\"urn:ietf:params:xml:ns:carddav\"/></D:resourcetype>";
    let rows = [
        (
            "MKCALENDAR",
            body("C:mkcalendar", bad),
            "C:mkcalendar-response",
            "D:cannot-modify-protected-property",
            "getetag",
        ),
        (
            "MKCOL",
            body("D:mkcol", &format!("{CALENDAR_TYPE}{bad}")),
            "D:mkcol-response",
            "D:cannot-modify-protected-property",
            "getetag",
        ),
        (
            "MKCALENDAR",
            body("C:mkcalendar", kinds),
            "C:mkcalendar-response",
            "C:supported-calendar-component",
            "supported-calendar-component-set",
        ),
        ("MKCOL", body("D:mkcol", book), "D:mkcol-response", "D:valid-resourcetype", "resourcetype"),
    ];
    for (method, body, root, condition, property) in rows {
        let server = Server::new();
        let answer = server.send(method, NEW, &[XML], &body).await;
        assert_eq!(
            (answer.status, answer.condition().as_str()),
            (StatusCode::FORBIDDEN, condition),
            "{method}"
        );
        let text = answer.text();
        assert!(text.contains(&format!("<{root} ")), "{text}");
        let refused =
            text.split("<D:propstat>").find(|part| part.contains("HTTP/1.1 403")).expect("a refused one");
        assert!(refused.contains(property), "{text}");
        if body.contains("displayname") {
            let rest = text
                .split("<D:propstat>")
                .find(|part| part.contains("HTTP/1.1 424"))
                .expect("a dependent one");
            assert!(rest.contains("<D:displayname/>"), "{text}");
        }
        assert!(made(&server).await.is_none());
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_in_the_way_of_each_method() {
    let server = Server::new();
    server.send("MKCALENDAR", NEW, &[], "").await;
    let calendar = server.send("MKCALENDAR", NEW, &[], "").await;
    assert_eq!(
        (calendar.status, calendar.condition().as_str()),
        (StatusCode::FORBIDDEN, "D:resource-must-be-null")
    );
    let plain = server.send("MKCOL", NEW, &[], "").await;
    assert_eq!(
        (plain.status, plain.condition().as_str()),
        (StatusCode::METHOD_NOT_ALLOWED, "D:resource-must-be-null")
    );
    assert!(plain.header("allow").contains("PROPFIND"));
    let guarded = server.send("MKCALENDAR", NEW, &[("if-none-match", "*")], "").await;
    assert_eq!(guarded.status, StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn a_collection_is_made_in_ones_own_home_only() {
    let server = Server::new();
    server.memory.share("erika", "calendar", "max", Access::ReadWrite);
    let place = "C:calendar-collection-location-ok";
    let rows = [
        ("/new/", 403, place),
        ("/dav/new/", 403, place),
        ("/dav/calendars/new/", 403, place),
        ("/dav/principals/new/", 403, place),
        ("/dav/calendars/erika/calendar/new/", 403, place),
        ("/dav/calendars/erika/calendar/new/newer/", 409, ""),
        ("/dav/calendars/erika/none/new/", 409, ""),
        ("/dav/calendars/max/new/", 409, ""),
        ("/dav/calendars/otto/new/", 409, ""),
        ("/dav/calendars/nobody/new/", 409, ""),
        ("/dav/calendars/erika/a%2fb/", 400, ""),
        ("/dav/calendars/erika/%2e%2e/", 400, ""),
    ];
    for (path, status, condition) in rows {
        for method in ["MKCALENDAR", "MKCOL"] {
            let answer = server.send(method, path, &[], "").await;
            assert_eq!(
                (answer.status.as_u16(), answer.condition().as_str()),
                (status, condition),
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_there_already_is_no_place_for_a_new_collection() {
    let server = Server::new();
    server.send("PUT", "/dav/calendars/erika/calendar/a.ics", &[], &support::event("a", 2)).await;
    for path in [
        "/",
        "/dav/",
        "/dav/principals/",
        "/dav/principals/erika/",
        "/dav/calendars/",
        "/dav/calendars/erika/",
        "/dav/calendars/erika/calendar/",
        "/dav/calendars/erika/calendar/a.ics",
    ] {
        let plain = server.send("MKCOL", path, &[], "").await;
        assert_eq!(
            (plain.status, plain.condition().as_str()),
            (StatusCode::METHOD_NOT_ALLOWED, "D:resource-must-be-null"),
            "{path}"
        );
        let options = server.send("OPTIONS", path, &[], "").await;
        assert_eq!(plain.header("allow"), options.header("allow"), "{path}");
        let calendar = server.send("MKCALENDAR", path, &[], "").await;
        assert_eq!(
            (calendar.status, calendar.condition().as_str()),
            (StatusCode::FORBIDDEN, "D:resource-must-be-null"),
            "{path}"
        );
    }
    // What is another's looks like nothing.
    let foreign = server.send("MKCOL", "/dav/principals/otto/", &[], "").await;
    assert_eq!(foreign.condition(), "C:calendar-collection-location-ok");
}

#[tokio::test]
async fn a_body_of_another_kind_is_refused() {
    let server = Server::new();
    let rows = [
        ("MKCOL", XML, "<D:propfind xmlns:D=\"DAV:\"/>", 415),
        ("MKCALENDAR", XML, "<D:propfind xmlns:D=\"DAV:\"/>", 400),
        ("MKCOL", ("content-type", "text/plain"), "hello", 415),
        ("MKCALENDAR", ("content-type", "application/json"), "{}", 415),
        ("MKCOL", XML, "<D:mkcol xmlns:D=\"DAV:\">", 400),
        ("MKCALENDAR", XML, "hello", 400),
    ];
    for (method, content_type, body, status) in rows {
        let answer = server.send(method, NEW, &[content_type], body).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {body}");
        assert!(made(&server).await.is_none());
    }
}

#[tokio::test]
async fn a_client_may_prefer_a_minimal_answer() {
    let server = Server::new();
    let answer = server.send("MKCALENDAR", NEW, &[("prefer", "return=minimal")], "").await;
    assert_eq!((answer.status, answer.header("preference-applied")), (StatusCode::CREATED, "return=minimal"));
}
