//! What expansion may cost, counted in periods and instances and never in time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use almanac_ical::object::ComponentKind;
use almanac_ical::recur::{Budget, Expander, Rule, Truncated};
use almanac_ical::series::Window;
use almanac_ical::zone::Zone;
use support::{at, event, plenty, series, window, zone};

const OCTOBER: (&str, &str) = ("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z");

/// Periods and instances that a question about October 2026 costs.
fn cost(lines: &str) -> (u32, u32, usize) {
    let mut budget = plenty();
    let series = series(&event(lines));
    let found = series.instances(&window(OCTOBER.0, OCTOBER.1), &zone("Europe/Berlin"), &mut budget).unwrap();
    (plenty().periods - budget.periods, plenty().instances - budget.instances, found.len())
}

#[test]
fn a_series_from_1980_costs_no_more_periods_than_one_from_this_year() {
    for (rule, periods_max) in [
        ("FREQ=DAILY", 40),
        ("FREQ=DAILY;INTERVAL=3", 15),
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR", 8),
        ("FREQ=MONTHLY;BYDAY=-1FR", 4),
        ("FREQ=YEARLY", 3),
        ("FREQ=HOURLY", 40 * 24),
        ("FREQ=HOURLY;INTERVAL=5;BYMINUTE=0,30", 200),
        ("FREQ=MINUTELY", 40 * 1_440),
        ("FREQ=MINUTELY;INTERVAL=10;BYHOUR=8;BYDAY=WE", 600),
        ("FREQ=SECONDLY;INTERVAL=90;BYHOUR=8", 31 * 24 * 3),
        ("FREQ=DAILY;BYMONTH=10", 40),
    ] {
        let old = cost(&format!("DTSTART;TZID=Europe/Berlin:19800101T090000\nRRULE:{rule}"));
        let new = cost(&format!("DTSTART;TZID=Europe/Berlin:20260101T090000\nRRULE:{rule}"));
        assert!(old.0 <= new.0 + 1, "{rule}: {old:?} instead of {new:?}");
        assert!(old.0 <= periods_max, "{rule}: {old:?}");
    }
}

#[test]
fn a_rule_with_count_is_counted_by_division_where_its_periods_are_alike() {
    for (rule, instances) in [
        ("FREQ=DAILY;COUNT=17000", 0),
        ("FREQ=DAILY;COUNT=17092", 17), // the last is on 17 October
        ("FREQ=WEEKLY;BYDAY=MO,TU;COUNT=100000", 8),
        ("FREQ=HOURLY;COUNT=4000000000", 31 * 24),
        ("FREQ=MINUTELY;INTERVAL=30;COUNT=4000000", 31 * 48),
        ("FREQ=SECONDLY;INTERVAL=600;COUNT=4000000000", 31 * 144),
    ] {
        let (periods, _, found) = cost(&format!("DTSTART:19800101T090000Z\nRRULE:{rule}"));
        assert_eq!(found, instances, "{rule}");
        assert!(periods <= 31 * 144 + 10, "{rule}: {periods}");
    }
}

#[test]
fn a_count_is_counted_once_for_a_series_and_only_where_it_can_matter() {
    let calendar = event("DTSTART:19800101T090000Z\nRRULE:FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=20000");
    let series = series(&calendar);
    let ask = |from: &str, to: &str| {
        let mut budget = plenty();
        series.instances(&window(from, to), &Zone::utc(), &mut budget).unwrap();
        plenty().periods - budget.periods
    };
    assert!(ask("1990-01-01T00:00:00Z", "1990-02-01T00:00:00Z") < 40, "20,000 days are not over in 1990");
    assert!(ask("2040-10-01T00:00:00Z", "2040-11-01T00:00:00Z") > 20_000, "counted once");
    assert!(ask("2040-10-01T00:00:00Z", "2040-11-01T00:00:00Z") < 40, "and kept");
    assert!(ask("2056-10-01T00:00:00Z", "2056-11-01T00:00:00Z") < 40);
}

