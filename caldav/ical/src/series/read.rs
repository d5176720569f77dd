//! Reading the components of a calendar.

use jiff::Timestamp;

use super::Series;
use super::alarm::Alarm;
use super::busy::{self, Busy};
use super::length::Length;
use super::marks::{Key, Marks};
use super::part::{End, Future, IsBusy, Part, Recurrence, RecurrenceId};
use super::rules::Recurring;
use super::time::{CalTime, wall_seconds};
use crate::Invalid;
use crate::object::ComponentKind;
use crate::tree::{Component, Property};
use crate::value::{self, PeriodEnd};
use crate::zone::{Zone, Zones};

impl Series {
    /// Reads the times of an object or a skeleton. Components that are neither VEVENT, VTODO, VJOURNAL nor VFREEBUSY
    /// have none.
    ///
    /// # Errors
    /// [`Invalid::Data`] for a time, length or rule that cannot be.
    pub fn read(calendar: &Component) -> Result<Series, Invalid> {
        let zones = Zones::read(calendar);
        let mut read = Vec::new();
        for (index, component) in calendar.components().iter().enumerate() {
            if let Ok(kind) = component.name().parse::<ComponentKind>() {
                read.push(Draft::read(index, kind, component, &zones)?);
            }
        }
        let (mut parts, exdates): (Vec<Part>, Vec<_>) = read.into_iter().map(|d| (d.part, d.exdates)).unzip();
        // The first component without RECURRENCE-ID is the one that the others are taken out of.
        let master = parts.iter().position(|part| part.recurrence_id.is_none() && part.anchor().is_some());
        let anchor = master.and_then(|master| parts.get(master)).and_then(Part::anchor).cloned();
        for part in &mut parts {
            let like = anchor.as_ref().or(part.start.as_ref()).cloned();
            if let (Some(id), Some(like)) = (&mut part.recurrence_id, like) {
                id.at = id.at.clone().beside(&like);
            }
        }
        let mut overrides = anchor.map(|anchor| overrides(&parts, &anchor)).unwrap_or_default();
        for (at, (part, exdates)) in parts.iter_mut().zip(exdates).enumerate() {
            let Some(anchor) = part.anchor().cloned() else { continue };
            if Some(at) == master && !overrides.times.is_empty() {
                // Also without a rule: the override of its only instance takes that one's place.
                let recurrence = part.recurrence.get_or_insert_default();
                recurrence.overridden = Marks::new(overrides.times.iter(), &anchor);
                recurrence.futures = std::mem::take(&mut overrides.futures);
            }
            if let Some(recurrence) = &mut part.recurrence {
                recurrence.excluded = Marks::new(exdates.iter(), &anchor);
            }
        }
        Ok(Series { parts })
    }
}

/// What other components take out of the series of one.
#[derive(Default)]
struct Overrides {
    times: Vec<CalTime>,
    futures: Vec<Future>,
}

fn overrides(parts: &[Part], anchor: &CalTime) -> Overrides {
    let mut found = Overrides::default();
    for (place, part) in parts.iter().enumerate() {
        let Some(id) = &part.recurrence_id else { continue };
        if let (true, Some(start)) = (id.and_future, part.anchor()) {
            let shift = wall_seconds(id.at.wall_by(start), start.wall());
            found.futures.push(Future { from: Key::of(&id.at, anchor), part: place, shift });
        }
        found.times.push(id.at.clone());
    }
    found.futures.sort_by_key(|future| future.from);
    found
}

struct Draft {
    part: Part,
    exdates: Vec<CalTime>,
}

impl Draft {
    fn read(
        index: usize,
        kind: ComponentKind,
        component: &Component,
        zones: &Zones<'_>,
    ) -> Result<Draft, Invalid> {
        let time = |name| match component.property(name) {
            None => Ok(None),
            Some(property) => match CalTime::read(property, zones) {
                Some(time) => Ok(Some(time)),
                None => Err(Invalid::Data("a date or time that cannot be")),
            },
        };
        let instant = |name| Ok::<_, Invalid>(time(name)?.map(|time| time.instant(&Zone::utc())));
        let start = time("DTSTART")?;
        let end =
            end(component, if kind == ComponentKind::Todo { time("DUE")? } else { time("DTEND")? }, &start)?;
        let recurrence_id = time("RECURRENCE-ID")?.map(|at| {
            let range = component.property("RECURRENCE-ID").and_then(|id| id.param("RANGE"));
            RecurrenceId {
                at,
                and_future: range.is_some_and(|range| range.eq_ignore_ascii_case("THISANDFUTURE")),
            }
        });
        let mut part = Part {
            index,
            kind,
            start,
            end,
            recurrence_id,
            recurrence: None,
            busy: busy::kind_of(component),
            free_busy: free_busy(component)?,
            alarms: component
                .components_named("VALARM")
                .filter_map(|c| Alarm::read(c).transpose())
                .collect::<Result<_, _>>()?,
            completed: instant("COMPLETED")?,
            created: instant("CREATED")?,
        };
        let mut exdates = Vec::new();
        // An override is one instance, whatever recurrence properties a client left in it.
        if let (Some(anchor), None) = (part.anchor().cloned(), &part.recurrence_id) {
            part.recurrence = recurrence(component, &anchor, zones)?;
            exdates = times(component, "EXDATE", &anchor, zones)?;
        }
        Ok(Draft { part, exdates })
    }
}

