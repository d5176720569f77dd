//! Values: text, dates, times, durations, periods and offsets (RFC 5545 section 3.3).
//!
//! Reading is strict about what cannot be (31 February) and lenient about spelling that clients send: lower-case `t`
//! and `z`, a leap second, weeks beside days.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

/// Whether a date-time was written with `Z`. Without it the TZID parameter decides, or the time floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// With `Z`.
    Utc,
    /// Without.
    Local,
}

/// A DATE or a DATE-TIME, as far as the value alone tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrTime {
    /// `20261121`
    Date(Date),
    /// `20261121T090000` or `20261121T090000Z`
    Time(DateTime, Form),
}

/// A DURATION: days are nominal (a day is what the zone makes of it), the rest is exact (section 3.3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nominal {
    /// Days, weeks included; of the same sign as `exact` or zero.
    pub days: i32,
    /// Hours, minutes and seconds.
    pub exact: SignedDuration,
}

/// The end of a PERIOD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodEnd {
    /// An explicit end.
    At(DateTime, Form),
    /// A length.
    After(Nominal),
}

/// A PERIOD (section 3.3.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// When it starts.
    pub start: (DateTime, Form),
    /// When it ends.
    pub end: PeriodEnd,
}

/// Whether a character can stand in a content line.
pub(crate) fn is_writable(character: char) -> bool {
    !matches!(character, '\0'..='\x08' | '\x0a'..='\x1f' | '\x7f' | '\u{fffe}' | '\u{ffff}')
}

/// Escapes TEXT (section 3.3.11). Every line end becomes `\n`; other control characters cannot be written and are left
/// out. The result never ends a content line.
#[must_use]
pub fn escape_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => out.push_str("\\\\"),
            ';' => out.push_str("\\;"),
            ',' => out.push_str("\\,"),
            '\n' => out.push_str("\\n"),
            '\r' => {
                characters.next_if_eq(&'\n');
                out.push_str("\\n");
            }
            _ if is_writable(character) => out.push(character),
            _ => {}
        }
    }
    out
}

/// Reads TEXT. An escape that RFC 5545 does not know stays as it is: some clients send Windows paths unescaped.
#[must_use]
pub fn unescape_text(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped = match (character, characters.peek()) {
            ('\\', Some('n' | 'N')) => '\n',
            ('\\', Some(&next @ ('\\' | ';' | ','))) => next,
            _ => {
                out.push(character);
                continue;
            }
        };
        characters.next();
        out.push(escaped);
    }
    out
}

/// `20261121`; nothing for a day that no month has.
#[must_use]
pub fn parse_date(value: &str) -> Option<Date> {
    let year = i16::try_from(digits(value.get(..4)?)?).ok()?;
    let month = i8::try_from(digits(value.get(4..6)?)?).ok()?;
    let day = i8::try_from(digits(value.get(6..)?).filter(|_| value.len() == 8)?).ok()?;
    Date::new(year, month, day).ok()
}

/// `20261121T090000`, with or without `Z`. A leap second is read as the second before it.
#[must_use]
pub fn parse_date_time(value: &str) -> Option<(DateTime, Form)> {
    let (local, form) = match value.strip_suffix(['Z', 'z']) {
        Some(local) => (local, Form::Utc),
        None => (value, Form::Local),
    };
    let (date, time) = local.split_once(['T', 't'])?;
    if time.len() != 6 {
        return None;
    }
    let hour = i8::try_from(digits(time.get(..2)?)?).ok()?;
    let minute = i8::try_from(digits(time.get(2..4)?)?).ok()?;
    let second = i8::try_from(digits(time.get(4..)?)?).ok()?;
    let second = if second == 60 { 59 } else { second };
    let time = Time::new(hour, minute, second, 0).ok()?;
    Some((parse_date(date)?.to_datetime(time), form))
}

/// A DATE or a DATE-TIME, told apart by the value itself: the VALUE parameter is missing or wrong in many exports.
#[must_use]
pub fn parse_date_or_time(value: &str) -> Option<DateOrTime> {
    match parse_date(value) {
        Some(date) => Some(DateOrTime::Date(date)),
        None => parse_date_time(value).map(|(time, form)| DateOrTime::Time(time, form)),
    }
}

