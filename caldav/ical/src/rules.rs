//! What makes a tree a calendar object resource that can be stored (RFC 4791 sections 4.1 and 5.3.2.1).

use std::collections::HashSet;

use crate::object::ComponentKind;
use crate::recur::Rule;
use crate::{Component, Invalid, Limits, Property, value};

/// Properties whose value is one DATE or DATE-TIME.
const TIMES: [&str; 8] =
    ["DTSTART", "DTEND", "DUE", "RECURRENCE-ID", "COMPLETED", "CREATED", "LAST-MODIFIED", "DTSTAMP"];
/// Properties that decide when a component is, which therefore must not contradict themselves.
const ONCE: [&str; 6] = ["UID", "DTSTART", "DTEND", "DUE", "DURATION", "RECURRENCE-ID"];
/// Components that mean something directly below VCALENDAR only.
const TOP_ONLY: [&str; 6] = ["VCALENDAR", "VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE"];
/// Components that mean something inside others only.
const INNER_ONLY: [&str; 3] = ["VALARM", "STANDARD", "DAYLIGHT"];

/// Checks everything and tells the kind and the UID.
pub(crate) fn check(calendar: &Component, limits: &Limits) -> Result<(ComponentKind, String), Invalid> {
    check_calendar(calendar)?;
    let (kind, uid) = identify(calendar)?;
    let mut masters = 0;
    for component in calendar.components_named(kind.as_str()) {
        if component.property("RECURRENCE-ID").is_none() {
            masters += 1;
        }
        check_component(component, kind, limits)?;
    }
    if masters > 1 {
        return Err(Invalid::Object("two components without RECURRENCE-ID"));
    }
    if calendar.components_named("VTIMEZONE").count() > limits.zones_max {
        return Err(Invalid::Data("more VTIMEZONE components than the limit"));
    }
    calendar.components_named("VTIMEZONE").try_for_each(|zone| check_zone(zone, limits))?;
    if count_dates(calendar) > limits.dates_max {
        return Err(Invalid::Data("more RDATE and EXDATE values than the limit"));
    }
    Ok((kind, uid))
}

/// The kind and the UID that all components share.
pub(crate) fn identify(calendar: &Component) -> Result<(ComponentKind, String), Invalid> {
    let mut found: Option<(ComponentKind, String)> = None;
    let mut others = false;
    for component in calendar.components() {
        let Ok(kind) = component.name().parse::<ComponentKind>() else {
            others |= !component.is("VTIMEZONE");
            continue;
        };
        let uid = component.property("UID").map(Property::text).unwrap_or_default();
        if uid.trim().is_empty() {
            return Err(Invalid::Object("a component without UID"));
        }
        match &found {
            None => found = Some((kind, uid)),
            Some((first, _)) if *first != kind => return Err(Invalid::Object("components of two kinds")),
            Some((_, first)) if *first != uid => return Err(Invalid::Object("two UIDs")),
            Some(_) => {}
        }
    }
    found.ok_or(if others {
        Invalid::Component("none that can be stored")
    } else {
        Invalid::Object("no component")
    })
}

fn check_calendar(calendar: &Component) -> Result<(), Invalid> {
    if calendar.property("METHOD").is_some() {
        return Err(Invalid::Object("METHOD")); // RFC 4791 section 4.1
    }
    if calendar.properties_named("VERSION").any(|version| version.value().trim() != "2.0") {
        return Err(Invalid::Data("a VERSION other than 2.0"));
    }
    let gregorian = |scale: &Property| scale.value().trim().eq_ignore_ascii_case("GREGORIAN");
    if !calendar.properties_named("CALSCALE").all(gregorian) {
        return Err(Invalid::Data("a CALSCALE other than GREGORIAN"));
    }
    for component in calendar.components() {
        if INNER_ONLY.iter().any(|name| component.is(name)) || holds_top_only(component) {
            return Err(Invalid::Data("a component at a place where it cannot be"));
        }
    }
    Ok(())
}

/// The depth of the recursion is the depth of the tree, which reading has bounded.
fn holds_top_only(component: &Component) -> bool {
    let mut inner = component.components().iter();
    inner.any(|inner| TOP_ONLY.iter().any(|name| inner.is(name)) || holds_top_only(inner))
}