fn end(component: &Component, at: Option<CalTime>, start: &Option<CalTime>) -> Result<End, Invalid> {
    if let Some(at) = at {
        return Ok(End::At(match start {
            Some(start) => at.beside(start),
            None => at,
        }));
    }
    match component.property("DURATION") {
        None => Ok(End::None),
        Some(property) => {
            let duration = value::parse_duration(property.value().trim());
            duration.map(End::After).ok_or(Invalid::Data("a DURATION that cannot be"))
        }
    }
}

fn recurrence(
    component: &Component,
    anchor: &CalTime,
    zones: &Zones<'_>,
) -> Result<Option<Recurrence>, Invalid> {
    let rules = |name| {
        let read = |property: &Property| Recurring::read(property.value(), anchor);
        let rules: Result<Vec<_>, _> = component.properties_named(name).map(read).collect();
        rules.map_err(|_| Invalid::Data("a recurrence rule that cannot be followed"))
    };
    let recurrence = Recurrence {
        rules: rules("RRULE")?,
        exrules: rules("EXRULE")?,
        rdates: rdates(component, anchor, zones)?,
        ..Recurrence::default()
    };
    let recurs = !recurrence.rules.is_empty() || !recurrence.rdates.is_empty();
    Ok(recurs.then_some(recurrence))
}

/// The values of a list property; empty items are passed over.
fn items(property: &Property) -> impl Iterator<Item = &str> {
    property.value().split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn times(
    component: &Component,
    name: &str,
    anchor: &CalTime,
    zones: &Zones<'_>,
) -> Result<Vec<CalTime>, Invalid> {
    let mut times = Vec::new();
    for property in component.properties_named(name) {
        for item in items(property) {
            let time = CalTime::read_value(item, property.param("TZID"), zones);
            times.push(time.ok_or(Invalid::Data("a date or time that cannot be"))?.beside(anchor));
        }
    }
    Ok(times)
}

/// RDATE: a time with the length of the series, or a PERIOD with its own.
fn rdates(
    component: &Component,
    anchor: &CalTime,
    zones: &Zones<'_>,
) -> Result<Vec<(CalTime, Option<Length>)>, Invalid> {
    let mut rdates = Vec::new();
    for property in component.properties_named("RDATE") {
        let tzid = property.param("TZID");
        for item in items(property) {
            if let Some(time) = CalTime::read_value(item, tzid, zones) {
                rdates.push((in_kind(time.beside(anchor), anchor), None));
                continue;
            }
            let period = value::parse_period(item).ok_or(Invalid::Data("an RDATE that cannot be"))?;
            let start = CalTime::of(period.start.0, period.start.1, tzid, zones).beside(anchor);
            let length = match period.end {
                PeriodEnd::After(duration) => Length::of(duration),
                PeriodEnd::At(end, form) => {
                    let end = CalTime::of(end, form, tzid, zones).beside(anchor);
                    Length::between(&start, &end, &Zone::utc())
                }
            };
            rdates.push((in_kind(start, anchor), Some(length)));
        }
    }
    Ok(rdates)
}

/// A date in a series of times is at the time of day of the others; a time in a series of dates is its day.
fn in_kind(time: CalTime, anchor: &CalTime) -> CalTime {
    match (&time, anchor) {
        (CalTime::Date(date), CalTime::Utc(_) | CalTime::Zoned { .. } | CalTime::Floating(_)) => {
            anchor.with_wall(date.to_datetime(anchor.wall().time()))
        }
        (_, CalTime::Date(_)) => CalTime::Date(time.wall().date()),
        _ => time,
    }
}

fn free_busy(component: &Component) -> Result<Vec<(Busy, IsBusy)>, Invalid> {
    let mut found = Vec::new();
    for property in component.properties_named("FREEBUSY") {
        let (kind, is_busy) = match busy::kind_of_type(property.param("FBTYPE").unwrap_or_default()) {
            Some(kind) => (kind, IsBusy::Yes),
            None => (busy::BusyKind::Busy, IsBusy::No),
        };
        for item in items(property) {
            let (start, end) = period(item).ok_or(Invalid::Data("a FREEBUSY period that cannot be"))?;
            found.push((Busy { start, end, kind }, is_busy));
        }
    }
    Ok(found)
}

/// A period of a FREEBUSY, which "MUST be in UTC time format"; one without `Z` is read as if it were.
pub(super) fn period(item: &str) -> Option<(Timestamp, Timestamp)> {
    let period = value::parse_period(item)?;
    let utc = Zone::utc();
    let start = CalTime::Utc(utc.instant(period.start.0));
    let end = match period.end {
        PeriodEnd::At(end, _) => utc.instant(end),
        PeriodEnd::After(duration) => Length::of(duration).end(&start, &utc),
    };
    Some((start.instant(&utc), end))
}
