//! Recurrence sets: RDATE, EXDATE, EXRULE, overrides, UNTIL, dates and floating times.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use almanac_ical::object::CalendarObject;
use almanac_ical::series::{CalTime, Series, Window};
use almanac_ical::{Component, Invalid, Limits};
use support::{at, calendar, event, instances, starts, zone};

const TZ: &str = ";TZID=Europe/Berlin";

/// All local starts, seen from Berlin.
fn all(calendar: &Component) -> Vec<String> {
    starts(&instances(
        calendar,
        &Window { start: at("2000-01-01T00:00:00Z"), end: at("2030-01-01T00:00:00Z") },
        &zone("Europe/Berlin"),
    ))
}

fn days(calendar: &Component) -> Vec<String> {
    all(calendar).into_iter().map(|start| start[8..].to_owned()).collect()
}

#[test]
fn until_is_read_in_any_form() {
    for (start, until, last) in [
        // An instant beside a time with a zone.
        (";TZID=Europe/Berlin:20260105T090000", "20260107T080000Z", "2026-01-07T09:00:00"),
        (";TZID=Europe/Berlin:20260105T090000", "20260107T075959Z", "2026-01-06T09:00:00"),
        // Outlook and old Google: local, in the zone of DTSTART.
        (";TZID=Europe/Berlin:20260105T090000", "20260107T090000", "2026-01-07T09:00:00"),
        (";TZID=Europe/Berlin:20260105T090000", "20260107T085959", "2026-01-06T09:00:00"),
        // A date: the whole of that day.
        (";TZID=Europe/Berlin:20260105T090000", "20260107", "2026-01-07T09:00:00"),
        (";TZID=Europe/Berlin:20260105T233000", "20260107", "2026-01-07T23:30:00"),
        (":20260105T090000Z", "20260107", "2026-01-07T09:00:00Z"),
        (":20260105T090000Z", "20260107T090000", "2026-01-07T09:00:00Z"),
        (":20260105T090000Z", "20260107T090000Z", "2026-01-07T09:00:00Z"),
        (":20260105T090000", "20260107T090000", "2026-01-07T09:00:00"),
        (":20260105T090000", "20260107T090000Z", "2026-01-07T09:00:00"),
        (":20260105T090000", "20260107", "2026-01-07T09:00:00"),
        (";VALUE=DATE:20260105", "20260107", "2026-01-07"),
        (";VALUE=DATE:20260105", "20260107T000000Z", "2026-01-07"),
        (";VALUE=DATE:20260105", "20260107T090000", "2026-01-07"),
    ] {
        let found = all(&event(&format!("DTSTART{start}\nRRULE:FREQ=DAILY;UNTIL={until}")));
        assert_eq!(found.last().map(String::as_str), Some(last), "{start} {until}");
    }
}

