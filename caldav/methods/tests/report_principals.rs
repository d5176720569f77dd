//! The reports on principals (RFC 3744 section 9) and expand-property (RFC 3253 section 3.8).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod multistatus;
mod support;

use almanac_backend::Access;
use almanac_davxml::{Limits, names, parse};
use http::StatusCode;
use multistatus::{Multistatus, Response, prop, report};
use support::{Server, event};

const PRINCIPALS: &str = "/dav/principals/";
const CALENDAR: &str = "/dav/calendars/erika/calendar/";

async fn ask(server: &Server, path: &str, body: &str) -> Multistatus {
    Multistatus::of(&server.send("REPORT", path, &[("depth", "0")], body).await)
}

#[tokio::test]
async fn principals_are_found_by_what_is_searchable_and_only_in_the_own_tenant() {
    let server = Server::new();
    let search = |attributes: &str, content: &str| {
        report(&format!("D:principal-property-search {attributes}"), content).replace(
            &format!("</D:principal-property-search {attributes}>"),
            "</D:principal-property-search>",
        )
    };
    let one = |name: &str, text: &str, attributes: &str| {
        format!(
            "<D:property-search><D:prop><{name}/></D:prop><D:match {attributes}>{text}</D:match></D:property-search>"
        )
    };
    let rows: Vec<(&str, String, &[&str])> = vec![
        ("part of a name without case", search("", &one("D:displayname", "MUSTER", "")), &["max"]),
        ("mail address", search("", &one("CS:email-address-set", "erika@", "")), &["erika"]),
        (
            "calendar user address",
            search("", &one("C:calendar-user-address-set", "mailto:max", "")),
            &["max"],
        ),
        ("everybody of the tenant", search("", &one("D:displayname", "", "")), &["erika", "max"]),
        ("another tenant", search("", &one("D:displayname", "Otto", "")), &[]),
        ("not searchable", search("", &one("D:owner", "", "")), &[]),
        (
            "all of",
            search(
                "",
                &format!("{}{}", one("D:displayname", "max", ""), one("CS:email-address-set", "erika", "")),
            ),
            &[],
        ),
        (
            "any of",
            search(
                "test='anyof'",
                &format!("{}{}", one("D:displayname", "max", ""), one("CS:email-address-set", "erika", "")),
            ),
            &["erika", "max"],
        ),
        ("start", search("", &one("D:displayname", "muster", "match-type='starts-with'")), &[]),
        ("end", search("", &one("D:displayname", "muster", "match-type='ends-with'")), &["max"]),
    ];
    for (name, body, expected) in rows {
        let body = body.replace(
            "</D:principal-property-search>",
            "<D:prop><D:displayname/></D:prop></D:principal-property-search>",
        );
        let found = ask(&server, PRINCIPALS, &body).await;
        let expected: Vec<String> = expected.iter().map(|login| format!("{PRINCIPALS}{login}/")).collect();
        assert_eq!(found.hrefs(), expected, "{name}");
        assert!(found.responses.iter().all(|response| !response.text("displayname").is_empty()));
    }
}

