//! calendar-query: RFC 4791 sections 7.8, 9.7 and 9.9.

use almanac_harness::{Client, Person, Response, ics, prop};

use crate::erika;

/// The members that match `filter`, the inside of the VCALENDAR comp-filter.
fn query(client: &Client, path: &str, filter: &str) -> Response {
    let inside = format!(
        "{}<C:filter><C:comp-filter name=\"VCALENDAR\">{filter}</C:comp-filter></C:filter>",
        prop(&["D:getetag"])
    );
    client.report(path, "C:calendar-query", &inside)
}

fn members(client: &Client, erika: &Person, filter: &str) -> Vec<String> {
    query(client, &erika.calendar(), filter).multistatus().members().into_iter().map(str::to_owned).collect()
}

fn between(start: &str, end: &str) -> String {
    format!("<C:comp-filter name=\"VEVENT\"><C:time-range start=\"{start}\" end=\"{end}\"/></C:comp-filter>")
}

#[test]
fn time_range_bounds_are_half_open() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a.ics"), ics::event("a", "x", "20261201T090000Z")).expect(201);
    for (start, end, found) in [
        ("20261201T090000Z", "20261201T100000Z", true),
        ("20261201T095959Z", "20261201T110000Z", true),
        ("20261201T100000Z", "20261201T110000Z", false),
        ("20261201T080000Z", "20261201T090000Z", false),
        ("20261201T080000Z", "20261201T090001Z", true),
    ] {
        assert_eq!(members(&client, &erika, &between(start, end)).len(), usize::from(found), "{start} {end}");
    }
    let open = "<C:comp-filter name=\"VEVENT\"><C:time-range start=\"20261201T093000Z\"/></C:comp-filter>";
    assert_eq!(members(&client, &erika, open), ["a.ics"]);
    let open = "<C:comp-filter name=\"VEVENT\"><C:time-range end=\"20261201T090000Z\"/></C:comp-filter>";
    assert!(members(&client, &erika, open).is_empty());
}

#[test]
fn events_of_every_shape_are_found_where_rfc_4791_says() {
    let (_daemon, erika, client) = erika();
    let put = |name: &str, lines: &str| {
        let body = ics::calendar(&format!(
            "BEGIN:VEVENT\nUID:{name}\nDTSTAMP:20261101T080000Z\n{lines}\nEND:VEVENT"
        ));
        let _ = client.put(&erika.object(name), body).expect(201);
    };
    put("day", "DTSTART;VALUE=DATE:20261210");
    put("days", "DTSTART;VALUE=DATE:20261211\nDTEND;VALUE=DATE:20261213");
    put("instant", "DTSTART:20261215T090000Z");
    put("zero", "DTSTART:20261216T090000Z\nDURATION:PT0S");
    put("long", "DTSTART:20261217T220000Z\nDTEND:20261219T020000Z");
    let found = |start: &str, end: &str| members(&client, &erika, &between(start, end));
    assert_eq!(found("20261210T120000Z", "20261210T130000Z"), ["day"]);
    assert_eq!(found("20261211T120000Z", "20261211T130000Z"), ["days"]);
    assert_eq!(found("20261212T120000Z", "20261212T130000Z"), ["days"]);
    assert_eq!(found("20261213T120000Z", "20261213T130000Z"), Vec::<String>::new());
    assert_eq!(found("20261215T090000Z", "20261215T090001Z"), ["instant"]);
    assert_eq!(found("20261215T080000Z", "20261215T090000Z"), Vec::<String>::new());
    assert_eq!(found("20261216T090000Z", "20261216T100000Z"), ["zero"]);
    assert_eq!(found("20261218T000000Z", "20261218T010000Z"), ["long"]);
}

#[test]
fn a_series_is_found_on_its_instances_and_not_between() {
    let (_daemon, erika, client) = erika();
    let extra = "RRULE:FREQ=WEEKLY;BYDAY=TU\nEXDATE:20261215T090000Z";
    let _ =
        client.put(&erika.object("a.ics"), ics::event_with("a", "x", "20261201T090000Z", extra)).expect(201);
    let on = |day: &str| {
        !members(&client, &erika, &between(&format!("{day}T000000Z"), &format!("{day}T235959Z"))).is_empty()
    };
    assert!(on("20261201") && on("20261208") && on("20261222") && on("20360101") != on("20360102"));
    assert!(!on("20261215"), "excluded");
    assert!(!on("20261209") && !on("20261124"));
}

