//! What PROPPATCH, MKCALENDAR and extended MKCOL may set (RFC 4918 section 9.2).

use std::collections::BTreeSet;

use almanac_backend::{DeadProperty, PropertyChange, Transparency};
use almanac_davxml::names::CALDAV;
use almanac_davxml::{Element, Name};
use almanac_ical::zone::Zone;
use almanac_ical::{ComponentKind, Limits, parse_timezone};

use super::table::row_of;
use crate::error::{Failure, Violation};

/// How a live property takes a change.
pub(crate) enum Patch {
    /// Not at all (`DAV:cannot-modify-protected-property`).
    Protected,
    /// By these changes.
    Settable {
        set: fn(&Element) -> Result<Vec<PropertyChange>, Failure>,
        remove: fn() -> Vec<PropertyChange>,
    },
}

/// What the wish to set or remove a property comes to.
pub(crate) enum PropRule {
    /// Never: the property is the server's.
    Protected,
    /// These changes, in order.
    Change(Vec<PropertyChange>),
    /// Not with this value.
    Invalid(Failure),
}

/// What it takes to set the property that `element` is. What is not live is kept as sent.
pub(crate) fn change_of(element: &Element) -> PropRule {
    match row_of(&element.name).map(|row| &row.patch) {
        Some(Patch::Protected) => PropRule::Protected,
        Some(Patch::Settable { set, .. }) => match set(element) {
            Ok(changes) => PropRule::Change(changes),
            Err(failure) => PropRule::Invalid(failure),
        },
        None => PropRule::Change(vec![PropertyChange::SetDead(DeadProperty {
            namespace: element.name.ns().to_owned(),
            local: element.name.local().to_owned(),
            xml: element.to_xml(),
        })]),
    }
}

/// What it takes to remove the property `name`. To remove what is not there is no error.
pub(crate) fn removal_of(name: &Name) -> PropRule {
    match row_of(name).map(|row| &row.patch) {
        Some(Patch::Protected) => PropRule::Protected,
        Some(Patch::Settable { remove, .. }) => PropRule::Change(remove()),
        None => {
            PropRule::Change(vec![PropertyChange::RemoveDead(name.ns().to_owned(), name.local().to_owned())])
        }
    }
}

/// The kinds that a `CALDAV:supported-calendar-component-set` names. It can be set when a calendar is made,
/// not later, so it is no change (RFC 4791 section 5.2.3).
///
/// # Errors
/// `supported-calendar-component` for a kind that we do not store, and for none at all.
pub(crate) fn component_set(element: &Element) -> Result<BTreeSet<ComponentKind>, Failure> {
    let refused = || Failure::Violated(Violation::SupportedCalendarComponent);
    let mut kinds = BTreeSet::new();
    for comp in element.children_named(CALDAV, "comp") {
        let name = comp.attribute("name").ok_or_else(refused)?.to_ascii_uppercase();
        // Evolution 3.5x and Apple's Reminders name VTIMEZONE or VALARM along: no kind of their own.
        if name == "VTIMEZONE" || name == "VALARM" {
            continue;
        }
        kinds.insert(name.parse().map_err(|_| refused())?);
    }
    if kinds.is_empty() { Err(refused()) } else { Ok(kinds) }
}

pub(super) const DISPLAY_NAME: Patch = Patch::Settable {
    set: |element| Ok(vec![PropertyChange::DisplayName(Some(element.text()))]),
    remove: || vec![PropertyChange::DisplayName(None)],
};

pub(super) const DESCRIPTION: Patch = Patch::Settable {
    set: |element| Ok(vec![PropertyChange::Description(Some(element.text()))]),
    remove: || vec![PropertyChange::Description(None)],
};

/// The definition and the identifier of the zone are one thing in two forms: the one set last replaces the
/// other, which is then read out of it (`caldav.rs`), so that they never disagree (RFC 7809 section 3.1.5).
pub(super) const TIMEZONE: Patch = Patch::Settable {
    set: |element| {
        // XML that is made to be read indents it; that space is none of the calendar's, the last line end is.
        let text = element.text();
        let text = text.trim_start().trim_end_matches([' ', '\t']);
        parse_timezone(text.trim_end().as_bytes(), &Limits::default())?;
        Ok(vec![PropertyChange::Timezone(Some(text.to_owned())), PropertyChange::TimezoneId(None)])
    },
    remove: no_zone,
};

pub(super) const TIMEZONE_ID: Patch = Patch::Settable {
    set: |element| {
        // In the spelling of the database, which is that of the TZID in the definition.
        let zone = Zone::iana(&element.text_trimmed()).ok_or(Violation::ValidTimezone)?;
        let id = zone.name().to_owned();
        Ok(vec![PropertyChange::TimezoneId(Some(id)), PropertyChange::Timezone(None)])
    },
    remove: no_zone,
};

