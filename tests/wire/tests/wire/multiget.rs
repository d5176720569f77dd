//! calendar-multiget: RFC 4791 section 7.9.

use almanac_harness::ics;

use crate::erika;

const PROPS: &str = "<D:prop><D:getetag/><C:calendar-data/></D:prop>";

#[test]
fn etag_and_data_come_from_one_record_and_the_missing_are_404() {
    let (_daemon, erika, client) = erika();
    let body = ics::simple("a");
    let etag = client.put(&erika.object("a.ics"), &body).expect(201).etag();
    let inside = format!(
        "{PROPS}<D:href>{}</D:href><D:href>{}</D:href>",
        erika.object("a.ics"),
        erika.object("none.ics")
    );
    let answer =
        client.report_request(&erika.calendar(), "C:calendar-multiget", &inside).send().multistatus();
    let entry = answer.entry(&erika.object("a.ics"));
    assert_eq!((entry.text("D:getetag"), entry.text("C:calendar-data")), (etag.as_str(), body.as_str()));
    assert_eq!(answer.entry(&erika.object("none.ics")).status, Some(404));
}

#[test]
fn every_href_gets_its_own_answer_in_the_spelling_of_the_client() {
    let (_daemon, erika, client) = erika();
    let _ = client.put(&erika.object("a%20b.ics"), ics::simple("a")).expect(201);
    let _ =
        client.put(&format!("{}t.ics", erika.collection("tasks")), ics::todo_with("t", "x", "")).expect(201);
    let absolute = format!("http://{}{}", client.address().authority(), erika.object("a%20b.ics"));
    let good = [erika.object("a%20b.ics"), absolute];
    let bad = [
        erika.object("../x.ics"),
        erika.object("%2e%2e/x.ics"),
        erika.object("a%2fb.ics"),
        erika.object("a%00b.ics"),
        "http://other.example/dav/calendars/erika/calendar/a%20b.ics".to_owned(),
        format!("{}t.ics", erika.collection("tasks")),
        "/dav/calendars/nobody/calendar/a.ics".to_owned(),
        "nonsense".to_owned(),
        erika.calendar(),
    ];
    let hrefs: String = good.iter().chain(&bad).map(|h| format!("<D:href>{h}</D:href>")).collect();
    let answer = client
        .report_request(&erika.calendar(), "C:calendar-multiget", &format!("{PROPS}{hrefs}"))
        .send()
        .multistatus();
    assert_eq!(answer.entries.len(), good.len() + bad.len());
    for href in &good {
        let entry = answer.entries.iter().find(|e| e.href == *href || e.href == good[0]).unwrap();
        assert!(entry.prop("C:calendar-data").is_some(), "{href}");
    }
    for href in &bad {
        let entry = answer.entry(href);
        assert_eq!((entry.status, entry.propstats.len()), (Some(404), 0), "{href}: {entry:?}");
    }
}

#[test]
fn a_multiget_without_hrefs_is_refused_and_one_of_1000_is_answered() {
    let (_daemon, erika, client) = erika();
    let none = client.report_request(&erika.calendar(), "C:calendar-multiget", PROPS).send();
    let _ = none.expect(400);
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let hrefs: String =
        (0..1000).map(|n| format!("<D:href>{}</D:href>", erika.object(&format!("{n}.ics")))).collect();
    let inside = format!("{PROPS}{hrefs}<D:href>{}</D:href>", erika.object("a.ics"));
    let answer =
        client.report_request(&erika.calendar(), "C:calendar-multiget", &inside).send().multistatus();
    assert_eq!(answer.entries.len(), 1001);
    assert_eq!(answer.entries.iter().filter(|e| e.status == Some(404)).count(), 1000);
}

#[test]
fn multiget_can_expand() {
    let (_daemon, erika, client) = erika();
    let _ = client
        .put(
            &erika.object("a.ics"),
            ics::event_with("a", "x", "20261201T090000Z", "RRULE:FREQ=DAILY;COUNT=5"),
        )
        .expect(201);
    let inside = format!(
        "<D:prop><C:calendar-data><C:expand start=\"20261202T000000Z\" end=\"20261204T000000Z\"/></C:calendar-data></D:prop><D:href>{}</D:href>",
        erika.object("a.ics")
    );
    let answer =
        client.report_request(&erika.calendar(), "C:calendar-multiget", &inside).send().multistatus();
    let text = ics::unfold(answer.only().text("C:calendar-data"));
    assert_eq!(ics::values(&text, "DTSTART"), ["20261202T090000Z", "20261203T090000Z"]);
}