#[test]
fn an_override_moves_its_instance() {
    let (_daemon, erika, client) = erika();
    let body = ics::calendar(
        "BEGIN:VEVENT\nUID:a\nDTSTAMP:20261101T080000Z\nDTSTART:20261201T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:a\nDTSTAMP:20261101T080000Z\nRECURRENCE-ID:20261202T090000Z\nDTSTART:20261220T090000Z\nDURATION:PT1H\nEND:VEVENT\n",
    );
    let _ = client.put(&erika.object("a.ics"), body).expect(201);
    let on = |day: &str| {
        members(&client, &erika, &between(&format!("{day}T000000Z"), &format!("{day}T235959Z"))).len()
    };
    assert_eq!([on("20261201"), on("20261202"), on("20261203"), on("20261220")], [1, 0, 1, 1]);
}

#[test]
fn floating_and_all_day_use_the_zone_of_the_query_then_of_the_collection() {
    let (_daemon, erika, client) = erika();
    let floating = ics::event("f", "x", "20261201T090000");
    let _ = client.put(&erika.object("f.ics"), floating).expect(201);
    let zone = |tzid: &str, offset: &str| {
        ics::calendar(&format!(
            "BEGIN:VTIMEZONE\nTZID:{tzid}\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:{offset}\nTZOFFSETTO:{offset}\nEND:STANDARD\nEND:VTIMEZONE"
        ))
    };
    let inside = |tz: &str, start: &str, end: &str| {
        format!(
            "{}<C:filter><C:comp-filter name=\"VCALENDAR\">{}</C:comp-filter></C:filter>{tz}",
            prop(&["D:getetag"]),
            between(start, end)
        )
    };
    let found = |tz: &str, start: &str, end: &str| {
        client
            .report(&erika.calendar(), "C:calendar-query", &inside(tz, start, end))
            .multistatus()
            .entries
            .len()
    };
    let tokyo = format!("<C:timezone>{}</C:timezone>", zone("Made/Up", "+0900"));
    assert_eq!(found(&tokyo, "20261201T000000Z", "20261201T010000Z"), 1, "09:00 is 00:00Z in Tokyo");
    assert_eq!(found(&tokyo, "20261201T090000Z", "20261201T100000Z"), 0);
    let set = format!(
        "<D:set><D:prop><C:calendar-timezone>{}</C:calendar-timezone></D:prop></D:set>",
        zone("Also/Made", "-0500")
    );
    assert_eq!(
        client.proppatch(&erika.calendar(), &set).multistatus().only().prop_status("C:calendar-timezone"),
        200
    );
    assert_eq!(found("", "20261201T140000Z", "20261201T150000Z"), 1, "09:00 is 14:00Z at -0500");
    assert_eq!(found("", "20261201T090000Z", "20261201T100000Z"), 0);
    assert_eq!(found(&tokyo, "20261201T000000Z", "20261201T010000Z"), 1, "the query's zone wins");

    let _ = client.delete(&erika.object("f.ics")).expect(204);
    let day = ics::calendar(
        "BEGIN:VEVENT\nUID:d\nDTSTAMP:20261101T080000Z\nDTSTART;VALUE=DATE:20261201\nEND:VEVENT",
    );
    let _ = client.put(&erika.object("d.ics"), day).expect(201);
    for (zone, start, end, times) in [
        (tokyo.as_str(), "20261130T150000Z", "20261130T160000Z", 1),
        (tokyo.as_str(), "20261201T150000Z", "20261201T160000Z", 0),
        ("", "20261201T040000Z", "20261201T050000Z", 0),
        ("", "20261201T050000Z", "20261201T060000Z", 1),
        ("", "20261202T040000Z", "20261202T050000Z", 1),
        ("", "20261202T050000Z", "20261202T060000Z", 0),
    ] {
        assert_eq!(found(zone, start, end), times, "the day of the zone: {start} {zone}");
    }
}

#[test]
fn todos_without_dates_and_with_every_combination() {
    let (_daemon, erika, client) = erika();
    let tasks = erika.collection("tasks");
    let put = |name: &str, lines: &str| {
        let _ = client.put(&format!("{tasks}{name}"), ics::todo_with(name, "x", lines)).expect(201);
    };
    put("always", "");
    put("due", "DUE:20261205T120000Z");
    put("span", "DTSTART:20261206T090000Z\nDUE:20261206T110000Z");
    put("lasting", "DTSTART:20261207T090000Z\nDURATION:PT2H");
    put("done", "COMPLETED:20261208T100000Z");
    put("created", "CREATED:20261210T100000Z");
    let found = |start: &str, end: &str| {
        let filter = format!(
            "<C:comp-filter name=\"VTODO\"><C:time-range start=\"{start}\" end=\"{end}\"/></C:comp-filter>"
        );
        let answer = query(&client, &tasks, &filter).multistatus();
        answer.members().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("20261205T110000Z", "20261205T120000Z"), ["always", "due"]);
    assert_eq!(found("20261206T100000Z", "20261206T103000Z"), ["always", "span"]);
    assert_eq!(found("20261207T100000Z", "20261207T103000Z"), ["always", "lasting"]);
    assert_eq!(found("20261208T100000Z", "20261208T110000Z"), ["always", "done"]);
    assert!(found("20261215T000000Z", "20261216T000000Z").contains(&"created".to_owned()));
    assert!(!found("20261201T000000Z", "20261202T000000Z").contains(&"created".to_owned()));
}