pub(super) const TRANSPARENCY: Patch = Patch::Settable {
    set: |element| {
        let named = |name: &str| element.child(CALDAV, name).is_some();
        match (named("opaque"), named("transparent")) {
            (true, false) => Ok(vec![PropertyChange::Transparency(Transparency::Opaque)]),
            (false, true) => Ok(vec![PropertyChange::Transparency(Transparency::Transparent)]),
            _ => Err(Failure::Forbidden("the value is neither opaque nor transparent")),
        }
    },
    remove: || vec![PropertyChange::Transparency(Transparency::default())],
};

fn no_zone() -> Vec<PropertyChange> {
    vec![PropertyChange::Timezone(None), PropertyChange::TimezoneId(None)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(xml: &str) -> Element {
        almanac_davxml::parse(xml.as_bytes(), &almanac_davxml::Limits::default()).unwrap().unwrap()
    }

    fn refusal(rule: PropRule) -> Option<Violation> {
        match rule {
            PropRule::Invalid(Failure::Violated(violation)) => Some(violation),
            _ => None,
        }
    }

    #[test]
    fn an_unknown_property_is_kept_as_sent_and_a_protected_one_is_not_touched() {
        let color =
            element("<A:calendar-color xmlns:A='http://apple.com/ns/ical/'>#FF0000</A:calendar-color>");
        let PropRule::Change(changes) = change_of(&color) else { panic!("refused") };
        let [PropertyChange::SetDead(dead)] = changes.as_slice() else { panic!("no dead property") };
        assert_eq!(
            (dead.namespace.as_str(), dead.local.as_str()),
            ("http://apple.com/ns/ical/", "calendar-color")
        );
        assert!(dead.xml.contains("#FF0000"));
        for name in ["getetag", "resourcetype", "sync-token", "acl", "owner"] {
            assert!(matches!(removal_of(&Name::dav(name)), PropRule::Protected), "{name}");
        }
    }

    #[test]
    fn a_zone_is_set_by_definition_or_by_identifier_and_the_later_one_wins() {
        let calendar = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VTIMEZONE\nTZID:Europe/Berlin\n\
             BEGIN:STANDARD\nDTSTART:19701025T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nEND:STANDARD\n\
             END:VTIMEZONE\nEND:VCALENDAR\n";
        let by_text = |text: &str| {
            change_of(&element(&format!(
                "<C:calendar-timezone xmlns:C='{CALDAV}'>{text}</C:calendar-timezone>"
            )))
        };
        let by_id = |id: &str| {
            change_of(&element(&format!(
                "<C:calendar-timezone-id xmlns:C='{CALDAV}'>{id}</C:calendar-timezone-id>"
            )))
        };
        let PropRule::Change(changes) = by_text(calendar) else { panic!("refused") };
        assert!(matches!(
            changes.as_slice(),
            [PropertyChange::Timezone(Some(_)), PropertyChange::TimezoneId(None)]
        ));
        let PropRule::Change(changes) = by_id(" europe/BERLIN ") else { panic!("refused") };
        assert!(matches!(
            changes.as_slice(),
            [PropertyChange::TimezoneId(Some(id)), PropertyChange::Timezone(None)] if id == "Europe/Berlin"
        ));
        for bad in ["", "Europe/Berlin", "BEGIN:VCALENDAR\nVERSION:2.0\nEND:VCALENDAR\n"] {
            assert_eq!(refusal(by_text(bad)), Some(Violation::ValidCalendarData), "{bad}");
        }
        assert_eq!(refusal(by_id("Mars/Olympus")), Some(Violation::ValidTimezone));
    }

    #[test]
    fn a_component_set_names_kinds_that_we_store() {
        let set = |comps: &str| {
            component_set(&element(&format!(
                "<C:supported-calendar-component-set xmlns:C='{CALDAV}'>{comps}</C:supported-calendar-component-set>"
            )))
        };
        let kinds =
            set("<C:comp name='VEVENT'/><C:comp name='vtodo'/><C:comp name='VTIMEZONE'/>").ok().unwrap();
        assert_eq!(kinds, BTreeSet::from([ComponentKind::Event, ComponentKind::Todo]));
        for bad in ["", "<C:comp/>", "<C:comp name='VAVAILABILITY'/>", "<C:comp name='VTIMEZONE'/>"] {
            assert!(set(bad).is_err(), "{bad}");
        }
    }
}