#[tokio::test]
async fn what_is_searchable_is_told_with_descriptions() {
    let server = Server::new();
    let answer = server.send("REPORT", PRINCIPALS, &[], &report("D:principal-search-property-set", "")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let root = parse(&answer.octets, &Limits::reply()).unwrap().unwrap();
    assert!(root.is(names::DAV, "principal-search-property-set"));
    let all: Vec<_> = root.children_named(names::DAV, "principal-search-property").collect();
    assert!(all.iter().all(|property| property.child(names::DAV, "description").is_some()));
    let first = all[0].child(names::DAV, "prop").unwrap().elements().next().unwrap();
    assert!(first.is(names::DAV, "displayname"));
}

#[tokio::test]
async fn principal_match_finds_the_caller_and_what_is_his() {
    let server = Server::new();
    server.put(&format!("{CALENDAR}a.ics"), &event("a", 2)).await;
    server.memory.share("max", "calendar", "erika", Access::Read);
    let myself = report("D:principal-match", "<D:self/><D:prop><D:displayname/></D:prop>");
    for path in ["/", PRINCIPALS, "/dav/principals/erika/"] {
        assert_eq!(ask(&server, path, &myself).await.hrefs(), ["/dav/principals/erika/"], "{path}");
    }
    for path in ["/dav/principals/max/", CALENDAR] {
        assert!(ask(&server, path, &myself).await.responses.is_empty(), "{path}");
    }
    let owned = report(
        "D:principal-match",
        &format!("<D:principal-property><D:owner/></D:principal-property>{}", prop(&["D:resourcetype"])),
    );
    assert_eq!(
        ask(&server, "/dav/calendars/erika/", &owned).await.hrefs(),
        [CALENDAR, "/dav/calendars/erika/calendar/a.ics", "/dav/calendars/erika/tasks/"],
        "not what is shared by somebody else"
    );
    let by_url =
        report("D:principal-match", "<D:principal-property><D:principal-URL/></D:principal-property>");
    assert_eq!(ask(&server, PRINCIPALS, &by_url).await.hrefs(), ["/dav/principals/erika/"]);
}

#[tokio::test]
async fn the_principals_of_an_acl_are_for_the_owner_to_see() {
    let server = Server::new();
    server.memory.share("erika", "calendar", "max", Access::Read);
    let body = report("D:acl-principal-prop-set", &prop(&["D:displayname"]));
    let found = ask(&server, CALENDAR, &body).await;
    assert_eq!(found.hrefs(), ["/dav/principals/erika/", "/dav/principals/max/"]);
    assert_eq!(found.responses[1].text("displayname"), "Max Muster");
    let answer = server.send_as("max", "REPORT", "/dav/calendars/max/erika-calendar/", &[], &body).await;
    assert_eq!((answer.status, answer.condition().as_str()), (StatusCode::FORBIDDEN, "D:need-privileges"));
}

fn expanded(response: &Response, local: &str) -> Vec<Response> {
    response.prop(local).children_named(names::DAV, "response").map(Response::read).collect()
}

#[tokio::test]
async fn hrefs_are_replaced_by_the_properties_behind_them() {
    let server = Server::new();
    let caldav = "namespace='urn:ietf:params:xml:ns:caldav'";
    let body = report(
        "D:expand-property",
        &format!(
            "<D:property name='displayname'/><D:property name='nothing'/>\
             <D:property name='current-user-principal'>\
               <D:property name='displayname'/>\
               <D:property name='calendar-home-set' {caldav}><D:property name='owner'><D:property name='principal-URL'/>\
               </D:property></D:property>\
               <D:property name='calendar-user-address-set' {caldav}><D:property name='displayname'/></D:property>\
             </D:property>"
        ),
    );
    let found = ask(&server, "/dav/principals/max/", &body).await;
    let max = found.at("/dav/principals/max/");
    assert_eq!((max.text("displayname").as_str(), max.names(404)), ("Max Muster", vec!["nothing"]));
    let erika = &expanded(max, "current-user-principal")[0];
    assert_eq!(
        (erika.href.as_str(), erika.text("displayname").as_str()),
        ("/dav/principals/erika/", "Erika Beispiel")
    );
    let home = &expanded(erika, "calendar-home-set")[0];
    assert_eq!(home.href, "/dav/calendars/erika/");
    let owner = &expanded(home, "owner")[0];
    assert_eq!(owner.hrefs_in("principal-URL"), ["/dav/principals/erika/"]);
    let addresses = expanded(erika, "calendar-user-address-set");
    assert_eq!(
        (addresses[0].href.as_str(), addresses[0].names(404)),
        ("mailto:erika@example.org", vec!["displayname"])
    );
    assert_eq!(addresses[1].text("displayname"), "Erika Beispiel");
}

#[tokio::test]
async fn an_expansion_that_multiplies_is_refused_after_a_bounded_number_of_lookups() {
    let server = Server::new();
    // Six hrefs lead on from a principal, four of them to a principal again: 6, then 26, then 112.
    let nest = |inner: &str| {
        let names = ["current-user-principal", "principal-URL", "owner", "principal-collection-set"];
        let dav = names.map(|name| format!("<D:property name='{name}'>{inner}</D:property>")).concat();
        let addresses = "calendar-user-address-set' namespace='urn:ietf:params:xml:ns:caldav";
        format!("{dav}<D:property name='{addresses}'>{inner}</D:property>")
    };
    let leaf = "<D:property name='displayname'/>";
    let ask = async |content: &str| {
        let before = server.memory.calls();
        let answer =
            server.send("REPORT", "/dav/principals/erika/", &[], &report("D:expand-property", content)).await;
        (answer.status, answer.condition(), server.memory.calls() - before)
    };
    let (status, _, _) = ask(&nest(&nest(leaf))).await;
    assert_eq!(status, StatusCode::MULTI_STATUS);
    let (status, condition, calls) = ask(&nest(&nest(&nest(leaf)))).await;
    assert_eq!(
        (status, condition.as_str()),
        (StatusCode::INSUFFICIENT_STORAGE, "D:number-of-matches-within-limits")
    );
    assert!(calls <= 101, "{calls}");
    let (status, _, calls) = ask(&nest(&nest(&nest(&nest(leaf))))).await;
    assert_eq!((status, calls), (StatusCode::BAD_REQUEST, 0), "so many levels are not read at all");
}

#[tokio::test]
async fn a_report_that_a_resource_does_not_have_is_refused_by_name() {
    let server = Server::new();
    server.put(&format!("{CALENDAR}a.ics"), &event("a", 2)).await;
    let search =
        "<D:property-search><D:prop><D:displayname/></D:prop><D:match>x</D:match></D:property-search>";
    for (path, root, content) in [
        (CALENDAR, "D:version-tree", ""),
        (
            "/dav/calendars/erika/",
            "D:sync-collection",
            "<D:sync-token/><D:sync-level>1</D:sync-level><D:prop/>",
        ),
        (
            "/dav/calendars/erika/calendar/a.ics",
            "D:sync-collection",
            "<D:sync-token/><D:sync-level>1</D:sync-level><D:prop/>",
        ),
        (CALENDAR, "D:principal-property-search", search),
        (PRINCIPALS, "C:calendar-multiget", "<D:prop/><D:href>/</D:href>"),
        (PRINCIPALS, "D:acl-principal-prop-set", "<D:prop/>"),
    ] {
        let answer = server.send("REPORT", path, &[], &report(root, content)).await;
        assert_eq!(
            (answer.status, answer.condition().as_str()),
            (StatusCode::FORBIDDEN, "D:supported-report"),
            "{root}"
        );
    }
    assert_eq!(server.send("REPORT", CALENDAR, &[], "").await.status, StatusCode::BAD_REQUEST);
    let missing = report("D:sync-collection", "<D:sync-token/><D:sync-level>1</D:sync-level><D:prop/>");
    let answer = server.send("REPORT", "/dav/calendars/erika/none/", &[], &missing).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_reports_offered_are_the_reports_answered() {
    let server = Server::new();
    server.put(&format!("{CALENDAR}a.ics"), &event("a", 2)).await;
    for path in [
        "/",
        PRINCIPALS,
        "/dav/principals/erika/",
        "/dav/calendars/",
        "/dav/calendars/erika/",
        CALENDAR,
        "/dav/calendars/erika/calendar/a.ics",
    ] {
        let body = multistatus::propfind(&["D:supported-report-set"]);
        let found = Multistatus::of(&server.send("PROPFIND", path, &[("depth", "0")], &body).await);
        let offered = found.responses[0].leaves_of("supported-report-set");
        assert!(offered.contains(&"expand-property".to_owned()));
        let search =
            "<D:property-search><D:prop><D:displayname/></D:prop><D:match>x</D:match></D:property-search>";
        let filter = "<C:filter><C:comp-filter name='VCALENDAR'/></C:filter>";
        for (root, content) in [
            ("C:calendar-query", format!("<D:prop/>{filter}")),
            ("C:calendar-multiget", "<D:prop/><D:href>/</D:href>".to_owned()),
            (
                "C:free-busy-query",
                "<C:time-range start='20260301T000000Z' end='20260401T000000Z'/>".to_owned(),
            ),
            ("D:sync-collection", "<D:sync-token/><D:sync-level>1</D:sync-level><D:prop/>".to_owned()),
            ("D:expand-property", "<D:property name='owner'/>".to_owned()),
            ("D:principal-property-search", format!("{search}<D:prop/>")),
            ("D:principal-search-property-set", String::new()),
            ("D:principal-match", "<D:self/>".to_owned()),
            ("D:acl-principal-prop-set", "<D:prop/>".to_owned()),
        ] {
            let answer = server.send("REPORT", path, &[], &report(root, &content)).await;
            let local = root.split(':').nth(1).unwrap().to_owned();
            assert_eq!(
                answer.status.is_success(),
                offered.contains(&local),
                "{path} {root} {}",
                answer.text()
            );
        }
    }
}
