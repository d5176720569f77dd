//! RRULE and `patternedRecurrence`, each way, where both can say the same. Never an approximation.
//!
//! A day of the month that a month does not have is its last day for Outlook, and no day at all for RFC 5545. So the 29th,
//! 30th and 31st are written as the rule that means what Outlook does (BYMONTHDAY=28,29,30;BYSETPOS=-1 for the 30th).

use std::collections::BTreeMap;

use almanac_contract::{Moment, Reason};
use almanac_ical::value::{DateOrTime, Form as Written, parse_date_or_time, write_date, write_date_time};
use almanac_ical::zone::Zone;
use jiff::civil::{Date, DateTime, Weekday};
use serde_json::{Value, json};

use super::time::zone_of;
use crate::wire::{Pattern, Range, Recurrence};

const TOO_RICH: Reason = Reason("Outlook has no recurrence pattern for this rule");
const TOO_OFTEN: Reason = Reason("Outlook has no series with several instances a day");
const SHORT_MONTHS: Reason = Reason(
    "Outlook moves the 29th, 30th and 31st to the last day of shorter months, this rule leaves them out",
);
const NOT_FIRST: Reason = Reason("the first instance is none of the rule's, which Outlook cannot have");
const UNREADABLE: Reason = Reason("the rule cannot be read");

const DAYS: [(&str, &str, Weekday); 7] = [
    ("MO", "monday", Weekday::Monday),
    ("TU", "tuesday", Weekday::Tuesday),
    ("WE", "wednesday", Weekday::Wednesday),
    ("TH", "thursday", Weekday::Thursday),
    ("FR", "friday", Weekday::Friday),
    ("SA", "saturday", Weekday::Saturday),
    ("SU", "sunday", Weekday::Sunday),
];
const INDEX: [(i8, &str); 5] = [(1, "first"), (2, "second"), (3, "third"), (4, "fourth"), (-1, "last")];

/// What a series does, in words that both sides have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repeats {
    pub(crate) interval: u32,
    pub(crate) on: On,
    pub(crate) end: End,
}

/// On which days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum On {
    EachDay,
    /// On these days of the week; weeks begin with the day named last.
    Week(Vec<Weekday>, Weekday),
    /// On a day of each month, or of one month of each year; the last day if there is no such.
    MonthDay(i8, Option<i8>),
    /// On the n-th of these days of the week, of each month or of one month of each year.
    Nth(i8, Vec<Weekday>, Option<i8>),
}

/// Until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Never,
    /// The last day on which an instance may begin.
    On(Date),
    After(u32),
}

impl Repeats {
    /// What an RRULE with this start does.
    pub(crate) fn of_rule(rule: &str, start: &Moment) -> Result<Self, Reason> {
        let mut parts: BTreeMap<&str, &str> =
            rule.split(';').filter_map(|part| part.split_once('=')).collect();
        let mut take = |name: &str| parts.remove(name);
        let frequency = take("FREQ").ok_or(UNREADABLE)?;
        let interval = take("INTERVAL").map_or(Ok(1), |text| text.parse().map_err(|_| UNREADABLE))?;
        let end = end(take("COUNT"), take("UNTIL"), start)?;
        let by = By {
            week_start: take("WKST").map_or(Ok(Weekday::Monday), |text| weekday(text).ok_or(UNREADABLE))?,
            days: take("BYDAY").map(ordinals).transpose()?,
            month_days: take("BYMONTHDAY").map(numbers).transpose()?,
            months: take("BYMONTH").map(numbers).transpose()?,
            positions: take("BYSETPOS").map(numbers).transpose()?,
        };
        if !parts.is_empty() {
            return Err(TOO_RICH);
        }
        let first = start.wall().date();
        let on = match frequency {
            "DAILY" => by.daily(interval)?,
            "WEEKLY" => by.weekly(interval, first)?,
            "MONTHLY" => by.monthly(first)?,
            "YEARLY" => by.yearly(first)?,
            _ => return Err(TOO_OFTEN),
        };
        if !on.holds(first) {
            return Err(NOT_FIRST);
        }
        Ok(Self { interval, on, end })
    }

