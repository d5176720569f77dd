//! PROPPATCH: RFC 4918 section 9.2; dead properties, section 4.

use almanac_harness::ics;

use crate::erika;

#[test]
fn live_properties_of_a_calendar_can_be_set_and_removed() {
    let (_daemon, erika, client) = erika();
    let set = "<D:set><D:prop><D:displayname>Sprechstunde</D:displayname><A:calendar-color>#112233FF</A:calendar-color>\
               <A:calendar-order>7</A:calendar-order><C:calendar-description>Alle</C:calendar-description>\
               <C:schedule-calendar-transp><C:transparent/></C:schedule-calendar-transp></D:prop></D:set>";
    let answer = client.proppatch(&erika.calendar(), set).multistatus();
    assert_eq!(answer.only().props(200).len(), 5, "{answer:?}");
    let names = [
        "D:displayname",
        "A:calendar-color",
        "A:calendar-order",
        "C:calendar-description",
        "C:schedule-calendar-transp",
    ];
    let found = client.propfind(&erika.calendar(), "0", &names).multistatus();
    assert_eq!(found.only().text("D:displayname"), "Sprechstunde");
    assert_eq!(found.only().text("A:calendar-color"), "#112233FF");
    assert!(found.only().prop("C:schedule-calendar-transp").unwrap().child("C:transparent").is_some());

    let remove = "<D:remove><D:prop><A:calendar-color/><C:calendar-description/></D:prop></D:remove>";
    assert_eq!(client.proppatch(&erika.calendar(), remove).multistatus().only().props(200).len(), 2);
    let found = client.propfind(&erika.calendar(), "0", &names).multistatus();
    assert_eq!(found.only().prop_status("A:calendar-color"), 404);
    assert_eq!(found.only().prop_status("D:displayname"), 200);
}

#[test]
fn dead_properties_are_kept_with_their_markup_and_language() {
    let (mut daemon, erika, client) = erika();
    let set = r#"<D:set xml:lang="de"><D:prop><x:note xmlns:x="urn:example:notes">Frau <x:b at="1&quot;">Schmidt</x:b> &amp; <![CDATA[<Co>]]></x:note>
                 <plain xmlns="">x</plain></D:prop></D:set>"#;
    assert_eq!(client.proppatch(&erika.calendar(), set).multistatus().only().props(200).len(), 2);
    daemon.restart();
    let client = daemon.client(&erika);
    let body = r#"<D:propfind xmlns:D="DAV:"><D:prop><n:note xmlns:n="urn:example:notes"/><plain/></D:prop></D:propfind>"#;
    let found =
        client.request("PROPFIND", &erika.calendar()).header("Depth", "0").xml(body).send().multistatus();
    let note = found.only().prop("{urn:example:notes}note").unwrap();
    assert_eq!(note.text, "Frau  & <Co>");
    assert_eq!(note.attribute("xml:lang"), Some("de"));
    let inner = note.child("{urn:example:notes}b").unwrap();
    assert_eq!((inner.text.as_str(), inner.attribute("at")), ("Schmidt", Some("1\"")));
    assert_eq!(found.only().text("{}plain"), "x");
}

#[test]
fn instructions_are_all_or_nothing_and_in_order() {
    let (_daemon, erika, client) = erika();
    let mixed = "<D:set><D:prop><D:displayname>New</D:displayname></D:prop></D:set><D:set><D:prop><D:getetag>x</D:getetag></D:prop></D:set>";
    let answer = client.proppatch(&erika.calendar(), mixed).multistatus();
    assert_eq!(answer.only().prop_status("D:getetag"), 403);
    assert_eq!(answer.only().prop_status("D:displayname"), 424);
    let name = client.propfind(&erika.calendar(), "0", &["D:displayname"]).multistatus();
    assert_ne!(name.only().prop("D:displayname").map(|p| p.text.as_str()), Some("New"));

    let twice = "<D:set><D:prop><D:displayname>One</D:displayname></D:prop></D:set><D:remove><D:prop><D:displayname/></D:prop></D:remove>\
                 <D:set><D:prop><D:displayname>Two</D:displayname></D:prop></D:set>";
    assert_eq!(client.proppatch(&erika.calendar(), twice).status, 207);
    let name = client.propfind(&erika.calendar(), "0", &["D:displayname"]).multistatus();
    assert_eq!(name.only().text("D:displayname"), "Two");
}

