//! Prefer and Brief: RFC 7240, RFC 8144.

use almanac_harness::{NAMESPACES, ics};

use crate::erika;

#[test]
fn minimal_propfind_leaves_out_what_is_not_there() {
    let (_daemon, erika, client) = erika();
    for (name, value) in
        [("Prefer", "return=minimal"), ("Prefer", "respond-async, return=minimal"), ("Brief", "t")]
    {
        let answer = client
            .propfind_request(&erika.calendar(), "0", &["D:resourcetype", "D:no-such"])
            .header(name, value)
            .send();
        let found = answer.multistatus();
        assert!(found.only().props(404).is_empty(), "{name}: {value}");
        assert!(found.only().prop("D:resourcetype").is_some());
        if name == "Prefer" {
            assert_eq!(answer.header("preference-applied"), Some("return=minimal"));
        }
        assert!(
            answer.header_values("vary").join(",").to_ascii_lowercase().contains(&name.to_ascii_lowercase()),
            "{answer}"
        );
    }
    let nothing = client
        .propfind_request(&erika.calendar(), "0", &["D:no-such"])
        .header("Prefer", "return=minimal")
        .send()
        .multistatus();
    assert_eq!(nothing.only().propstats.len(), 1);
    assert_eq!(nothing.only().propstats[0].0, 200);
}

#[test]
fn minimal_proppatch_has_no_body_on_success() {
    let (_daemon, erika, client) = erika();
    let patch = |inside: &str| {
        let body = format!("<D:propertyupdate {NAMESPACES}>{inside}</D:propertyupdate>");
        client.request("PROPPATCH", &erika.calendar()).header("Prefer", "return=minimal").xml(&body).send()
    };
    let done = patch("<D:set><D:prop><D:displayname>x</D:displayname></D:prop></D:set>");
    assert!(done.status == 200 && done.body.is_empty(), "{done}");
    let failed = patch("<D:set><D:prop><D:getetag>x</D:getetag></D:prop></D:set>");
    assert_eq!(failed.multistatus().only().prop_status("D:getetag"), 403);
}

#[test]
fn representation_on_put_gives_the_object() {
    let (_daemon, erika, client) = erika();
    let body = ics::simple("a");
    let path = erika.object("a.ics");
    let answer = client.put_request(&path, &body).header("Prefer", "return=representation").send();
    assert_eq!(answer.status, 201, "{answer}");
    assert_eq!(answer.body, body.as_bytes());
    assert_eq!(answer.header("preference-applied"), Some("return=representation"));
    assert_eq!(answer.etag(), client.get(&path).etag());
    let stale = client
        .put_request(&path, &body)
        .header("If-Match", "\"x\"")
        .header("Prefer", "return=representation")
        .send();
    assert_eq!(stale.status, 412); // RFC 8144 section 3.2
    assert_eq!(stale.body, body.as_bytes());
    assert_eq!(stale.etag(), answer.etag());
    assert_eq!(stale.header("preference-applied"), Some("return=representation"));
}

#[test]
fn a_listing_without_its_root_is_had_by_preference_and_by_depth() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let ask = |depth: &str| client.propfind_request(&erika.calendar(), depth, &["D:getetag"]);
    let preferred = ask("1").header("Prefer", "depth-noroot").send();
    assert_eq!(preferred.header("preference-applied"), Some("depth-noroot"));
    assert_eq!(preferred.multistatus().hrefs(), [erika.object("a.ics")]);
    assert_eq!(ask("1,noroot").send().multistatus().hrefs(), [erika.object("a.ics")]);
    assert_eq!(ask("1").send().multistatus().hrefs(), [erika.calendar(), erika.object("a.ics")]);
}

#[test]
fn minimal_reports_leave_out_404_propstats() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let inside =
        "<D:prop><D:getetag/><D:no-such/></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter>";
    let request = client.report_request(&erika.calendar(), "C:calendar-query", inside).header("Depth", "1");
    let answer = request.header("Prefer", "return=minimal").send().multistatus();
    assert!(answer.only().props(404).is_empty());
}

#[test]
fn unknown_preferences_are_ignored() {
    let (_daemon, erika, client) = erika();
    for value in ["", "return=sideways", "wait=100; foo=\"bar\"", "return", ";;;,,,", "handling=lenient"] {
        let answer =
            client.propfind_request(&erika.calendar(), "0", &["D:no-such"]).header("Prefer", value).send();
        assert_eq!(answer.multistatus().only().prop_status("D:no-such"), 404, "{value}");
    }
}