    /// The RRULE: its parts in the order of the normal form.
    pub(crate) fn to_rule(&self, start: &Moment) -> String {
        let mut parts: BTreeMap<&str, String> = BTreeMap::new();
        let frequency = match &self.on {
            On::EachDay => "DAILY",
            On::Week(days, week_start) => {
                parts.insert("BYDAY", names(days, None));
                // Where a week begins says nothing unless weeks are left out.
                if self.interval > 1 && *week_start != Weekday::Monday {
                    parts.insert("WKST", name(*week_start).to_owned());
                }
                "WEEKLY"
            }
            On::MonthDay(day, month) => {
                let (days, last) = spelt(*day, *month);
                parts.insert("BYMONTHDAY", days);
                if last {
                    parts.insert("BYSETPOS", "-1".to_owned());
                }
                frequency_of(*month, &mut parts)
            }
            On::Nth(nth, days, month) => {
                if days.len() == 1 {
                    parts.insert("BYDAY", names(days, Some(*nth)));
                } else {
                    parts.insert("BYDAY", names(days, None));
                    parts.insert("BYSETPOS", nth.to_string());
                }
                frequency_of(*month, &mut parts)
            }
        };
        if self.interval > 1 {
            parts.insert("INTERVAL", self.interval.to_string());
        }
        match &self.end {
            End::Never => {}
            End::After(count) => drop(parts.insert("COUNT", count.to_string())),
            End::On(date) => drop(parts.insert("UNTIL", until(*date, start))),
        }
        let rest: String = parts.iter().map(|(name, value)| format!(";{name}={value}")).collect();
        format!("FREQ={frequency}{rest}")
    }

    /// What a `patternedRecurrence` does.
    pub(crate) fn of_recurrence(recurrence: &Recurrence) -> Result<Self, Reason> {
        let Recurrence { pattern, range } = recurrence;
        let days = || -> Result<Vec<Weekday>, Reason> {
            let mut days = Vec::new();
            for day in pattern.days_of_week.iter().flatten() {
                days.push(weekday_named(day).ok_or(UNREADABLE)?);
            }
            days.sort_by_key(|day| day.to_monday_zero_offset());
            days.dedup();
            if days.is_empty() { Err(UNREADABLE) } else { Ok(days) }
        };
        let on = match pattern.r#type.as_str() {
            "daily" => On::EachDay,
            "weekly" => {
                let first = pattern.first_day_of_week.as_deref().unwrap_or("sunday");
                On::Week(days()?, weekday_named(first).ok_or(UNREADABLE)?)
            }
            "absoluteMonthly" => On::MonthDay(day(pattern)?, None),
            "absoluteYearly" => On::MonthDay(day(pattern)?, Some(month(pattern)?)),
            "relativeMonthly" => On::Nth(index(pattern)?, days()?, None),
            "relativeYearly" => On::Nth(index(pattern)?, days()?, Some(month(pattern)?)),
            _ => return Err(UNREADABLE),
        };
        let end = match range.r#type.as_str() {
            "noEnd" => End::Never,
            "numbered" => End::After(range.number_of_occurrences.filter(|n| *n > 0).ok_or(UNREADABLE)?),
            "endDate" => End::On(range.end_date.as_deref().and_then(|d| d.parse().ok()).ok_or(UNREADABLE)?),
            _ => return Err(UNREADABLE),
        };
        Ok(Self { interval: pattern.interval.max(1), on, end }.settled())
    }

    /// The `patternedRecurrence` of a series with this start.
    pub(crate) fn to_recurrence(&self, start: &Moment) -> Value {
        let mut pattern = json!({ "interval": self.interval });
        let mut set = |name: &str, value: Value| {
            if let Some(pattern) = pattern.as_object_mut() {
                pattern.insert(name.to_owned(), value);
            }
        };
        let long = |days: &[Weekday]| days.iter().map(|day| json!(long_name(*day))).collect::<Value>();
        let kind = match &self.on {
            On::EachDay => "daily",
            On::Week(days, first) => {
                set("daysOfWeek", long(days));
                set("firstDayOfWeek", json!(long_name(*first)));
                "weekly"
            }
            On::MonthDay(day, month) => {
                set("dayOfMonth", json!(day));
                month.map(|month| set("month", json!(month)));
                if month.is_some() { "absoluteYearly" } else { "absoluteMonthly" }
            }
            On::Nth(nth, days, month) => {
                let index = INDEX.iter().find(|(n, _)| n == nth).map_or("first", |(_, name)| name);
                set("index", json!(index));
                set("daysOfWeek", long(days));
                month.map(|month| set("month", json!(month)));
                if month.is_some() { "relativeYearly" } else { "relativeMonthly" }
            }
        };
        set("type", json!(kind));
        json!({ "pattern": pattern, "range": self.range(start) })
    }

    /// The same with the first instance only; without an end if that is what it is already.
    pub(crate) fn once(&self) -> Self {
        let end = if self.end == End::After(1) { End::Never } else { End::After(1) };
        Self { end, ..self.clone() }
    }

    fn range(&self, start: &Moment) -> Value {
        let zone = match start {
            Moment::Zoned(_, zone) => zone.as_str(),
            _ => "UTC",
        };
        let from = start.wall().date().to_string();
        let mut range = json!({ "startDate": from, "recurrenceTimeZone": zone });
        let (kind, more) = match &self.end {
            End::Never => ("noEnd", None),
            End::On(date) => ("endDate", Some(("endDate", json!(date.to_string())))),
            End::After(count) => ("numbered", Some(("numberOfOccurrences", json!(count)))),
        };
        if let Some(range) = range.as_object_mut() {
            range.insert("type".to_owned(), json!(kind));
            more.map(|(name, value)| range.insert(name.to_owned(), value));
        }
        range
    }

    /// Without what says nothing.
    fn settled(mut self) -> Self {
        if let On::Week(_, first) = &mut self.on
            && self.interval == 1
        {
            *first = Weekday::Monday;
        }
        self
    }
}

