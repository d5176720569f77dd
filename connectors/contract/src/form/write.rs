//! A normal form back into a calendar object: only the lines of what differs are written anew.

use std::collections::BTreeSet;

use almanac_ical::value::{Form as Written, write_date, write_date_time};
use almanac_ical::zone::vtimezone;
use almanac_ical::{CalendarObject, Component, Invalid, Limits, PRODID, Property};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::read::{self, NAMES, TEXTS, Within, alarm_lines, line, moments};
use super::{Field, Form, Instance, Moment, Part, Value};

/// A new object that has this form.
///
/// # Errors
/// As [`CalendarObject::parse`]: the form is none of a calendar object.
pub fn create(form: &Form, now: Timestamp, limits: &Limits) -> Result<CalendarObject, Invalid> {
    let mut calendar = Component::new("VCALENDAR")
        .with_property(Property::new("VERSION", "2.0"))
        .with_property(Property::new("PRODID", PRODID));
    for (instance, part) in &form.parts {
        calendar.push_component(component(form, instance, part, now, limits)?);
    }
    finish(calendar, form, limits)
}

/// `object` with the changes that give it this form; every line that says the same as before stays as it was sent. A
/// component that changes gets DTSTAMP and LAST-MODIFIED of `now`, and the next SEQUENCE if it is about time.
///
/// # Errors
/// As [`CalendarObject::parse`]: the form is none of a calendar object. `Object` if kind or UID are others.
pub fn write(
    object: &CalendarObject,
    form: &Form,
    now: Timestamp,
    limits: &Limits,
) -> Result<CalendarObject, Invalid> {
    if object.kind() != form.kind || object.uid() != form.uid {
        return Err(Invalid::Object("a form of another object"));
    }
    let before = read::read(object);
    if before == *form {
        return Ok(object.clone());
    }
    let within = Within::of(object);
    let mut calendar = object.calendar().clone();
    let (mut failed, mut written) = (None, BTreeSet::new());
    calendar.rebuild_components(|mut component| {
        if !component.is(object.kind().as_str()) {
            return Some(component);
        }
        let instance = within.instance(&component)?;
        let target = form.parts.get(&instance)?;
        if let Some(old) = before.parts.get(&instance).filter(|old| *old != target)
            && let Err(reason) = change(&mut component, old, target, &within, limits)
                .map(|()| stamp(&mut component, old, target, now))
        {
            failed = Some(reason);
        }
        written.insert(instance);
        Some(component)
    });
    if let Some(reason) = failed {
        return Err(reason);
    }
    for (instance, part) in form.parts.iter().filter(|(instance, _)| !written.contains(*instance)) {
        calendar.push_component(component(form, instance, part, now, limits)?);
    }
    finish(calendar, form, limits)
}

/// A component that did not exist.
fn component(
    form: &Form,
    instance: &Instance,
    part: &Part,
    now: Timestamp,
    limits: &Limits,
) -> Result<Component, Invalid> {
    let mut component = Component::new(form.kind.as_str())
        .with_property(Property::text_of("UID", &form.uid))
        .with_property(Property::new("DTSTAMP", &utc(now)));
    if let Instance::At(at) = instance {
        component.push_property(timed("RECURRENCE-ID", at));
    }
    let nothing = Component::new("VCALENDAR");
    change(&mut component, &Part::new(), part, &Within::nothing(&nothing), limits)?;
    Ok(component)
}

/// Adds the definitions of the zones that are used, and reads what came of it.
fn finish(mut calendar: Component, form: &Form, limits: &Limits) -> Result<CalendarObject, Invalid> {
    let mut defined: BTreeSet<String> = calendar
        .components_named("VTIMEZONE")
        .filter_map(|zone| Some(zone.property("TZID")?.text().trim().to_owned()))
        .collect();
    let used = calendar.components().iter().flat_map(|component| component.properties());
    let used: BTreeSet<String> =
        used.filter_map(|property| property.param("TZID")).map(|tzid| tzid.trim().to_owned()).collect();
    for name in used {
        if !defined.insert(name.clone()) {
            continue;
        }
        let own = form.parts.values().find_map(|part| part.get(&Field::Zone(name.clone())));
        let zone = match own {
            Some(Value::Lines(lines)) => nested(lines, limits)?,
            _ => match vtimezone(&name, Timestamp::MIN, Timestamp::MAX) {
                Some(zone) => zone,
                None => continue, // nobody knows it; the name stays
            },
        };
        calendar.push_component(zone);
    }
    CalendarObject::parse(calendar.to_text().as_bytes(), limits)
}