#[test]
fn dtstart_is_an_instance_whatever_the_rule_says() {
    for (rule, expected) in [
        ("FREQ=WEEKLY;BYDAY=TU;COUNT=3", ["05", "06", "13"].as_slice()),
        ("FREQ=WEEKLY;BYDAY=TU;UNTIL=20260114", &["05", "06", "13"]),
        ("FREQ=DAILY;UNTIL=20250101", &["05"]),
        ("FREQ=DAILY;COUNT=1", &["05"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", &["05"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31;COUNT=2", &["05", "31"]),
    ] {
        assert_eq!(days(&event(&format!("DTSTART;VALUE=DATE:20260105\nRRULE:{rule}"))), expected, "{rule}");
    }
}

#[test]
fn weeks_belong_to_the_year_that_holds_four_of_their_days() {
    for (rule, expected) in [
        // The week from Friday 27 December 2002 is the 52nd of 2002 and reaches into 2003.
        ("FREQ=YEARLY;BYWEEKNO=52;BYDAY=WE;WKST=FR;COUNT=3", ["2002-12-25", "2003-01-01", "2003-12-31"]),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO;COUNT=3", ["2002-12-25", "2002-12-30", "2003-12-29"]),
        ("FREQ=YEARLY;BYWEEKNO=53;BYDAY=SU;COUNT=3", ["2002-12-25", "2005-01-02", "2010-01-03"]),
        ("FREQ=YEARLY;BYWEEKNO=-1;BYDAY=WE;COUNT=3", ["2002-12-25", "2003-12-24", "2004-12-29"]),
        // Without a day it is the weekday of DTSTART.
        ("FREQ=YEARLY;BYWEEKNO=20;COUNT=3", ["2002-12-25", "2003-05-14", "2004-05-12"]),
    ] {
        assert_eq!(all(&event(&format!("DTSTART;VALUE=DATE:20021225\nRRULE:{rule}"))), expected, "{rule}");
    }
}

#[test]
fn rules_dates_and_exclusions_make_one_set_without_duplicates() {
    for (lines, expected) in [
        // DTSTART is the first of every rule.
        (
            "RRULE:FREQ=WEEKLY;COUNT=2\nRRULE:FREQ=DAILY;INTERVAL=3;COUNT=3",
            ["05", "08", "11", "12"].as_slice(),
        ),
        ("RDATE;VALUE=DATE:20260107,20260106,20260107,20260105", &["05", "06", "07"]),
        ("RDATE;VALUE=DATE:20260101", &["01", "05"]),
        ("RRULE:FREQ=DAILY;COUNT=4\nEXDATE;VALUE=DATE:20260106,20260108", &["05", "07"]),
        ("RRULE:FREQ=DAILY;COUNT=4\nEXDATE;VALUE=DATE:20260105", &["06", "07", "08"]),
        ("RRULE:FREQ=DAILY;COUNT=2\nRDATE;VALUE=DATE:20260109\nEXDATE;VALUE=DATE:20260109", &["05", "06"]),
        ("RRULE:FREQ=DAILY;COUNT=4\nEXDATE:20260106T000000", &["05", "07", "08"]),
        ("RRULE:FREQ=DAILY;COUNT=4\nEXDATE:,20260106,", &["05", "07", "08"]),
        ("RRULE:FREQ=DAILY;COUNT=8\nEXRULE:FREQ=DAILY;INTERVAL=2", &["06", "08", "10", "12"]),
        ("RRULE:FREQ=DAILY;COUNT=8\nEXRULE:FREQ=DAILY;COUNT=3", &["08", "09", "10", "11", "12"]),
        ("RRULE:FREQ=DAILY;COUNT=8\nEXRULE:FREQ=DAILY;UNTIL=20260110", &["11", "12"]),
        ("RRULE:FREQ=DAILY;COUNT=8\nEXRULE:FREQ=WEEKLY;BYDAY=SA,SU", &["05", "06", "07", "08", "09", "12"]),
        ("RRULE:FREQ=HOURLY;COUNT=30;BYHOUR=9", &["05", "06"]),
    ] {
        let found = days(&event(&format!("DTSTART;VALUE=DATE:20260105\n{lines}")));
        assert_eq!(found, expected, "{lines}");
    }
}

#[test]
fn an_exdate_is_applied_in_every_form_that_clients_write() {
    for exdate in [
        "EXDATE;TZID=Europe/Berlin:20260106T090000",
        "EXDATE:20260106T080000Z",
        "EXDATE;TZID=America/New_York:20260106T030000",
        "EXDATE:20260106T090000", // without TZID: the zone of DTSTART
        "EXDATE;VALUE=DATE:20260106",
        "EXDATE;TZID=Europe/Berlin;VALUE=DATE:20260106",
    ] {
        let found = days(&event(&format!("DTSTART{TZ}:20260105T090000\nRRULE:FREQ=DAILY;COUNT=3\n{exdate}")));
        assert_eq!(found, ["05T09:00:00", "07T09:00:00"], "{exdate}");
    }
    // A date near midnight is the local one.
    let late =
        event(&format!("DTSTART{TZ}:20260105T003000\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE;VALUE=DATE:20260106"));
    assert_eq!(days(&late), ["05T00:30:00", "07T00:30:00"]);
    let other =
        event(&format!("DTSTART{TZ}:20260105T090000\nRRULE:FREQ=DAILY;COUNT=2\nEXDATE:20260106T090000Z"));
    assert_eq!(days(&other).len(), 2, "another time excludes nothing");
}

#[test]
fn a_period_has_its_own_length_and_other_dates_that_of_the_series() {
    let calendar = event(
        "DTSTART:20260105T090000Z\nDTEND:20260105T100000Z\nRRULE:FREQ=DAILY;COUNT=2\n\
         RDATE;VALUE=PERIOD:20260110T090000Z/PT3H,20260111T090000Z/20260111T093000Z,20260106T090000Z/PT5H\n\
         RDATE;VALUE=DATE:20260112",
    );
    let found = instances(&calendar, &Window::ALL, &zone("UTC"));
    let hours: Vec<_> = found
        .iter()
        .map(|i| (i.start.to_string()[8..13].to_owned(), i.end.duration_since(i.start).as_mins()))
        .collect();
    let expected = [("05T09", 60), ("06T09", 300), ("10T09", 180), ("11T09", 30), ("12T09", 60)];
    assert_eq!(hours, expected.map(|(start, minutes)| (start.to_owned(), minutes)));
}

#[test]
fn the_length_of_instances_is_exact_by_dtend_and_nominal_by_duration() {
    let hours = |lines: &str| -> Vec<i64> {
        let calendar = event(&format!("DTSTART{TZ}:20260327T120000\n{lines}\nRRULE:FREQ=DAILY;COUNT=3"));
        instances(&calendar, &Window::ALL, &zone("UTC"))
            .iter()
            .map(|i| i.end.duration_since(i.start).as_hours())
            .collect()
    };
    assert_eq!(hours("DTEND;TZID=Europe/Berlin:20260328T120000"), [24, 24, 24]);
    assert_eq!(hours("DURATION:P1D"), [24, 23, 24], "clocks go forward on 29 March");
    assert_eq!(hours("DURATION:PT24H"), [24, 24, 24]);
    assert_eq!(hours("DTEND:20260328T120000"), [24, 24, 24], "DTEND without TZID is beside DTSTART");
    assert_eq!(hours("DURATION:-P1D"), [0, 0, 0]);
    assert_eq!(
        hours("DTEND;TZID=Europe/Berlin:20260320T120000"),
        [0, 0, 0],
        "an end before the start is no length"
    );
    assert_eq!(hours(""), [0, 0, 0]);
}

const MASTER: &str = "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=Europe/Berlin:20260105T090000\nDTEND;TZID=Europe/Berlin:20260105T100000\nRRULE:FREQ=DAILY;COUNT=6\nEND:VEVENT\n";

fn with_override(lines: &str) -> Component {
    calendar(&format!("{MASTER}BEGIN:VEVENT\nUID:1\n{lines}\nEND:VEVENT"))
}

#[test]
fn an_override_takes_the_place_of_its_instance_in_whatever_form_it_names_it() {
    for id in [
        ";TZID=Europe/Berlin:20260107T090000",
        ":20260107T080000Z",
        ";TZID=Asia/Tokyo:20260107T170000",
        ":20260107T090000",
        ";VALUE=DATE:20260107",
    ] {
        let calendar = with_override(&format!(
            "RECURRENCE-ID{id}\nSEQUENCE:7\nDTSTART{TZ}:20260120T150000\nDURATION:PT2H"
        ));
        let expected =
            ["05T09:00:00", "06T09:00:00", "08T09:00:00", "09T09:00:00", "10T09:00:00", "20T15:00:00"];
        assert_eq!(days(&calendar), expected, "{id}");
        let ids =
            instances(&calendar, &Window::ALL, &zone("Europe/Berlin")).into_iter().map(|i| i.recurrence_id);
        assert!(!ids.flatten().any(|id| matches!(id, CalTime::Floating(_))), "{id}: in the zone of DTSTART");
        let moved = instances(
            &calendar,
            &Window { start: at("2026-01-20T15:59:00Z"), end: Window::ALL.end },
            &zone("UTC"),
        );
        assert_eq!((moved.len(), moved[0].component), (1, 1), "{id}");
    }
}

#[test]
fn an_override_of_no_instance_stands_beside_the_series_and_one_without_a_master_alone() {
    let beside = with_override(&format!("RECURRENCE-ID{TZ}:20260301T090000\nDTSTART{TZ}:20260301T110000"));
    assert_eq!(days(&beside).len(), 7);
    let alone =
        event(&format!("RECURRENCE-ID{TZ}:20260301T090000\nDTSTART{TZ}:20260301T110000\nRRULE:FREQ=DAILY"));
    assert_eq!(all(&alone), ["2026-03-01T11:00:00"]);
    assert!(Series::read(&alone).unwrap().bounds().recurring);
    let of_single = calendar(&format!(
        "BEGIN:VEVENT\nUID:1\nDTSTART{TZ}:20260105T090000\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:1\nRECURRENCE-ID{TZ}:20260105T090000\nDTSTART{TZ}:20260105T110000\nEND:VEVENT"
    ));
    assert_eq!(all(&of_single), ["2026-01-05T11:00:00"], "the only instance is overridden");
}

#[test]
fn an_excluded_instance_with_an_override_is_the_override() {
    let calendar = calendar(&format!(
        "{}BEGIN:VEVENT\nUID:1\nRECURRENCE-ID{TZ}:20260107T090000\nDTSTART{TZ}:20260107T110000\nEND:VEVENT",
        MASTER.replace("END:VEVENT", "EXDATE;TZID=Europe/Berlin:20260107T090000\nEND:VEVENT")
    ));
    assert_eq!(
        days(&calendar),
        ["05T09:00:00", "06T09:00:00", "07T11:00:00", "08T09:00:00", "09T09:00:00", "10T09:00:00"]
    );
}

#[test]
fn this_and_future_moves_the_instances_after_it_by_local_time() {
    let calendar = with_override(&format!(
        "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20260107T090000\nDTSTART{TZ}:20260108T113000\nDURATION:PT2H"
    ));
    let found = instances(&calendar, &Window::ALL, &zone("UTC"));
    assert_eq!(
        starts(&found).iter().map(|s| &s[8..]).collect::<Vec<_>>(),
        ["05T09:00:00", "06T09:00:00", "08T11:30:00", "09T11:30:00", "10T11:30:00", "11T11:30:00"]
    );
    let minutes: Vec<_> = found.iter().map(|i| i.end.duration_since(i.start).as_mins()).collect();
    assert_eq!(minutes, [60, 60, 120, 120, 120, 120]);
    let later = instances(
        &calendar,
        &Window { start: at("2026-01-11T11:00:00Z"), end: Window::ALL.end },
        &zone("UTC"),
    );
    assert_eq!(starts(&later), ["2026-01-11T11:30:00"], "found where it was moved to");
    assert_eq!(support::written(later[0].recurrence_id.as_ref().unwrap()), "2026-01-10T09:00:00");
}

#[test]
fn two_ranges_follow_each_other_and_single_overrides_win_over_them() {
    let over = |id: &str, start: &str| {
        format!("BEGIN:VEVENT\nUID:1\nRECURRENCE-ID{id}\nDTSTART{TZ}:{start}\nEND:VEVENT\n")
    };
    let range = ";RANGE=THISANDFUTURE;TZID=Europe/Berlin:";
    let calendar = calendar(&format!(
        "{MASTER}{}{}{}",
        over(&format!("{range}20260109T090000"), "20260109T130000"),
        over(&format!("{range}20260106T090000"), "20260106T110000"),
        over(&format!("{TZ}:20260110T090000"), "20260110T200000"),
    ));
    assert_eq!(
        days(&calendar),
        ["05T09:00:00", "06T11:00:00", "07T11:00:00", "08T11:00:00", "09T13:00:00", "10T20:00:00"]
    );
}

#[test]
fn a_range_keeps_the_local_time_when_clocks_change() {
    let calendar = calendar(&format!(
        "BEGIN:VEVENT\nUID:1\nDTSTART{TZ}:20260327T090000\nRRULE:FREQ=DAILY;COUNT=4\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:1\nRECURRENCE-ID;RANGE=THISANDFUTURE{TZ}:20260328T090000\nDTSTART{TZ}:20260328T100000\nEND:VEVENT"
    ));
    assert_eq!(days(&calendar), ["27T09:00:00", "28T10:00:00", "29T10:00:00", "30T10:00:00"]);
    let dates = support::calendar(
        "BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20260105\nRRULE:FREQ=DAILY;COUNT=4\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:1\nRECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20260107\nDTSTART;VALUE=DATE:20260109\nEND:VEVENT",
    );
    assert_eq!(days(&dates), ["05", "06", "09", "10"]);
}

#[test]
fn floating_and_all_day_series_follow_the_zone_of_the_question() {
    let floating = event("DTSTART:20260327T023000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3");
    let all_day = event("DTSTART;VALUE=DATE:20260328\nDTEND;VALUE=DATE:20260330");
    let first = |calendar: &Component, name: &str| {
        let found = instances(calendar, &Window::ALL, &zone(name));
        (found[0].start.to_string(), found[found.len() - 1].end.to_string())
    };
    assert_eq!(first(&floating, "UTC"), ("2026-03-27T02:30:00Z".into(), "2026-03-29T03:30:00Z".into()));
    assert_eq!(
        first(&floating, "Europe/Berlin"),
        ("2026-03-27T01:30:00Z".into(), "2026-03-29T02:30:00Z".into())
    );
    assert_eq!(
        first(&all_day, "Europe/Berlin"),
        ("2026-03-27T23:00:00Z".into(), "2026-03-29T22:00:00Z".into()),
        "47 hours"
    );
    assert_eq!(
        first(&all_day, "Pacific/Kiritimati"),
        ("2026-03-27T10:00:00Z".into(), "2026-03-29T10:00:00Z".into())
    );
}

#[test]
fn a_task_recurs_by_its_due_if_it_has_nothing_else() {
    let task = calendar(&format!(
        "BEGIN:VTODO\nUID:1\nDUE{TZ}:20260105T090000\nRRULE:FREQ=WEEKLY;COUNT=3\nEND:VTODO"
    ));
    let series = support::series(&task);
    let ask = |start, end| {
        let window = support::window(start, end);
        series
            .overlaps(
                almanac_ical::object::ComponentKind::Todo,
                &window,
                &zone("UTC"),
                &mut support::plenty(),
            )
            .unwrap()
    };
    assert!(ask("2026-01-19T07:00:00Z", "2026-01-19T09:00:00Z"));
    assert!(!ask("2026-01-20T07:00:00Z", "2026-01-25T09:00:00Z"));
    assert_eq!(series.bounds().last, at("2026-01-19T08:00:00Z"));
}

#[test]
fn what_cannot_be_read_is_refused() {
    for lines in [
        "DTSTART:20260231T090000Z",
        "DTSTART:tomorrow",
        "DTSTART:20260105T090000Z\nDTEND:20260105T250000Z",
        "DTSTART:20260105T090000Z\nDURATION:1H",
        "DTSTART:20260105T090000Z\nRRULE:FREQ=DAILY;INTERVAL=0",
        "DTSTART:20260105T090000Z\nRRULE:FREQ=NEVER",
        "DTSTART:20260105T090000Z\nRDATE:20260105T090000Z/noon",
        "DTSTART:20260105T090000Z\nRRULE:FREQ=DAILY\nEXDATE:never",
        "DTSTART:20260105T090000Z\nRECURRENCE-ID:20261301",
        "DTSTART:20260105T090000Z\nBEGIN:VALARM\nTRIGGER:soon\nEND:VALARM",
    ] {
        let calendar = event(lines);
        assert!(matches!(Series::read(&calendar), Err(Invalid::Data(_))), "{lines}");
        // Nothing is stored that could not be read here.
        let object = CalendarObject::parse(calendar.to_text().as_bytes(), &Limits::default());
        assert!(matches!(object, Err(Invalid::Data(_))), "{lines}");
    }
}
