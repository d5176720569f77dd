//! Selecting and expanding calendar data: RFC 4791 sections 9.6 and 7.8.2 to 7.8.3.

use almanac_harness::{Client, Person, ics};

use crate::erika;

/// The calendar data of the only object, as `request` wants it.
fn data(client: &Client, erika: &Person, request: &str) -> String {
    let inside =
        format!("<D:prop>{request}</D:prop><C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter>");
    let answer = client.report(&erika.calendar(), "C:calendar-query", &inside).multistatus();
    ics::unfold(answer.only().text("C:calendar-data"))
}

fn series(client: &Client, erika: &Person) {
    let body = ics::calendar(&format!(
        "{}BEGIN:VEVENT\nUID:a\nDTSTAMP:20261001T080000Z\nDTSTART;TZID=Europe/Berlin:20261020T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=4\nSUMMARY:Weekly\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:a\nDTSTAMP:20261001T080000Z\nRECURRENCE-ID;TZID=Europe/Berlin:20261027T090000\nDTSTART;TZID=Europe/Berlin:20261027T110000\nDURATION:PT2H\nSUMMARY:Moved\nEND:VEVENT\n",
        ics::berlin("Europe/Berlin")
    ));
    let _ = client.put(&erika.object("a.ics"), body).expect(201);
}

#[test]
fn without_a_selection_the_stored_octets_come_back() {
    let (_daemon, erika, client) = erika();
    let body = ics::event_with("a", "Ümlaut & <tags> \"q\"", "20261201T090000Z", "DESCRIPTION:]]> \\n end");
    let etag = client.put(&erika.object("a.ics"), &body).expect(201).etag();
    let inside = "<D:prop><D:getetag/><C:calendar-data/></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter>";
    let answer = client.report(&erika.calendar(), "C:calendar-query", inside).multistatus();
    assert_eq!(answer.only().text("C:calendar-data"), body, "CR and LF survive the XML");
    assert_eq!(answer.only().text("D:getetag"), etag);
}

#[test]
fn a_selection_keeps_what_was_asked_for() {
    let (_daemon, erika, client) = erika();
    series(&client, &erika);
    let text = data(
        &client,
        &erika,
        "<C:calendar-data><C:comp name=\"VCALENDAR\"><C:prop name=\"VERSION\"/><C:comp name=\"VEVENT\"><C:prop name=\"UID\"/><C:prop name=\"SUMMARY\"/></C:comp></C:comp></C:calendar-data>",
    );
    assert!(
        text.contains("VERSION:2.0") && !text.contains("PRODID") && !text.contains("VTIMEZONE"),
        "{text}"
    );
    assert_eq!(ics::values(&text, "SUMMARY"), ["Weekly", "Moved"]);
    assert!(!text.contains("RRULE") && !text.contains("DTSTART"), "{text}");
    let text = data(
        &client,
        &erika,
        "<C:calendar-data><C:comp name=\"VCALENDAR\"><C:allprop/><C:comp name=\"VEVENT\"><C:allprop/></C:comp></C:comp></C:calendar-data>",
    );
    assert!(text.contains("PRODID") && text.contains("RRULE") && !text.contains("VTIMEZONE"), "{text}");
    let text = data(
        &client,
        &erika,
        "<C:calendar-data><C:comp name=\"VCALENDAR\"><C:allprop/><C:comp name=\"VEVENT\"><C:prop name=\"SUMMARY\" novalue=\"yes\"/></C:comp></C:comp></C:calendar-data>",
    );
    assert_eq!(ics::values(&text, "SUMMARY"), ["", ""]);
}

#[test]
fn expand_gives_instances_in_utc_without_rules_and_zones() {
    let (_daemon, erika, client) = erika();
    series(&client, &erika);
    let text = data(
        &client,
        &erika,
        "<C:calendar-data><C:expand start=\"20261020T000000Z\" end=\"20261104T000000Z\"/></C:calendar-data>",
    );
    for word in ["RRULE", "EXDATE", "RDATE", "VTIMEZONE", "TZID"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    // Summer time ends on 25 October: 09:00 is 07:00Z before and 08:00Z after.
    assert_eq!(ics::values(&text, "DTSTART"), ["20261020T070000Z", "20261027T100000Z", "20261103T080000Z"]);
    assert_eq!(
        ics::values(&text, "RECURRENCE-ID"),
        ["20261020T070000Z", "20261027T080000Z", "20261103T080000Z"]
    );
    assert_eq!(ics::values(&text, "SUMMARY"), ["Weekly", "Moved", "Weekly"]);
}

#[test]
fn limit_recurrence_set_keeps_the_master_and_the_overrides_in_range() {
    let (_daemon, erika, client) = erika();
    series(&client, &erika);
    let limited = |start: &str, end: &str| {
        data(
            &client,
            &erika,
            &format!(
                "<C:calendar-data><C:limit-recurrence-set start=\"{start}\" end=\"{end}\"/></C:calendar-data>"
            ),
        )
    };
    let inside = limited("20261027T000000Z", "20261028T000000Z");
    assert!(inside.contains("RRULE") && inside.contains("SUMMARY:Moved"), "{inside}");
    let outside = limited("20261103T000000Z", "20261104T000000Z");
    assert!(outside.contains("RRULE") && !outside.contains("SUMMARY:Moved"), "{outside}");
}

#[test]
fn limit_freebusy_set_cuts_the_periods() {
    let (_daemon, erika, client) = erika();
    let body = ics::calendar(
        "BEGIN:VFREEBUSY\nUID:b\nDTSTAMP:20261101T080000Z\nDTSTART:20261201T000000Z\nDTEND:20261210T000000Z\nFREEBUSY:20261202T090000Z/PT1H,20261204T090000Z/PT1H\nEND:VFREEBUSY",
    );
    let _ = client.put(&erika.object("b.ics"), body).expect(201);
    let text = data(
        &client,
        &erika,
        "<C:calendar-data><C:limit-freebusy-set start=\"20261204T000000Z\" end=\"20261205T000000Z\"/></C:calendar-data>",
    );
    assert!(text.contains("20261204T090000Z") && !text.contains("20261202T090000Z"), "{text}");
}

#[test]
fn an_expansion_beyond_the_budget_is_cut_and_said_so() {
    let (_daemon, erika, client) = erika();
    for n in 0..40 {
        let body =
            ics::event_with(&n.to_string(), &"long ".repeat(100), "20200101T090000Z", "RRULE:FREQ=HOURLY");
        let _ = client.put(&erika.object(&format!("{n}.ics")), body).expect(201);
    }
    let inside = "<D:prop><C:calendar-data><C:expand start=\"20200101T000000Z\" end=\"20300101T000000Z\"/></C:calendar-data></D:prop>\
                  <C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter>";
    let answer = client.report(&erika.calendar(), "C:calendar-query", inside).multistatus();
    // 3.5 million instances are too many: each object is too large by itself, and after some of them all together.
    for entry in &answer.entries {
        assert_eq!(entry.status, Some(507), "{}", entry.href);
        assert_eq!(entry.error.as_deref(), Some("D:number-of-matches-within-limits"), "{}", entry.href);
    }
    assert_eq!(answer.entries.iter().filter(|entry| entry.href == erika.calendar()).count(), 1);
    assert!(answer.entries.len() < 41, "{} entries", answer.entries.len());
}
