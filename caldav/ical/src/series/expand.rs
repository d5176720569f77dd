//! A calendar with each instance as a component of its own (RFC 4791 section 9.6.5).

use super::part::End;
use super::visit::Occurrence;
use super::{CalTime, Series, Window, overlap};
use crate::object::ComponentKind;
use crate::recur::{Budget, Truncated};
use crate::tree::{Component, Property};
use crate::value::{self, Form, PeriodEnd, write_date, write_date_time};
use crate::zone::{Zone, Zones};

/// The properties that say when, which are written anew.
const TIMES: [&str; 9] =
    ["DTSTART", "DTEND", "DUE", "DURATION", "RECURRENCE-ID", "RRULE", "RDATE", "EXDATE", "EXRULE"];

/// The calendar with one component for every instance that overlaps the window, times in UTC, without recurrence
/// properties and VTIMEZONEs. Dates and floating times stay what they are; each instance of a series has its
/// RECURRENCE-ID.
///
/// # Errors
/// [`Truncated`] if the budget ran out before all were found.
pub fn expand(
    calendar: &Component,
    window: &Window,
    zone: &Zone,
    budget: &mut Budget,
) -> Result<Component, Truncated> {
    // Text that cannot be read cannot be expanded; it is not left out for that.
    let Ok(series) = Series::read(calendar) else { return Ok(calendar.clone()) };
    let zones = Zones::read(calendar);
    let mut expanded = calendar.clone();
    expanded.retain_components(|component| {
        !component.is("VTIMEZONE") && component.name().parse::<ComponentKind>().is_err()
    });
    let source = |index: usize| calendar.components().get(index);
    for part in series.parts.iter().filter(|part| overlap::undated_overlaps(part, window)) {
        if let Some(component) = source(part.index) {
            expanded.push_component(in_utc(component, &zones));
        }
    }
    for occurrence in series.occurrences(window, zone, budget)? {
        if let Some(component) = source(occurrence.part.index) {
            expanded.push_component(instance(component, &occurrence, zone, &zones));
        }
    }
    Ok(expanded)
}

fn instance(component: &Component, occurrence: &Occurrence<'_>, zone: &Zone, zones: &Zones<'_>) -> Component {
    let part = occurrence.part;
    let due = if part.kind == ComponentKind::Todo { "DUE" } else { "DTEND" };
    let mut times = Vec::new();
    times.push(property(if part.start.is_some() { "DTSTART" } else { "DUE" }, &occurrence.start));
    if let Some(id) = &occurrence.recurrence_id {
        times.push(property("RECURRENCE-ID", id));
    }
    // An end is written even where DURATION was: beside an instant a nominal day means another length than beside the
    // local time.
    let has_end = !matches!(part.end, End::None) || !occurrence.start.is_date();
    let length =
        occurrence.length.filter(|length| has_end && (!length.is_zero() || matches!(part.end, End::At(_))));
    if length.is_some() {
        times.push(property(due, &end(occurrence, zone)));
    }
    let mut out = in_utc(component, zones);
    out.retain_properties(|old| !TIMES.iter().any(|name| old.is(name)));
    for time in times {
        out.push_property(time);
    }
    out
}

/// The end in the form of the start.
fn end(occurrence: &Occurrence<'_>, zone: &Zone) -> CalTime {
    let end = occurrence.end(zone);
    match &occurrence.start {
        CalTime::Date(_) => {
            let local = zone.local(end);
            // DURATION may end a date within a day.
            if local.time() == jiff::civil::Time::midnight() {
                CalTime::Date(local.date())
            } else {
                CalTime::Utc(end)
            }
        }
        CalTime::Floating(_) => CalTime::Floating(zone.local(end)),
        CalTime::Utc(_) | CalTime::Zoned { .. } => CalTime::Utc(end),
    }
}

/// A property of that time: in UTC, or floating, or a date.
fn property(name: &str, time: &CalTime) -> Property {
    match time {
        CalTime::Date(date) => Property::new(name, &write_date(*date)).with_param("VALUE", "DATE"),
        CalTime::Floating(local) => Property::new(name, &write_date_time(*local, Form::Local)),
        CalTime::Utc(_) | CalTime::Zoned { .. } => {
            Property::new(name, &write_date_time(Zone::utc().local(time.instant(&Zone::utc())), Form::Utc))
        }
    }
}

/// The component with every property that has a TZID in UTC, whatever its name; inner components too.
fn in_utc(component: &Component, zones: &Zones<'_>) -> Component {
    let mut out = component.clone();
    out.rebuild_properties(|property| {
        let Some(tzid) = property.param("TZID") else { return Some(property) };
        let items: Option<Vec<String>> =
            property.value().split(',').map(|item| item_in_utc(item.trim(), tzid, zones)).collect();
        Some(match items {
            Some(items) => property.with_value(&items.join(",")).without_param("TZID"),
            None => property,
        })
    });
    for inner in out.components_mut() {
        *inner = in_utc(inner, zones);
    }
    out
}

fn item_in_utc(item: &str, tzid: &str, zones: &Zones<'_>) -> Option<String> {
    let utc = |time: &CalTime| write_date_time(Zone::utc().local(time.instant(&Zone::utc())), Form::Utc);
    if value::parse_date(item).is_some() {
        return Some(item.to_owned());
    }
    if let Some(time) = CalTime::read_value(item, Some(tzid), zones) {
        return Some(utc(&time));
    }
    let period = value::parse_period(item)?;
    let start = utc(&CalTime::of(period.start.0, period.start.1, Some(tzid), zones));
    let end = match period.end {
        PeriodEnd::At(end, form) => utc(&CalTime::of(end, form, Some(tzid), zones)),
        PeriodEnd::After(duration) => value::write_duration(duration),
    };
    Some(format!("{start}/{end}"))
}
