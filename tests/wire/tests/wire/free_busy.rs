//! free-busy-query: RFC 4791 section 7.10.

use almanac_harness::{Client, Person, ics};

use crate::erika;

/// The periods of a VFREEBUSY as (type, start, end), sorted; a duration must be whole hours.
pub(crate) fn periods(text: &str) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    for line in ics::unfold(text).lines().filter(|l| l.starts_with("FREEBUSY")) {
        let (head, values) = line.split_once(':').unwrap();
        let kind = head.split_once("FBTYPE=").map_or("BUSY", |(_, kind)| kind);
        for period in values.split(',') {
            let (start, end) = period.split_once('/').unwrap();
            let end = match end.strip_prefix("PT").and_then(|h| h.strip_suffix('H')) {
                Some(hours) => {
                    let hour = start[9..11].parse::<u32>().unwrap() + hours.parse::<u32>().unwrap();
                    format!("{}{hour:02}{}", &start[..9], &start[11..])
                }
                None => end.to_owned(),
            };
            all.push((kind.to_owned(), start.to_owned(), end));
        }
    }
    all.sort();
    all
}

fn busy(client: &Client, erika: &Person, start: &str, end: &str) -> Vec<(String, String, String)> {
    let range = format!("<C:time-range start=\"{start}\" end=\"{end}\"/>");
    let answer = client.report(&erika.calendar(), "C:free-busy-query", &range).expect(200);
    let text = answer.text();
    assert_eq!(text.matches("BEGIN:VFREEBUSY").count(), 1, "{text}");
    assert!(text.contains(&format!("DTSTART:{start}")) && text.contains(&format!("DTEND:{end}")), "{text}");
    assert!(text.contains("DTSTAMP:") && !text.contains("SUMMARY"), "{text}");
    periods(text)
}

#[test]
fn transparent_and_cancelled_are_free_tentative_is_tentative() {
    let (_daemon, erika, client) = erika();
    let put = |uid: &str, start: &str, extra: &str| {
        let _ = client.put(&erika.object(uid), ics::event_with(uid, "Secret", start, extra)).expect(201);
    };
    put("busy", "20261201T080000Z", "");
    put("tentative", "20261201T100000Z", "STATUS:TENTATIVE");
    put("cancelled", "20261201T120000Z", "STATUS:CANCELLED");
    put("free", "20261201T140000Z", "TRANSP:TRANSPARENT");
    put("outside", "20261203T080000Z", "");
    assert_eq!(
        busy(&client, &erika, "20261201T000000Z", "20261202T000000Z"),
        [
            ("BUSY".into(), "20261201T080000Z".into(), "20261201T090000Z".into()),
            ("BUSY-TENTATIVE".into(), "20261201T100000Z".into(), "20261201T110000Z".into()),
        ]
    );
}

#[test]
fn overlapping_periods_are_merged_and_series_are_followed() {
    let (_daemon, erika, client) = erika();
    let put = |uid: &str, start: &str, extra: &str| {
        let _ = client.put(&erika.object(uid), ics::event_with(uid, "x", start, extra)).expect(201);
    };
    put("a", "20261201T080000Z", "");
    put("b", "20261201T083000Z", "");
    put("c", "20261125T120000Z", "RRULE:FREQ=DAILY;COUNT=7\nEXDATE:20261130T120000Z");
    let found = busy(&client, &erika, "20261130T000000Z", "20261202T000000Z");
    assert_eq!(
        found,
        [
            ("BUSY".into(), "20261201T080000Z".into(), "20261201T093000Z".into()),
            ("BUSY".into(), "20261201T120000Z".into(), "20261201T130000Z".into()),
        ]
    );
}

#[test]
fn an_empty_range_has_no_periods_and_a_wrong_one_is_refused() {
    let (_daemon, erika, client) = erika();
    assert!(busy(&client, &erika, "20261201T000000Z", "20261202T000000Z").is_empty());
    for range in [
        "",
        "<C:time-range/>",
        "<C:time-range start=\"20261202T000000Z\" end=\"20261201T000000Z\"/>",
        "<C:time-range start=\"x\" end=\"y\"/>",
    ] {
        let answer = client.report(&erika.calendar(), "C:free-busy-query", range);
        assert_eq!(answer.status, 400, "{range}: {answer}");
    }
    let _ = client.put(&erika.object("a.ics"), ics::simple("a")).expect(201);
    let object = client.report(
        &erika.object("a.ics"),
        "C:free-busy-query",
        "<C:time-range start=\"20261201T000000Z\" end=\"20261202T000000Z\"/>",
    );
    object.expect_refused(403, "D:supported-report");
}
