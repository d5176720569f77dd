//! Events of Graph and forms, each way. Pure.

pub(crate) mod fields;
mod refuse;
pub(crate) mod rule;
pub(crate) mod time;

#[cfg(all(test, feature = "sim"))]
mod any;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use almanac_contract::{
    Field, Form, Instance, Moment, Part, Reason, RemoteId, RemoteObject, RemoteVersion, Role, Value as Said,
};
use almanac_ical::ComponentKind;
use almanac_ical::recur::{Budget, Expander, Rule};
use almanac_ical::zone::Zone;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde_json::{Map, Value, json};

use self::rule::Repeats;
use self::time::Clue;
use crate::marks;
use crate::version;
use crate::wire::Event;

pub(crate) use self::refuse::refuses;

const UNNAMED: Reason = Reason("Outlook tells neither id nor version of the event");

/// The start and the end of a part.
pub(crate) fn span(part: &Part) -> Option<(&Moment, &Moment)> {
    match part.get(&Field::Time) {
        Some(Said::Span(start, end)) => Some((start, end)),
        _ => None,
    }
}

/// The rule of a part, if it has one only.
pub(crate) fn rule_of(part: &Part) -> Option<&str> {
    match part.get(&Field::Rule) {
        Some(Said::Lines(lines)) => lines.first().map(String::as_str),
        _ => None,
    }
}

/// Whether a part says of itself that it is cancelled.
fn is_cancelled(part: &Part) -> bool {
    part.get(&Field::Status) == Some(&Said::Text("CANCELLED".to_owned()))
}

/// What Outlook keeps of a form.
pub(crate) fn project(form: &Form) -> Form {
    let mut kept = Form { kind: form.kind, uid: form.uid.clone(), parts: Default::default() };
    let Some(master) = form.master() else { return form.clone() };
    let mut base = fields::project(master);
    let Some((start, end)) = span(master) else { return form.clone() };
    // Outlook keeps the instant of a single event, and the clock of a series.
    let settle = |at: &Moment| if rule_of(master).is_some() { at.clone() } else { time::settled(at) };
    base.insert(Field::Time, Said::Span(settle(start), settle(end)));
    // Further dates are refused.
    let kept_whole = |field: &Field| matches!(field, Field::Rule | Field::Extra(_));
    base.extend(master.iter().filter(|(f, _)| kept_whole(f)).map(|(f, v)| (f.clone(), v.clone())));
    let hits = rule_of(&base).map(|rule| Hits::of(rule, start));
    // One that is changed is not cancelled, unless that is the change; one that cancels nothing is nothing.
    let changed =
        |at: &Moment| form.parts.get(&Instance::At(at.clone())).is_some_and(|part| !is_cancelled(part));
    let said = form.parts.iter().filter(|(_, part)| is_cancelled(part));
    let said = said.filter_map(|(i, _)| if let Instance::At(at) = i { Some(at) } else { None });
    for at in cancelled(master).chain(said) {
        if !changed(at) && hits.as_ref().is_some_and(|hits| hits.holds(at)) {
            base.insert(Field::Except(at.clone()), Said::Present);
        }
    }
    for (instance, part) in form.parts.iter().filter(|(_, part)| !is_cancelled(part)) {
        let Instance::At(at) = instance else { continue };
        let mut changed = fields::project(part);
        if let Some((from, to)) = span(part) {
            let like = if matches!(from, Moment::Date(_)) { from } else { start };
            let span = Said::Span(time::in_zone_of(from, like), time::in_zone_of(to, like));
            changed.insert(Field::Time, span);
        }
        if implied(&base, at).as_ref() != Some(&changed) {
            kept.parts.insert(instance.clone(), changed);
        }
    }
    kept.parts.insert(Instance::Master, base);
    kept
}

/// The cancelled instances of a series.
pub(crate) fn cancelled(master: &Part) -> impl Iterator<Item = &Moment> {
    master.keys().filter_map(|field| if let Field::Except(at) = field { Some(at) } else { None })
}

