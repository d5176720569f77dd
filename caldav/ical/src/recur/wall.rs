//! Wall-clock time as plain numbers: the arithmetic of periods without zones and without failure.
//!
//! Rules are expanded on these numbers because every step is an addition; `jiff` values are made at the edge only.

use jiff::civil::{Date, DateTime, Time};

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
pub(super) type Day = i64;
/// Seconds since 1970-01-01T00:00:00 as a clock on the wall counts them: every day has 86,400.
pub(super) type Wall = i64;

pub(super) const DAY: i64 = 86_400;
pub(super) const HOUR: i64 = 3_600;
pub(super) const MINUTE: i64 = 60;

/// 9999-12-31T23:59:59, the last time that iCalendar can write.
pub(super) const WALL_MAX: Wall = 253_402_300_799;

/// A day of the calendar, with what the rule parts ask about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ymd {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
}

pub(super) fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

pub(super) fn days_in_year(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

pub(super) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The number of a day. Years are counted from 1 March, so that the leap day is the last of its year.
pub(super) fn day_number(year: i64, month: i64, day: i64) -> Day {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The calendar day of a number: the inverse of [`day_number`].
pub(super) fn ymd(day: Day) -> Ymd {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Ymd { year, month, day: day_of_year - (153 * march_month + 2) / 5 + 1 }
}

/// 0 is Monday, 6 is Sunday.
pub(super) fn weekday(day: Day) -> i64 {
    (day + 3).rem_euclid(7)
}

/// The first day of the week that holds `day`, for weeks that begin on `week_start` (0 is Monday).
pub(super) fn week_begin(day: Day, week_start: i64) -> Day {
    day - (weekday(day) - week_start).rem_euclid(7)
}

pub(super) fn wall(at: DateTime) -> Wall {
    let day = day_number(i64::from(at.year()), i64::from(at.month()), i64::from(at.day()));
    day * DAY + i64::from(at.hour()) * HOUR + i64::from(at.minute()) * MINUTE + i64::from(at.second())
}

/// `None` outside the years that `jiff` can hold.
pub(super) fn date_time(at: Wall) -> Option<DateTime> {
    let Ymd { year, month, day } = ymd(at.div_euclid(DAY));
    let date =
        Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let second = at.rem_euclid(DAY);
    let hour = i8::try_from(second / HOUR).ok()?;
    let minute = i8::try_from(second % HOUR / MINUTE).ok()?;
    let time = Time::new(hour, minute, i8::try_from(second % MINUTE).ok()?, 0).ok()?;
    Some(date.to_datetime(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;
    use jiff::civil::date;

    #[test]
    fn the_arithmetic_agrees_with_jiff_on_every_day_of_a_cycle_and_at_the_ends() {
        // The Gregorian calendar repeats after 400 years.
        for (first, last) in [
            (date(1, 1, 1), date(8, 12, 31)),
            (date(1890, 1, 1), date(2300, 12, 31)),
            (date(9990, 1, 1), date(9999, 12, 31)),
        ] {
            let days = first.series(1.day()).take_while(|&day| day <= last);
            for (number, day) in (day_number(first.year().into(), 1, 1)..).zip(days) {
                let at = ymd(number);
                assert_eq!(
                    (at.year, at.month, at.day),
                    (i64::from(day.year()), i64::from(day.month()), i64::from(day.day()))
                );
                assert_eq!(day_number(at.year, at.month, at.day), number);
                assert_eq!(weekday(number), i64::from(day.weekday().to_monday_zero_offset()), "{day}");
                assert_eq!(days_in_month(at.year, at.month), i64::from(day.days_in_month()), "{day}");
            }
        }
        assert_eq!(day_number(9999, 12, 31) * DAY + DAY - 1, WALL_MAX);
    }

    #[test]
    fn wall_times_go_to_numbers_and_back() {
        for at in [
            date(1, 1, 1).at(0, 0, 0, 0),
            date(1969, 12, 31).at(23, 59, 59, 0),
            date(9999, 12, 31).at(1, 2, 3, 0),
        ] {
            assert_eq!(date_time(wall(at)), Some(at));
        }
        assert_eq!(date_time(WALL_MAX + 1), None, "year 10000");
    }
}
