//! PROPFIND (RFC 4918 section 9.1, RFC 8144 section 4) and the live properties.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod multistatus;
mod support;

use almanac_backend::Access;
use http::StatusCode;
use multistatus::{Multistatus, propfind};
use support::{Server, event};

const CALENDAR: &str = "/dav/calendars/erika/calendar/";

async fn find(server: &Server, path: &str, depth: &str, props: &[&str]) -> Multistatus {
    Multistatus::of(&server.send("PROPFIND", path, &[("depth", depth)], &propfind(props)).await)
}

#[tokio::test]
async fn a_client_finds_its_calendars_from_the_root() {
    let server = Server::new();
    for root in ["/", "/dav/", "/dav", "/dav/principals/", "/dav/calendars/"] {
        let found = find(&server, root, "0", &["D:current-user-principal"]).await;
        assert_eq!(
            found.responses[0].hrefs_in("current-user-principal"),
            ["/dav/principals/erika/"],
            "{root}"
        );
    }
    let asked = ["C:calendar-home-set", "C:calendar-user-address-set", "D:displayname", "D:principal-URL"];
    let found = find(&server, "/dav/principals/erika/", "0", &asked).await;
    let principal = found.at("/dav/principals/erika/");
    assert_eq!(principal.hrefs_in("calendar-home-set"), ["/dav/calendars/erika/"]);
    assert_eq!(
        principal.hrefs_in("calendar-user-address-set"),
        ["mailto:erika@example.org", "/dav/principals/erika/"]
    );
    assert_eq!(principal.text("displayname"), "Erika Beispiel");
    assert_eq!(principal.hrefs_in("principal-URL"), ["/dav/principals/erika/"]);
    let found = find(&server, "/dav/calendars/erika/", "1", &["D:resourcetype"]).await;
    assert_eq!(
        found.hrefs(),
        ["/dav/calendars/erika/", "/dav/calendars/erika/calendar/", "/dav/calendars/erika/tasks/"]
    );
    assert_eq!(found.responses[0].elements_in("resourcetype"), ["collection"]);
    assert_eq!(found.responses[1].elements_in("resourcetype"), ["collection", "calendar"]);
}

#[tokio::test]
async fn dead_properties_of_many_members_are_read_some_at_a_time() {
    let server = Server::new();
    for n in 0..120 {
        server.put(&format!("{CALENDAR}{n}.ics"), &event(&n.to_string(), 3)).await;
    }
    let asked = "<D:prop><D:getetag/><x:note xmlns:x=\"urn:x\"/></D:prop>";
    let sync = format!(
        "<D:sync-collection xmlns:D=\"DAV:\"><D:sync-token/><D:sync-level>1</D:sync-level>{asked}</D:sync-collection>"
    );
    let query = format!(
        "<C:calendar-query xmlns:C=\"urn:ietf:params:xml:ns:caldav\" xmlns:D=\"DAV:\">{asked}<C:filter>\
         <C:comp-filter name=\"VCALENDAR\"/></C:filter></C:calendar-query>"
    );
    let list = format!("<D:propfind xmlns:D=\"DAV:\">{asked}</D:propfind>");
    for (method, body, responses) in [("PROPFIND", list, 121), ("REPORT", sync, 120), ("REPORT", query, 120)]
    {
        let depth = if body.contains("sync-level") { "0" } else { "1" };
        let found = Multistatus::of(&server.send(method, CALENDAR, &[("depth", depth)], &body).await);
        assert_eq!(found.responses.len(), responses, "{body}");
        assert!((1..=50).contains(&server.memory.properties_at_once()), "{body}");
    }
}

#[tokio::test]
async fn depth_one_walks_the_fixed_tree() {
    let server = Server::new();
    for (path, expected) in [
        ("/", vec!["/", "/dav/"]),
        ("/dav/", vec!["/dav/", "/dav/principals/", "/dav/calendars/"]),
        ("/dav/principals/", vec!["/dav/principals/", "/dav/principals/erika/", "/dav/principals/max/"]),
        ("/dav/principals/erika/", vec!["/dav/principals/erika/"]),
        ("/dav/calendars/", vec!["/dav/calendars/", "/dav/calendars/erika/"]),
    ] {
        assert_eq!(find(&server, path, "1", &["D:resourcetype"]).await.hrefs(), expected, "{path}");
    }
}