fn stamp(component: &mut Component, old: &Part, new: &Part, now: Timestamp) {
    component.set_property(Property::new("DTSTAMP", &utc(now)));
    component.set_property(Property::new("LAST-MODIFIED", &utc(now)));
    let timely = |part: &Part| -> Vec<(Field, Value)> {
        let about_time =
            |field: &Field| matches!(field, Field::Time | Field::Rule | Field::Extra(_) | Field::Except(_));
        part.iter().filter(|(field, _)| about_time(field)).map(|(f, v)| (f.clone(), v.clone())).collect()
    };
    if timely(old) != timely(new) {
        let sequence = component.property("SEQUENCE").and_then(|p| p.value().trim().parse::<u32>().ok());
        let next = sequence.unwrap_or(0).saturating_add(1);
        component.set_property(Property::new("SEQUENCE", &next.to_string()));
    }
}

/// Changes the lines of the fields that differ.
fn change(
    component: &mut Component,
    old: &Part,
    new: &Part,
    within: &Within<'_>,
    limits: &Limits,
) -> Result<(), Invalid> {
    let differs = |field: &Field| old.get(field) != new.get(field);
    let any =
        |of: &dyn Fn(&Field) -> bool| old.keys().chain(new.keys()).any(|field| of(field) && differs(field));
    for (name, field, _) in TEXTS.iter().filter(|(_, field, _)| differs(field)) {
        set(component, name, text(new.get(field)).map(|text| Property::text_of(name, text)));
    }
    for (name, field, _) in NAMES.iter().filter(|(_, field, _)| differs(field)) {
        set(component, name, text(new.get(field)).map(|text| Property::new(name, text)));
    }
    if differs(&Field::Url) {
        set(component, "URL", text(new.get(&Field::Url)).map(|text| Property::new("URL", text)));
    }
    if differs(&Field::Time) {
        set_span(component, new.get(&Field::Time));
    }
    if differs(&Field::Rule) {
        let wanted = new.get(&Field::Rule).map(lines).unwrap_or_default();
        keep(component, "RRULE", wanted.to_vec(), &|p| Some(read::rule(p.value())), &|rule| {
            Ok(Property::new("RRULE", rule))
        })?;
    }
    if any(&|field| matches!(field, Field::Except(_))) {
        set_moments(component, "EXDATE", new, within);
    }
    if any(&|field| matches!(field, Field::Extra(_))) {
        set_moments(component, "RDATE", new, within);
    }
    if any(&|field| matches!(field, Field::Category(_))) {
        component.remove_properties("CATEGORIES");
        for field in new.keys() {
            if let Field::Category(category) = field {
                component.push_property(Property::text_of("CATEGORIES", category));
            }
        }
    }
    set_people(component, old, new);
    if any(&|field| matches!(field, Field::Alarm(..))) {
        set_alarms(component, new, limits)?;
    }
    let others: BTreeSet<&str> = old
        .keys()
        .chain(new.keys())
        .filter(|field| differs(field))
        .filter_map(|field| if let Field::Other(name, _) = field { Some(name.as_str()) } else { None })
        .collect();
    for name in others {
        let mine = |field: &Field| matches!(field, Field::Other(other, _) if other == name);
        let wanted = new.iter().filter(|(field, _)| mine(field)).flat_map(|(_, value)| lines(value).to_vec());
        keep(component, name, wanted.collect(), &|p| Some(line(p)), &|line| Property::parse(line, limits))?;
    }
    Ok(())
}

