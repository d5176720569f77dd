//! Properties of calendar collections and homes.

use std::borrow::Cow;

use almanac_backend::{Collection, Transparency};
use almanac_davxml::{Collation, Fragment, Name, Value};
use almanac_ical::{ComponentKind, Limits, parse_timezone};

use super::resource::{Resource, View};
use super::table::Found;
use crate::zones::definition;

pub(super) fn description<'a>(view: &View<'a>) -> Found<'a> {
    // Words of the owner's: not for who may see the busy times only.
    view.readable_collection().and_then(|it| it.description.as_deref()).map(borrowed).into()
}

/// As sent; if only an identifier was set, the definition that belongs to it (RFC 7809 section 3.1.5).
pub(super) fn timezone<'a>(view: &View<'a>) -> Found<'a> {
    of(view, |collection| match (&collection.timezone, &collection.timezone_id) {
        (Some(text), _) => Some(borrowed(text)),
        (None, Some(id)) => definition(id).map(|calendar| Value::Text(Cow::Owned(calendar.to_text()))),
        (None, None) => None,
    })
}

/// "Its value MUST match the value of the TZID iCalendar property" of `calendar-timezone` (RFC 7809 section
/// 3.1.5), so of the two properties only the one that was set last is stored, and this one is read out of it.
pub(super) fn timezone_id<'a>(view: &View<'a>) -> Found<'a> {
    of(view, |collection| match (&collection.timezone, &collection.timezone_id) {
        (Some(text), _) => tzid_of(text).map(|tzid| Value::Text(Cow::Owned(tzid))),
        (None, id) => id.as_deref().map(borrowed),
    })
}

fn tzid_of(text: &str) -> Option<String> {
    let calendar = parse_timezone(text.trim().as_bytes(), &Limits::STORED).ok()?;
    Some(calendar.components_named("VTIMEZONE").next()?.property("TZID")?.text().trim().to_owned())
}

pub(super) fn component_set<'a>(view: &View<'a>) -> Found<'a> {
    of(view, |collection| {
        let mut xml = Fragment::new();
        push_components(&mut xml, collection.components.iter().copied());
        Some(Value::Xml(xml))
    })
}

/// Any set will do; each kind alone and all of them are the ones that clients ask for.
pub(super) fn component_sets<'a>(_: &View<'a>) -> Found<'a> {
    let mut xml = Fragment::new();
    let set = Name::caldav("supported-calendar-component-set");
    for kind in ComponentKind::ALL {
        xml.element(&set, |xml| push_components(xml, [kind]));
    }
    xml.element(&set, |xml| push_components(xml, ComponentKind::ALL));
    Found::Is(Value::Xml(xml))
}

fn push_components(xml: &mut Fragment, kinds: impl IntoIterator<Item = ComponentKind>) {
    for kind in kinds {
        xml.empty_with(&Name::caldav("comp"), &[("name", kind.as_str())]);
    }
}

pub(super) fn calendar_data<'a>(_: &View<'a>) -> Found<'a> {
    let mut xml = Fragment::new();
    let attributes = [("content-type", "text/calendar"), ("version", "2.0")];
    xml.empty_with(&Name::caldav("calendar-data"), &attributes);
    Found::Is(Value::Xml(xml))
}

pub(super) fn max_resource_size<'a>(view: &View<'a>) -> Found<'a> {
    Found::Is(Value::Text(Cow::Owned(view.settings.ical.object_bytes_max.to_string())))
}

/// What the value type DATE-TIME can say: four digits of year.
pub(super) fn min_date_time<'a>(_: &View<'a>) -> Found<'a> {
    Found::Is(borrowed("00010101T000000Z"))
}

pub(super) fn max_date_time<'a>(_: &View<'a>) -> Found<'a> {
    Found::Is(borrowed("99991231T235959Z"))
}

pub(super) fn collation_set<'a>(_: &View<'a>) -> Found<'a> {
    let mut xml = Fragment::new();
    for collation in Collation::ALL {
        xml.text_element(&Name::caldav("supported-collation"), collation.identifier());
    }
    Found::Is(Value::Xml(xml))
}

pub(super) fn transparency<'a>(view: &View<'a>) -> Found<'a> {
    of(view, |collection| {
        let mut xml = Fragment::new();
        xml.empty(&Name::caldav(match collection.transparency {
            Transparency::Opaque => "opaque",
            Transparency::Transparent => "transparent",
        }));
        Some(Value::Xml(xml))
    })
}

fn of<'a>(view: &View<'a>, value: impl FnOnce(&'a Collection) -> Option<Value<'a>>) -> Found<'a> {
    match view.resource {
        Resource::Collection(_, collection) => value(collection).into(),
        _ => Found::Absent,
    }
}

fn borrowed(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}
