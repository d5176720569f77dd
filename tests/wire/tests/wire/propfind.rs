//! PROPFIND: RFC 4918 section 9.1, and the properties of RFC 4791 section 5.2.

use almanac_harness::{NAMESPACES, ics};

use crate::erika;

#[test]
fn depth_zero_one_and_infinity() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let zero = client.propfind(&erika.calendar(), "0", &["D:resourcetype"]).multistatus();
    assert_eq!(zero.hrefs(), [erika.calendar()]);
    let one = client.propfind(&erika.calendar(), "1", &["D:resourcetype"]).multistatus();
    assert_eq!(one.hrefs(), [erika.calendar(), erika.object("a.ics")]);
    let home = client.propfind(&erika.home(), "1", &["D:resourcetype"]).multistatus();
    assert_eq!(home.hrefs(), [erika.home(), erika.calendar(), erika.collection("tasks")]);
    for path in ["/", "/dav/", &erika.home(), &erika.calendar()] {
        client.propfind(path, "infinity", &["D:resourcetype"]).expect_refused(403, "D:propfind-finite-depth");
        client.request("PROPFIND", path).send().expect_refused(403, "D:propfind-finite-depth"); // no Depth means infinity
    }
    for bad in ["2", "-1", "one", "0, 1", ""] {
        let _ = client.propfind(&erika.calendar(), bad, &["D:resourcetype"]).expect(400);
    }
}

#[test]
fn unknown_properties_are_404_beside_the_known() {
    let (_daemon, erika, client) = erika();
    let body = format!(
        r#"<D:propfind {NAMESPACES}><D:prop><D:resourcetype/><D:no-such/><x:foreign xmlns:x="urn:example:x"/><y xmlns=""/></D:prop></D:propfind>"#
    );
    let answer =
        client.request("PROPFIND", &erika.calendar()).header("Depth", "0").xml(&body).send().multistatus();
    let entry = answer.only();
    assert_eq!(entry.prop_status("D:resourcetype"), 200);
    for name in ["D:no-such", "{urn:example:x}foreign", "{}y"] {
        assert_eq!(entry.prop_status(name), 404, "{name}");
    }
}

#[test]
fn an_empty_body_and_allprop_list_the_common_properties_without_the_costly() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let empty = client.request("PROPFIND", &erika.object("a.ics")).header("Depth", "0").send().multistatus();
    let body = format!("<D:propfind {NAMESPACES}><D:allprop/></D:propfind>");
    let all = client
        .request("PROPFIND", &erika.object("a.ics"))
        .header("Depth", "0")
        .xml(&body)
        .send()
        .multistatus();
    assert_eq!(empty, all);
    for name in ["D:getetag", "D:getcontenttype", "D:getcontentlength", "D:getlastmodified", "D:resourcetype"]
    {
        assert_eq!(all.only().prop_status(name), 200, "{name}");
    }
    let names: Vec<_> = all.only().props(200).iter().map(|p| p.name.as_str()).collect();
    for name in ["C:calendar-data", "D:acl", "D:current-user-privilege-set", "D:supported-report-set"] {
        assert!(!names.contains(&name), "{name} is not for allprop");
    }
}

#[test]
fn propname_lists_names_without_values() {
    let (_daemon, erika, client) = erika();
    let body = format!("<D:propfind {NAMESPACES}><D:propname/></D:propfind>");
    let answer =
        client.request("PROPFIND", &erika.calendar()).header("Depth", "0").xml(&body).send().multistatus();
    let names = answer.only().props(200);
    assert!(
        names.iter().any(|p| p.name == "D:displayname") && names.iter().any(|p| p.name == "D:sync-token")
    );
    assert!(names.iter().all(|p| p.children.is_empty() && p.text.trim().is_empty()));
}

#[test]
fn include_adds_to_allprop() {
    let (_daemon, erika, client) = erika();
    let body = format!(
        "<D:propfind {NAMESPACES}><D:allprop/><D:include><D:supported-report-set/></D:include></D:propfind>"
    );
    let answer =
        client.request("PROPFIND", &erika.calendar()).header("Depth", "0").xml(&body).send().multistatus();
    assert_eq!(answer.only().prop_status("D:supported-report-set"), 200);
    assert_eq!(answer.only().prop_status("D:resourcetype"), 200);
}

#[test]
fn an_empty_prop_still_lists_the_members() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    for inside in ["<D:prop/>", "<D:prop></D:prop>", "<D:prop> </D:prop>"] {
        let body = format!("<D:propfind {NAMESPACES}>{inside}</D:propfind>");
        let answer = client
            .request("PROPFIND", &erika.calendar())
            .header("Depth", "1")
            .xml(&body)
            .send()
            .multistatus();
        assert_eq!(answer.hrefs(), [erika.calendar(), erika.object("a.ics")]);
    }
}

