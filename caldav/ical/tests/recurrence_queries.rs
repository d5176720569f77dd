//! Questions about a series: time ranges, alarms, busy time, expansion and limits (RFC 4791).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use almanac_ical::Component;
use almanac_ical::object::ComponentKind;
use almanac_ical::series::{
    Busy, BusyKind, Floating, Series, Window, expand, limit_freebusy_set, limit_recurrence_set, merge_busy,
};
use jiff::Timestamp;
use support::{at, calendar, event, plenty, series, window, zone};

/// An hour of 10 January 2026, UTC; 24 is the next midnight.
fn hour(hour: i64) -> Timestamp {
    at("2026-01-10T00:00:00Z").checked_add(jiff::SignedDuration::from_hours(hour)).unwrap()
}

fn hours(from: i64, to: i64) -> Window {
    Window { start: hour(from), end: hour(to) }
}

fn component(kind: ComponentKind, lines: &str) -> Component {
    calendar(&format!("BEGIN:{kind}\nUID:1\n{lines}\nEND:{kind}"))
}

/// For each kind of component and each row of the table: windows in hours of the day, and whether they overlap.
#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn the_table_of_rfc_4791_section_9_9_holds_row_by_row() {
    use ComponentKind::{Event, FreeBusy, Journal, Todo};
    type Row = (ComponentKind, &'static str, &'static [(i64, i64, bool)]);
    let rows: &[Row] = &[
        // VEVENT
        (
            Event,
            "DTSTART:20260110T090000Z\nDTEND:20260110T110000Z",
            &[(8, 9, false), (8, 10, true), (10, 11, true), (11, 12, false), (7, 13, true)],
        ),
        (
            Event,
            "DTSTART:20260110T090000Z\nDURATION:PT2H",
            &[(8, 9, false), (8, 10, true), (10, 11, true), (11, 12, false)],
        ),
        (
            Event,
            "DTSTART:20260110T090000Z\nDURATION:PT0S",
            &[(8, 9, false), (9, 10, true), (8, 10, true), (10, 11, false)],
        ),
        (Event, "DTSTART:20260110T090000Z", &[(8, 9, false), (9, 10, true), (8, 10, true), (10, 11, false)]),
        (
            Event,
            "DTSTART:20260110T090000Z\nDTEND:20260110T090000Z",
            &[(8, 9, false), (9, 10, true), (10, 11, false)],
        ),
        (
            Event,
            "DTSTART;VALUE=DATE:20260110",
            &[(-2, 0, false), (-2, 1, true), (23, 24, true), (24, 25, false)],
        ),
        // VTODO
        (
            Todo,
            "DTSTART:20260110T090000Z\nDURATION:PT2H",
            &[(7, 8, false), (8, 9, false), (8, 10, true), (10, 10, true), (11, 12, true), (12, 13, false)],
        ),
        (
            Todo,
            "DTSTART:20260110T090000Z\nDUE:20260110T110000Z",
            &[(7, 8, false), (8, 9, false), (8, 10, true), (10, 12, true), (11, 12, false)],
        ),
        (
            Todo,
            "DTSTART:20260110T090000Z\nDUE:20260110T090000Z",
            &[(8, 9, true), (9, 10, true), (10, 11, false)],
        ),
        (Todo, "DTSTART:20260110T090000Z", &[(8, 9, false), (9, 10, true), (10, 11, false)]),
        (Todo, "DUE:20260110T090000Z", &[(7, 8, false), (8, 9, true), (9, 10, false), (8, 10, true)]),
        (
            Todo,
            "COMPLETED:20260110T110000Z\nCREATED:20260110T090000Z",
            &[(7, 8, false), (8, 9, true), (10, 10, true), (11, 12, true), (12, 13, false)],
        ),
        (
            Todo,
            "COMPLETED:20260110T110000Z",
            &[(9, 10, false), (10, 11, true), (11, 12, true), (12, 13, false)],
        ),
        (Todo, "CREATED:20260110T090000Z", &[(8, 9, false), (8, 10, true), (500, 501, true)]),
        (Todo, "SUMMARY:x", &[(-500, -499, true), (500, 501, true)]),
        // VJOURNAL
        (Journal, "DTSTART:20260110T090000Z", &[(8, 9, false), (9, 10, true), (10, 11, false)]),
        (Journal, "DTSTART;VALUE=DATE:20260110", &[(-2, 0, false), (23, 24, true), (24, 25, false)]),
        (Journal, "SUMMARY:x", &[(-500, 500, false)]),
        // VFREEBUSY
        (
            FreeBusy,
            "DTSTART:20260110T090000Z\nDTEND:20260110T110000Z",
            &[(8, 9, false), (10, 12, true), (11, 12, true), (12, 13, false)],
        ),
        (
            FreeBusy,
            "FREEBUSY:20260110T090000Z/PT2H,20260110T150000Z/PT1H",
            &[
                (8, 9, false),
                (8, 10, true),
                (11, 12, false),
                (14, 15, false),
                (15, 16, true),
                (16, 17, false),
            ],
        ),
        (FreeBusy, "SUMMARY:x", &[(-500, 500, false)]),
    ];
    for (kind, lines, windows) in rows {
        let calendar = component(*kind, lines);
        let series = series(&calendar);
        for (from, to, expected) in *windows {
            let window = hours(*from, *to);
            let found = series.overlaps(*kind, &window, &zone("UTC"), &mut plenty()).unwrap();
            assert_eq!(found, *expected, "{kind}\n{lines}\n{from} to {to}");
            assert!(
                !found || series.bounds().may_overlap(&window),
                "{kind}\n{lines}\n{from} to {to}: bounds"
            );
            for other in ComponentKind::ALL.into_iter().filter(|other| other != kind) {
                assert!(!series.overlaps(other, &window, &zone("UTC"), &mut plenty()).unwrap(), "{other}");
            }
        }
    }
}