#[test]
fn journals_free_busy_and_alarms_have_their_own_rules() {
    let (_daemon, erika, client) = erika();
    let put = |name: &str, body: &str| {
        let _ = client.put(&erika.object(name), ics::calendar(body)).expect(201);
    };
    put(
        "journal",
        "BEGIN:VJOURNAL\nUID:j\nDTSTAMP:20261101T080000Z\nDTSTART;VALUE=DATE:20261203\nEND:VJOURNAL",
    );
    put(
        "busy",
        "BEGIN:VFREEBUSY\nUID:b\nDTSTAMP:20261101T080000Z\nORGANIZER:mailto:erika@example.invalid\nFREEBUSY:20261204T090000Z/PT1H\nEND:VFREEBUSY",
    );
    put(
        "alarm",
        "BEGIN:VEVENT\nUID:a\nDTSTAMP:20261101T080000Z\nDTSTART:20261210T090000Z\nDURATION:PT1H\nBEGIN:VALARM\nACTION:DISPLAY\nDESCRIPTION:x\nTRIGGER:-P1D\nEND:VALARM\nEND:VEVENT",
    );
    let range = |kind: &str, start: &str, end: &str| {
        members(
            &client,
            &erika,
            &format!(
                "<C:comp-filter name=\"{kind}\"><C:time-range start=\"{start}\" end=\"{end}\"/></C:comp-filter>"
            ),
        )
    };
    assert_eq!(range("VJOURNAL", "20261203T100000Z", "20261203T110000Z"), ["journal"]);
    assert!(range("VJOURNAL", "20261205T100000Z", "20261205T110000Z").is_empty());
    assert_eq!(range("VFREEBUSY", "20261204T093000Z", "20261204T110000Z"), ["busy"]);
    assert!(range("VFREEBUSY", "20261204T103000Z", "20261204T110000Z").is_empty());
    let alarm = |start: &str, end: &str| {
        members(
            &client,
            &erika,
            &format!(
                "<C:comp-filter name=\"VEVENT\"><C:comp-filter name=\"VALARM\"><C:time-range start=\"{start}\" end=\"{end}\"/></C:comp-filter></C:comp-filter>"
            ),
        )
    };
    assert_eq!(alarm("20261209T085900Z", "20261209T090100Z"), ["alarm"]);
    assert!(alarm("20261210T085900Z", "20261210T090100Z").is_empty());
}

#[test]
fn properties_parameters_and_their_absence() {
    let (_daemon, erika, client) = erika();
    let extra = "CATEGORIES:Labor,Röntgen\nATTENDEE;PARTSTAT=DECLINED;CN=\"Weber, Uwe\":mailto:uwe@example.invalid\nSTATUS:TENTATIVE";
    let _ = client
        .put(&erika.object("a.ics"), ics::event_with("a", "Zahnreinigung", "20261201T090000Z", extra))
        .expect(201);
    let _ =
        client.put(&erika.object("b.ics"), ics::event("b", "Besprechung", "20261201T090000Z")).expect(201);
    let event = |inside: &str| {
        members(&client, &erika, &format!("<C:comp-filter name=\"VEVENT\">{inside}</C:comp-filter>"))
    };
    let text =
        |prop: &str, matching: &str| format!("<C:prop-filter name=\"{prop}\">{matching}</C:prop-filter>");
    assert_eq!(event(""), ["a.ics", "b.ics"]);
    assert_eq!(event(&text("SUMMARY", "<C:text-match>zahn</C:text-match>")), ["a.ics"]);
    assert_eq!(
        event(&text("summary", "<C:text-match collation=\"i;ascii-casemap\">REINIGUNG</C:text-match>")),
        ["a.ics"]
    );
    assert!(event(&text("SUMMARY", "<C:text-match collation=\"i;octet\">zahn</C:text-match>")).is_empty());
    assert_eq!(
        event(&text("SUMMARY", "<C:text-match negate-condition=\"yes\">zahn</C:text-match>")),
        ["b.ics"]
    );
    assert_eq!(event(&text("STATUS", "")), ["a.ics"]);
    assert_eq!(event(&text("STATUS", "<C:is-not-defined/>")), ["b.ics"]);
    assert_eq!(event(&text("CATEGORIES", "<C:text-match>röntgen</C:text-match>")), ["a.ics"]);
    let param = |inside: &str| {
        text("ATTENDEE", &format!("<C:param-filter name=\"PARTSTAT\">{inside}</C:param-filter>"))
    };
    assert_eq!(event(&param("<C:text-match>declined</C:text-match>")), ["a.ics"]);
    assert!(event(&param("<C:text-match>accepted</C:text-match>")).is_empty());
    assert!(event(&param("<C:is-not-defined/>")).is_empty());
    assert_eq!(
        event(&text("ATTENDEE", "<C:param-filter name=\"ROLE\"><C:is-not-defined/></C:param-filter>")),
        ["a.ics"]
    );
    assert_eq!(
        members(&client, &erika, "<C:comp-filter name=\"VTODO\"><C:is-not-defined/></C:comp-filter>"),
        ["a.ics", "b.ics"]
    );
    assert!(members(&client, &erika, "<C:comp-filter name=\"VTODO\"/>").is_empty());
    assert_eq!(members(&client, &erika, ""), ["a.ics", "b.ics"]);
}

