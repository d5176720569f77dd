//! Google's events to forms and back. Pure: nothing here asks anything of anybody.

mod alarm;
mod project;
mod read;
mod refuse;
mod slots;
#[cfg(test)]
mod tests;
mod time;
mod write;

pub(crate) use project::project;
pub(crate) use read::{form, mark, original, role};
pub(crate) use refuse::refuses;
pub(crate) use slots::{derived, makes};
pub(crate) use time::{instance_id, instant_text};
pub(crate) use write::{Differing, creation, differences, recurrence};

use almanac_contract::{Part, Value};

/// The properties beside RRULE, RDATE and EXDATE that Google takes as lines of a recurrence.
pub(super) const EXRULE: &str = "EXRULE";

pub(super) fn text<'a>(part: &'a Part, field: &almanac_contract::Field) -> Option<&'a str> {
    match part.get(field) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}