fn check_component(component: &Component, kind: ComponentKind, limits: &Limits) -> Result<(), Invalid> {
    let has = |name| component.property(name).is_some();
    if ONCE.iter().any(|name| component.properties_named(name).nth(1).is_some()) {
        return Err(Invalid::Data("a property twice that can be there once"));
    }
    if kind == ComponentKind::Event && !has("DTSTART") {
        return Err(Invalid::Data("a VEVENT without DTSTART"));
    }
    // Apple Reminders and Tasks.org let a task recur by its DUE alone.
    let anchored = has("DTSTART") || (kind == ComponentKind::Todo && has("DUE"));
    if !anchored && (has("RRULE") || has("RDATE")) {
        return Err(Invalid::Data("a recurrence without DTSTART"));
    }
    component.properties().iter().try_for_each(check_value)?;
    for alarm in component.components_named("VALARM") {
        alarm.properties().iter().try_for_each(check_value)?;
    }
    if instances_per_day(component, limits)? > limits.instances_per_day_max {
        return Err(Invalid::MaxInstances);
    }
    Ok(())
}

fn check_value(property: &Property) -> Result<(), Invalid> {
    let value = property.value().trim();
    let is_time = |value: &str| value::parse_date_or_time(value).is_some();
    let is_period = |value: &str| value::parse_period(value).is_some();
    let is_duration = |value: &str| value::parse_duration(value).is_some();
    // An empty list is written by some Exchange gateways.
    let mut items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
    let (valid, reason) = if TIMES.iter().any(|name| property.is(name)) {
        (is_time(value), "a date or time that cannot be")
    } else if property.is("RDATE") {
        (items.all(|item| is_time(item) || is_period(item)), "an RDATE that cannot be")
    } else if property.is("EXDATE") {
        (items.all(is_time), "an EXDATE that cannot be")
    } else if property.is("FREEBUSY") {
        (items.all(is_period), "a FREEBUSY period that cannot be")
    } else if property.is("DURATION") {
        (is_duration(value), "a DURATION that cannot be")
    } else if property.is("TRIGGER") {
        (is_duration(value) || is_time(value), "a TRIGGER that cannot be")
    } else if property.is("REPEAT") {
        (value.parse::<u32>().is_ok(), "a REPEAT that cannot be")
    } else {
        return Ok(());
    };
    if valid { Ok(()) } else { Err(Invalid::Data(reason)) }
}

/// How many instances the rules can hold in one day, with every rule read.
fn instances_per_day(component: &Component, limits: &Limits) -> Result<u64, Invalid> {
    let mut rules = 0;
    let mut most = 0_u64;
    for property in component.properties() {
        if !property.is("RRULE") && !property.is("EXRULE") {
            continue;
        }
        rules += 1;
        if rules > limits.rules_max {
            return Err(Invalid::Data("more recurrence rules than the limit"));
        }
        let rule = Rule::parse(property.value().trim());
        let rule = rule.map_err(|_| Invalid::Data("a recurrence rule that cannot be"))?;
        most = most.saturating_add(rule.instances_per_day_max());
    }
    Ok(most)
}

/// A VTIMEZONE need not be sound, since most are never evaluated, but it must be cheap.
fn check_zone(zone: &Component, limits: &Limits) -> Result<(), Invalid> {
    if zone.property("TZID").is_none_or(|id| id.value().trim().is_empty()) {
        return Err(Invalid::Data("a VTIMEZONE without TZID"));
    }
    for observance in zone.components() {
        if instances_per_day(observance, limits)? > 1 {
            return Err(Invalid::Data("a time zone that changes more than daily"));
        }
    }
    Ok(())
}

fn count_dates(component: &Component) -> usize {
    let lists = component.properties().iter().filter(|list| list.is("RDATE") || list.is("EXDATE"));
    let here: usize = lists.map(|list| list.value().split(',').count()).sum();
    here + component.components().iter().map(count_dates).sum::<usize>()
}

/// Reads the value of `CALDAV:calendar-timezone`: a VCALENDAR with exactly one VTIMEZONE (RFC 4791 section 5.2.2).
///
/// # Errors
/// `Data` if it is anything else.
pub fn parse_timezone(octets: &[u8], limits: &Limits) -> Result<Component, Invalid> {
    let calendar = crate::tree::read(octets, limits)?;
    match calendar.components() {
        [zone] if zone.is("VTIMEZONE") => check_zone(zone, limits)?,
        _ => return Err(Invalid::Data("not exactly one VTIMEZONE")),
    }
    Ok(calendar)
}

/// The TZIDs that the properties of `components` refer to, without blanks around them.
pub(crate) fn zones_used<'a>(components: impl Iterator<Item = &'a Component>) -> HashSet<&'a str> {
    let mut used = HashSet::new();
    let mut open: Vec<&Component> = components.collect();
    while let Some(component) = open.pop() {
        used.extend(
            component.properties().iter().filter_map(|property| property.param("TZID")).map(str::trim),
        );
        open.extend(component.components());
    }
    used
}
