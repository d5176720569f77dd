//! MKCALENDAR (RFC 4791 section 5.3.1), MKCOL plain and extended (RFC 4918 section 9.3, RFC 5689), DELETE of collections.

use almanac_harness::{Element, NAMESPACES, Response, ics};

use crate::erika;

#[test]
fn mkcalendar_works_without_a_body() {
    let (_daemon, erika, client) = erika();
    let path = erika.collection("work");
    let made = client.request("MKCALENDAR", &path).send().expect(201);
    assert!(made.body.is_empty() || made.header("content-type").is_some());
    let found =
        client.propfind(&path, "0", &["D:resourcetype", "C:supported-calendar-component-set"]).multistatus();
    let kind = found.only().prop("D:resourcetype").unwrap();
    assert!(kind.child("D:collection").is_some() && kind.child("C:calendar").is_some());
    assert!(!found.only().prop("C:supported-calendar-component-set").unwrap().children.is_empty());
}

#[test]
fn mkcalendar_sets_the_properties_of_its_body() {
    let (_daemon, erika, client) = erika();
    let path = erika.collection("work");
    let body = format!(
        r##"<C:mkcalendar {NAMESPACES}><D:set><D:prop><D:displayname>Praxis &amp; Labor</D:displayname>
           <C:calendar-description xml:lang="de">Termine</C:calendar-description><A:calendar-color>#FF2968FF</A:calendar-color>
           <A:calendar-order>3</A:calendar-order>
           <C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set>
           </D:prop></D:set></C:mkcalendar>"##
    );
    let _ = client.request("MKCALENDAR", &path).xml(&body).send().expect(201);
    let names = [
        "D:displayname",
        "C:calendar-description",
        "A:calendar-color",
        "A:calendar-order",
        "C:supported-calendar-component-set",
    ];
    let found = client.propfind(&path, "0", &names).multistatus();
    let entry = found.only();
    assert_eq!(entry.text("D:displayname"), "Praxis & Labor");
    assert_eq!(entry.text("C:calendar-description"), "Termine");
    assert_eq!(entry.text("A:calendar-color"), "#FF2968FF");
    assert_eq!(entry.text("A:calendar-order"), "3");
    let components = &entry.prop("C:supported-calendar-component-set").unwrap().children;
    assert_eq!(components.iter().filter_map(|c| c.attribute("name")).collect::<Vec<_>>(), ["VEVENT"]);
}

/// What an answer to MKCALENDAR or MKCOL says of each property.
fn statuses(answer: &Response, root: &str) -> Vec<(String, u16)> {
    let response = Element::parse(answer.text()).unwrap();
    assert_eq!(response.name, root, "{answer}");
    let mut told = Vec::new();
    for propstat in response.children.iter().filter(|child| child.name == "D:propstat") {
        let line = &propstat.child("D:status").unwrap().text;
        let status: u16 = line.split(' ').nth(1).unwrap().parse().unwrap();
        let names = propstat.child("D:prop").unwrap().names();
        told.extend(names.into_iter().map(|name| (name.to_owned(), status)));
    }
    told
}

#[test]
fn a_protected_property_in_the_body_makes_nothing() {
    let (_daemon, erika, client) = erika();
    let path = erika.collection("work");
    let body = format!(
        r#"<C:mkcalendar {NAMESPACES}><D:set><D:prop><D:displayname>x</D:displayname><D:getetag>"1"</D:getetag></D:prop></D:set></C:mkcalendar>"#
    );
    let answer = client.request("MKCALENDAR", &path).xml(&body).send();
    let told = statuses(&answer.expect(403), "C:mkcalendar-response");
    assert_eq!(told, [("D:getetag".to_owned(), 403), ("D:displayname".to_owned(), 424)]);
    let _ = client.propfind(&path, "0", &["D:displayname"]).expect(404);
}