#[test]
fn every_row_of_the_table_holds_for_an_instance_years_later() {
    for (kind, lines) in [
        (ComponentKind::Event, "DTSTART:20200110T090000Z\nDTEND:20200110T110000Z"),
        (ComponentKind::Todo, "DTSTART:20200110T090000Z\nDUE:20200110T110000Z"),
        (ComponentKind::Journal, "DTSTART;VALUE=DATE:20200110"),
    ] {
        let series = series(&component(kind, &format!("{lines}\nRRULE:FREQ=YEARLY")));
        assert!(series.overlaps(kind, &hours(10, 11), &zone("UTC"), &mut plenty()).unwrap(), "{kind}");
        assert!(!series.overlaps(kind, &hours(24, 30), &zone("UTC"), &mut plenty()).unwrap(), "{kind}");
        assert_eq!(series.bounds().last, Timestamp::MAX);
    }
}

#[test]
fn the_zone_of_the_question_decides_about_days() {
    let series = series(&event("DTSTART;VALUE=DATE:20260110"));
    let late = window("2026-01-10T23:30:00Z", "2026-01-11T00:00:00Z");
    let ask = |name| series.overlaps(ComponentKind::Event, &late, &zone(name), &mut plenty()).unwrap();
    assert!(ask("UTC"));
    assert!(!ask("Europe/Berlin"));
    assert!(ask("America/New_York"));
    let bounds = series.bounds();
    assert_eq!((bounds.floating, bounds.recurring), (Floating::Yes, false));
    assert_eq!(bounds.first, at("2026-01-09T10:00:00Z"));
    assert_eq!(bounds.last, at("2026-01-11T14:00:00Z"));
}