/// The first day of a series that a range names; where the event itself is cut to a window it is the better word.
pub(crate) fn first_day(range: &Range) -> Option<Date> {
    range.start_date.as_deref()?.parse().ok()
}

/// The BYxxx parts that Outlook may know.
struct By {
    week_start: Weekday,
    days: Option<Vec<(i8, Weekday)>>,
    month_days: Option<Vec<i8>>,
    months: Option<Vec<i8>>,
    positions: Option<Vec<i8>>,
}

impl By {
    /// The days of the week without ordinals.
    fn plain_days(&self) -> Result<Option<Vec<Weekday>>, Reason> {
        let Some(days) = &self.days else { return Ok(None) };
        if days.iter().any(|(ordinal, _)| *ordinal != 0) {
            return Err(TOO_RICH);
        }
        Ok(Some(days.iter().map(|(_, day)| *day).collect()))
    }

    fn daily(&self, interval: u32) -> Result<On, Reason> {
        if self.month_days.is_some() || self.months.is_some() || self.positions.is_some() {
            return Err(TOO_RICH);
        }
        match self.plain_days()? {
            None => Ok(On::EachDay),
            Some(days) if interval == 1 => Ok(On::Week(days, Weekday::Monday)),
            Some(_) => Err(TOO_RICH),
        }
    }

    fn weekly(&self, interval: u32, first: Date) -> Result<On, Reason> {
        if self.month_days.is_some() || self.months.is_some() || self.positions.is_some() {
            return Err(TOO_RICH);
        }
        let days = self.plain_days()?.unwrap_or_else(|| vec![first.weekday()]);
        Ok(On::Week(days, if interval > 1 { self.week_start } else { Weekday::Monday }))
    }

    fn monthly(&self, first: Date) -> Result<On, Reason> {
        if self.months.is_some() {
            return Err(TOO_RICH);
        }
        self.within_month(first, None)
    }

    fn yearly(&self, first: Date) -> Result<On, Reason> {
        let month = match self.months.as_deref() {
            Some([month]) => *month,
            Some(_) => return Err(TOO_RICH),
            // Without a month, days of the month are those of every month, and days of the week those of the year.
            None if self.days.is_some() || self.month_days.is_some() => return Err(TOO_RICH),
            None => first.month(),
        };
        self.within_month(first, Some(month))
    }

