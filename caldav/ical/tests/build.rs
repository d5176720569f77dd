//! Objects that are ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use almanac_ical::build::{NewEvent, NewTodo, event, free_busy, todo};
use almanac_ical::series::{Busy, BusyKind, CalTime, Window};
use almanac_ical::zone::Zone;
use almanac_ical::{CalendarObject, ComponentKind, Invalid, Limits, Property};
use jiff::Timestamp;
use jiff::civil::{date, datetime};
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn zoned(zone: &str, hour: i8) -> CalTime {
    CalTime::Zoned { local: datetime(2026, 11, 23, hour, 0, 0, 0), zone: Zone::iana(zone).unwrap() }
}

fn new_event(start: CalTime, end: CalTime) -> NewEvent {
    NewEvent {
        uid: "e1@example.org".into(),
        stamp: at("2026-11-21T09:00:00Z"),
        summary: "Team; \"stand-up\", daily".into(),
        description: Some("One\r\ntwo\\three".into()),
        location: None,
        start,
        end,
        rule: None,
    }
}

fn line(object: &CalendarObject, name: &str) -> String {
    let component = object.components().next().unwrap();
    component.property(name).map(Property::to_text).unwrap_or_default()
}

#[test]
fn a_series_in_a_zone_carries_its_rule_and_its_vtimezone() {
    let new = NewEvent {
        rule: Some("FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10".into()),
        location: Some("Room 1".into()),
        ..new_event(zoned("Europe/Berlin", 9), zoned("Europe/Berlin", 10))
    };
    let object = event(&new).unwrap();
    assert_eq!((object.kind(), object.uid()), (ComponentKind::Event, "e1@example.org"));
    assert_eq!(line(&object, "DTSTART"), "DTSTART;TZID=Europe/Berlin:20261123T090000\r\n");
    assert_eq!(line(&object, "DTEND"), "DTEND;TZID=Europe/Berlin:20261123T100000\r\n");
    assert_eq!(line(&object, "RRULE"), "RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10\r\n");
    assert_eq!(line(&object, "DTSTAMP"), "DTSTAMP:20261121T090000Z\r\n");
    assert_eq!(line(&object, "LOCATION"), "LOCATION:Room 1\r\n");
    let component = object.components().next().unwrap();
    assert_eq!(component.property("SUMMARY").unwrap().text(), new.summary);
    assert_eq!(component.property("DESCRIPTION").unwrap().text(), "One\ntwo\\three");
    let zones: Vec<_> = object.calendar().components_named("VTIMEZONE").collect();
    assert_eq!(zones.len(), 1);
    assert_eq!(zones[0].property("TZID").unwrap().value(), "Europe/Berlin");
    assert!(zones[0].property("UID").is_none() && zones[0].property("DTSTAMP").is_none());
    for observance in ["STANDARD", "DAYLIGHT"] {
        assert!(zones[0].components_named(observance).next().is_some(), "{observance}");
    }
}

#[test]
fn an_event_across_two_zones_carries_both() {
    let object = event(&new_event(zoned("Europe/Berlin", 9), zoned("America/New_York", 9))).unwrap();
    assert_eq!(object.calendar().components_named("VTIMEZONE").count(), 2);
}

#[test]
fn an_all_day_event_has_dates_and_no_zone() {
    let object =
        event(&new_event(CalTime::Date(date(2026, 11, 23)), CalTime::Date(date(2026, 11, 24)))).unwrap();
    assert_eq!(line(&object, "DTSTART"), "DTSTART;VALUE=DATE:20261123\r\n");
    assert_eq!(line(&object, "DTEND"), "DTEND;VALUE=DATE:20261124\r\n");
    assert_eq!(object.calendar().components().len(), 1);
}

#[test]
fn floating_and_utc_times_have_no_zone() {
    let floating = CalTime::Floating(datetime(2026, 11, 23, 9, 0, 0, 0));
    let object = event(&new_event(floating, CalTime::Utc(at("2026-11-23T10:00:00Z")))).unwrap();
    assert_eq!(line(&object, "DTSTART"), "DTSTART:20261123T090000\r\n");
    assert_eq!(line(&object, "DTEND"), "DTEND:20261123T100000Z\r\n");
    assert_eq!(object.calendar().components().len(), 1);
}

