//! Instants compared with python-dateutil: `fixtures/make_dateutil.py` says how the fixture is made.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fmt::Write;

use almanac_ical::Component;
use almanac_ical::series::Window;
use almanac_ical::zone::Zone;
use jiff::Timestamp;
use support::{at, event, instances, plenty, series};

struct Case<'a> {
    line: &'a str,
    calendar: Component,
    window: Window,
    expected: Vec<Timestamp>,
}

/// `20261121T090000Z`
fn instant(text: &str) -> Timestamp {
    let (date, time) = text.split_once('T').unwrap();
    at(&format!(
        "{}-{}-{}T{}:{}:{}",
        &date[..4],
        &date[4..6],
        &date[6..],
        &time[..2],
        &time[2..4],
        &time[4..]
    ))
}

fn cases() -> Vec<Case<'static>> {
    include_str!("fixtures/dateutil.tsv").lines().map(case).collect()
}

fn case(line: &str) -> Case<'_> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [place, start, rule, exdates, rdates, from, to, expected] = fields[..] else { panic!("{line}") };
    let params = match place {
        "FLOATING" => String::new(),
        "DATE" => ";VALUE=DATE".to_owned(),
        zone => format!(";TZID={zone}"),
    };
    let mut lines = format!("DTSTART{params}:{start}\nRRULE:{rule}\n");
    for (name, list) in [("EXDATE", exdates), ("RDATE", rdates)] {
        if !list.is_empty() {
            writeln!(lines, "{name}{params}:{list}").unwrap();
        }
    }
    Case {
        line,
        calendar: event(&lines),
        window: Window { start: instant(from), end: instant(to) },
        expected: expected.split(',').map(instant).collect(),
    }
}

#[test]
fn every_case_of_dateutil_has_the_same_instants() {
    let cases = cases();
    assert!(cases.len() >= 500, "{} cases", cases.len());
    let mut wrong = String::new();
    for Case { line, calendar, window, expected } in &cases {
        let found: Vec<_> = instances(calendar, window, &Zone::utc()).iter().map(|i| i.start).collect();
        if found != *expected {
            writeln!(wrong, "{line}\n  found {found:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{wrong}", wrong.matches("  found").count(), cases.len());
}

#[test]
fn the_bounds_of_every_case_hold_its_instants() {
    for Case { line, calendar, expected, .. } in cases() {
        let bounds = series(&calendar).bounds();
        assert!(bounds.first <= expected[0], "{line}");
        assert!(bounds.last >= expected[expected.len() - 1], "{line}");
    }
}

#[test]
fn every_instance_is_found_alone_and_nothing_just_beside_it() {
    for Case { line, calendar, expected, .. } in cases() {
        let series = series(&calendar);
        for start in expected {
            let second = jiff::SignedDuration::from_secs(1);
            let only = Window { start, end: start.checked_add(second).unwrap() };
            let found = series.instances(&only, &Zone::utc(), &mut plenty()).unwrap();
            assert_eq!(found.iter().map(|i| i.start).collect::<Vec<_>>(), [start], "{line}");
        }
    }
}