#[test]
fn protected_properties_say_so() {
    let (_daemon, erika, client) = erika();
    for name in [
        "D:getetag",
        "D:resourcetype",
        "D:sync-token",
        "D:current-user-principal",
        "C:supported-calendar-component-set",
        "CS:getctag",
        "D:owner",
    ] {
        let answer = client
            .proppatch(&erika.calendar(), &format!("<D:set><D:prop><{name}/></D:prop></D:set>"))
            .multistatus();
        assert_eq!(answer.only().prop_status(name), 403, "{name}");
    }
}

#[test]
fn removing_what_is_not_there_succeeds() {
    let (_daemon, erika, client) = erika();
    let answer = client.proppatch(
        &erika.calendar(),
        "<D:remove><D:prop><x:none xmlns:x=\"urn:example:x\"/></D:prop></D:remove>",
    );
    assert_eq!(answer.multistatus().only().prop_status("{urn:example:x}none"), 200);
}

#[test]
fn hostile_values_are_refused_or_kept_harmless() {
    let (_daemon, erika, client) = erika();
    let huge =
        format!("<D:set><D:prop><D:displayname>{}</D:displayname></D:prop></D:set>", "x".repeat(300_000));
    let answer = client.proppatch(&erika.calendar(), &huge);
    assert_eq!(answer.multistatus().only().prop_status("D:displayname"), 507);
    assert!(answer.text().contains("<D:error><D:quota-not-exceeded/></D:error>"), "{answer}");
    let long = |octets: usize| {
        let name = "x".repeat(octets);
        let set = format!("<D:set><D:prop><D:displayname>{name}</D:displayname></D:prop></D:set>");
        client.proppatch(&erika.calendar(), &set).multistatus().only().prop_status("D:displayname")
    };
    assert_eq!((long(64 << 10), long((64 << 10) + 1)), (200, 507), "64 KiB is the bound of a text");
    let zone = "<D:set><D:prop><C:calendar-timezone>not a zone</C:calendar-timezone></D:prop></D:set>";
    let answer = client.proppatch(&erika.calendar(), zone).multistatus();
    assert_eq!(answer.only().prop_status("C:calendar-timezone"), 403);
    let script = "<D:set><D:prop><D:displayname>&lt;script&gt;&amp;\"'</D:displayname></D:prop></D:set>";
    assert_eq!(
        client.proppatch(&erika.calendar(), script).multistatus().only().prop_status("D:displayname"),
        200
    );
    let found = client.propfind(&erika.calendar(), "0", &["D:displayname"]).multistatus();
    assert_eq!(found.only().text("D:displayname"), "<script>&\"'");
}

#[test]
fn a_bounded_number_of_dead_properties() {
    let (_daemon, erika, client) = erika();
    for batch in 0..4 {
        let props: String =
            (0..100).map(|n| format!("<x:p{batch}-{n}>{}</x:p{batch}-{n}>", "v".repeat(500))).collect();
        let answer = client.proppatch(
            &erika.calendar(),
            &format!("<D:set xmlns:x=\"urn:example:x\"><D:prop>{props}</D:prop></D:set>"),
        );
        let status = if batch < 2 { 200 } else { 507 };
        assert_eq!(answer.multistatus().only().props(status).len(), 100, "batch {batch}");
    }
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
}

#[test]
fn objects_keep_dead_properties_through_a_move() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let set = "<D:set><D:prop><x:n xmlns:x=\"urn:example:x\">1</x:n></D:prop></D:set>";
    let answer = client.proppatch(&erika.object("a.ics"), set).multistatus();
    assert_eq!(answer.only().prop_status("{urn:example:x}n"), 200);
    let moved =
        client.request("MOVE", &erika.object("a.ics")).header("Destination", erika.object("b.ics")).send();
    let _ = moved.expect(201);
    let body = r#"<D:propfind xmlns:D="DAV:"><D:prop><n:n xmlns:n="urn:example:x"/></D:prop></D:propfind>"#;
    let found = client
        .request("PROPFIND", &erika.object("b.ics"))
        .header("Depth", "0")
        .xml(body)
        .send()
        .multistatus();
    assert_eq!(found.only().text("{urn:example:x}n"), "1");
}