#[test]
fn extended_mkcol_makes_a_calendar_and_nothing_else() {
    let (_daemon, erika, client) = erika();
    let mkcol = |name: &str, kind: &str| {
        let body = format!(
            "<D:mkcol {NAMESPACES}><D:set><D:prop><D:resourcetype>{kind}</D:resourcetype><D:displayname>x</D:displayname></D:prop></D:set></D:mkcol>"
        );
        client.request("MKCOL", &erika.collection(name)).xml(&body).send()
    };
    let _ = mkcol("a", "<D:collection/><C:calendar/>").expect(201);
    let book = mkcol("b", "<D:collection/><K:addressbook xmlns:K=\"urn:ietf:params:xml:ns:carddav\"/>");
    assert!(book.text().contains("<D:error><D:valid-resourcetype/></D:error>"), "{book}");
    let told = statuses(&book.expect(403), "D:mkcol-response");
    assert_eq!(told, [("D:resourcetype".to_owned(), 403), ("D:displayname".to_owned(), 424)]);
    let _ = client.propfind(&erika.collection("b"), "0", &["D:displayname"]).expect(404);
    let found = client.propfind(&erika.collection("a"), "0", &["D:displayname"]).multistatus();
    assert_eq!(found.only().text("D:displayname"), "x");
}

#[test]
fn plain_mkcol_makes_a_collection_that_is_no_calendar() {
    let (_daemon, erika, client) = erika();
    let path = erika.collection("plain");
    let _ = client.request("MKCOL", &path).send().expect(201);
    let found = client.propfind(&path, "0", &["D:resourcetype"]).multistatus();
    assert_eq!(found.only().prop("D:resourcetype").unwrap().names(), ["D:collection"]);
    client
        .put(&format!("{path}a.ics"), ics::simple("a"))
        .expect_refused(403, "C:supported-calendar-component");
    let _ = client.delete(&path).expect(204);
    let strange = client
        .request("MKCOL", &erika.collection("odd"))
        .header("Content-Type", "text/plain")
        .body("hello")
        .send();
    let _ = strange.expect(415); // RFC 4918 section 9.3
}

#[test]
fn a_collection_is_made_only_in_a_home_and_only_once() {
    let (_daemon, erika, client) = erika();
    for method in ["MKCALENDAR", "MKCOL"] {
        let make = |path: &str| client.request(method, path).send();
        let taken = if method == "MKCOL" { 405 } else { 403 };
        for path in ["/", "/dav/", &erika.principal(), &erika.home(), &erika.calendar()] {
            make(path).expect_refused(taken, "D:resource-must-be-null");
        }
        for path in ["/x/", "/dav/x/", "/dav/principals/x/", &format!("{}inner/", erika.calendar())] {
            make(path).expect_refused(403, "C:calendar-collection-location-ok");
        }
        for orphan in ["none/x/", "none/x/y/"] {
            let _ = make(&format!("{}{orphan}", erika.home())).expect(409);
        }
    }
    let listing = client.propfind(&erika.home(), "1", &["D:resourcetype"]).multistatus();
    assert_eq!(listing.entries.len(), 3, "{:?}", listing.hrefs());
}

#[test]
fn a_deleted_calendar_takes_its_members_and_its_name_is_free_at_once() {
    let (_daemon, erika, client) = erika();
    let path = erika.collection("work");
    let object = format!("{path}a.ics");
    let _ = client.request("MKCALENDAR", &path).send().expect(201);
    let _ = client.put(&object, ics::simple("a")).expect(201);
    let token = client.sync(&path, "").multistatus().sync_token.unwrap();
    let _ = client.delete(&path).expect(204);
    let _ = client.get(&object).expect(404);
    let _ = client.propfind(&path, "0", &["D:displayname"]).expect(404);

    let _ = client.request("MKCALENDAR", &path).send().expect(201);
    assert!(client.members(&path).is_empty());
    client.sync(&path, &token).expect_refused(403, "D:valid-sync-token");
    let _ = client.put(&object, ics::simple("a")).expect(201);
}

#[test]
fn without_a_slash_at_the_end_a_collection_is_the_same() {
    let (_daemon, erika, client) = erika();
    let bare = erika.calendar().trim_end_matches('/').to_owned();
    let found = client.propfind(&bare, "0", &["D:resourcetype"]).multistatus();
    assert_eq!(found.only().href, erika.calendar());
    let _ = client.request("MKCALENDAR", &format!("{}bare", erika.home())).send().expect(201);
    let found = client.propfind(&erika.collection("bare"), "0", &["D:resourcetype"]).multistatus();
    assert_eq!(found.only().href, erika.collection("bare"));
}