#[test]
fn a_task_has_its_due_time() {
    let mut new = NewTodo {
        uid: "t1".into(),
        stamp: at("2026-11-21T09:00:00Z"),
        summary: "Order gloves".into(),
        description: None,
        due: Some(zoned("America/New_York", 17)),
    };
    let object = todo(&new).unwrap();
    assert_eq!(object.kind(), ComponentKind::Todo);
    assert_eq!(line(&object, "DUE"), "DUE;TZID=America/New_York:20261123T170000\r\n");
    assert_eq!(line(&object, "STATUS"), "STATUS:NEEDS-ACTION\r\n");
    assert_eq!(object.calendar().components_named("VTIMEZONE").count(), 1);
    new.due = None;
    assert_eq!(todo(&new).unwrap().calendar().components().len(), 1);
}

#[test]
fn a_rule_that_cannot_be_is_refused() {
    let mut new = new_event(zoned("Europe/Berlin", 9), zoned("Europe/Berlin", 10));
    for rule in ["FREQ=DAILY;COUNT=0", "FREQ=DAILY\r\nX-A:1", ""] {
        new.rule = Some(rule.into());
        assert!(matches!(event(&new), Err(Invalid::Data(_))), "{rule}");
    }
}

#[test]
fn a_text_that_would_be_slow_to_fold_is_refused() {
    let mut new = new_event(zoned("Europe/Berlin", 9), zoned("Europe/Berlin", 10));
    new.description = Some("x".repeat((32 << 10) + 1));
    assert_eq!(event(&new).unwrap_err(), Invalid::TooLarge);
    new.description = Some("x".repeat(32 << 10));
    assert!(event(&new).is_ok());
}

#[test]
fn a_free_busy_answer_lists_the_periods_in_utc() {
    let window = Window { start: at("2026-11-23T00:00:00Z"), end: at("2026-11-24T00:00:00Z") };
    let busy = |hour: u8, kind| Busy {
        start: at(&format!("2026-11-23T{hour:02}:00:00Z")),
        end: at(&format!("2026-11-23T{hour:02}:30:00Z")),
        kind,
    };
    let kinds = [busy(8, BusyKind::Busy), busy(9, BusyKind::Tentative), busy(10, BusyKind::Unavailable)];
    let answer = free_busy(&window, at("2026-11-21T09:00:00Z"), &kinds);
    let expected = "BEGIN:VCALENDAR
        VERSION:2.0
        PRODID:-//Almanac//Almanac//EN
        BEGIN:VFREEBUSY
        DTSTAMP:20261121T090000Z
        DTSTART:20261123T000000Z
        DTEND:20261124T000000Z
        FREEBUSY;FBTYPE=BUSY:20261123T080000Z/20261123T083000Z
        FREEBUSY;FBTYPE=BUSY-TENTATIVE:20261123T090000Z/20261123T093000Z
        FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20261123T100000Z/20261123T103000Z
        END:VFREEBUSY
        END:VCALENDAR";
    let lines: Vec<_> = expected.lines().map(str::trim_start).collect();
    assert_eq!(answer.to_text().lines().collect::<Vec<_>>(), lines);
}

proptest! {
    #[test]
    fn any_text_makes_one_component_and_reads_back(summary in any::<String>(), uid in "[^\\p{C}\\p{Z}]{1,40}") {
        let mut new = new_event(CalTime::Date(date(2026, 11, 23)), CalTime::Date(date(2026, 11, 24)));
        (new.uid, new.summary, new.description) = (uid.clone(), summary.clone(), None);
        let object = event(&new).unwrap();
        prop_assert_eq!(object.uid(), uid);
        prop_assert_eq!(object.calendar().components().len(), 1);
        prop_assert!(CalendarObject::parse(object.bytes(), &Limits::default()).is_ok());
        let lines = summary.replace("\r\n", "\n").replace('\r', "\n");
        let kept = |c: &char| matches!(c, '\n' | '\t') || !(*c < ' ' || matches!(c, '\x7f' | '\u{fffe}' | '\u{ffff}'));
        let expected: String = lines.chars().filter(kept).collect();
        prop_assert_eq!(object.components().next().unwrap().property("SUMMARY").unwrap().text(), expected);
    }
}
