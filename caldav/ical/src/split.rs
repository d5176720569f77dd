//! A file of many components to calendar object resources, for import.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::object::{CalendarObject, ComponentKind};
use crate::{Component, Invalid, Limits, PRODID, Property, rules, tree};

/// What a file held.
#[derive(Debug)]
pub struct Split {
    /// The display name the file gives itself (X-WR-CALNAME or NAME).
    pub name: Option<String>,
    /// One object for each kind and UID, in the order in which these first occur.
    pub objects: Vec<CalendarObject>,
    /// Why the others are no objects; nothing of them is in `objects`.
    pub refused: Vec<Invalid>,
}

/// Splits a file into one object for each kind and UID, each with the VTIMEZONEs it uses.
///
/// METHOD and other properties of the calendar are dropped, a component without UID gets the one that `new_uid` makes
/// of its text, control characters that some exports contain are dropped, and of components that stand twice the one with the higher
/// SEQUENCE is taken, else the later.
///
/// # Errors
/// `Data` if the file as a whole cannot be read. A bad component refuses its own object only.
pub fn split(
    octets: &[u8],
    limits: &Limits,
    new_uid: &mut dyn FnMut(&str) -> String,
) -> Result<Split, Invalid> {
    let mut calendars = tree::read_all(&without_controls(octets), &limits.for_file())?;
    let name = calendars.iter().find_map(|calendar| {
        let name = calendar.property("X-WR-CALNAME").or_else(|| calendar.property("NAME"))?;
        Some(name.text())
    });
    if calendars.is_empty() {
        return Err(Invalid::Data("not a VCALENDAR"));
    }
    let (groups, mut refused) = group(&mut calendars, new_uid);
    let mut objects = Vec::new();
    for group in groups {
        match CalendarObject::parse(group.into_calendar(&calendars).to_text().as_bytes(), limits) {
            Ok(object) => objects.push(object),
            Err(reason) => refused.push(reason),
        }
    }
    Ok(Split { name, objects, refused })
}

/// The components of one object.
struct Group {
    /// The position of the calendars they come from.
    calendars: Vec<usize>,
    components: Vec<Component>,
}

/// Moves the components out of the calendars, which keep their properties and time zones.
fn group(calendars: &mut [Component], new_uid: &mut dyn FnMut(&str) -> String) -> (Vec<Group>, Vec<Invalid>) {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<(ComponentKind, String), usize> = HashMap::new();
    let mut refused = Vec::new();
    for (calendar_at, calendar) in calendars.iter_mut().enumerate() {
        calendar.rebuild_components(|mut component| {
            if component.is("VTIMEZONE") {
                return Some(component);
            }
            let kind = match component.name().parse::<ComponentKind>() {
                Ok(kind) => kind,
                Err(reason) => {
                    refused.push(reason);
                    return None;
                }
            };
            let uid = component.property("UID").map(Property::text).filter(|uid| !uid.trim().is_empty());
            let uid = uid.unwrap_or_else(|| {
                let uid = new_uid(&component.to_text());
                component.set_property(Property::text_of("UID", &uid));
                uid
            });
            let place = *places.entry((kind, uid)).or_insert_with(|| {
                groups.push(Group { calendars: Vec::new(), components: Vec::new() });
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(place) {
                group.push(component, calendar_at);
            }
            None
        });
    }
    (groups, refused)
}

impl Group {
    fn push(&mut self, component: Component, calendar: usize) {
        if self.calendars.last() != Some(&calendar) {
            self.calendars.push(calendar);
        }
        self.components.push(component);
    }

    fn into_calendar(self, calendars: &[Component]) -> Component {
        let components = newest(self.components);
        let sources: Vec<&Component> = self.calendars.iter().filter_map(|&at| calendars.get(at)).collect();
        let prodid = sources.first().and_then(|source| source.property("PRODID")).cloned();
        let mut calendar = Component::new("VCALENDAR")
            .with_property(Property::new("VERSION", "2.0"))
            .with_property(prodid.unwrap_or_else(|| Property::new("PRODID", PRODID)));
        let mut wanted = rules::zones_used(components.iter());
        for zone in sources.iter().flat_map(|source| source.components()) {
            let id = zone.property("TZID").map(Property::text).unwrap_or_default();
            if wanted.remove(id.trim()) {
                calendar.push_component(zone.clone());
            }
        }
        components.into_iter().for_each(|component| calendar.push_component(component));
        calendar
    }
}

/// Of components with one RECURRENCE-ID, or none, the one with the highest SEQUENCE, else the last.
fn newest(components: Vec<Component>) -> Vec<Component> {
    let mut places: HashMap<Option<String>, usize> = HashMap::new();
    let mut kept: Vec<Component> = Vec::new();
    for component in components {
        let id = component.property("RECURRENCE-ID").map(|id| id.value().to_owned());
        let place = *places.entry(id).or_insert(kept.len());
        match kept.get_mut(place) {
            Some(older) if sequence(older) <= sequence(&component) => *older = component,
            Some(_) => {}
            None => kept.push(component),
        }
    }
    kept
}

fn sequence(component: &Component) -> u32 {
    component.property("SEQUENCE").and_then(|sequence| sequence.value().trim().parse().ok()).unwrap_or(0)
}

pub(crate) fn without_controls(octets: &[u8]) -> Cow<'_, [u8]> {
    let is_bad = |octet: u8| matches!(octet, 0..=8 | 0x0b | 0x0c | 0x0e..=0x1f | 0x7f);
    if !octets.iter().any(|&octet| is_bad(octet)) {
        return Cow::Borrowed(octets);
    }
    Cow::Owned(octets.iter().copied().filter(|&octet| !is_bad(octet)).collect())
}