/// `P15DT5H0M20S`, `-PT15M`, `P7W`. Lengths beyond the range of dates are none.
#[must_use]
pub fn parse_duration(value: &str) -> Option<Nominal> {
    const DAYS_MAX: i64 = 10_000 * 366;
    let (sign, rest) = match value.as_bytes().first()? {
        b'-' => (-1, value.get(1..)?),
        b'+' => (1, value.get(1..)?),
        _ => (1, value),
    };
    let mut rest = rest.strip_prefix(['P', 'p'])?;
    let (mut days, mut seconds, mut in_time, mut parts) = (0_i64, 0_i64, false, 0);
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix(['T', 't']).filter(|_| !in_time) {
            (in_time, rest) = (true, time);
            continue;
        }
        let length = rest.bytes().position(|octet| !octet.is_ascii_digit())?;
        let number = digits(rest.get(..length)?)?;
        let unit = rest.as_bytes().get(length)?.to_ascii_uppercase();
        let (sum, factor) = match (in_time, unit) {
            (false, b'W') => (&mut days, 7),
            (false, b'D') => (&mut days, 1),
            (true, b'H') => (&mut seconds, 3_600),
            (true, b'M') => (&mut seconds, 60),
            (true, b'S') => (&mut seconds, 1),
            _ => return None,
        };
        *sum = number.checked_mul(factor)?.checked_add(*sum)?;
        rest = rest.get(length + 1..)?;
        parts += 1;
    }
    if parts == 0 || days > DAYS_MAX || seconds > DAYS_MAX * 86_400 {
        return None;
    }
    let days = i32::try_from(sign * days).ok()?;
    Some(Nominal { days, exact: SignedDuration::from_secs(sign * seconds) })
}

/// `start/end` or `start/duration`.
#[must_use]
pub fn parse_period(value: &str) -> Option<Period> {
    let (start, end) = value.split_once('/')?;
    let start = parse_date_time(start)?;
    let end = match parse_date_time(end) {
        Some((end, form)) => PeriodEnd::At(end, form),
        None => PeriodEnd::After(parse_duration(end)?),
    };
    Some(Period { start, end })
}

/// `+0100` or `-043015` (section 3.3.14).
#[must_use]
pub fn parse_utc_offset(value: &str) -> Option<Offset> {
    let sign = match value.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = digits(value.get(1..3)?)?;
    let minutes = digits(value.get(3..5)?).filter(|&minutes| minutes < 60)?;
    let seconds = match value.get(5..)? {
        "" => 0,
        rest => digits(rest).filter(|&seconds| rest.len() == 2 && seconds < 60)?,
    };
    let total = sign * (hours * 3_600 + minutes * 60 + seconds);
    Offset::from_seconds(i32::try_from(total).ok()?).ok()
}

/// `20261121`
#[must_use]
pub fn write_date(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year().max(0), date.month(), date.day())
}

/// `20261121T090000`, with `Z` for [`Form::Utc`].
#[must_use]
pub fn write_date_time(time: DateTime, form: Form) -> String {
    let z = if form == Form::Utc { "Z" } else { "" };
    format!("{}T{:02}{:02}{:02}{z}", write_date(time.date()), time.hour(), time.minute(), time.second())
}

/// `P1DT2H`, `-PT15M`, `PT0S`
#[must_use]
pub fn write_duration(duration: Nominal) -> String {
    let seconds = duration.exact.as_secs().unsigned_abs();
    let days = duration.days.unsigned_abs();
    let mut out = String::from(if duration.days < 0 || duration.exact.is_negative() { "-P" } else { "P" });
    if days > 0 {
        out.push_str(&format!("{days}D"));
    }
    if seconds > 0 || days == 0 {
        out.push('T');
    }
    for (amount, unit) in [(seconds / 3_600, 'H'), (seconds / 60 % 60, 'M'), (seconds % 60, 'S')] {
        if amount > 0 || (unit == 'S' && seconds == 0 && days == 0) {
            out.push_str(&format!("{amount}{unit}"));
        }
    }
    out
}

