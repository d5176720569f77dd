//! Requests as real clients send them, word for word where it matters.

use almanac_harness::ics;

use crate::erika;

#[test]
fn thunderbird_finds_the_calendars() {
    let (_daemon, erika, client) = erika();
    let body = r#"<D:propfind xmlns:D='DAV:' xmlns:CS='http://calendarserver.org/ns/' xmlns:C='urn:ietf:params:xml:ns:caldav'><D:prop>
        <D:resourcetype/><D:owner/><D:current-user-principal/><D:current-user-privilege-set/><D:supported-report-set/>
        <C:supported-calendar-component-set/><CS:getctag/><C:calendar-home-set/></D:prop></D:propfind>"#;
    let answer =
        client.request("PROPFIND", &erika.calendar()).header("Depth", "0").xml(body).send().multistatus();
    let entry = answer.only();
    for name in [
        "D:resourcetype",
        "D:owner",
        "D:current-user-principal",
        "D:current-user-privilege-set",
        "D:supported-report-set",
        "CS:getctag",
    ] {
        assert_eq!(entry.prop_status(name), 200, "{name}");
    }
}

#[test]
fn apple_calendar_asks_for_much_at_once() {
    let (_daemon, erika, client) = erika();
    let body = r#"<?xml version="1.0" encoding="UTF-8"?><A:propfind xmlns:A="DAV:"><A:prop><A:add-member/>
        <C:allowed-sharing-modes xmlns:C="http://calendarserver.org/ns/"/><D:autoprovisioned xmlns:D="http://apple.com/ns/ical/"/>
        <E:bulk-requests xmlns:E="http://me.com/_namespace/"/><D:calendar-color xmlns:D="http://apple.com/ns/ical/"/>
        <B:calendar-description xmlns:B="urn:ietf:params:xml:ns:caldav"/><B:calendar-free-busy-set xmlns:B="urn:ietf:params:xml:ns:caldav"/>
        <D:calendar-order xmlns:D="http://apple.com/ns/ical/"/><B:calendar-timezone xmlns:B="urn:ietf:params:xml:ns:caldav"/>
        <A:current-user-privilege-set/><B:default-alarm-vevent-date xmlns:B="urn:ietf:params:xml:ns:caldav"/><A:displayname/>
        <C:getctag xmlns:C="http://calendarserver.org/ns/"/><C:invite xmlns:C="http://calendarserver.org/ns/"/>
        <D:language-code xmlns:D="http://apple.com/ns/ical/"/><A:owner/><C:pre-publish-url xmlns:C="http://calendarserver.org/ns/"/>
        <A:quota-available-bytes/><A:quota-used-bytes/><D:refreshrate xmlns:D="http://apple.com/ns/ical/"/><A:resource-id/><A:resourcetype/>
        <B:schedule-calendar-transp xmlns:B="urn:ietf:params:xml:ns:caldav"/><B:schedule-default-calendar-URL xmlns:B="urn:ietf:params:xml:ns:caldav"/>
        <C:source xmlns:C="http://calendarserver.org/ns/"/><B:supported-calendar-component-set xmlns:B="urn:ietf:params:xml:ns:caldav"/>
        <A:supported-report-set/><A:sync-token/></A:prop></A:propfind>"#;
    let request = client
        .request("PROPFIND", &erika.home())
        .header("Depth", "1")
        .header("Brief", "t")
        .header("Prefer", "return=minimal");
    let answer = request.xml(body).send().multistatus();
    assert_eq!(answer.entries.len(), 3);
    let calendar = answer.entry(&erika.calendar());
    for name in
        ["D:resourcetype", "CS:getctag", "D:sync-token", "D:owner", "C:supported-calendar-component-set"]
    {
        assert_eq!(calendar.prop_status(name), 200, "{name}");
    }
}

#[test]
fn davx5_syncs_by_collection_and_multiget() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let sync = r#"<?xml version='1.0' encoding='UTF-8' ?><sync-collection xmlns="DAV:"><sync-token /><sync-level>1</sync-level><prop><getetag /></prop></sync-collection>"#;
    let answer =
        client.request("REPORT", &erika.calendar()).header("Depth", "0").xml(sync).send().multistatus();
    let href = answer.only().href.clone();
    let get = format!(
        r#"<?xml version='1.0' encoding='UTF-8' ?><CAL:calendar-multiget xmlns="DAV:" xmlns:CAL="urn:ietf:params:xml:ns:caldav"><prop><getcontenttype /><getetag /><CAL:schedule-tag /><CAL:calendar-data content-type="text/calendar" version="2.0" /></prop><href>{href}</href></CAL:calendar-multiget>"#
    );
    let answer = client.request("REPORT", &erika.calendar()).xml(&get).send().multistatus();
    assert_eq!(answer.only().text("C:calendar-data"), ics::simple("a"));
    let _ = client
        .put_request(&erika.object("new.ics"), ics::simple("new"))
        .header("If-None-Match", "*")
        .send()
        .expect(201);
}

#[test]
fn evolution_makes_a_calendar_by_mkcalendar_with_a_colour() {
    let (_daemon, erika, client) = erika();
    let body = r##"<?xml version="1.0" encoding="UTF-8"?><mkcalendar xmlns="urn:ietf:params:xml:ns:caldav" xmlns:D="DAV:" xmlns:IC="http://apple.com/ns/ical/">
        <D:set><D:prop><D:displayname>Neu</D:displayname><IC:calendar-color>#62a0ea</IC:calendar-color>
        <supported-calendar-component-set><comp name="VEVENT"/></supported-calendar-component-set></D:prop></D:set></mkcalendar>"##;
    let _ = client
        .request("MKCALENDAR", &erika.collection("neu"))
        .header("Content-Type", "application/xml")
        .body(body)
        .send()
        .expect(201);
    let found = client.propfind(&erika.collection("neu"), "0", &["A:calendar-color"]).multistatus();
    assert_eq!(found.only().text("A:calendar-color"), "#62a0ea");
}

#[test]
fn a_browser_gets_something_harmless() {
    let (_daemon, erika, client) = erika();
    for path in ["/", "/dav/", &erika.home(), &erika.principal()] {
        let answer = client.request("GET", path).header("Accept", "text/html").send();
        assert!(matches!(answer.status, 200 | 404 | 405), "{path}: {answer}");
        assert!(!answer.text().contains("<script"));
    }
    let calendar = client.get(&erika.calendar()).expect(200);
    assert_eq!(calendar.header("x-content-type-options"), Some("nosniff"));
}