#[test]
fn alarms_go_off_for_every_instance_and_repetition() {
    type Row = (&'static str, &'static [(i64, i64, bool)]);
    let rows: &[Row] = &[
        ("TRIGGER:-PT1H", &[(7, 8, false), (8, 9, true), (9, 10, false), (32, 33, true), (56, 57, false)]),
        ("TRIGGER:PT0S", &[(9, 10, true), (8, 9, false)]),
        ("TRIGGER;RELATED=END:PT1H", &[(11, 12, false), (12, 13, true), (36, 37, true)]),
        ("TRIGGER:-P1D", &[(-15, -14, true), (-16, -15, false), (9, 10, true), (33, 34, false)]),
        ("TRIGGER;VALUE=DATE-TIME:20260115T000000Z", &[(120, 121, true), (119, 120, false), (9, 10, false)]),
        (
            "TRIGGER:-PT2H\nREPEAT:2\nDURATION:PT30M",
            &[(6, 7, false), (7, 8, true), (8, 9, true), (9, 10, false)],
        ),
        ("TRIGGER:PT0S\nREPEAT:4294967295\nDURATION:PT7M", &[(50_000, 50_001, true), (8, 9, false)]),
        ("TRIGGER:PT0S\nREPEAT:4294967295\nDURATION:PT7H", &[(10, 15, false), (16, 17, true)]),
        ("TRIGGER:PT0S\nREPEAT:5", &[(9, 10, true), (10, 30, false)]),
        ("ACTION:DISPLAY", &[(-100, 100, false)]),
    ];
    for (alarm, windows) in rows {
        let calendar = event(&format!(
            "DTSTART:20260110T090000Z\nDTEND:20260110T110000Z\nRRULE:FREQ=DAILY;COUNT=2\nBEGIN:VALARM\n{alarm}\nEND:VALARM"
        ));
        let series = series(&calendar);
        for (from, to, expected) in *windows {
            let window = hours(*from, *to);
            let found =
                series.alarm_overlaps(ComponentKind::Event, &window, &zone("UTC"), &mut plenty()).unwrap();
            assert_eq!(found, *expected, "{alarm}\n{from} to {to}");
            assert!(!found || series.alarm_bounds().unwrap().may_overlap(&window), "{alarm}: bounds");
            assert!(
                !series.alarm_overlaps(ComponentKind::Todo, &window, &zone("UTC"), &mut plenty()).unwrap()
            );
        }
    }
}

#[test]
fn an_alarm_a_day_before_is_at_the_same_local_time() {
    let calendar =
        event("DTSTART;TZID=Europe/Berlin:20260329T120000\nBEGIN:VALARM\nTRIGGER:-P1D\nEND:VALARM");
    let rings = |from, to| {
        series(&calendar)
            .alarm_overlaps(ComponentKind::Event, &window(from, to), &zone("UTC"), &mut plenty())
            .unwrap()
    };
    assert!(rings("2026-03-28T11:00:00Z", "2026-03-28T11:00:01Z"));
    assert!(!rings("2026-03-28T10:00:00Z", "2026-03-28T10:00:01Z"));
}

fn busy_of(calendar: &Component, window: &Window) -> Vec<(i64, i64, BusyKind)> {
    let mut busy = Vec::new();
    series(calendar).busy(window, &zone("UTC"), &mut plenty(), &mut busy).unwrap();
    let since = |at: Timestamp| at.duration_since(hour(0)).as_hours();
    merge_busy(busy).into_iter().map(|busy| (since(busy.start), since(busy.end), busy.kind)).collect()
}

#[test]
fn busy_time_follows_transp_status_and_exchange() {
    use BusyKind::{Tentative, Unavailable};
    for (lines, expected) in [
        ("", Some(BusyKind::Busy)),
        ("TRANSP:OPAQUE", Some(BusyKind::Busy)),
        ("TRANSP:TRANSPARENT", None),
        ("STATUS:CONFIRMED", Some(BusyKind::Busy)),
        ("STATUS:TENTATIVE", Some(Tentative)),
        ("STATUS:CANCELLED", None),
        ("X-MICROSOFT-CDO-BUSYSTATUS:FREE", None),
        ("X-MICROSOFT-CDO-BUSYSTATUS:FREE\nTRANSP:OPAQUE", Some(BusyKind::Busy)),
        ("X-MICROSOFT-CDO-BUSYSTATUS:OOF", Some(Unavailable)),
        ("X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE", Some(Tentative)),
        ("X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE\nSTATUS:CONFIRMED", Some(BusyKind::Busy)),
        ("X-MICROSOFT-CDO-BUSYSTATUS:OOF\nSTATUS:CANCELLED", None),
    ] {
        let calendar = event(&format!("DTSTART:20260110T090000Z\nDTEND:20260110T110000Z\n{lines}"));
        let expected: Vec<_> = expected.into_iter().map(|kind| (9, 11, kind)).collect();
        assert_eq!(busy_of(&calendar, &hours(0, 24)), expected, "{lines}");
        assert_eq!(series(&calendar).may_be_busy(), !expected.is_empty(), "{lines}");
    }
}