#[test]
fn wrong_queries_name_what_is_wrong() {
    let (_daemon, erika, client) = erika();
    let ask = |filter: &str| query(&client, &erika.calendar(), filter);
    let collation = "<C:comp-filter name=\"VEVENT\"><C:prop-filter name=\"SUMMARY\"><C:text-match collation=\"i;klingon\">x</C:text-match></C:prop-filter></C:comp-filter>";
    ask(collation).expect_refused(403, "C:supported-collation");
    for bad in [
        "<C:comp-filter name=\"VEVENT\"><C:time-range/></C:comp-filter>",
        "<C:comp-filter name=\"VEVENT\"><C:time-range start=\"20261201\" end=\"20261202\"/></C:comp-filter>",
        "<C:comp-filter name=\"VEVENT\"><C:time-range start=\"20261201T000000\"/></C:comp-filter>",
        "<C:comp-filter name=\"VEVENT\"><C:time-range start=\"20261202T000000Z\" end=\"20261201T000000Z\"/></C:comp-filter>",
    ] {
        ask(bad).expect_refused(403, "C:valid-filter");
    }
    let no_filter = client.report(&erika.calendar(), "C:calendar-query", &prop(&["D:getetag"]));
    let _ = no_filter.expect(400);
    let type_ = "<D:prop><C:calendar-data content-type=\"text/html\"/></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter>";
    client
        .report(&erika.calendar(), "C:calendar-query", type_)
        .expect_refused(403, "C:supported-calendar-data");
}

#[test]
fn the_answer_is_whole_unless_the_client_sets_a_limit() {
    let (_daemon, erika, client) = erika();
    for n in 0..30 {
        let _ = client.put(&erika.object(&format!("{n}.ics")), ics::simple(&n.to_string())).expect(201);
    }
    assert_eq!(members(&client, &erika, "").len(), 30);
    let inside = format!(
        "{}<C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter><C:limit><C:nresults>5</C:nresults></C:limit>",
        prop(&["D:getetag"])
    );
    let limited = client.report(
        &erika.calendar(),
        "C:calendar-query",
        &inside.replace("C:limit", "D:limit").replace("C:nresults", "D:nresults"),
    );
    let limited = limited.multistatus();
    let cut = limited.entry(&erika.calendar());
    assert_eq!(cut.status, Some(507));
    assert_eq!(limited.members().len(), 5);
}

#[test]
fn a_series_that_costs_too_much_does_not_hide_the_others() {
    let (_daemon, erika, client) = erika();
    let never = "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30";
    let _ = client
        .put(&erika.object("never.ics"), ics::event_with("never", "x", "20261201T090000Z", never))
        .expect(201);
    for uid in ["a", "b", "c"] {
        let body = ics::event(uid, "x", "20261205T090000Z");
        let _ = client.put(&erika.object(&format!("{uid}.ics")), body).expect(201);
    }
    let filter = "<C:comp-filter name=\"VEVENT\"><C:time-range start=\"20261203T000000Z\"/>\
                  <C:prop-filter name=\"SUMMARY\"/></C:comp-filter>";
    let answer = query(&client, &erika.calendar(), filter).multistatus();
    assert_eq!(answer.members(), ["a.ics", "b.ics", "c.ics", "never.ics"]);
    assert_eq!(answer.entries.len(), 4, "the answer is not cut");
}

#[test]
fn a_query_is_answered_by_calendars_and_objects_only() {
    let (_daemon, erika, client) = erika();
    for uid in ["a", "b"] {
        let _ = client.put(&erika.object(&format!("{uid}.ics")), ics::simple(uid)).expect(201);
    }
    let inside = format!("{}<C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter>", prop(&["D:getetag"]));
    for depth in ["0", "1", "infinity"] {
        let request = client.report_request(&erika.home(), "C:calendar-query", &inside);
        request.header("Depth", depth).send().expect_refused(403, "D:supported-report");
    }
    let object = client.report(&erika.object("a.ics"), "C:calendar-query", &inside);
    assert_eq!(object.multistatus().hrefs(), [erika.object("a.ics")]);
}
