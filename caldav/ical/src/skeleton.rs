//! An object reduced to what times and busy state need, for summary records.
//!
//! The text form is iCalendar. It holds no SUMMARY, no person and no UID: only when things are, how they repeat and
//! whether they block time.

use std::collections::HashSet;

use crate::object::CalendarObject;
use crate::zone::Zone;
use crate::{Component, Invalid, Limits, Property, rules, tree};

/// What a component and its subcomponents keep.
struct Keep {
    properties: &'static [&'static str],
    inner: &'static [(&'static str, Keep)],
}

const OBSERVANCE: Keep =
    Keep { properties: &["DTSTART", "TZOFFSETFROM", "TZOFFSETTO", "RRULE", "RDATE"], inner: &[] };
const ZONE: Keep = Keep {
    properties: &["TZID", "X-LIC-LOCATION"],
    inner: &[("STANDARD", OBSERVANCE), ("DAYLIGHT", OBSERVANCE)],
};
const ALARM: Keep = Keep { properties: &["TRIGGER", "REPEAT", "DURATION"], inner: &[] };
const OF_KIND: Keep = Keep {
    properties: &[
        "DTSTART",
        "DTEND",
        "DUE",
        "DURATION",
        "RRULE",
        "RDATE",
        "EXDATE",
        "EXRULE",
        "RECURRENCE-ID",
        "STATUS",
        "TRANSP",
        "COMPLETED",
        "CREATED",
        "FREEBUSY",
        "X-MICROSOFT-CDO-ALLDAYEVENT",
        "X-MICROSOFT-CDO-BUSYSTATUS",
    ],
    inner: &[("VALARM", ALARM)],
};
const PARAMS: [&str; 5] = ["VALUE", "TZID", "RANGE", "RELATED", "FBTYPE"];

/// The skeleton of an object; components keep their order.
///
/// A VTIMEZONE is left out if nothing refers to it, or if its TZID is the plain name of a zone in the bundled database,
/// which is what it resolves to anyway.
#[must_use]
pub fn skeleton(object: &CalendarObject) -> String {
    let used = rules::zones_used(object.components());
    let mut bones = Component::new("VCALENDAR");
    for component in object.calendar().components() {
        if component.is("VTIMEZONE") && is_needed(component, &used) {
            bones.push_component(reduce(component, &ZONE));
        } else if component.is(object.kind().as_str()) {
            bones.push_component(reduce(component, &OF_KIND));
        }
    }
    bones.to_text()
}

/// Reads a skeleton back; its root is VCALENDAR.
///
/// # Errors
/// `Data` if the text is not what [`skeleton`] wrote.
pub fn parse_skeleton(text: &str) -> Result<Component, Invalid> {
    tree::read(text.as_bytes(), &Limits::STORED)
}

fn is_needed(zone: &Component, used: &HashSet<&str>) -> bool {
    let id = zone.property("TZID").map(Property::text).unwrap_or_default();
    used.contains(id.trim()) && Zone::iana(id.trim()).is_none()
}

fn reduce(component: &Component, keep: &Keep) -> Component {
    let mut bones = Component::new(component.name());
    for property in component.properties() {
        if keep.properties.iter().any(|name| property.is(name)) {
            bones.push_property(property.keeping_params(|param| PARAMS.iter().any(|name| param.is(name))));
        }
    }
    for inner in component.components() {
        if let Some((_, keep)) = keep.inner.iter().find(|(name, _)| inner.is(name)) {
            bones.push_component(reduce(inner, keep));
        }
    }
    bones
}
