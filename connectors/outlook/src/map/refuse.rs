//! What Outlook cannot have.

use std::collections::{BTreeMap, BTreeSet};

use almanac_contract::{Field, Form, Instance, Moment, Part, Reason, Value as Said};
use almanac_ical::ComponentKind;
use jiff::civil::{Date, Time};

use super::rule::Repeats;
use super::{Hits, cancelled, project, rule_of, span, time};
use crate::error::CROSSING;
use crate::limits::EXCEPTIONS_MAX;

/// Why Outlook cannot have a form.
pub(crate) fn refuses(form: &Form) -> Option<Reason> {
    refusal(form).err()
}

fn refusal(form: &Form) -> Result<(), Reason> {
    if form.kind != ComponentKind::Event {
        return Err(Reason("Outlook keeps events only in a calendar, no tasks and no journals"));
    }
    let master = form.master().ok_or(Reason("only single instances of the series are known"))?;
    let (start, end) = time_of(master)?;
    let rules = match master.get(&Field::Rule) {
        Some(Said::Lines(lines)) => lines.as_slice(),
        _ => &[],
    };
    let rule = match rules {
        [] if form.parts.len() > 1 => return Err(Reason("an instance of an event that does not recur")),
        [] => None,
        [rule] => Some(rule),
        _ => return Err(Reason("Outlook has no series with more than one rule")),
    };
    let richer = |field: &Field| {
        matches!(field, Field::Extra(_))
            || matches!(field, Field::Other(name, _) if matches!(name.as_str(), "RDATE" | "EXRULE" | "EXDATE" | "RRULE"))
    };
    if master.keys().any(richer) {
        return Err(Reason("Outlook has no series with further dates (RDATE) or exclusion rules"));
    }
    let Some(rule) = rule else { return Ok(()) };
    Repeats::of_rule(rule, start)?;
    if !time::is_whole_minute(start) {
        return Err(Reason("Outlook has no series that begins within a minute"));
    }
    if time::settled(start) != *start || time::settled(end) != *end {
        return Err(Reason("the series begins or ends at an hour that the clocks skip"));
    }
    if time::in_zone_of(end, start) != *end {
        return Err(Reason("Outlook has no series that ends in another time zone than it begins in"));
    }
    let hits = Hits::of(rule, start);
    if form.parts.len() > EXCEPTIONS_MAX || cancelled(master).count() > EXCEPTIONS_MAX {
        return Err(Reason("the series has more exceptions than can be written"));
    }
    for (instance, part) in &form.parts {
        let Instance::At(at) = instance else { continue };
        if !hits.holds(at) {
            return Err(Reason("a changed instance is none of the rule's"));
        }
        time_of(part)?;
    }
    if crosses(&project(form)) { Err(CROSSING) } else { Ok(()) }
}

/// Whether an instance of a projected series is moved to the day of its neighbour or beyond it. Outlook counts those days on
/// which the instances are, and does not count what is cancelled.
fn crosses(form: &Form) -> bool {
    let Some(master) = form.master() else { return false };
    let (Some((start, _)), Some(rule)) = (span(master), rule_of(master)) else { return false };
    let mut changed: BTreeMap<Date, Date> = BTreeMap::new();
    for (instance, part) in &form.parts {
        if let (Instance::At(at), Some((to, _))) = (instance, span(part)) {
            changed.insert(time::day_of(at), time::day_of(to));
        }
    }
    let in_order = changed.values().zip(changed.values().skip(1)).all(|(one, next)| one < next);
    let off: BTreeSet<Date> = cancelled(master).map(time::day_of).collect();
    let hits = Hits::of(rule, start);
    let plain = |day: Date| !off.contains(&day) && !changed.contains_key(&day);
    let passes = |from: Date, to: Date| {
        let (first, last) = (from.min(to), from.max(to));
        let end = last.to_datetime(Time::MAX);
        from != to && hits.find(first.to_datetime(Time::MIN), end, plain).is_some()
    };
    !in_order || changed.iter().any(|(from, to)| passes(*from, *to))
}

/// The times of a part, if Outlook can have them.
fn time_of(part: &Part) -> Result<(&Moment, &Moment), Reason> {
    if part.keys().any(|field| matches!(field, Field::Zone(_))) {
        return Err(Reason("Outlook does not know the time zone"));
    }
    let (start, end) = span(part).ok_or(Reason("the event has no time"))?;
    match (start, end) {
        (Moment::Floating(_), _) | (_, Moment::Floating(_)) => {
            return Err(Reason("Outlook has no floating times"));
        }
        (Moment::Date(from), Moment::Date(to)) if from < to => return Ok((start, end)),
        (Moment::Date(_), _) | (_, Moment::Date(_)) => {
            return Err(Reason("the event has no end that fits its start"));
        }
        _ => {}
    }
    let (Some(from), Some(to)) = (time::zone_of(start), time::zone_of(end)) else {
        return Err(Reason("Outlook does not know the time zone"));
    };
    if to.instant(end.wall()) < from.instant(start.wall()) {
        return Err(Reason("the event ends before it begins"));
    }
    Ok((start, end))
}
