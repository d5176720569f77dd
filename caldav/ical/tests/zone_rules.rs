//! Gaps and folds, names, and VTIMEZONEs evaluated.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use almanac_ical::zone::{How, Zone, Zones, tzdb_version, vtimezone};
use almanac_ical::{CalendarObject, Component, Limits};
use jiff::{SignedDuration, Timestamp};
use support::{at, calendar, event, instances, starts, window, zone};

/// Zone, local time, its instant: a time in a gap by the offset before it, in a fold the first.
const LOCAL_TIMES: &[(&str, &str, &str)] = &[
    ("Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59Z"),
    ("Europe/Berlin", "2026-03-29T02:00:00", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
    ("Europe/Berlin", "2026-03-29T03:00:00", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:59:59", "2026-10-24T23:59:59Z"),
    ("Europe/Berlin", "2026-10-25T02:00:00", "2026-10-25T00:00:00Z"),
    ("Europe/Berlin", "2026-10-25T02:59:59", "2026-10-25T00:59:59Z"),
    ("Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z"),
    ("America/New_York", "2007-03-11T02:30:00", "2007-03-11T07:30:00Z"), // RFC 5545 section 3.3.5
    ("America/New_York", "2007-11-04T01:30:00", "2007-11-04T05:30:00Z"), // RFC 5545 section 3.3.5
    ("America/Sao_Paulo", "2018-11-04T00:30:00", "2018-11-04T03:30:00Z"),
    ("Asia/Tehran", "2022-03-22T00:30:00", "2022-03-21T21:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:45:00Z"),
    ("Australia/Lord_Howe", "2026-04-05T01:45:00", "2026-04-04T14:45:00Z"),
    ("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T22:00:00Z"), // a day that was left out
    ("America/St_Johns", "2006-10-29T00:00:30", "2006-10-29T02:30:30Z"),
    ("Europe/Dublin", "2026-10-25T01:30:00", "2026-10-25T00:30:00Z"), // negative daylight saving time
];

#[test]
fn local_times_in_gaps_and_folds_have_the_instant_of_the_rfc() {
    for (name, local, instant) in LOCAL_TIMES {
        assert_eq!(zone(name).instant(local.parse().unwrap()), at(instant), "{name} {local}");
    }
}

#[test]
fn a_generated_vtimezone_is_evaluated_to_the_same_instants() {
    for (name, local, instant) in LOCAL_TIMES {
        let text = vtimezone(name, at("1990-01-01T00:00:00Z"), at("2030-01-01T00:00:00Z")).unwrap().to_text();
        let custom = custom(&text.replace(&format!("TZID:{name}"), "TZID:Elsewhere"));
        assert_eq!(custom.instant(local.parse().unwrap()), at(instant), "{name} {local}\n{text}");
    }
}

/// The zone of a calendar's only VTIMEZONE, called Elsewhere.
fn custom(vtimezone: &str) -> Zone {
    let calendar = calendar(vtimezone);
    let resolved = Zones::read(&calendar).resolve("Elsewhere");
    assert_eq!(resolved.how, How::Vtimezone, "{vtimezone}");
    resolved.zone
}

#[test]
fn generated_vtimezones_agree_with_the_database_over_their_years() {
    for name in [
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Tehran",
        "Africa/Casablanca",
        "America/Sao_Paulo",
        "Pacific/Apia",
        "Europe/Dublin",
        "Europe/Istanbul",
        "Asia/Kolkata",
        "Antarctica/Troll",
        "Asia/Gaza",
    ] {
        let (from, to) = (at("1975-06-01T00:00:00Z"), at("2049-12-31T00:00:00Z"));
        let text =
            vtimezone(name, from, to).unwrap().to_text().replace(&format!("TZID:{name}"), "TZID:Elsewhere");
        let (custom, database) = (custom(&text), zone(name));
        let mut now = from;
        while now < to {
            assert_eq!(custom.offset(now), database.offset(now), "{name} at {now}\n{text}");
            let local = database.local(now);
            assert_eq!(custom.instant(local), database.instant(local), "{name} {local}");
            now = now.checked_add(SignedDuration::from_secs(37 * 3_600 + 1_801)).unwrap();
        }
    }
}

#[test]
fn a_vtimezone_of_all_time_stays_short_and_its_last_rules_have_no_end() {
    let berlin = vtimezone("Europe/Berlin", Timestamp::MIN, Timestamp::MAX).unwrap();
    assert!(berlin.components().len() < 80, "{}", berlin.components().len());
    let endless = |component: &&Component| {
        component.property("RRULE").is_some_and(|rule| !rule.value().contains("UNTIL"))
    };
    let rules: Vec<_> =
        berlin.components().iter().filter(endless).map(|c| c.property("RRULE").unwrap().value()).collect();
    assert_eq!(rules, ["FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", "FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU"]);
    assert!(vtimezone("Nowhere/Land", Timestamp::MIN, Timestamp::MAX).is_none());
    assert_eq!(vtimezone("UTC", Timestamp::MIN, Timestamp::MAX).unwrap().components().len(), 1);
}

/// Outlook's VTIMEZONE for Central Europe.
const OUTLOOK: &str = "BEGIN:VTIMEZONE
TZID:Elsewhere
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE";

#[test]
fn the_rules_of_outlook_from_1601_hold_in_every_year() {
    let (custom, berlin) = (custom(OUTLOOK), zone("Europe/Berlin"));
    for year in [1996, 2026, 2069, 2070, 2071, 2399] {
        for (month, day) in
            [(1, 1), (3, 24), (3, 26), (3, 29), (7, 15), (10, 24), (10, 25), (10, 29), (12, 31)]
        {
            for hour in 0..5 {
                let local = jiff::civil::date(year, month, day).at(hour, 30, 0, 0);
                assert_eq!(custom.instant(local), berlin.instant(local), "{local}");
            }
        }
    }
    // Long before there was such a rule the text says so all the same.
    assert_eq!(custom.offset(at("1700-07-01T00:00:00Z")).seconds(), 7_200);
    assert_eq!(custom.offset(at("1700-01-01T00:00:00Z")).seconds(), 3_600);
    assert_eq!(custom.offset(at("1601-02-01T00:00:00Z")).seconds(), 3_600, "both begin in winter");
    assert_eq!(custom.offset(Timestamp::MIN).seconds(), 3_600, "before the first onset");
    assert_eq!(custom.offset(Timestamp::MAX).seconds(), 3_600);
}

#[test]
fn observances_by_rdate_and_with_an_end_are_followed() {
    let custom = custom(
        "BEGIN:VTIMEZONE\nTZID:Elsewhere\n\
         BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0500\nRDATE:20101107T020000,20111106T020000\nEND:STANDARD\n\
         BEGIN:DAYLIGHT\nDTSTART:20000402T020000\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0400\n\
         RRULE:FREQ=YEARLY;BYMONTH=4;BYDAY=1SU;UNTIL=20100404T070000Z\nEND:DAYLIGHT\nEND:VTIMEZONE",
    );
    let hours = |text: &str| custom.offset(at(text)).seconds() / 3_600;
    assert_eq!(hours("1999-07-01T00:00:00Z"), -5);
    assert_eq!(hours("2005-07-01T00:00:00Z"), -4);
    assert_eq!(hours("2010-07-01T00:00:00Z"), -4, "UNTIL is included");
    assert_eq!(hours("2010-12-01T00:00:00Z"), -5);
    assert_eq!(hours("2011-07-01T00:00:00Z"), -5, "the rule is over");
    assert_eq!(hours("2500-07-01T00:00:00Z"), -5, "and stays over");
}

#[test]
fn tzids_are_resolved_by_every_name_that_clients_write() {
    use How::{Alias, Assumed, Exact, Offset, Windows};
    let empty = calendar("");
    let zones = Zones::read(&empty);
    for (tzid, name, how) in [
        ("Europe/Berlin", "Europe/Berlin", Exact),
        ("europe/berlin", "Europe/Berlin", Exact),
        ("UTC", "UTC", Exact),
        ("US/Eastern", "US/Eastern", Exact),
        ("/freeassociation.sourceforge.net/Europe/Berlin", "Europe/Berlin", Alias),
        ("/freeassociation.sourceforge.net/Tzfile/Europe/Berlin", "Europe/Berlin", Alias),
        ("/mozilla.org/20070129_1/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires", Alias),
        ("/citadel.org/20190914_1/Europe/Paris", "Europe/Paris", Alias),
        ("/softwarestudio.org/Olson_20011030_5/America/New_York", "America/New_York", Alias),
        ("tzone://Microsoft/Utc", "UTC", Alias),
        ("US-Eastern", "US/Eastern", Alias),
        ("America/New York", "America/New_York", Alias),
        ("W. Europe Standard Time", "Europe/Berlin", Windows),
        ("w. europe standard time", "Europe/Berlin", Windows),
        ("Eastern Standard Time", "America/New_York", Windows),
        ("W. Europe Standard Time 1", "Europe/Berlin", Windows),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Berlin", Windows),
        ("(GMT+01.00) Amsterdam / Berlin / Bern / Rome / Stockholm / Vienna", "Europe/Berlin", Windows),
        ("(UTC+01:00) Amsterdam", "Europe/Amsterdam", Windows),
        ("(GMT-05:00) Eastern Time (US & Canada)", "America/New_York", Windows),
        ("(UTC-05:00) Eastern Time (US and Canada)", "America/New_York", Windows),
        ("Greenwich Mean Time : Dublin, Edinburgh, Lisbon, London", "Europe/London", Windows),
        ("Pacific Time (US & Canada)", "America/Los_Angeles", Windows),
        ("GMT+0100", "GMT+0100", Offset),
        ("UTC-03:30", "UTC-03:30", Offset),
        ("+0530", "+0530", Offset),
        ("(UTC+02:00) Atlantis", "(UTC+02:00) Atlantis", Offset),
        ("Customized Time Zone", "UTC", Assumed),
        ("Europe/Atlantis", "UTC", Assumed),
        ("", "UTC", Assumed),
        ("GMT+99", "UTC", Assumed),
        ("(UTC", "UTC", Assumed),
        ("////", "UTC", Assumed),
        ("é", "UTC", Assumed),
    ] {
        let resolved = zones.resolve(tzid);
        assert_eq!((resolved.zone.name(), resolved.how), (name, how), "{tzid}");
        assert_eq!(zones.resolve(tzid), resolved, "a second time");
    }
    assert_eq!(
        zones.resolve("GMT+0100").zone.instant("2026-01-01T10:00:00".parse().unwrap()),
        at("2026-01-01T09:00:00Z")
    );
    assert_eq!(
        zones.resolve("UTC-03:30").zone.instant("2026-01-01T10:00:00".parse().unwrap()),
        at("2026-01-01T13:30:00Z")
    );
}

#[test]
fn a_vtimezone_explains_a_name_that_nothing_else_does() {
    let customized = OUTLOOK.replace("Elsewhere", "Customized Time Zone");
    let calendar = calendar(&format!(
        "{customized}\nBEGIN:VEVENT\nUID:1\nDTSTART;TZID=Customized Time Zone:20260701T090000\nEND:VEVENT"
    ));
    let found =
        instances(&calendar, &window("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"), &zone("Asia/Tokyo"));
    assert_eq!(found[0].start, at("2026-07-01T07:00:00Z"));
    let located =
        customized.replace("BEGIN:STANDARD", "X-LIC-LOCATION:/x.example/Asia/Tokyo\nBEGIN:STANDARD");
    let located = support::calendar(&located);
    let resolved = Zones::read(&located).resolve("Customized Time Zone");
    assert_eq!((resolved.zone.name(), resolved.how), ("Asia/Tokyo", How::Alias));
}

#[test]
fn half_a_vtimezone_is_no_zone() {
    for (from, to) in [
        ("TZOFFSETTO:+0100\n", ""),
        ("TZOFFSETFROM:+0100", "TZOFFSETFROM:noon"),
        ("DTSTART:16010101T020000\n", ""),
        ("FREQ=YEARLY", "FREQ=SECONDLY"),
        ("BYMONTH=3", "BYMONTH=13"),
    ] {
        let broken = OUTLOOK.replace(from, to);
        assert_ne!(broken, OUTLOOK);
        let calendar = calendar(&broken);
        assert_eq!(Zones::read(&calendar).resolve("Elsewhere").how, How::Assumed, "{from} -> {to}");
    }
}

#[test]
fn an_object_tells_whether_utc_is_assumed_for_one_of_its_zones() {
    for (lines, assumes) in [
        ("DTSTART;TZID=Europe/Berlin:20261103T090000", false),
        ("DTSTART;TZID=W. Europe Standard Time:20261103T090000", false),
        ("DTSTART:20261103T090000Z", false),
        ("DTSTART:20261103T090000", false),
        ("DTSTART;TZID=Elsewhere:20261103T090000", true),
        ("DTSTART;TZID=Europe/Berlin:20261103T090000\nEXDATE;TZID=Elsewhere:20261104T090000", true),
    ] {
        let text = event(lines).to_text();
        let object = CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(object.assumes_utc(), assumes, "{lines}");
    }
}

#[test]
fn a_hostile_vtimezone_is_evaluated_within_bounds() {
    let times = (0..60).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let rule = format!("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYMINUTE={times};BYSECOND={times}");
    let dense = OUTLOOK.replace("FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3", &rule);
    let zone = custom(&dense);
    let shown = zone.local(at("2026-07-01T00:00:00Z"));
    assert!((0..=2).contains(&shown.hour()), "{shown}");
}

#[test]
fn a_series_through_gaps_and_folds_keeps_every_instance() {
    let calendar =
        event("DTSTART;TZID=Europe/Berlin:20260328T023000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3");
    let found = instances(&calendar, &window("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"), &Zone::utc());
    let instants: Vec<_> = found.iter().map(|i| (i.start, i.end)).collect();
    assert_eq!(
        instants,
        [
            (at("2026-03-28T01:30:00Z"), at("2026-03-28T02:30:00Z")),
            (at("2026-03-29T01:30:00Z"), at("2026-03-29T02:30:00Z")),
            (at("2026-03-30T00:30:00Z"), at("2026-03-30T01:30:00Z")),
        ]
    );
    // Two wall times that are one instant are one instance.
    let hourly = event("DTSTART;TZID=Europe/Berlin:20260329T010000\nRRULE:FREQ=HOURLY;COUNT=4");
    let found = instances(&hourly, &window("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"), &Zone::utc());
    assert_eq!(starts(&found), ["2026-03-29T01:00:00", "2026-03-29T02:00:00", "2026-03-29T04:00:00"]);
    // A whole day that a zone left out (Samoa, 30 December 2011) is read by the offset before it.
    let samoa = event("DTSTART;TZID=Pacific/Apia:20111228T120000\nRRULE:FREQ=DAILY;COUNT=5");
    let found = instances(&samoa, &window("2011-01-01T00:00:00Z", "2013-01-01T00:00:00Z"), &Zone::utc());
    let starts: Vec<_> = found.iter().map(|i| i.start.to_string()).collect();
    assert_eq!(
        starts,
        ["2011-12-28T22:00:00Z", "2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z", "2011-12-31T22:00:00Z"],
        "the 30th and the 31st are one instant"
    );
}

#[test]
fn the_database_tells_its_release() {
    assert!(tzdb_version().starts_with("20"), "{}", tzdb_version());
}