    fn within_month(&self, first: Date, month: Option<i8>) -> Result<On, Reason> {
        match (&self.days, self.month_days.as_deref(), self.positions.as_deref()) {
            (None, None, None) => exact_day(first.day(), month),
            (None, Some([-1]), None) => Ok(On::MonthDay(31.min(longest(month)), month)),
            (None, Some([day]), None) => exact_day(*day, month),
            (None, Some(days), Some([-1])) => {
                let last = days.iter().copied().max().unwrap_or(0);
                let said = spelt_days(last, month);
                let same = said.len() == days.len() && said.iter().all(|day| days.contains(day));
                if same { Ok(On::MonthDay(last, month)) } else { Err(TOO_RICH) }
            }
            (Some(days), None, positions) => nth(days, positions, month),
            _ => Err(TOO_RICH),
        }
    }
}

/// A day that every month meant has.
fn exact_day(day: i8, month: Option<i8>) -> Result<On, Reason> {
    if !(1..=31).contains(&day) {
        return Err(TOO_RICH);
    }
    if day > shortest(month) { Err(SHORT_MONTHS) } else { Ok(On::MonthDay(day, month)) }
}

fn nth(days: &[(i8, Weekday)], positions: Option<&[i8]>, month: Option<i8>) -> Result<On, Reason> {
    let (nth, days) = match (days, positions) {
        ([(ordinal, day)], None) if *ordinal != 0 => (*ordinal, vec![*day]),
        (days, Some([position])) if days.iter().all(|(ordinal, _)| *ordinal == 0) => {
            (*position, days.iter().map(|(_, day)| *day).collect())
        }
        _ => return Err(TOO_RICH),
    };
    if !INDEX.iter().any(|(n, _)| *n == nth) {
        return Err(TOO_RICH);
    }
    Ok(On::Nth(nth, days, month))
}

impl On {
    /// Whether a day is one of these, whichever weeks, months or years are left out.
    fn holds(&self, date: Date) -> bool {
        match self {
            Self::EachDay => true,
            Self::Week(days, _) => days.contains(&date.weekday()),
            Self::MonthDay(day, month) => {
                month.is_none_or(|month| month == date.month())
                    && date.day() == (*day).min(date.days_in_month())
            }
            Self::Nth(nth, days, month) => {
                month.is_none_or(|month| month == date.month()) && nth_of_month(date, *nth, days)
            }
        }
    }
}

fn nth_of_month(date: Date, nth: i8, days: &[Weekday]) -> bool {
    let is_one = |day: i8| {
        let date = date.with().day(day).build().ok();
        date.is_some_and(|date| days.contains(&date.weekday()))
    };
    let all: Vec<i8> = (1..=date.days_in_month()).filter(|day| is_one(*day)).collect();
    let at = match usize::try_from(nth) {
        Ok(n) => n.checked_sub(1),
        Err(_) => all.len().checked_sub(usize::from(nth.unsigned_abs())),
    };
    at.and_then(|at| all.get(at)) == Some(&date.day())
}

/// How many days the shortest of the months meant has, over all years.
fn shortest(month: Option<i8>) -> i8 {
    month.map_or(28, |month| days_in(month, 2025))
}

fn longest(month: Option<i8>) -> i8 {
    month.map_or(31, |month| days_in(month, 2024))
}

fn days_in(month: i8, year: i16) -> i8 {
    Date::new(year, month, 1).map_or(28, Date::days_in_month)
}

/// The days of the month of which the last that there is is meant.
fn spelt_days(day: i8, month: Option<i8>) -> Vec<i8> {
    let shortest = shortest(month);
    if day <= shortest { vec![day] } else { (shortest..=day).collect() }
}

/// BYMONTHDAY, and whether the last of them is meant.
fn spelt(day: i8, month: Option<i8>) -> (String, bool) {
    let days = spelt_days(day, month);
    if days.len() > 1 && day >= longest(month) {
        return ("-1".to_owned(), false);
    }
    let mut texts: Vec<String> = days.iter().map(i8::to_string).collect();
    texts.sort_unstable();
    (texts.join(","), days.len() > 1)
}

fn frequency_of(month: Option<i8>, parts: &mut BTreeMap<&str, String>) -> &'static str {
    match month {
        Some(month) => {
            parts.insert("BYMONTH", month.to_string());
            "YEARLY"
        }
        None => "MONTHLY",
    }
}