#[tokio::test]
async fn what_is_missing_or_anothers_is_404_and_never_a_multistatus() {
    let server = Server::new();
    for path in [
        "/nothing",
        "/dav/nothing/",
        "/dav/principals/nobody/",
        "/dav/principals/otto/",
        "/dav/calendars/otto/",
        "/dav/calendars/otto/calendar/",
        "/dav/calendars/erika/nothing/",
        "/dav/calendars/erika/calendar/nothing.ics",
        "/dav/calendars/erika/calendar/nothing.ics/below",
    ] {
        for depth in ["0", "1"] {
            let answer = server.send("PROPFIND", path, &[("depth", depth)], "").await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}

#[tokio::test]
async fn everything_below_a_collection_is_too_much() {
    let server = Server::new();
    server.put("/dav/calendars/erika/calendar/a.ics", &event("a", 2)).await;
    for path in ["/", "/dav/", "/dav/principals/", "/dav/calendars/", "/dav/calendars/erika/", CALENDAR] {
        for headers in [&[("depth", "infinity")][..], &[]] {
            let answer = server.send("PROPFIND", path, headers, "").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
            assert_eq!(answer.condition(), "D:propfind-finite-depth");
        }
    }
    for leaf in ["/dav/principals/erika/", "/dav/calendars/erika/calendar/a.ics"] {
        assert_eq!(find(&server, leaf, "infinity", &["D:resourcetype"]).await.hrefs(), [leaf]);
    }
}

#[tokio::test]
async fn a_calendar_lists_its_members_in_order_without_reading_a_body() {
    let server = Server::new();
    for name in ["b.ics", "a%20b.ics", "%C3%BC.ics"] {
        server.put(&format!("{CALENDAR}{name}"), &event(name, 2)).await;
    }
    let before = server.memory.bodies_read();
    let found = find(&server, CALENDAR, "1", &["D:getetag", "D:getcontenttype", "D:resourcetype"]).await;
    assert_eq!(found.members(), ["", "a%20b.ics", "b.ics", "%C3%BC.ics"]);
    assert_eq!(server.memory.bodies_read(), before);
    let object = found.at("/dav/calendars/erika/calendar/b.ics");
    assert_eq!(object.text("getcontenttype"), "text/calendar; charset=utf-8; component=VEVENT");
    assert!(object.elements_in("resourcetype").is_empty());
    let got = server.send("GET", &object.href, &[], "").await;
    assert_eq!(object.text("getetag"), got.header("etag"));
}

#[tokio::test]
async fn an_empty_prop_still_lists_the_members() {
    let server = Server::new();
    server.put("/dav/calendars/erika/calendar/a.ics", &event("a", 2)).await;
    let found = find(&server, CALENDAR, "1", &[]).await;
    assert_eq!(found.hrefs(), [CALENDAR, "/dav/calendars/erika/calendar/a.ics"]);
}

#[tokio::test]
async fn a_long_listing_is_complete_and_arrives_in_pieces() {
    let server = Server::new();
    for number in 0..1_201 {
        server.put(&format!("{CALENDAR}{number:04}.ics"), &event(&format!("uid-{number}"), 2)).await;
    }
    let answer = server.send("PROPFIND", CALENDAR, &[("depth", "1")], &propfind(&["D:getetag"])).await;
    assert_eq!(answer.header("content-length"), "", "a streamed answer has no length");
    let found = Multistatus::of(&answer);
    let expected: Vec<String> = (0..1_201).map(|number| format!("{number:04}.ics")).collect();
    assert_eq!(found.members()[1..], expected);
}

#[tokio::test]
async fn allprop_is_rfc_4918_and_dead_properties_and_what_is_included() {
    let server = Server::new();
    let patch = "<D:propertyupdate xmlns:D='DAV:'><D:set><D:prop>\
        <color xmlns='http://apple.com/ns/ical/'>#FF2968</color></D:prop></D:set></D:propertyupdate>";
    assert_eq!(server.send("PROPPATCH", CALENDAR, &[], patch).await.status, StatusCode::MULTI_STATUS);
    let usual = [
        "resourcetype",
        "creationdate",
        "getcontenttype",
        "getetag",
        "lockdiscovery",
        "supportedlock",
        "color",
    ];
    let allprop = "<D:propfind xmlns:D='DAV:'><D:allprop/></D:propfind>";
    for body in ["", allprop] {
        let found = Multistatus::of(&server.send("PROPFIND", CALENDAR, &[("depth", "0")], body).await);
        assert_eq!(found.responses[0].names(200), usual);
        assert_eq!(found.responses[0].text("color"), "#FF2968");
    }
    let include = "<D:propfind xmlns:D='DAV:'><D:allprop/><D:include>\
        <D:owner/><D:resourcetype/><color xmlns='http://apple.com/ns/ical/'/><D:nothing/></D:include></D:propfind>";
    let found = Multistatus::of(&server.send("PROPFIND", CALENDAR, &[("depth", "0")], include).await);
    let with_owner: Vec<&str> = usual.into_iter().chain(["owner"]).collect();
    assert_eq!(found.responses[0].names(200), with_owner);
    assert_eq!(found.responses[0].names(404), ["nothing"]);
}

#[tokio::test]
async fn propname_names_exactly_what_a_request_by_name_then_finds() {
    let server = Server::new();
    server.put("/dav/calendars/erika/calendar/a.ics", &event("a", 2)).await;
    for path in [
        "/",
        "/dav/principals/",
        "/dav/principals/erika/",
        "/dav/calendars/",
        "/dav/calendars/erika/",
        CALENDAR,
        "/dav/calendars/erika/calendar/a.ics",
    ] {
        let names = "<D:propfind xmlns:D='DAV:'><D:propname/></D:propfind>";
        let named = Multistatus::of(&server.send("PROPFIND", path, &[("depth", "0")], names).await);
        let named = &named.responses[0];
        assert!(named.props.iter().all(|(status, prop)| *status == 200 && prop.children.is_empty()));
        let asked: String = named.props.iter().map(|(_, prop)| prop.to_xml()).collect();
        let body = format!("<D:propfind xmlns:D='DAV:'><D:prop>{asked}</D:prop></D:propfind>");
        let found = Multistatus::of(&server.send("PROPFIND", path, &[("depth", "0")], &body).await);
        assert_eq!(found.responses[0].names(200), named.names(200), "{path}");
        assert!(found.responses[0].names(404).is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_calendar_says_what_it_takes_and_offers() {
    let server = Server::new();
    let asked = [
        "C:supported-calendar-component-set",
        "C:supported-calendar-data",
        "C:supported-collation-set",
        "C:max-resource-size",
        "C:schedule-calendar-transp",
        "D:supported-report-set",
        "D:sync-token",
        "CS:getctag",
        "D:owner",
        "D:add-member",
        "C:calendar-description",
        "C:calendar-data",
    ];
    let found = find(&server, CALENDAR, "0", &asked).await;
    let calendar = found.at(CALENDAR);
    let kinds = calendar.prop("supported-calendar-component-set");
    let kinds: Vec<_> = kinds.elements().filter_map(|comp| comp.attribute("name")).collect();
    assert_eq!(kinds, ["VEVENT", "VJOURNAL", "VFREEBUSY"]);
    let data = calendar.prop("supported-calendar-data").elements().next().unwrap();
    assert_eq!(
        (data.attribute("content-type"), data.attribute("version")),
        (Some("text/calendar"), Some("2.0"))
    );
    assert_eq!(calendar.elements_in("supported-collation-set").len(), 3);
    assert!(calendar.text("max-resource-size").parse::<u64>().unwrap() > 100_000);
    assert_eq!(calendar.elements_in("schedule-calendar-transp"), ["opaque"]);
    assert_eq!(
        calendar.leaves_of("supported-report-set"),
        [
            "calendar-query",
            "calendar-multiget",
            "free-busy-query",
            "sync-collection",
            "expand-property",
            "principal-match",
            "acl-principal-prop-set"
        ]
    );
    assert_eq!(calendar.hrefs_in("owner"), ["/dav/principals/erika/"]);
    assert!(calendar.hrefs_in("add-member")[0].starts_with(CALENDAR));
    assert_eq!(calendar.names(404), ["calendar-description", "calendar-data"]);
    let (ctag, token) = (calendar.text("getctag"), calendar.text("sync-token"));
    assert!(token.contains(':'), "a sync token is a URI");
    server.put("/dav/calendars/erika/calendar/a.ics", &event("a", 2)).await;
    let found = find(&server, CALENDAR, "0", &asked).await;
    assert_ne!(found.responses[0].text("getctag"), ctag);
    assert_ne!(found.responses[0].text("sync-token"), token);
}

#[tokio::test]
async fn a_zone_set_by_identifier_is_shown_by_definition_too() {
    let server = Server::new();
    let set = |prop: &str| {
        format!(
            "<D:propertyupdate xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'>\
            <D:set><D:prop>{prop}</D:prop></D:set></D:propertyupdate>"
        )
    };
    let by_id = set("<C:calendar-timezone-id>Europe/Berlin</C:calendar-timezone-id>");
    let answer = Multistatus::of(&server.send("PROPPATCH", CALENDAR, &[], &by_id).await);
    assert_eq!(answer.responses[0].names(200), ["calendar-timezone-id"]);
    let asked = ["C:calendar-timezone-id", "C:calendar-timezone"];
    let found = find(&server, CALENDAR, "0", &asked).await;
    assert_eq!(found.responses[0].text("calendar-timezone-id"), "Europe/Berlin");
    let definition = found.responses[0].text("calendar-timezone");
    assert!(definition.contains("\r\nTZID:Europe/Berlin\r\n"), "CRLF survives XML: {definition:?}");
    // The definition that we made is one that we take, and it replaces the identifier.
    let escaped = definition.replace('\r', "&#13;");
    let by_text = set(&format!("<C:calendar-timezone>{escaped}</C:calendar-timezone>"));
    let answer = Multistatus::of(&server.send("PROPPATCH", CALENDAR, &[], &by_text).await);
    assert_eq!(answer.responses[0].names(200), ["calendar-timezone"]);
    let found = find(&server, CALENDAR, "0", &asked).await;
    assert_eq!(found.responses[0].text("calendar-timezone-id"), "Europe/Berlin");
    assert_eq!(found.responses[0].text("calendar-timezone"), definition);
    // That of a zone of their own is the name that they gave it.
    let own = definition.replace("TZID:Europe/Berlin", "TZID:Our zone").replace('\r', "&#13;");
    let by_text = set(&format!("<C:calendar-timezone>{own}</C:calendar-timezone>"));
    server.send("PROPPATCH", CALENDAR, &[], &by_text).await;
    let found = find(&server, CALENDAR, "0", &asked).await;
    assert_eq!(found.responses[0].text("calendar-timezone-id"), "Our zone");
    // However an identifier is spelt, both properties show one spelling.
    let by_id = set("<C:calendar-timezone-id>america/new_york</C:calendar-timezone-id>");
    server.send("PROPPATCH", CALENDAR, &[], &by_id).await;
    let found = find(&server, CALENDAR, "0", &asked).await;
    assert_eq!(found.responses[0].text("calendar-timezone-id"), "America/New_York");
    assert!(found.responses[0].text("calendar-timezone").contains("\r\nTZID:America/New_York\r\n"));
    let none = "<D:propertyupdate xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'><D:remove><D:prop>\
         <C:calendar-timezone/></D:prop></D:remove></D:propertyupdate>";
    server.send("PROPPATCH", CALENDAR, &[], none).await;
    let found = find(&server, CALENDAR, "0", &asked).await;
    assert_eq!(found.responses[0].names(404), ["calendar-timezone-id", "calendar-timezone"]);
}

#[tokio::test]
async fn a_resource_names_the_methods_that_it_takes() {
    let server = Server::new();
    let object = "/dav/calendars/erika/calendar/a.ics";
    server.put(object, &event("a", 2)).await;
    for path in ["/dav/", "/dav/principals/erika/", "/dav/calendars/erika/", CALENDAR, object] {
        let allow = server.send("OPTIONS", path, &[], "").await;
        let found = find(&server, path, "0", &["D:supported-method-set"]).await;
        let set = found.responses[0].prop("supported-method-set").elements();
        let methods: Vec<&str> = set.map(|method| method.attribute("name").unwrap()).collect();
        assert_eq!(methods.join(", "), allow.header("allow"), "{path}");
    }
}

#[tokio::test]
async fn privileges_follow_the_access() {
    let server = Server::new();
    for (name, access) in [("calendar", Access::Read), ("tasks", Access::FreeBusy)] {
        server.memory.share("max", name, "erika", access);
    }
    server.memory.add_person("vera", 1, "Vera Vorlage", almanac_backend::PrincipalRole::Practitioner);
    server.memory.share("vera", "calendar", "erika", Access::ReadWrite);
    let asked = ["D:current-user-privilege-set", "D:owner", "D:acl", "CS:getctag"];
    for (path, has, lacks) in [
        (CALENDAR, vec!["all", "read", "write", "write-content", "bind", "unbind", "read-acl"], vec![]),
        (
            "/dav/calendars/erika/vera-calendar/",
            vec!["read", "write", "write-content", "bind", "unbind", "read-free-busy"],
            vec!["all", "read-acl"],
        ),
        (
            "/dav/calendars/erika/max-calendar/",
            vec!["read", "read-free-busy"],
            vec!["all", "write", "write-properties", "write-content", "bind", "unbind"],
        ),
        (
            "/dav/calendars/erika/max-tasks/",
            vec!["read-free-busy"],
            vec!["read", "write-properties", "write"],
        ),
    ] {
        let found = find(&server, path, "0", &asked).await;
        let granted = found.responses[0].leaves_of("current-user-privilege-set");
        for privilege in has {
            assert!(granted.contains(&privilege.to_owned()), "{path} {privilege}");
        }
        for privilege in lacks {
            assert!(!granted.contains(&privilege.to_owned()), "{path} {privilege}");
        }
        let own = path == CALENDAR;
        assert_eq!(found.responses[0].names(403), if own { vec![] } else { vec!["acl"] }, "{path}");
        assert_eq!(found.responses[0].hrefs_in("owner") == ["/dav/principals/erika/"], own, "{path}");
    }
}

#[tokio::test]
async fn the_owner_sees_with_whom_a_calendar_is_shared() {
    let server = Server::new();
    server.memory.share("erika", "calendar", "max", Access::Read);
    let found = find(&server, CALENDAR, "0", &["D:acl"]).await;
    let leaves = found.responses[0].leaves_of("acl");
    assert_eq!(leaves[..3], ["owner", "all", "protected"]);
    assert!(leaves.contains(&"href".to_owned()) && leaves.contains(&"read".to_owned()));
    let text = server.send("PROPFIND", CALENDAR, &[("depth", "0")], &propfind(&["D:acl"])).await;
    assert!(text.text().contains("<D:href>/dav/principals/max/</D:href>"));
}

#[tokio::test]
async fn a_free_busy_sharee_sees_the_calendar_but_no_member_and_no_sync_state() {
    let server = Server::new();
    server.memory.share("max", "calendar", "erika", Access::FreeBusy);
    let path = "/dav/calendars/erika/max-calendar/";
    let asked = ["D:displayname", "D:resourcetype", "CS:getctag", "D:sync-token", "D:getetag"];
    let found = find(&server, path, "0", &asked).await;
    assert_eq!(found.responses[0].names(404), ["displayname", "getctag", "sync-token", "getetag"]);
    let answer = server.send("PROPFIND", path, &[("depth", "1")], "").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.condition(), "D:need-privileges");
    assert!(
        answer.text().contains(&format!("<D:href>{path}</D:href>")) && answer.text().contains("<D:read/>")
    );
    let home = find(&server, "/dav/calendars/erika/", "1", &["D:resourcetype"]).await;
    assert!(home.hrefs().contains(&path));
}

#[tokio::test]
async fn a_minimal_answer_leaves_out_what_is_missing() {
    let server = Server::new();
    for header in [("prefer", "return=minimal"), ("brief", "t")] {
        let body = propfind(&["D:resourcetype", "D:nothing"]);
        let answer = server.send("PROPFIND", CALENDAR, &[("depth", "0"), header], &body).await;
        let found = Multistatus::of(&answer);
        assert_eq!(
            (found.responses[0].names(200), found.responses[0].names(404)),
            (vec!["resourcetype"], vec![])
        );
        assert_eq!(answer.header("preference-applied"), "return=minimal");
        assert!(answer.header("vary").contains("Prefer"));
        let body = propfind(&["D:nothing"]);
        let answer = server.send("PROPFIND", CALENDAR, &[("depth", "0"), header], &body).await;
        let found = Multistatus::of(&answer);
        assert!(found.responses[0].props.is_empty());
        assert!(answer.text().contains("<D:propstat>"), "the grammar wants a propstat");
    }
}

#[tokio::test]
async fn depth_noroot_leaves_out_the_target_of_a_listing() {
    let server = Server::new();
    server.put("/dav/calendars/erika/calendar/a.ics", &event("a", 2)).await;
    let headers = [("depth", "1"), ("prefer", "depth-noroot")];
    let answer = server.send("PROPFIND", CALENDAR, &headers, &propfind(&["D:getetag"])).await;
    assert_eq!(Multistatus::of(&answer).members(), ["a.ics"]);
    assert_eq!(answer.header("preference-applied"), "depth-noroot");
    let headers = [("depth", "0"), ("prefer", "depth-noroot")];
    let answer = server.send("PROPFIND", CALENDAR, &headers, &propfind(&["D:getetag"])).await;
    assert_eq!(Multistatus::of(&answer).hrefs(), [CALENDAR]);
    assert_eq!(answer.header("preference-applied"), "");
}

#[tokio::test]
async fn a_body_that_is_no_propfind_is_refused() {
    let server = Server::new();
    for (body, status, condition) in [
        ("<D:propfind xmlns:D='DAV:'>", StatusCode::BAD_REQUEST, ""),
        ("<D:propfind xmlns:D='DAV:'/>", StatusCode::BAD_REQUEST, ""),
        ("<D:other xmlns:D='DAV:'/>", StatusCode::BAD_REQUEST, ""),
        ("<D:propfind><D:prop/></D:propfind>", StatusCode::BAD_REQUEST, ""),
        (
            "<!DOCTYPE x [<!ENTITY a 'b'>]><D:propfind xmlns:D='DAV:'><D:allprop/></D:propfind>",
            StatusCode::FORBIDDEN,
            "D:no-external-entities",
        ),
    ] {
        let answer = server.send("PROPFIND", CALENDAR, &[("depth", "0")], body).await;
        assert_eq!((answer.status, answer.condition().as_str()), (status, condition), "{body}");
    }
    let answer = server.send("PROPFIND", CALENDAR, &[("depth", "2")], "").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_home_and_its_calendars_tell_the_room_that_is_used_and_left() {
    let server = Server::new();
    let body = "<D:propfind xmlns:D=\"DAV:\"><D:prop><D:quota-used-bytes/><D:quota-available-bytes/></D:prop></D:propfind>";
    let octets = event("a", 1);
    server.put("/dav/calendars/erika/calendar/a.ics", &octets).await;
    for path in ["/dav/calendars/erika/", "/dav/calendars/erika/calendar/"] {
        let answer = server.send("PROPFIND", path, &[("depth", "0")], body).await;
        let used = format!("<D:quota-used-bytes>{}</D:quota-used-bytes>", octets.len());
        assert!(answer.text().contains(&used), "{}", answer.text());
        assert!(answer.text().contains("<D:quota-available-bytes>1000000<"), "{}", answer.text());
    }
}
