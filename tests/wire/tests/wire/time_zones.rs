//! Time zones: RFC 4791 section 5.2.2, RFC 7809, and the names that vendors use.

use almanac_harness::{Client, Person, ics};

use crate::erika;

fn found(client: &Client, erika: &Person, start: &str, end: &str) -> Vec<String> {
    client
        .events_between(&erika.calendar(), start, end)
        .multistatus()
        .members()
        .into_iter()
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_zone_is_known_by_every_name_that_vendors_give_it() {
    let (_daemon, erika, client) = erika();
    let names = [
        "Europe/Berlin",
        "W. Europe Standard Time",
        "/freeassociation.sourceforge.net/Europe/Berlin",
        "/mozilla.org/20070129_1/Europe/Berlin",
        "(UTC+01:00) Amsterdam\\, Berlin\\, Bern\\, Rome\\, Stockholm\\, Vienna",
    ];
    for (n, tzid) in names.iter().enumerate() {
        let day = format!("202607{:02}", n + 1);
        let parameter =
            if tzid.contains(',') { format!("\"{}\"", tzid.replace('\\', "")) } else { (*tzid).to_owned() };
        let body = ics::calendar(&format!(
            "BEGIN:VEVENT\nUID:{n}\nDTSTAMP:20261101T080000Z\nDTSTART;TZID={parameter}:{day}T090000\nDURATION:PT1H\nEND:VEVENT"
        ));
        let _ = client.put(&erika.object(&n.to_string()), body).expect(201);
        assert_eq!(
            found(&client, &erika, &format!("{day}T070000Z"), &format!("{day}T073000Z")),
            [n.to_string()],
            "{tzid}"
        );
        assert!(
            found(&client, &erika, &format!("{day}T090000Z"), &format!("{day}T093000Z")).is_empty(),
            "{tzid}"
        );
    }
}

#[test]
fn an_own_vtimezone_is_evaluated() {
    let (_daemon, erika, client) = erika();
    let zone = "BEGIN:VTIMEZONE\nTZID:Praxis-Zeit\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0330\nTZOFFSETTO:+0330\nEND:STANDARD\nEND:VTIMEZONE\n";
    let body = ics::calendar(&format!(
        "{zone}BEGIN:VEVENT\nUID:a\nDTSTAMP:20261101T080000Z\nDTSTART;TZID=Praxis-Zeit:20261201T090000\nDURATION:PT1H\nEND:VEVENT"
    ));
    let _ = client.put(&erika.object("a"), body).expect(201);
    assert_eq!(found(&client, &erika, "20261201T053000Z", "20261201T054500Z"), ["a"]);
    assert!(found(&client, &erika, "20261201T090000Z", "20261201T093000Z").is_empty());
}

#[test]
fn a_series_keeps_its_wall_time_over_the_change_of_the_clocks() {
    let (_daemon, erika, client) = erika();
    let body = ics::calendar(&format!(
        "{}BEGIN:VEVENT\nUID:a\nDTSTAMP:20261001T080000Z\nDTSTART;TZID=Europe/Berlin:20261024T023000\nDURATION:PT30M\nRRULE:FREQ=DAILY;COUNT=3\nEND:VEVENT",
        ics::berlin("Europe/Berlin")
    ));
    let _ = client.put(&erika.object("a"), body).expect(201);
    assert_eq!(found(&client, &erika, "20261024T003000Z", "20261024T004000Z"), ["a"]);
    assert_eq!(
        found(&client, &erika, "20261025T003000Z", "20261025T004000Z"),
        ["a"],
        "in a fold it is the first"
    );
    assert!(found(&client, &erika, "20261025T013000Z", "20261025T014000Z").is_empty());
    assert_eq!(found(&client, &erika, "20261026T013000Z", "20261026T014000Z"), ["a"]);
}

#[test]
fn calendar_timezone_id_and_calendar_timezone_follow_each_other() {
    let (_daemon, erika, client) = erika();
    let set = "<D:set><D:prop><C:calendar-timezone-id>Asia/Tokyo</C:calendar-timezone-id></D:prop></D:set>";
    assert_eq!(
        client.proppatch(&erika.calendar(), set).multistatus().only().prop_status("C:calendar-timezone-id"),
        200
    );
    let answer = client
        .propfind(&erika.calendar(), "0", &["C:calendar-timezone-id", "C:calendar-timezone"])
        .multistatus();
    assert_eq!(answer.only().text("C:calendar-timezone-id"), "Asia/Tokyo");
    let _ = client.put(&erika.object("f"), ics::event("f", "x", "20261201T090000")).expect(201);
    assert_eq!(found(&client, &erika, "20261201T000000Z", "20261201T003000Z"), ["f"]);
    let bad =
        "<D:set><D:prop><C:calendar-timezone-id>Nowhere/Atall</C:calendar-timezone-id></D:prop></D:set>";
    let answer = client.proppatch(&erika.calendar(), bad).multistatus();
    assert_eq!(answer.only().prop_status("C:calendar-timezone-id"), 403);
}

#[test]
fn a_definition_that_is_indented_in_the_xml_counts_all_the_same() {
    let (_daemon, erika, client) = erika();
    let set = format!(
        "<D:set><D:prop><C:calendar-timezone>\n  {}\n  </C:calendar-timezone></D:prop></D:set>",
        ics::calendar(&ics::berlin("Europe/Berlin"))
    );
    let answer = client.proppatch(&erika.calendar(), &set).multistatus();
    assert_eq!(answer.only().prop_status("C:calendar-timezone"), 200);
    let _ = client.put(&erika.object("f"), ics::event("f", "x", "20261201T090000")).expect(201);
    assert_eq!(found(&client, &erika, "20261201T080000Z", "20261201T083000Z"), ["f"]);
    assert!(found(&client, &erika, "20261201T090000Z", "20261201T093000Z").is_empty());
}

#[test]
fn definitions_are_added_or_left_out_in_every_answer_that_holds_calendar_data() {
    let (_daemon, erika, client) = erika();
    let event = "BEGIN:VEVENT\nUID:a\nDTSTAMP:20261101T080000Z\nDTSTART;TZID=Europe/Berlin:20261201T090000\nEND:VEVENT";
    let (bare, whole) = (ics::calendar(event), ics::calendar(&(ics::berlin("Europe/Berlin") + event)));
    let data = "<D:prop><D:getetag/><C:calendar-data/></D:prop>";
    let href = format!("<D:href>{}</D:href>", erika.object("a.ics"));
    let filter = "<C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter>";
    let reports = [
        ("C:calendar-multiget", format!("{data}{href}")),
        ("C:calendar-query", format!("{data}{filter}")),
        ("D:sync-collection", format!("<D:sync-token/><D:sync-level>1</D:sync-level>{data}")),
    ];
    for (stored, wish, zones) in [(&bare, "T", 1), (&whole, "T", 1), (&bare, "F", 0), (&whole, "F", 0)] {
        let etag = client.put(&erika.object("a.ics"), stored).etag();
        let got =
            client.request("GET", &erika.object("a.ics")).header("CalDAV-Timezones", wish).send().expect(200);
        assert_eq!(got.etag(), etag, "the strong one, by which a client writes");
        let calendar =
            client.request("GET", &erika.calendar()).header("CalDAV-Timezones", wish).send().expect(200);
        let mut texts = vec![got.text().to_owned(), calendar.text().to_owned()];
        for (name, inside) in &reports {
            let request =
                client.report_request(&erika.calendar(), name, inside).header("CalDAV-Timezones", wish);
            let answer = request.send().multistatus();
            let entry = answer.entry(&erika.object("a.ics"));
            assert_eq!(entry.text("D:getetag"), etag);
            texts.push(entry.text("C:calendar-data").to_owned());
        }
        for text in &texts {
            assert_eq!(text.matches("BEGIN:VTIMEZONE").count(), zones, "{wish}: {text}");
            assert!(text.contains("DTSTART;TZID=Europe/Berlin:20261201T090000"), "{text}");
        }
        let edited = got.text().replace("T090000", "T100000");
        let put = client.put_request(&erika.object("a.ics"), edited).header("If-Match", &etag).send();
        let _ = put.expect(204);
    }
}

#[test]
fn a_query_can_name_its_zone() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("f"), ics::event("f", "x", "20261201T090000")).expect(201);
    let ask = |zone: &str| {
        client.report(
            &erika.calendar(),
            "C:calendar-query",
            &format!(
                "<D:prop><D:getetag/></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\"><C:comp-filter name=\"VEVENT\"><C:time-range start=\"20261201T000000Z\" end=\"20261201T003000Z\"/></C:comp-filter></C:comp-filter></C:filter><C:timezone-id>{zone}</C:timezone-id>"
            ),
        )
    };
    assert_eq!(ask("Asia/Tokyo").multistatus().members(), ["f"]);
    assert!(ask("America/New_York").multistatus().members().is_empty());
    ask("Nowhere/Atall").expect_refused(403, "C:valid-timezone");
}