#[test]
fn a_count_that_exceeds_its_budget_is_paid_once_and_tried_again_only_with_more() {
    let calendar = event("DTSTART:19800101T090000Z\nRRULE:FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=20000");
    let series = series(&calendar);
    let ask = |periods: u32| {
        let mut budget = Budget { periods, ..plenty() };
        let within = window("2056-10-01T00:00:00Z", "2056-11-01T00:00:00Z");
        let found = series.instances(&within, &Zone::utc(), &mut budget);
        (found.map(|found| found.len()), periods - budget.periods)
    };
    assert_eq!(ask(5_000), (Err(Truncated), 5_000));
    assert_eq!([ask(5_000), ask(4_000)], [(Err(Truncated), 0), (Err(Truncated), 0)]);
    assert_eq!(ask(6_000), (Err(Truncated), 6_000));
    let (found, cost) = ask(100_000);
    assert!(found.is_ok() && cost > 20_000, "{cost}");
    assert!(ask(5_000).0.is_ok(), "what was counted is kept");
}

#[test]
fn a_part_of_the_work_takes_no_more_than_its_share_and_no_more_than_is_left() {
    let share = Budget { instances: 3, periods: 10 };
    let mut total = Budget { instances: 5, periods: 100 };
    let spend = |budget: &mut Budget| (0..).take_while(|_| budget.take_instance().is_ok()).count();
    assert_eq!(
        [total.within(share, spend), total.within(share, spend), total.within(share, spend)],
        [3, 2, 0]
    );
    assert_eq!(total, Budget { instances: 0, periods: 100 }, "what was not used is still there");
}

#[test]
fn impossible_rules_have_no_instance_but_dtstart_and_cost_little_in_a_window() {
    for rule in [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=300",
    ] {
        let (periods, _, found) = cost(&format!("DTSTART:20200101T090000Z\nRRULE:{rule}"));
        assert_eq!(found, 0, "{rule}");
        assert!(periods <= 40, "{rule}: {periods}");
    }
}

#[test]
fn an_impossible_rule_without_an_end_of_the_window_is_truncated_and_never_silently_empty() {
    let all = Window { start: at("2021-01-01T00:00:00Z"), end: Window::ALL.end };
    for rule in ["FREQ=DAILY;BYMONTHDAY=31;BYMONTH=2,4", "FREQ=SECONDLY;INTERVAL=2;BYSECOND=1;BYMINUTE=1"] {
        let series = series(&event(&format!("DTSTART:20200101T000000Z\nRRULE:{rule}")));
        let mut budget = Budget { instances: 1_000, periods: 10_000 };
        let answer = series.overlaps(ComponentKind::Event, &all, &Zone::utc(), &mut budget);
        assert_eq!(answer, Err(Truncated), "{rule}");
        assert_eq!(budget.periods, 0);
    }
}

#[test]
fn dense_rules_end_by_their_budget() {
    let lists = |most: u32| (0..most).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let every_second = format!("FREQ=YEARLY;BYHOUR={};BYMINUTE={1};BYSECOND={1}", lists(24), lists(60));
    for rule in ["FREQ=SECONDLY;COUNT=1000000", "FREQ=SECONDLY", every_second.as_str()] {
        let series = series(&event(&format!("DTSTART:20260101T000000Z\nRRULE:{rule}")));
        let mut budget = Budget { instances: 1_000, periods: 100_000 };
        let found = series.instances(&Window::ALL, &Zone::utc(), &mut budget);
        assert_eq!(found, Err(Truncated), "{rule}");
        assert_eq!(budget.instances, 0, "{rule}: instances ran out first");
        // The first instance answers, whatever follows.
        let mut budget = Budget { instances: 10, periods: 10 };
        let any = series.overlaps(ComponentKind::Event, &Window::ALL, &Zone::utc(), &mut budget);
        assert_eq!(any, Ok(true), "{rule}");
    }
}

