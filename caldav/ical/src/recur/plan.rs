//! A rule joined with its DTSTART: every part has a value, and a day can be asked whether it belongs.

use super::rule::{Freq, FromBothEnds, Rule};
use super::times::Times;
use super::wall::{
    DAY, Day, HOUR, MINUTE, Wall, day_number, days_in_month, days_in_year, week_begin, weekday, ymd,
};

/// What an ordinal in BYDAY counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ordinals {
    Month,
    Year,
    /// "The BYDAY rule part MUST NOT be specified with a numeric value" here; the ordinal is passed over.
    Ignored,
}

/// A rule ready to be expanded.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) freq: Freq,
    pub(super) interval: i64,
    pub(super) start: Wall,
    /// 0 is Monday.
    pub(super) week_start: i64,
    pub(super) times: Times,
    pub(super) positions: Vec<i16>,
    /// Bits 1 to 12, never 0.
    pub(super) months: u64,
    pub(super) month_days: FromBothEnds,
    year_days: Vec<i16>,
    weeks: FromBothEnds,
    /// Plain weekdays, bit 0 is Monday.
    weekdays: u64,
    /// Ordinal and weekday.
    nth_weekdays: Vec<(i64, i64)>,
    ordinals: Ordinals,
}

const ALL_MONTHS: u64 = 0x1ffe;
const ALL_HOURS: u64 = (1 << 24) - 1;
const ALL_SIXTY: u64 = (1 << 60) - 1;

impl Plan {
    /// "Information, not contained in the rule, necessary to determine the various recurrence instance start time and
    /// dates are derived from the Start Time (DTSTART) component attribute."
    pub(super) fn new(rule: &Rule, start: Wall) -> Plan {
        let by = &rule.by;
        let mut plan = Plan {
            freq: rule.freq,
            interval: i64::from(rule.interval),
            start,
            week_start: i64::from(rule.week_start.to_monday_zero_offset()),
            times: times(rule, start.rem_euclid(DAY)),
            positions: by.positions.clone(),
            months: u64::from(by.months),
            month_days: by.month_days,
            year_days: by.year_days.clone(),
            weeks: by.weeks,
            weekdays: 0,
            nth_weekdays: Vec::new(),
            ordinals: match rule.freq {
                Freq::Monthly => Ordinals::Month,
                Freq::Yearly if !by.weeks.is_empty() => Ordinals::Ignored,
                Freq::Yearly if by.months != 0 => Ordinals::Month,
                Freq::Yearly => Ordinals::Year,
                _ => Ordinals::Ignored,
            },
        };
        for day in &by.weekdays {
            let weekday = i64::from(day.weekday.to_monday_zero_offset());
            if day.ordinal == 0 || plan.ordinals == Ordinals::Ignored {
                plan.weekdays |= 1 << weekday;
            } else {
                plan.nth_weekdays.push((i64::from(day.ordinal), weekday));
            }
        }
        plan.derive_days();
        if plan.months == 0 {
            plan.months = ALL_MONTHS;
        }
        plan
    }

    fn derive_days(&mut self) {
        let day = self.start.div_euclid(DAY);
        let date = ymd(day);
        let any_weekday = self.weekdays != 0 || !self.nth_weekdays.is_empty();
        let any_day = any_weekday || !self.month_days.is_empty() || !self.year_days.is_empty();
        match self.freq {
            Freq::Yearly if !any_day && !self.weeks.is_empty() => self.weekdays = 1 << weekday(day),
            Freq::Yearly if !any_day => {
                if self.months == 0 {
                    self.months = 1 << date.month;
                }
                self.month_days.front = 1 << date.day;
            }
            Freq::Monthly if !any_day && self.weeks.is_empty() => self.month_days.front = 1 << date.day,
            Freq::Weekly if !any_day && self.weeks.is_empty() => self.weekdays = 1 << weekday(day),
            _ => {}
        }
    }