#[test]
fn busy_time_is_cut_to_the_window_and_empty_times_are_none() {
    let daily = event("DTSTART:20260101T090000Z\nDTEND:20260101T110000Z\nRRULE:FREQ=DAILY");
    assert_eq!(busy_of(&daily, &hours(10, 34)), [(10, 11, BusyKind::Busy), (33, 34, BusyKind::Busy)]);
    assert_eq!(busy_of(&event("DTSTART:20260110T090000Z"), &hours(0, 24)), []);
    assert_eq!(busy_of(&event("DTSTART;VALUE=DATE:20260110"), &hours(-5, 30)), [(0, 24, BusyKind::Busy)]);
    let task = component(ComponentKind::Todo, "DTSTART:20260110T090000Z\nDUE:20260110T110000Z");
    assert_eq!(busy_of(&task, &hours(0, 24)), []);
    let cancelled = calendar(
        "BEGIN:VEVENT\nUID:1\nDTSTART:20260109T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:1\nRECURRENCE-ID:20260110T090000Z\nDTSTART:20260110T090000Z\nDURATION:PT1H\nSTATUS:CANCELLED\nEND:VEVENT",
    );
    assert_eq!(busy_of(&cancelled, &hours(0, 48)), [(33, 34, BusyKind::Busy)]);
}

#[test]
fn the_periods_of_a_vfreebusy_count_by_their_type() {
    let lines = "DTSTART:20260110T000000Z\nDTEND:20260111T000000Z\nFREEBUSY:20260110T090000Z/PT1H,20260110T100000Z/20260110T120000Z\n\
        FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260110T140000Z/PT1H\nFREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20260110T150000Z/PT1H\n\
        FREEBUSY;FBTYPE=FREE:20260110T160000Z/PT1H\nFREEBUSY;FBTYPE=X-PARTY:20260110T170000Z/PT9H";
    assert_eq!(
        busy_of(&component(ComponentKind::FreeBusy, lines), &hours(0, 24)),
        [
            (9, 12, BusyKind::Busy),
            (14, 15, BusyKind::Tentative),
            (15, 16, BusyKind::Unavailable),
            (17, 24, BusyKind::Busy)
        ]
    );
}

#[test]
fn busy_periods_of_a_kind_are_joined_where_they_touch() {
    let busy = |from, to, kind| Busy { start: hour(from), end: hour(to), kind };
    let merged = merge_busy(vec![
        busy(5, 6, BusyKind::Busy),
        busy(1, 3, BusyKind::Busy),
        busy(3, 4, BusyKind::Busy),
        busy(2, 7, BusyKind::Tentative),
        busy(1, 2, BusyKind::Busy),
    ]);
    assert_eq!(
        merged,
        [busy(1, 4, BusyKind::Busy), busy(2, 7, BusyKind::Tentative), busy(5, 6, BusyKind::Busy)]
    );
}

/// The calendar of RFC 4791 appendix B, abcd2.ics, shortened.
const ABCD2: &str = "BEGIN:VTIMEZONE
TZID:US/Eastern
BEGIN:STANDARD
DTSTART:20001029T020000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:1
DTSTART;TZID=US/Eastern:20060102T120000
DURATION:PT1H
RRULE:FREQ=DAILY;COUNT=5
SUMMARY:Event #2
X-VENDOR;TZID=US/Eastern:20060102T120000
BEGIN:VALARM
ACTION:DISPLAY
TRIGGER:-PT5M
END:VALARM
END:VEVENT
BEGIN:VEVENT
UID:1
RECURRENCE-ID;TZID=US/Eastern:20060104T120000
DTSTART;TZID=US/Eastern:20060104T140000
DURATION:PT1H
SUMMARY:Event #2 bis
END:VEVENT
BEGIN:VEVENT
UID:1
RECURRENCE-ID;TZID=US/Eastern:20060106T120000
DTSTART;TZID=US/Eastern:20060106T140000
DURATION:PT1H
SUMMARY:Event #2 bis bis
END:VEVENT";

