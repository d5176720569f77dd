//! Which days a `patternedRecurrence` names, as Outlook counts them.

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use serde_json::Value;

use super::time::next_day;

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// What is wrong with a recurrence, as Exchange validates it; also fields that its type does not need.
pub(super) fn fault(recurrence: &Value, start: Date) -> Option<&'static str> {
    let (pattern, range) = (&recurrence["pattern"], &recurrence["range"]);
    let days = || {
        let days = pattern["daysOfWeek"].as_array();
        days.is_some_and(|days| {
            !days.is_empty() && days.iter().all(|d| d.as_str().is_some_and(|d| DAYS.contains(&d)))
        })
    };
    let index =
        || ["first", "second", "third", "fourth", "last"].contains(&pattern["index"].as_str().unwrap_or(""));
    let day = || (1..=31).contains(&pattern["dayOfMonth"].as_i64().unwrap_or(0));
    let month = || (1..=12).contains(&pattern["month"].as_i64().unwrap_or(0));
    let fits = match pattern["type"].as_str().unwrap_or_default() {
        "daily" => true,
        "weekly" => days() && pattern["firstDayOfWeek"].as_str().is_some_and(|day| DAYS.contains(&day)),
        "absoluteMonthly" => day(),
        "relativeMonthly" => days() && index(),
        "absoluteYearly" => day() && month(),
        "relativeYearly" => days() && index() && month(),
        _ => false,
    };
    if !fits || pattern["interval"].as_i64().unwrap_or(0) < 1 {
        return Some("ErrorInvalidRecurrencePattern");
    }
    let ends = match range["type"].as_str().unwrap_or_default() {
        "noEnd" => true,
        "numbered" => range["numberOfOccurrences"].as_i64().unwrap_or(0) > 0,
        "endDate" => date(&range["endDate"]).is_some_and(|end| end >= start),
        _ => false,
    };
    if !ends || date(&range["startDate"]) != Some(start) {
        return Some("ErrorInvalidRecurrenceRange");
    }
    None
}

pub(super) fn date(value: &Value) -> Option<Date> {
    value.as_str()?.parse().ok()
}

/// The days of the series up to `to`.
pub(super) fn days(recurrence: &Value, to: Date) -> Vec<Date> {
    let (pattern, range) = (&recurrence["pattern"], &recurrence["range"]);
    let Some(start) = date(&range["startDate"]) else { return Vec::new() };
    let end = date(&range["endDate"]).filter(|_| range["type"] == "endDate").map_or(to, |end| end.min(to));
    let most = match range["type"].as_str() {
        Some("numbered") => range["numberOfOccurrences"].as_u64().unwrap_or(0),
        _ => u64::MAX,
    };
    let (mut days, mut day, mut count) = (Vec::new(), start, 0);
    while day <= end && count < most {
        if is_one(pattern, start, day) {
            days.push(day);
            count += 1;
        }
        day = next_day(day);
    }
    days
}

fn is_one(pattern: &Value, start: Date, day: Date) -> bool {
    let interval = pattern["interval"].as_i64().unwrap_or(1).max(1);
    let months = i64::from(day.year() - start.year()) * 12 + i64::from(day.month() - start.month());
    let absolute = || {
        let wanted = pattern["dayOfMonth"].as_i64().unwrap_or(0);
        // A day that the month does not have is its last.
        i64::from(day.day()) == wanted.min(i64::from(day.days_in_month()))
    };
    let in_month = || pattern["month"].as_i64() == Some(i64::from(day.month()));
    match pattern["type"].as_str().unwrap_or_default() {
        "daily" => distance(start, day) % interval == 0,
        "weekly" => {
            let first = pattern["firstDayOfWeek"].as_str().and_then(weekday).unwrap_or(Weekday::Sunday);
            let weeks = distance(week(start, first), week(day, first)) / 7;
            weeks % interval == 0 && named(pattern, day)
        }
        "absoluteMonthly" => months % interval == 0 && absolute(),
        "relativeMonthly" => months % interval == 0 && relative(pattern, day),
        "absoluteYearly" => (months / 12) % interval == 0 && in_month() && absolute(),
        "relativeYearly" => (months / 12) % interval == 0 && in_month() && relative(pattern, day),
        _ => false,
    }
}

fn distance(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_hours() / 24
}

/// The first day of a day's week.
fn week(day: Date, first: Weekday) -> Date {
    let back = i64::from(day.weekday().since(first));
    day.checked_sub(back.days()).unwrap_or(day)
}

fn weekday(name: &str) -> Option<Weekday> {
    let at = DAYS.iter().position(|day| *day == name)?;
    Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok()
}

fn named(pattern: &Value, day: Date) -> bool {
    let names = pattern["daysOfWeek"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).filter_map(weekday).any(|named| named == day.weekday())
}

/// Whether a day is the n-th of its month among those that are named.
fn relative(pattern: &Value, day: Date) -> bool {
    if !named(pattern, day) {
        return false;
    }
    let others = |days: std::ops::RangeInclusive<i8>| {
        days.filter_map(|n| day.with().day(n).build().ok()).filter(|other| named(pattern, *other)).count()
    };
    match pattern["index"].as_str() {
        Some("last") => others(day.day()..=day.days_in_month()) == 1,
        index => {
            let wanted = ["first", "second", "third", "fourth"].iter().position(|name| Some(*name) == index);
            wanted.is_some_and(|wanted| others(1..=day.day()) == wanted + 1)
        }
    }
}