#[test]
fn a_window_in_the_middle_of_a_dense_year_is_found_without_walking_through_it() {
    let lists = |most: u32| (0..most).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let days = (1..=31).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let rule =
        format!("FREQ=YEARLY;BYMONTHDAY={days};BYHOUR={};BYMINUTE={1};BYSECOND={1}", lists(24), lists(60));
    let series = series(&event(&format!("DTSTART:20200101T000000Z\nRRULE:{rule}")));
    let mut budget = Budget { instances: 100, periods: 10 };
    let found =
        series.instances(&window("2026-10-10T10:00:00Z", "2026-10-10T10:00:30Z"), &Zone::utc(), &mut budget);
    assert_eq!(found.unwrap().len(), 30);
}

#[test]
fn rules_run_from_the_first_year_to_the_last_without_overflow() {
    for (start, rule, from) in [
        ("00010101T000000", "FREQ=YEARLY", "9990-01-01T00:00:00"),
        ("00010101T000000", "FREQ=SECONDLY;INTERVAL=4294967295", "9000-01-01T00:00:00"),
        ("00010101T000000", "FREQ=WEEKLY;INTERVAL=4294967295", "0001-01-01T00:00:00"),
        ("00010101T000000", "FREQ=YEARLY;INTERVAL=4294967295;COUNT=4294967295", "0001-01-01T00:00:00"),
        ("99991231T235959", "FREQ=DAILY", "9999-01-01T00:00:00"),
        ("99991231T235959", "FREQ=SECONDLY;COUNT=5", "9999-01-01T00:00:00"),
        ("99991201T000000", "FREQ=MONTHLY;BYMONTHDAY=-1", "9999-01-01T00:00:00"),
    ] {
        let rule = Rule::parse(rule).unwrap();
        let start = start.parse().unwrap();
        let expander = Expander::new(&rule, start);
        let mut budget = plenty();
        let to = jiff::civil::DateTime::MAX;
        let mut found = expander.between(from.parse().unwrap(), to, &mut budget).unwrap();
        let mut last = None;
        while let Some(next) = found.next(&mut budget).unwrap() {
            assert!(last < Some(next), "ascending");
            last = Some(next);
        }
        assert!(last.is_some(), "{rule:?}");
        let all = expander
            .between(jiff::civil::DateTime::MIN, jiff::civil::DateTime::MIN, &mut budget)
            .unwrap()
            .next(&mut budget);
        assert_eq!(all, Ok(None));
    }
}

#[test]
fn series_at_both_ends_of_time_have_bounds_and_instances() {
    for lines in [
        "DTSTART:00010101T000000Z\nDURATION:P10000D\nRRULE:FREQ=YEARLY",
        "DTSTART;TZID=Asia/Tokyo:00010101T000000\nRRULE:FREQ=DAILY;COUNT=3",
        "DTSTART;TZID=America/New_York:99991231T235959\nDTEND;TZID=America/New_York:99991231T235959\nRRULE:FREQ=DAILY",
        "DTSTART;VALUE=DATE:99991231\nRRULE:FREQ=DAILY",
        "DTSTART:99991231T235959Z\nDURATION:P3660000D",
        "DTSTART:20200101T000000\nRDATE:99991231T235959,00010101T000000\nDURATION:P3660000DT87840000H",
    ] {
        let series = series(&event(lines));
        let bounds = series.bounds();
        assert!(bounds.first <= bounds.last, "{lines}");
        let mut budget = Budget::SERIES;
        assert!(
            series.overlaps(ComponentKind::Event, &Window::ALL, &zone("Pacific/Apia"), &mut budget).unwrap(),
            "{lines}"
        );
        let edges = [
            window("-009999-01-03T00:00:00Z", "0001-02-01T00:00:00Z"),
            window("9999-12-01T00:00:00Z", "9999-12-30T22:00:00Z"),
        ];
        for edge in edges {
            series.instances(&edge, &zone("Pacific/Apia"), &mut Budget::SERIES.clone()).unwrap();
            series
                .alarm_overlaps(ComponentKind::Event, &edge, &Zone::utc(), &mut Budget::SERIES.clone())
                .unwrap();
        }
    }
}