#[test]
fn expansion_gives_each_instance_as_its_own_component_in_utc() {
    let window = window("2006-01-03T00:00:00Z", "2006-01-05T00:00:00Z"); // RFC 4791 section 7.8.3
    let expanded = expand(&calendar(ABCD2), &window, &zone("UTC"), &mut plenty()).unwrap();
    let text = expanded.to_text().replace("\r\n", "\n");
    assert!(expanded.components_named("VTIMEZONE").next().is_none());
    let events: Vec<_> = expanded.components_named("VEVENT").collect();
    assert_eq!(events.len(), 2, "{text}");
    let value = |event: &Component, name: &str| {
        event.property(name).map(|p| p.value().to_owned()).unwrap_or_default()
    };
    assert_eq!(value(events[0], "DTSTART"), "20060103T170000Z");
    assert_eq!(value(events[0], "DTEND"), "20060103T180000Z");
    assert_eq!(value(events[0], "RECURRENCE-ID"), "20060103T170000Z");
    assert_eq!(value(events[0], "SUMMARY"), "Event #2");
    assert_eq!(value(events[0], "X-VENDOR"), "20060102T170000Z");
    assert_eq!(events[0].components().len(), 1, "the alarm stays");
    assert_eq!(value(events[1], "DTSTART"), "20060104T190000Z");
    assert_eq!(value(events[1], "RECURRENCE-ID"), "20060104T170000Z");
    assert_eq!(value(events[1], "SUMMARY"), "Event #2 bis");
    for gone in ["TZID", "RRULE", "DURATION:PT1H"] {
        assert!(!text.contains(gone), "{gone}\n{text}");
    }
}

#[test]
fn expansion_keeps_dates_floating_times_and_components_without_any() {
    let expanded = |calendar: &Component| {
        let expanded = expand(
            calendar,
            &window("2026-01-01T00:00:00Z", "2026-01-10T00:00:00Z"),
            &zone("UTC"),
            &mut plenty(),
        );
        expanded.unwrap().to_text().replace("\r\n", "\n")
    };
    let dates = expanded(&event("DTSTART;VALUE=DATE:20260105\nDTEND;VALUE=DATE:20260107\nRRULE:FREQ=WEEKLY"));
    assert!(
        dates.contains(
            "DTSTART;VALUE=DATE:20260105\nRECURRENCE-ID;VALUE=DATE:20260105\nDTEND;VALUE=DATE:20260107\n"
        ),
        "{dates}"
    );
    let floating = expanded(&event("DTSTART:20260105T090000\nDURATION:PT1H"));
    assert!(floating.contains("DTSTART:20260105T090000\nDTEND:20260105T100000\n"), "{floating}");
    assert!(!floating.contains("RECURRENCE-ID"), "{floating}");
    let single = expanded(&event("DTSTART;TZID=Europe/Berlin:20260105T090000"));
    assert!(single.contains("DTSTART:20260105T080000Z\n") && !single.contains("DTEND"), "{single}");
    let task =
        expanded(&component(ComponentKind::Todo, "DUE;TZID=Europe/Berlin:20260105T090000\nRRULE:FREQ=DAILY"));
    assert!(task.contains("DUE:20260105T080000Z\nRECURRENCE-ID:20260105T080000Z\n"), "{task}");
    assert_eq!(task.matches("BEGIN:VTODO").count(), 5, "{task}");
    let undated = expanded(&component(ComponentKind::Todo, "SUMMARY:some day"));
    assert!(undated.contains("SUMMARY:some day"), "{undated}");
    let journal = expanded(&component(ComponentKind::Journal, "SUMMARY:undated"));
    assert!(!journal.contains("VJOURNAL"), "{journal}");
}