fn text(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

fn lines(value: &Value) -> &[String] {
    match value {
        Value::Lines(lines) => lines,
        _ => &[],
    }
}

fn set(component: &mut Component, name: &str, property: Option<Property>) {
    match property {
        Some(property) => component.set_property(property),
        None => component.remove_properties(name),
    }
}

/// Keeps the properties of a name that are wanted, removes the others and adds those that are missing.
fn keep(
    component: &mut Component,
    name: &str,
    mut wanted: Vec<String>,
    said: &dyn Fn(&Property) -> Option<String>,
    make: &dyn Fn(&str) -> Result<Property, Invalid>,
) -> Result<(), Invalid> {
    component.retain_properties(|property| {
        if !property.is(name) {
            return true;
        }
        let at = said(property).and_then(|said| wanted.iter().position(|line| *line == said));
        at.map(|at| wanted.remove(at)).is_some()
    });
    for line in wanted {
        component.push_property(make(&line)?);
    }
    Ok(())
}

fn set_span(component: &mut Component, span: Option<&Value>) {
    component.remove_properties("DURATION");
    let Some(Value::Span(start, end)) = span else {
        component.remove_properties("DTSTART");
        component.remove_properties("DTEND");
        return;
    };
    component.set_property(timed("DTSTART", start));
    // RFC 5545 section 3.8.2.2: the end is later than the start; without one an event at a time has no length.
    set(component, "DTEND", (start != end).then(|| timed("DTEND", end)));
}

/// Writes a set of times anew; properties of that name which are no times stay.
fn set_moments(component: &mut Component, name: &str, new: &Part, within: &Within<'_>) {
    component.retain_properties(|property| !property.is(name) || moments(property, within).is_none());
    for field in new.keys() {
        match field {
            Field::Except(at) if name == "EXDATE" => component.push_property(timed(name, at)),
            Field::Extra(at) if name == "RDATE" => component.push_property(timed(name, at)),
            _ => {}
        }
    }
}

fn set_people(component: &mut Component, old: &Part, new: &Part) {
    if old.get(&Field::Organizer) != new.get(&Field::Organizer) {
        set(component, "ORGANIZER", new.get(&Field::Organizer).map(|value| person("ORGANIZER", value)));
    }
    let who = |field: &Field| if let Field::Attendee(address) = field { Some(address.clone()) } else { None };
    let changed: BTreeSet<String> = old
        .keys()
        .chain(new.keys())
        .filter(|field| old.get(field) != new.get(field))
        .filter_map(who)
        .collect();
    for address in changed {
        let mut wanted = new.get(&Field::Attendee(address.clone())).map(|value| person("ATTENDEE", value));
        component.rebuild_properties(|property| {
            let same = property.is("ATTENDEE") && read::address(property.value()) == address;
            if same { wanted.take() } else { Some(property) }
        });
        if let Some(property) = wanted {
            component.push_property(property);
        }
    }
}

fn person(name: &str, value: &Value) -> Property {
    let mut parts = lines(value).iter();
    let mut property = Property::new(name, parts.next().map(String::as_str).unwrap_or_default());
    for part in parts {
        if let Some((name, value)) = part.split_once('=') {
            property = property.with_param(name, value);
        }
    }
    property
}

fn set_alarms(component: &mut Component, new: &Part, limits: &Limits) -> Result<(), Invalid> {
    let mut wanted: Vec<Vec<String>> = new
        .iter()
        .filter(|(field, _)| matches!(field, Field::Alarm(..)))
        .map(|(_, value)| lines(value).to_vec())
        .collect();
    component.retain_components(|alarm| {
        if !alarm.is("VALARM") {
            return true;
        }
        let said = alarm_lines(alarm);
        let at = wanted.iter().position(|lines| *lines == said);
        at.map(|at| wanted.remove(at)).is_some()
    });
    for lines in wanted {
        let mut alarm = Component::new("VALARM");
        for line in lines {
            alarm.push_property(Property::parse(&line, limits)?);
        }
        component.push_component(alarm);
    }
    Ok(())
}

/// A component that is written as lines.
fn nested(lines: &[String], limits: &Limits) -> Result<Component, Invalid> {
    let text = format!("BEGIN:VCALENDAR\r\n{}\r\nEND:VCALENDAR\r\n", lines.join("\r\n"));
    let calendar = almanac_ical::tree::read(text.as_bytes(), limits)?;
    calendar.components().first().cloned().ok_or(Invalid::Data("a time zone without lines"))
}

fn timed(name: &str, at: &Moment) -> Property {
    match at {
        Moment::Date(date) => Property::new(name, &write_date(*date)).with_param("VALUE", "DATE"),
        Moment::Floating(wall) => Property::new(name, &write_date_time(*wall, Written::Local)),
        Moment::Utc(wall) => Property::new(name, &write_date_time(*wall, Written::Utc)),
        Moment::Zoned(wall, zone) => {
            Property::new(name, &write_date_time(*wall, Written::Local)).with_param("TZID", zone)
        }
    }
}

fn utc(at: Timestamp) -> String {
    write_date_time(TimeZone::UTC.to_datetime(at), Written::Utc)
}
