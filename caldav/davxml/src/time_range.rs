//! UTC periods in attributes: `time-range`, `expand`, `limit-recurrence-set`, `limit-freebusy-set`.

use crate::Element;

/// A period between two UTC instants, in seconds since 1970-01-01T00:00:00Z. One end may be open, not both.
/// The start is included, the end is not; the end is after the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The first second of the period.
    pub start: Option<i64>,
    /// The first second after the period.
    pub end: Option<i64>,
}

/// A [`TimeRange`] of which both ends are given, as `expand` and the limits require.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first second of the period.
    pub start: i64,
    /// The first second after the period.
    pub end: i64,
}

impl TimeRange {
    /// The range in the attributes `start` and `end`; `None` if it is not a valid one.
    pub(crate) fn of(element: &Element) -> Option<Self> {
        let [start, end] = ["start", "end"].map(|name| element.attribute(name).map(utc_seconds));
        match (start, end) {
            (None, None) | (Some(None), _) | (_, Some(None)) => None,
            (Some(Some(start)), Some(Some(end))) if end <= start => None,
            (start, end) => Some(Self { start: start.flatten(), end: end.flatten() }),
        }
    }
}

impl Period {
    /// The period in the attributes `start` and `end`; `None` if it is not a valid one.
    pub(crate) fn of(element: &Element) -> Option<Self> {
        let TimeRange { start: Some(start), end: Some(end) } = TimeRange::of(element)? else { return None };
        Some(Self { start, end })
    }
}

/// A "date with UTC time" (RFC 5545 section 3.3.5): `YYYYMMDDTHHMMSSZ`.
fn utc_seconds(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (year, month, day) = (digits(date, 0, 4)?, digits(date, 4, 6)?, digits(date, 6, 8)?);
    let (hour, minute, second) = (digits(time, 0, 2)?, digits(time, 2, 4)?, digits(time, 4, 6)?);
    // A leap second is the first second after it, as POSIX counts.
    let possible = date.len() == 8
        && time.len() == 6
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    possible.then(|| ((days_since_epoch(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

fn digits(text: &str, from: usize, to: usize) -> Option<i64> {
    let digits = text.get(from..to)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

const fn days_of(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, for years from 0. Years are counted from March,
/// so that the leap day is the last day of a year.
const fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_before_month = (153 * month + 2) / 5;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + leap_days + days_before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_times_are_read_to_the_second() {
        for (text, seconds) in [
            ("19700101T000000Z", Some(0)),
            ("19691231T235959Z", Some(-1)),
            ("20260308T120000Z", Some(1_772_971_200)),
            ("20000229T000000Z", Some(951_782_400)),
            ("20161231T235960Z", Some(1_483_228_800)),
            ("00000101T000000Z", Some(-62_167_219_200)),
            ("99991231T235959Z", Some(253_402_300_799)),
            ("19000229T000000Z", None),
            ("20260230T000000Z", None),
            ("20261301T000000Z", None),
            ("20260001T000000Z", None),
            ("20260100T000000Z", None),
            ("20260101T240000Z", None),
            ("20260101T006000Z", None),
            ("20260101T000061Z", None),
            ("20260101T000000", None),
            ("20260101", None),
            ("20260101T000000z", None),
            ("2026-01-01T00:00:00Z", None),
            ("20260101T0000000Z", None),
            ("202601010T000000Z", None),
            ("+0260101T000000Z", None),
            ("2026０101T000000Z", None),
            ("", None),
            ("TZ", None),
        ] {
            assert_eq!(utc_seconds(text), seconds, "{text:?}");
        }
    }
}