    /// Whether any part narrows the days, so that periods of the same length may hold different numbers.
    pub(super) fn filters_days(&self) -> bool {
        let weekdays = self.freq != Freq::Weekly && (self.weekdays != 0 || !self.nth_weekdays.is_empty());
        weekdays
            || self.months != ALL_MONTHS
            || !self.month_days.is_empty()
            || !self.year_days.is_empty()
            || !self.weeks.is_empty()
    }

    /// Whether a period below a day may be empty because of the hour, minute or second it stands in.
    pub(super) fn filters_times(&self) -> bool {
        let Times { hours, minutes, seconds } = self.times;
        (self.freq <= Freq::Hourly && hours != ALL_HOURS)
            || (self.freq <= Freq::Minutely && minutes != ALL_SIXTY)
            || (self.freq == Freq::Secondly && seconds != ALL_SIXTY)
    }

    pub(super) fn has_month(&self, month: i64) -> bool {
        self.months >> month & 1 == 1
    }

    /// Whether the day passes every BYxxx part that names days.
    pub(super) fn holds(&self, day: Day) -> bool {
        let date = ymd(day);
        if !self.has_month(date.month) {
            return false;
        }
        let month_length = days_in_month(date.year, date.month);
        if !self.month_days.is_empty() && !self.month_days.holds(date.day, month_length) {
            return false;
        }
        if !self.year_days.is_empty() {
            let (at, length) = (day - day_number(date.year, 1, 1) + 1, days_in_year(date.year));
            if !self.year_days.iter().any(|&n| i64::from(n) == at || i64::from(n) == at - length - 1) {
                return false;
            }
        }
        if !self.weeks.is_empty() {
            let (at, length) = self.week_of_year(day);
            if !self.weeks.holds(at, length) {
                return false;
            }
        }
        self.holds_weekday(day, date.day, month_length, date.year)
    }

    fn holds_weekday(&self, day: Day, day_of_month: i64, month_length: i64, year: i64) -> bool {
        if self.weekdays == 0 && self.nth_weekdays.is_empty() {
            return true;
        }
        let weekday = weekday(day);
        if self.weekdays >> weekday & 1 == 1 {
            return true;
        }
        if self.nth_weekdays.is_empty() {
            return false;
        }
        let (at, length) = match self.ordinals {
            Ordinals::Year => (day - day_number(year, 1, 1) + 1, days_in_year(year)),
            Ordinals::Month | Ordinals::Ignored => (day_of_month, month_length),
        };
        let from_front = (at - 1) / 7 + 1;
        let from_back = (length - at) / 7 + 1;
        self.nth_weekdays.iter().any(|&(n, named)| named == weekday && (n == from_front || n == -from_back))
    }

    /// The number of the day's week and of the weeks in that week's year: week 1 is the first with four days in it.
    fn week_of_year(&self, day: Day) -> (i64, i64) {
        let middle = |day| week_begin(day, self.week_start) + 3;
        let number = |day: Day| (day - day_number(ymd(day).year, 1, 1)) / 7 + 1;
        let this = middle(day);
        // 28 December is always in the last week: its week's middle is at most three days away.
        let last = middle(day_number(ymd(this).year, 12, 28));
        (number(this), number(last))
    }
}

/// The times of day: those listed, else DTSTART's, else (where FREQ runs through them) all.
fn times(rule: &Rule, start: i64) -> Times {
    let pick = |listed: u64, unit: Freq, all: u64, own: i64| match listed {
        0 if rule.freq <= unit => all,
        0 => 1 << own,
        listed => listed,
    };
    Times {
        hours: pick(u64::from(rule.by.hours), Freq::Hourly, ALL_HOURS, start / HOUR),
        minutes: pick(rule.by.minutes, Freq::Minutely, ALL_SIXTY, start % HOUR / MINUTE),
        seconds: pick(rule.by.seconds, Freq::Secondly, ALL_SIXTY, start % MINUTE),
    }
}
