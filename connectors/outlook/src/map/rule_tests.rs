use jiff::civil::date;

use super::*;

fn berlin(year: i16, month: i8, day: i8) -> Moment {
    Moment::Zoned(date(year, month, day).at(9, 0, 0, 0), "Europe/Berlin".to_owned())
}

/// Through Graph's JSON and back.
fn round(rule: &str, start: &Moment) -> Result<String, Reason> {
    let recurrence = Repeats::of_rule(rule, start)?.to_recurrence(start);
    let read: Recurrence = serde_json::from_value(recurrence).unwrap();
    Ok(Repeats::of_recurrence(&read)?.to_rule(start))
}

#[test]
fn what_outlook_can_say_comes_back_as_the_same_rule() {
    let monday = berlin(2026, 1, 5);
    #[rustfmt::skip]
    let table = [
        ("FREQ=DAILY", "FREQ=DAILY"),
        ("FREQ=DAILY;INTERVAL=3;COUNT=5", "FREQ=DAILY;COUNT=5;INTERVAL=3"),
        ("FREQ=DAILY;BYDAY=FR,MO,TH,TU,WE", "FREQ=WEEKLY;BYDAY=FR,MO,TH,TU,WE"),
        ("FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=MO"),
        ("FREQ=WEEKLY;WKST=SU;BYDAY=MO", "FREQ=WEEKLY;BYDAY=MO"),
        ("FREQ=WEEKLY;BYDAY=MO,SU;INTERVAL=2;WKST=SU", "FREQ=WEEKLY;BYDAY=MO,SU;INTERVAL=2;WKST=SU"),
        ("FREQ=MONTHLY", "FREQ=MONTHLY;BYMONTHDAY=5"),
        ("FREQ=MONTHLY;BYDAY=1MO", "FREQ=MONTHLY;BYDAY=1MO"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1", "FREQ=MONTHLY;BYDAY=1MO"),
        ("FREQ=YEARLY", "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=5"),
        ("FREQ=YEARLY;BYDAY=1MO;BYMONTH=1", "FREQ=YEARLY;BYDAY=1MO;BYMONTH=1"),
        ("FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=5;INTERVAL=2", "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=5;INTERVAL=2"),
    ];
    for (rule, expected) in table {
        assert_eq!(round(rule, &monday).as_deref(), Ok(expected), "{rule}");
        assert_eq!(round(expected, &monday).as_deref(), Ok(expected), "{expected}");
    }
    #[rustfmt::skip]
    let others = [
        ("FREQ=MONTHLY;BYMONTHDAY=-1", berlin(2026, 2, 28)),
        ("FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1", berlin(2026, 1, 30)),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1", berlin(2024, 2, 29)),
        ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=31", berlin(2025, 12, 31)),
        ("FREQ=MONTHLY;BYDAY=FR,MO,TH,TU,WE;BYSETPOS=1", berlin(2026, 1, 1)),
        ("FREQ=MONTHLY;BYDAY=-1SU", berlin(2026, 1, 25)),
    ];
    for (rule, start) in others {
        assert_eq!(round(rule, &start).as_deref(), Ok(rule), "{rule}");
    }
}

#[test]
fn what_outlook_cannot_say_is_refused_with_a_reason() {
    let monday = berlin(2026, 1, 5);
    #[rustfmt::skip]
    let table = [
        ("FREQ=HOURLY", TOO_OFTEN),
        ("FREQ=MINUTELY;COUNT=3", TOO_OFTEN),
        ("FREQ=DAILY;BYHOUR=9,17", TOO_RICH),
        ("FREQ=DAILY;BYDAY=MO;INTERVAL=2", TOO_RICH),
        ("FREQ=DAILY;BYMONTH=1", TOO_RICH),
        ("FREQ=MONTHLY;BYMONTHDAY=5,20", TOO_RICH),
        ("FREQ=MONTHLY;BYMONTHDAY=-2", TOO_RICH),
        ("FREQ=MONTHLY;BYDAY=1MO,3MO", TOO_RICH),
        ("FREQ=MONTHLY;BYDAY=5MO", TOO_RICH),
        ("FREQ=MONTHLY;BYDAY=MO", TOO_RICH),
        ("FREQ=MONTHLY;BYMONTHDAY=31", SHORT_MONTHS),
        ("FREQ=YEARLY;BYMONTH=1,7;BYMONTHDAY=5", TOO_RICH),
        ("FREQ=YEARLY;BYYEARDAY=5", TOO_RICH),
        ("FREQ=YEARLY;BYWEEKNO=2", TOO_RICH),
        ("FREQ=YEARLY;BYDAY=1MO", TOO_RICH),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", SHORT_MONTHS),
        ("FREQ=WEEKLY;BYDAY=TU", NOT_FIRST),
        ("FREQ=MONTHLY;BYMONTHDAY=6", NOT_FIRST),
        ("FREQ=MONTHLY;BYDAY=2MO", NOT_FIRST),
        ("FREQ=DAILY;UNTIL=20260104T000000Z", NOT_FIRST),
        ("COUNT=3", UNREADABLE),
    ];
    for (rule, reason) in table {
        assert_eq!(Repeats::of_rule(rule, &monday), Err(reason), "{rule}");
    }
}

#[test]
fn until_is_the_last_day_in_the_zone_of_the_series() {
    let start = berlin(2026, 1, 5);
    for (until, last) in [
        // 9:00 in Berlin is 8:00 UTC in winter and 7:00 in summer.
        ("20260131T080000Z", date(2026, 1, 31)),
        ("20260131T075959Z", date(2026, 1, 30)),
        ("20260131T230000Z", date(2026, 1, 31)),
        ("20260701T070000Z", date(2026, 7, 1)),
        ("20260701T065959Z", date(2026, 6, 30)),
        ("20260131", date(2026, 1, 31)),
        ("20260131T090000", date(2026, 1, 31)),
    ] {
        let repeats = Repeats::of_rule(&format!("FREQ=DAILY;UNTIL={until}"), &start).unwrap();
        assert_eq!(repeats.end, End::On(last), "{until}");
    }
    assert_eq!(
        round("FREQ=DAILY;UNTIL=20260701T225959Z", &start).as_deref(),
        Ok("FREQ=DAILY;UNTIL=20260701T070000Z")
    );
    let day = Moment::Date(date(2026, 1, 5));
    assert_eq!(round("FREQ=DAILY;UNTIL=20260131", &day).as_deref(), Ok("FREQ=DAILY;UNTIL=20260131"));
}