/// A number of decimal digits only; nothing if there are none or it does not fit.
fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, datetime};

    #[test]
    fn durations_keep_days_apart_from_exact_time() {
        let read = |text| parse_duration(text).map(|length| (length.days, length.exact.as_secs()));
        let cases = [
            ("P15DT5H0M20S", Some((15, 18_020))),
            ("P7W", Some((49, 0))),
            ("P1W2D", Some((9, 0))),
            ("-PT15M", Some((0, -900))),
            ("-P1DT1H", Some((-1, -3_600))),
            ("+P1D", Some((1, 0))),
            ("P1DT", Some((1, 0))),
            ("PT0S", Some((0, 0))),
            ("pt1h", Some((0, 3_600))),
            ("PT36H", Some((0, 129_600))),
            ("", None),
            ("P", None),
            ("PT", None),
            ("-", None),
            ("PD", None),
            ("P1", None),
            ("P1H", None),
            ("PT1D", None),
            ("PT1HT1M", None),
            ("P1Y", None),
            ("P1.5D", None),
            ("P-1D", None),
            ("1D", None),
            ("P99999999999999999999D", None),
            ("P9999999999D", None),
            ("PT9223372036854775807H", None),
            ("P1D ", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_are_written_in_their_shortest_form() {
        for (text, written) in [
            ("P1DT0H0M0S", "P1D"),
            ("P1W", "P7D"),
            ("PT90S", "PT1M30S"),
            ("-PT0S", "PT0S"),
            ("-P1DT1H", "-P1DT1H"),
        ] {
            assert_eq!(parse_duration(text).map(write_duration).as_deref(), Some(written), "{text}");
        }
    }

    #[test]
    fn offsets_have_a_sign_and_perhaps_seconds() {
        let read = |text| parse_utc_offset(text).map(Offset::seconds);
        let cases = [
            ("+0100", Some(3_600)),
            ("-0500", Some(-18_000)),
            ("-045602", Some(-17_762)),
            ("+0000", Some(0)),
            ("-0000", Some(0)),
            ("+1400", Some(50_400)),
            ("0100", None),
            ("+01", None),
            ("+01:00", None),
            ("+0160", None),
            ("+010060", None),
            ("+01000", None),
            ("+9900", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn periods_end_at_a_time_or_after_a_length() {
        let start = (datetime(2026, 11, 21, 9, 0, 0, 0), Form::Utc);
        let end = PeriodEnd::At(datetime(2026, 11, 21, 10, 0, 0, 0), Form::Utc);
        assert_eq!(parse_period("20261121T090000Z/20261121T100000Z"), Some(Period { start, end }));
        let end = PeriodEnd::After(Nominal { days: 0, exact: SignedDuration::from_hours(1) });
        assert_eq!(parse_period("20261121T090000Z/PT1H"), Some(Period { start, end }));
        for bad in
            ["20261121T090000Z", "20261121/PT1H", "20261121T090000Z/", "/PT1H", "20261121T090000Z/PT1H/PT1H"]
        {
            assert_eq!(parse_period(bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_and_times_must_exist() {
        assert_eq!(parse_date("20280229"), Some(date(2028, 2, 29)));
        assert_eq!(parse_date("00001231"), Some(date(0, 12, 31)));
        let nine = datetime(2026, 11, 21, 9, 0, 0, 0);
        assert_eq!(parse_date_time("20261121T090000"), Some((nine, Form::Local)));
        assert_eq!(parse_date_time("20261121t090000z"), Some((nine, Form::Utc)));
        assert_eq!(
            parse_date_time("20261121T235960Z"),
            Some((datetime(2026, 11, 21, 23, 59, 59, 0), Form::Utc))
        );
        assert_eq!(parse_date_or_time("20261121"), Some(DateOrTime::Date(date(2026, 11, 21))));
        for bad in [
            "20260229",
            "20261121T",
            "20261121T0900",
            "20261121T240000",
            "20261121T090000+0100",
            "2026112",
            "202611210",
            "日本",
            "2026日本",
        ] {
            assert_eq!(parse_date_or_time(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_written_ends_no_line() {
        assert_eq!(escape_text("a,b;c\\d\r\ne\rf\ng\0h\ti"), "a\\,b\\;c\\\\d\\ne\\nf\\ngh\ti");
    }
}