#[test]
fn a_calendar_says_what_it_takes_and_what_it_can() {
    let (_daemon, erika, client) = erika();
    let names = [
        "C:supported-calendar-component-set",
        "C:supported-calendar-data",
        "D:supported-report-set",
        "D:current-user-privilege-set",
        "CS:getctag",
        "D:sync-token",
        "D:owner",
        "D:getcontenttype",
    ];
    let answer = client.propfind(&erika.calendar(), "0", &names).multistatus();
    let entry = answer.only();
    let attribute = |prop: &str| -> Vec<String> {
        entry
            .prop(prop)
            .unwrap()
            .children
            .iter()
            .filter_map(|c| c.attribute("name"))
            .map(str::to_owned)
            .collect()
    };
    let mut components = attribute("C:supported-calendar-component-set");
    components.sort_unstable();
    assert_eq!(components, ["VEVENT", "VFREEBUSY", "VJOURNAL"]);
    let data = &entry.prop("C:supported-calendar-data").unwrap().children;
    assert!(data.iter().any(
        |d| d.attribute("content-type") == Some("text/calendar") && d.attribute("version") == Some("2.0")
    ));
    let reports: Vec<_> = entry
        .prop("D:supported-report-set")
        .unwrap()
        .descendants("D:report")
        .iter()
        .filter_map(|r| r.children.first())
        .map(|r| r.name.clone())
        .collect();
    for report in [
        "C:calendar-query",
        "C:calendar-multiget",
        "C:free-busy-query",
        "D:sync-collection",
        "D:expand-property",
    ] {
        assert!(reports.iter().any(|r| r == report), "{report}: {reports:?}");
    }
    let privileges: Vec<_> = entry
        .prop("D:current-user-privilege-set")
        .unwrap()
        .children
        .iter()
        .filter_map(|p| p.children.first())
        .map(|p| p.name.clone())
        .collect();
    for privilege in [
        "D:read",
        "D:write",
        "D:bind",
        "D:unbind",
        "D:write-content",
        "D:write-properties",
        "C:read-free-busy",
    ] {
        assert!(privileges.iter().any(|p| p == privilege), "{privilege}: {privileges:?}");
    }
    assert_eq!(entry.prop("D:owner").unwrap().hrefs(), [erika.principal()]);
    assert!(entry.text("D:sync-token").contains(':'), "a token is a URI");
}

#[test]
fn a_calendar_tells_its_limits() {
    let (_daemon, erika, client) = erika();
    let names = ["C:max-resource-size", "C:min-date-time", "C:max-date-time", "C:supported-collation-set"];
    let answer = client.propfind(&erika.calendar(), "0", &names).multistatus();
    let entry = answer.only();
    let number = |prop: &str| entry.text(prop).trim().parse::<u64>().unwrap();
    assert!(number("C:max-resource-size") >= 1 << 20);
    assert!(entry.text("C:min-date-time").ends_with('Z') && entry.text("C:max-date-time").ends_with('Z'));
    let collations: Vec<_> =
        entry.prop("C:supported-collation-set").unwrap().children.iter().map(|c| c.text.clone()).collect();
    for collation in ["i;ascii-casemap", "i;octet"] {
        assert!(collations.iter().any(|c| c == collation), "{collations:?}");
    }
}

#[test]
fn quotas_are_told_when_asked_for_and_only_then() {
    let (_daemon, erika, client) = erika();
    let ask = |path: &str| {
        client.propfind(path, "0", &["D:quota-used-bytes", "D:quota-available-bytes"]).multistatus()
    };
    let used = |path: &str| ask(path).only().text("D:quota-used-bytes").parse::<u64>().unwrap();
    let before = used(&erika.home());
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    assert!(used(&erika.home()) > before, "RFC 4331 section 4");
    assert!(ask(&erika.home()).only().text("D:quota-available-bytes").parse::<u64>().unwrap() > 0);
    let body = format!("<D:propfind {NAMESPACES}><D:allprop/></D:propfind>");
    let all = client.request("PROPFIND", &erika.home()).header("Depth", "0").xml(&body).send().multistatus();
    assert!(all.only().prop("D:quota-used-bytes").is_none(), "RFC 4331 section 3: not in allprop");
}

