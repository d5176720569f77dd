//! Access control and principals: RFC 3744 sections 4, 5 and 9.

use almanac_harness::{Multistatus, NAMESPACES};

use crate::erika;

#[test]
fn expand_property_follows_hrefs() {
    let (_daemon, erika, client) = erika();
    let inside = r#"<D:property name="current-user-principal"><D:property name="displayname"/>
        <D:property name="calendar-home-set" namespace="urn:ietf:params:xml:ns:caldav"><D:property name="resourcetype"/></D:property></D:property>"#;
    let answer = client
        .report_request(&erika.calendar(), "D:expand-property", inside)
        .header("Depth", "0")
        .send()
        .multistatus();
    let principal = answer.only().prop("D:current-user-principal").unwrap();
    let inner = principal.child("D:response").expect("a response in place of the href");
    assert_eq!(inner.child("D:href").unwrap().text, erika.principal());
    assert_eq!(inner.descendants("D:displayname")[0].text, "Name of erika");
    assert!(inner.descendants("D:href").iter().any(|h| h.text == erika.home()));
}

#[test]
fn principal_property_search_finds_colleagues_by_name_and_address() {
    let (daemon, erika, client) = erika();
    let _ = daemon.person("hugo");
    let _ = daemon.person_in("praxis-sued", "hugo-of-the-south");
    let search = |prop: &str, text: &str| -> Vec<String> {
        let inside = format!(
            "<D:property-search><D:prop><{prop}/></D:prop><D:match>{text}</D:match></D:property-search><D:prop><D:displayname/></D:prop>"
        );
        let request = client
            .report_request("/dav/principals/", "D:principal-property-search", &inside)
            .header("Depth", "0");
        let answer: Multistatus = request.send().multistatus();
        answer.hrefs().into_iter().map(str::to_owned).collect()
    };
    assert_eq!(
        search("D:displayname", "of HUGO"),
        ["/dav/principals/hugo/"],
        "the other tenant's is not found"
    );
    assert_eq!(search("C:calendar-user-address-set", "erika@example"), [erika.principal()]);
    assert!(search("D:displayname", "nobody at all").is_empty());
    assert!(search("D:getetag", "x").is_empty());
}

#[test]
fn principal_search_property_set_says_what_can_be_searched() {
    let (_daemon, _erika, client) = erika();
    let answer = client
        .report_request("/dav/principals/", "D:principal-search-property-set", "")
        .header("Depth", "0")
        .send()
        .expect(200);
    let root = almanac_harness::Element::parse(answer.text()).unwrap();
    assert_eq!(root.name, "D:principal-search-property-set");
    let names: Vec<_> =
        root.descendants("D:prop").iter().flat_map(|p| p.names()).map(str::to_owned).collect();
    assert!(names.iter().any(|n| n == "D:displayname"), "{names:?}");
    assert!(root.descendants("D:description").iter().all(|d| d.attribute("xml:lang").is_some()));
}

#[test]
fn principal_match_finds_the_caller() {
    let (daemon, erika, client) = erika();
    let _ = daemon.person("hugo");
    let ask = |path: &str, inside: &str| {
        let answer = client
            .report_request(path, "D:principal-match", inside)
            .header("Depth", "0")
            .send()
            .multistatus();
        answer.hrefs().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ask("/dav/principals/", "<D:self/>"), [erika.principal()]);
    let owned = ask(&erika.home(), "<D:principal-property><D:owner/></D:principal-property>");
    assert!(owned.contains(&erika.calendar()), "{owned:?}");
}

#[test]
fn acl_principal_prop_set_tells_about_the_principals_of_an_acl() {
    let (daemon, erika, client) = erika();
    let _ = daemon.person("hugo");
    let _ = daemon.cli(&["calendar", "share", "erika/calendar", "--with", "hugo", "--access", "read"]).ok();
    let inside = "<D:prop><D:displayname/></D:prop>";
    let answer = client
        .report_request(&erika.calendar(), "D:acl-principal-prop-set", inside)
        .header("Depth", "0")
        .send()
        .multistatus();
    assert_eq!(answer.hrefs(), ["/dav/principals/erika/", "/dav/principals/hugo/"]);
    assert_eq!(answer.entry("/dav/principals/hugo/").text("D:displayname"), "Name of hugo");
}

#[test]
fn acl_and_privileges_are_told_and_protected() {
    let (daemon, erika, client) = erika();
    let _ = daemon.person("hugo");
    let _ = daemon.cli(&["calendar", "share", "erika/calendar", "--with", "hugo", "--access", "read"]).ok();
    let names = [
        "D:acl",
        "D:supported-privilege-set",
        "D:acl-restrictions",
        "D:owner",
        "D:group",
        "D:inherited-acl-set",
    ];
    let answer = client.propfind(&erika.calendar(), "0", &names).multistatus();
    let acl = answer.only().prop("D:acl").expect("the acl");
    assert!(acl.hrefs().contains(&"/dav/principals/hugo/"), "{acl:?}");
    let supported = answer.only().prop("D:supported-privilege-set").unwrap();
    let privileges: Vec<_> =
        supported.descendants("D:privilege").iter().flat_map(|p| p.names()).map(str::to_owned).collect();
    for privilege in ["D:all", "D:read", "D:write", "C:read-free-busy"] {
        assert!(privileges.iter().any(|p| p == privilege), "{privilege}: {privileges:?}");
    }
    let body = format!(
        "<D:acl {NAMESPACES}><D:ace><D:principal><D:all/></D:principal><D:grant><D:privilege><D:all/></D:privilege></D:grant></D:ace></D:acl>"
    );
    let _ = client.request("ACL", &erika.calendar()).xml(&body).send().expect(405);
}

#[test]
fn reports_that_do_not_fit_are_refused_by_name() {
    let (_daemon, erika, client) = erika();
    for (path, report) in [
        (erika.calendar(), "D:no-such-report"),
        (erika.calendar(), "x:own xmlns:x=\"urn:example:x\""),
        (erika.principal(), "C:calendar-query"),
        ("/dav/".to_owned(), "C:free-busy-query"),
    ] {
        let name = report.split(' ').next().unwrap();
        let body = format!(
            "<{report} {NAMESPACES}><C:time-range start=\"20261201T000000Z\" end=\"20261202T000000Z\"/><C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter></{name}>"
        );
        let answer = client.request("REPORT", &path).header("Depth", "0").xml(&body).send();
        answer.expect_refused(403, "D:supported-report");
    }
}
