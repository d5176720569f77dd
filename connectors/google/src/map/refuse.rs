//! What Google cannot have, and why: said, never approximated.

use almanac_contract::{Field, Form, Instance, Moment, Part, Reason, Value};
use almanac_ical::ComponentKind;
use almanac_ical::zone::Zone;

use super::project::recurs;
use super::text;
use super::time::instant;
use crate::limits::PROPERTY_CHARS_MAX;

/// Why Google cannot have a form.
pub(crate) fn refuses(form: &Form) -> Option<Reason> {
    why(form).map(Reason)
}

fn why(form: &Form) -> Option<&'static str> {
    if form.kind != ComponentKind::Event {
        return Some("Google Calendar has events only, no tasks and no journals");
    }
    let Some(master) = form.master() else {
        return Some("only single instances of its series are known, and Google cannot have them alone");
    };
    if form.uid.chars().count() > PROPERTY_CHARS_MAX {
        return Some("its UID is longer than Google keeps");
    }
    if text(master, &Field::Status) == Some("CANCELLED") {
        return Some("Google Calendar deletes what is cancelled; delete it here, too, if it is not needed");
    }
    if form.parts.len() > 1 && !recurs(master) {
        return Some("it has changed instances and does not recur");
    }
    for (instance, part) in &form.parts {
        let wrong = times(part).or_else(|| match instance {
            Instance::Master => shape(master),
            Instance::At(at) if !like(at, master) => Some("an instance is named by another kind of time"),
            Instance::At(_) => None,
        });
        if wrong.is_some() {
            return wrong;
        }
    }
    None
}

fn times(part: &Part) -> Option<&'static str> {
    let Some(Value::Span(start, end)) = part.get(&Field::Time) else {
        return Some("it has no start");
    };
    if let Some(wrong) = unknown(start).or_else(|| unknown(end)) {
        return Some(wrong);
    }
    if matches!(start, Moment::Date(_)) != matches!(end, Moment::Date(_)) {
        return Some("it begins with a day and ends at a time, or the other way round");
    }
    if instant(start) >= instant(end) {
        return Some("Google Calendar has no events without a length; give it an end after its start");
    }
    None
}

/// A time that Google has no words for.
fn unknown(at: &Moment) -> Option<&'static str> {
    match at {
        Moment::Date(_) | Moment::Utc(_) => None,
        Moment::Floating(_) => Some("Google Calendar has no floating times; give it a time zone"),
        Moment::Zoned(wall, name) => match Zone::iana(name) {
            None => Some("its time zone is none that Google knows"),
            Some(zone) if zone.local(zone.instant(*wall)) != *wall => {
                Some("it is at a time that the change of the clocks leaves out")
            }
            Some(_) => None,
        },
    }
}

fn shape(master: &Part) -> Option<&'static str> {
    for field in master.keys() {
        match field {
            Field::Extra(at) | Field::Except(at) if !like(at, master) => {
                return Some("an extra or cancelled instance is named by another kind of time");
            }
            Field::Other(name, _) if matches!(name.as_str(), "RDATE" | "EXDATE") => {
                return Some("an extra or cancelled instance is told in a way that Google does not take");
            }
            _ => {}
        }
    }
    None
}

/// Whether an instance is named as the series is timed: a day for days, an instant for instants.
fn like(at: &Moment, master: &Part) -> bool {
    let Some(Value::Span(start, _)) = master.get(&Field::Time) else { return false };
    matches!(at, Moment::Date(_)) == matches!(start, Moment::Date(_)) && instant(at).is_some()
}