/// An instance as its series has it, unless it is changed.
pub(crate) fn implied(master: &Part, at: &Moment) -> Option<Part> {
    let (start, end) = span(master)?;
    let of_series = |field: &Field| matches!(field, Field::Rule | Field::Extra(_) | Field::Except(_));
    let people = |field: &Field| matches!(field, Field::Organizer | Field::Attendee(_));
    let mut part: Part = master
        .iter()
        .filter(|(field, _)| !of_series(field) && !people(field))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    let end = time::moved(at.wall(), start.wall(), end.wall());
    part.insert(Field::Time, Said::Span(at.clone(), time::at_wall(at, end)));
    Some(part)
}

/// Which moments a series has instances at.
pub(crate) struct Hits {
    expander: Option<Expander>,
    start: Moment,
    last: Option<Date>,
}

impl Hits {
    pub(crate) fn of(rule: &str, start: &Moment) -> Self {
        let repeats = Repeats::of_rule(rule, start).ok();
        let last = match repeats.map(|repeats| repeats.end) {
            Some(rule::End::On(date)) => Some(date),
            _ => None,
        };
        let expander = Rule::parse(rule).ok().map(|rule| Expander::new(&rule, start.wall()));
        Self { expander, start: start.clone(), last }
    }

    pub(crate) fn holds(&self, at: &Moment) -> bool {
        let same = match (&self.start, at) {
            (Moment::Zoned(_, one), Moment::Zoned(_, other)) => one == other,
            (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
        };
        let before_end = self.last.is_none_or(|last| time::day_of(at) <= last);
        let mut budget = Budget::SERIES;
        let holds = |expander: &Expander| expander.holds(at.wall(), &mut budget).unwrap_or(false);
        same && before_end && self.expander.as_ref().is_some_and(holds)
    }

    /// The days of the instances between two wall times, both included.
    pub(crate) fn days(&self, from: DateTime, to: DateTime) -> Vec<Date> {
        let mut days = Vec::new();
        self.find(from, to, |day| {
            days.push(day);
            false
        });
        days
    }

    /// The first of these days that is wanted.
    pub(crate) fn find(
        &self,
        from: DateTime,
        to: DateTime,
        mut wanted: impl FnMut(Date) -> bool,
    ) -> Option<Date> {
        let mut budget = Budget::SERIES;
        let mut all = self.expander.as_ref()?.between(from, to, &mut budget).ok()?;
        while let Ok(Some(at)) = all.next(&mut budget) {
            let day = at.date();
            if self.last.is_some_and(|last| day > last) {
                return None;
            }
            if wanted(day) {
                return Some(day);
            }
        }
        None
    }
}

/// Whether anything of an event lies between two instants; where the zone of a day is not known, it is UTC.
pub(crate) fn touches(form: &Form, from: Timestamp, until: Timestamp) -> bool {
    let inside = |part: &Part| {
        span(part)
            .is_some_and(|(start, end)| time::instant_of(start) < until && time::instant_of(end) >= from)
    };
    let Some(master) = form.master() else { return false };
    let (Some((start, end)), Some(rule)) = (span(master), rule_of(master)) else { return inside(master) };
    let utc = Zone::utc();
    let length = end.wall().duration_since(start.wall());
    let first = utc.local(from).checked_sub(length).unwrap_or(start.wall());
    let off: BTreeSet<Date> = exceptions(form).iter().map(time::day_of).collect();
    let is_there = |day: Date| !off.contains(&day);
    let changed = |(instance, part): (&Instance, &Part)| *instance != Instance::Master && inside(part);
    form.parts.iter().any(changed) || Hits::of(rule, start).find(first, utc.local(until), is_there).is_some()
}

/// When an event begins; of a series the first instance that is not cancelled. `None`: there is none.
pub(crate) fn first_there(form: &Form) -> Option<Moment> {
    let master = form.master()?;
    let (start, _) = span(master)?;
    let Some(rule) = rule_of(master) else { return Some(start.clone()) };
    let off: BTreeSet<Date> = cancelled(master).map(time::day_of).collect();
    let day = Hits::of(rule, start).find(start.wall(), DateTime::MAX, |day| !off.contains(&day))?;
    let at = time::on_day(start, day);
    let changed = form.parts.get(&Instance::At(at.clone())).and_then(span);
    Some(changed.map_or(at, |(start, _)| start.clone()))
}

/// An event, or a series with its exceptions, as an object.
pub(crate) fn object(event: &Event) -> Result<RemoteObject, Reason> {
    let mark = marks::mark(event);
    let uid = mark.as_ref().map(|mark| mark.uid.clone()).or_else(|| event.ical_uid.clone());
    let version = version::of(event).ok_or(UNNAMED)?;
    let uid = uid.filter(|uid| !uid.is_empty() && !event.id.is_empty()).ok_or(UNNAMED)?;
    let guests = event.attendees.as_ref().map_or(0, Vec::len);
    let owner = event.is_organizer != Some(false);
    Ok(RemoteObject {
        id: RemoteId(event.id.clone()),
        version: RemoteVersion(version),
        form: form(event, uid)?,
        role: if owner { Role::Owner } else { Role::Attendee },
        mark,
        mails: if owner { u32::try_from(guests).unwrap_or(u32::MAX) } else { 0 },
    })
}

fn form(event: &Event, uid: String) -> Result<Form, Reason> {
    let mut master = fields::read(event)?;
    let clue = Clue { ours: event.extended(marks::ZONES), series: None };
    let (mut start, mut end) = time::span(event, clue)?;
    let mut form = Form { kind: ComponentKind::Event, uid, parts: Default::default() };
    if let Some(recurrence) = &event.recurrence {
        // A listing of a window may show a later instance's day.
        if let Some(day) = rule::first_day(&recurrence.range) {
            let first = day.to_datetime(start.wall().time());
            end = time::at_wall(&end, time::moved(end.wall(), start.wall(), first));
            start = time::at_wall(&start, first);
        }
        let repeats = Repeats::of_recurrence(recurrence)?;
        // One pattern can be written in several ways; ours is the one to come back to.
        let same = |rule: &&str| Repeats::of_rule(rule, &start).as_ref() == Ok(&repeats);
        let ours = event.extended(marks::RULE).filter(same).map(str::to_owned);
        let rule = ours.unwrap_or_else(|| repeats.to_rule(&start));
        master.insert(Field::Rule, Said::Lines(vec![rule]));
        for occurrence in event.cancelled_occurrences.iter().flatten() {
            let at = time::named_day(occurrence, &start).ok_or(time::NO_TIME)?;
            master.insert(Field::Except(at), Said::Present);
        }
    }
    master.insert(Field::Time, Said::Span(start.clone(), end));
    for exception in event.exception_occurrences.iter().flatten() {
        let at = time::original(exception, &start).ok_or(time::NO_TIME)?;
        if exception.is_cancelled == Some(true) {
            master.insert(Field::Except(at), Said::Present);
            continue;
        }
        let mut part = fields::read(exception)?;
        let (from, to) = time::span(exception, Clue { ours: None, series: Some(&start) })?;
        part.insert(Field::Time, Said::Span(from, to));
        // Outlook counts an instance as changed that says the same as its series.
        let mut plain = part.clone();
        plain.retain(|field, _| !matches!(field, Field::Organizer | Field::Attendee(_)));
        if implied(&master, &at).as_ref() != Some(&plain) {
            form.parts.insert(Instance::At(at), part);
        }
    }
    form.parts.insert(Instance::Master, master);
    Ok(form)
}

/// The body of a request that gives an event this part: what differs from `old`, or all of it.
pub(crate) fn body(part: &Part, old: Option<&Part>) -> Map<String, Value> {
    let mut body = Map::new();
    fields::write(part, old, &mut body);
    let differs = |field: &Field| old.is_none_or(|old| old.get(field) != part.get(field));
    let Some((start, end)) = span(part) else { return body };
    let mut set = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    if differs(&Field::Time) {
        set("start", time::write(start));
        set("end", time::write(end));
        set("isAllDay", json!(matches!(start, Moment::Date(_))));
    }
    match rule_of(part).map(|rule| Repeats::of_rule(rule, start)) {
        // The range names the first day, so it changes with the time.
        Some(Ok(repeats)) if differs(&Field::Rule) || differs(&Field::Time) => {
            set("recurrence", repeats.to_recurrence(start));
        }
        None if old.is_some_and(|old| rule_of(old).is_some()) => set("recurrence", Value::Null),
        _ => {}
    }
    body
}

/// The instances that a form cancels or changes.
pub(crate) fn exceptions(form: &Form) -> BTreeSet<Moment> {
    let changed = form.parts.keys().filter_map(|i| if let Instance::At(at) = i { Some(at) } else { None });
    let master = form.master();
    changed.chain(master.into_iter().flat_map(cancelled)).cloned().collect()
}