#[test]
fn the_task_list_takes_tasks() {
    let (_daemon, erika, client) = erika();
    let answer = client
        .propfind(&erika.collection("tasks"), "0", &["C:supported-calendar-component-set"])
        .multistatus();
    let set = answer.only().prop("C:supported-calendar-component-set").unwrap();
    assert_eq!(set.children.iter().filter_map(|c| c.attribute("name")).collect::<Vec<_>>(), ["VTODO"]);
}

#[test]
fn getctag_and_sync_token_change_with_every_write_and_only_then() {
    let (_daemon, erika, client) = erika();
    let state = || {
        let answer = client.propfind(&erika.calendar(), "0", &["CS:getctag", "D:sync-token"]).multistatus();
        (answer.only().text("CS:getctag").to_owned(), answer.only().text("D:sync-token").to_owned())
    };
    let fresh = state();
    assert_eq!(fresh, state());
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let one = state();
    assert!(fresh.0 != one.0 && fresh.1 != one.1);
    let _ = client
        .put_request(&erika.object("a.ics"), ics::simple("a"))
        .header("If-Match", "\"x\"")
        .send()
        .expect(412);
    assert_eq!(one, state(), "a refused write changes nothing");
    let _ = client.delete(&erika.object("a.ics")).expect(204);
    let gone = state();
    assert!(gone.0 != one.0 && gone.1 != one.1 && gone.1 != fresh.1);
}

#[test]
fn members_carry_etag_type_and_length() {
    let (_daemon, erika, client) = erika();
    let body = ics::simple("a");
    let etag = client.put(&erika.object("a.ics"), &body).expect(201).etag();
    let names = [
        "D:getetag",
        "D:getcontenttype",
        "D:getcontentlength",
        "D:getlastmodified",
        "D:resourcetype",
        "C:calendar-data",
    ];
    let listing = client.propfind(&erika.calendar(), "1", &names).multistatus();
    let entry = listing.entry(&erika.object("a.ics"));
    assert_eq!(entry.text("D:getetag"), etag);
    assert!(entry.text("D:getcontenttype").starts_with("text/calendar"));
    assert!(
        entry.text("D:getcontenttype").to_ascii_lowercase().contains("component=vevent"),
        "Apple's clients ask for it"
    );
    assert_eq!(entry.text("D:getcontentlength"), body.len().to_string());
    assert!(entry.text("D:getlastmodified").ends_with("GMT"));
    assert!(entry.prop("D:resourcetype").unwrap().children.is_empty());
}

#[test]
fn the_principal_has_an_address_a_home_and_a_type() {
    let (_daemon, erika, client) = erika();
    let names = [
        "C:calendar-home-set",
        "C:calendar-user-address-set",
        "C:calendar-user-type",
        "D:principal-URL",
        "D:displayname",
        "D:principal-collection-set",
        "D:group-membership",
        "D:resourcetype",
    ];
    let answer = client.propfind(&erika.principal(), "0", &names).multistatus();
    let entry = answer.only();
    let addresses = entry.prop("C:calendar-user-address-set").unwrap().hrefs();
    assert!(addresses.contains(&"mailto:erika@example.invalid"), "{addresses:?}");
    assert_eq!(entry.prop("D:principal-URL").unwrap().hrefs(), [erika.principal()]);
    assert_eq!(entry.prop("D:principal-collection-set").unwrap().hrefs(), ["/dav/principals/"]);
    assert_eq!(entry.text("D:displayname"), "Name of erika");
    assert_eq!(entry.text("C:calendar-user-type"), "INDIVIDUAL");
}

#[test]
fn a_listing_of_2000_members_is_whole() {
    let (daemon, erika, client) = erika();
    let components: String = (0..2000)
        .map(|n| format!("BEGIN:VEVENT\nUID:bulk-{n}\nDTSTAMP:20261101T080000Z\nDTSTART:20261201T090000Z\nDURATION:PT1H\nSUMMARY:Visit {n}\nEND:VEVENT\n"))
        .collect();
    let _ =
        daemon.cli_with_input(&["import", "-", "erika/calendar"], ics::calendar(&components).as_bytes()).ok();
    let listing = client.propfind(&erika.calendar(), "1", &["D:getetag"]).multistatus();
    assert_eq!(listing.entries.len(), 2001);
    let mut hrefs = listing.hrefs();
    hrefs.dedup();
    assert_eq!(hrefs.len(), 2001);
    assert_eq!(client.sync(&erika.calendar(), "").multistatus().members().len(), 2000);
    assert_eq!(
        client
            .events_between(&erika.calendar(), "20261201T000000Z", "20261202T000000Z")
            .multistatus()
            .members()
            .len(),
        2000
    );
    assert_eq!(
        ics::values(&ics::unfold(client.get(&erika.calendar()).expect(200).text()), "UID").len(),
        2000
    );
}