fn end(count: Option<&str>, until: Option<&str>, start: &Moment) -> Result<End, Reason> {
    match (count, until) {
        (None, None) => Ok(End::Never),
        (Some(count), None) => count.parse().ok().filter(|n| *n > 0).map(End::After).ok_or(UNREADABLE),
        (None, Some(text)) => {
            let date = last_day(parse_date_or_time(text).ok_or(UNREADABLE)?, start);
            if date < start.wall().date() { Err(NOT_FIRST) } else { Ok(End::On(date)) }
        }
        (Some(_), Some(_)) => Err(UNREADABLE),
    }
}

/// The last day on which an instance may begin under UNTIL: all begin at the same time of the day.
fn last_day(until: DateOrTime, start: &Moment) -> Date {
    let wall: DateTime = match until {
        DateOrTime::Date(date) => return date,
        DateOrTime::Time(wall, Written::Local) => wall,
        DateOrTime::Time(wall, Written::Utc) => match zone_of(start) {
            Some(zone) => zone.local(Zone::utc().instant(wall)),
            None => wall,
        },
    };
    if wall.time() >= start.wall().time() {
        wall.date()
    } else {
        wall.date().yesterday().unwrap_or(wall.date())
    }
}

/// UNTIL for a last day: the instance of that day, were there one; in UTC unless the series is of whole days.
fn until(date: Date, start: &Moment) -> String {
    let wall = date.to_datetime(start.wall().time());
    match zone_of(start) {
        Some(zone) => write_date_time(Zone::utc().local(zone.instant(wall)), Written::Utc),
        None if matches!(start, Moment::Date(_)) => write_date(date),
        None => write_date_time(wall, Written::Local),
    }
}

fn weekday(text: &str) -> Option<Weekday> {
    DAYS.iter().find(|(short, _, _)| *short == text).map(|(_, _, day)| *day)
}

fn weekday_named(text: &str) -> Option<Weekday> {
    DAYS.iter().find(|(_, long, _)| long.eq_ignore_ascii_case(text)).map(|(_, _, day)| *day)
}

fn name(day: Weekday) -> &'static str {
    DAYS.iter().find(|(_, _, other)| *other == day).map_or("MO", |(short, _, _)| short)
}

fn long_name(day: Weekday) -> &'static str {
    DAYS.iter().find(|(_, _, other)| *other == day).map_or("monday", |(_, long, _)| long)
}

/// BYDAY: its members sorted as texts.
fn names(days: &[Weekday], nth: Option<i8>) -> String {
    let ordinal = nth.map(|n| n.to_string()).unwrap_or_default();
    let mut texts: Vec<String> = days.iter().map(|day| format!("{ordinal}{}", name(*day))).collect();
    texts.sort_unstable();
    texts.join(",")
}

fn ordinals(text: &str) -> Result<Vec<(i8, Weekday)>, Reason> {
    let one = |text: &str| {
        let at = text.len().checked_sub(2)?;
        let (ordinal, day) = (text.get(..at)?, text.get(at..)?);
        let ordinal = if ordinal.is_empty() { 0 } else { ordinal.parse().ok()? };
        Some((ordinal, weekday(day)?))
    };
    let mut days: Vec<(i8, Weekday)> =
        text.split(',').map(|text| one(text.trim())).collect::<Option<_>>().ok_or(UNREADABLE)?;
    days.sort_by_key(|(ordinal, day)| (*ordinal, day.to_monday_zero_offset()));
    days.dedup();
    Ok(days)
}

fn numbers(text: &str) -> Result<Vec<i8>, Reason> {
    text.split(',').map(|text| text.trim().parse().ok()).collect::<Option<_>>().ok_or(UNREADABLE)
}

fn day(pattern: &Pattern) -> Result<i8, Reason> {
    Some(pattern.day_of_month).filter(|day| (1..=31).contains(day)).ok_or(UNREADABLE)
}

fn month(pattern: &Pattern) -> Result<i8, Reason> {
    Some(pattern.month).filter(|month| (1..=12).contains(month)).ok_or(UNREADABLE)
}

fn index(pattern: &Pattern) -> Result<i8, Reason> {
    let name = pattern.index.as_deref().unwrap_or("first");
    INDEX.iter().find(|(_, other)| *other == name).map(|(n, _)| *n).ok_or(UNREADABLE)
}

#[cfg(test)]
#[path = "rule_tests.rs"]
mod tests;