#[test]
fn an_expanded_calendar_has_the_instances_of_the_calendar() {
    for lines in [
        "DTSTART;TZID=Europe/Berlin:20260327T220000\nDURATION:P1DT1H\nRRULE:FREQ=DAILY;COUNT=4",
        "DTSTART;TZID=Europe/Berlin:20260329T003000\nRRULE:FREQ=HOURLY;COUNT=6",
        "DTSTART;VALUE=DATE:20260328\nDURATION:P2D\nRDATE;VALUE=DATE:20260401",
        "DTSTART:20260328T090000Z\nRDATE;VALUE=PERIOD:20260329T090000Z/PT3H",
    ] {
        let calendar = event(lines);
        let expanded = expand(&calendar, &Window::ALL, &zone("Asia/Tokyo"), &mut plenty()).unwrap();
        let times = |calendar: &Component| -> Vec<_> {
            support::instances(calendar, &Window::ALL, &zone("Asia/Tokyo"))
                .iter()
                .map(|i| (i.start, i.end))
                .collect()
        };
        assert_eq!(times(&expanded), times(&calendar), "{lines}");
    }
}

#[test]
fn a_limited_recurrence_set_keeps_the_master_and_the_overrides_that_matter() {
    let kept = |from: &str, to: &str, calendar: &Component| -> Vec<String> {
        let limited = limit_recurrence_set(calendar, &window(from, to), &zone("UTC"), &mut plenty()).unwrap();
        assert_eq!(limited.components_named("VTIMEZONE").count(), 1);
        limited.components_named("VEVENT").map(|event| event.property("SUMMARY").unwrap().text()).collect()
    };
    let abcd2 = calendar(ABCD2);
    assert_eq!(kept("2006-01-03T00:00:00Z", "2006-01-05T00:00:00Z", &abcd2), ["Event #2", "Event #2 bis"]);
    assert_eq!(
        kept("2006-01-06T17:00:00Z", "2006-01-06T17:30:00Z", &abcd2),
        ["Event #2", "Event #2 bis bis"],
        "by its former time"
    );
    assert_eq!(kept("2007-01-01T00:00:00Z", "2007-01-02T00:00:00Z", &abcd2), ["Event #2"]);
    let ranged = calendar(&ABCD2.replace(
        "RECURRENCE-ID;TZID=US/Eastern:20060104",
        "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=US/Eastern:20060104",
    ));
    assert_eq!(kept("2006-01-05T00:00:00Z", "2006-01-05T23:00:00Z", &ranged), ["Event #2", "Event #2 bis"]);
}

#[test]
fn a_limited_freebusy_set_keeps_only_periods_in_the_window() {
    let calendar = component(
        ComponentKind::FreeBusy,
        "FREEBUSY:20260110T090000Z/PT1H,20260110T120000Z/PT1H\nFREEBUSY;FBTYPE=FREE:20260110T150000Z/PT1H\nCOMMENT:kept",
    );
    let text = limit_freebusy_set(&calendar, &hours(12, 14)).to_text();
    assert!(text.contains("FREEBUSY:20260110T120000Z/PT1H\r\n") && text.contains("COMMENT:kept"), "{text}");
    assert!(!text.contains("FBTYPE"), "{text}");
    assert_eq!(limit_freebusy_set(&calendar, &hours(0, 24)).to_text(), calendar.to_text());
}

#[test]
fn questions_run_out_of_budget_instead_of_answering_wrongly() {
    let calendar = event(
        "DTSTART:20260101T000000Z\nDURATION:PT1M\nRRULE:FREQ=MINUTELY\nBEGIN:VALARM\nTRIGGER:-PT30S\nEND:VALARM",
    );
    let series: Series = series(&calendar);
    let short = || almanac_ical::recur::Budget { instances: 50, periods: 50 };
    let (year, utc) = (window("2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"), zone("UTC"));
    assert!(series.instances(&year, &utc, &mut short()).is_err());
    assert!(series.busy(&year, &utc, &mut short(), &mut Vec::new()).is_err());
    assert!(expand(&calendar, &year, &utc, &mut short()).is_err());
    assert!(limit_recurrence_set(&calendar, &year, &utc, &mut short()).is_err());
    assert_eq!(
        series.overlaps(ComponentKind::Event, &year, &utc, &mut short()),
        Ok(true),
        "the first one answers"
    );
    assert_eq!(series.alarm_overlaps(ComponentKind::Event, &year, &utc, &mut short()), Ok(true));
}
