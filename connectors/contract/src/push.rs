//! What is asked of a vendor: to have an object so, or not at all.

use std::collections::BTreeSet;

use crate::calendar::{CalendarId, RemoteId, RemoteVersion};
use crate::change::{Mark, RemoteObject};
use crate::error::ConnectorError;
use crate::form::{Field, Form, Instance};

/// Names one creation: the same for every attempt at it, another after the object was deleted and made again. Lower-case
/// hexadecimal digits, from which a connector makes whatever the vendor recognises a repetition by.
///
/// A key may be spent once what it made was deleted: some vendors never give a name twice. A creation with it is
/// [`crate::ErrorKind::Gone`] then, and is made with another key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushKey(pub String);

/// Whether a write may have been sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It never was.
    First,
    /// It may have been, and its outcome is not known.
    Again,
}

/// What an object at the vendor is replaced from.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Its name.
    pub id: &'a RemoteId,
    /// The state that the write was decided from. Anything else is a conflict, and nothing is written.
    pub version: &'a RemoteVersion,
    /// What it said in that state, so that only what differs need be sent.
    pub form: &'a Form,
}

/// An object to be written.
#[derive(Debug, Clone, Copy)]
pub struct Push<'a> {
    /// Where.
    pub calendar: &'a CalendarId,
    /// What it replaces; `None`: it is created.
    pub known: Option<Known<'a>>,
    /// What it is to say, under the connector's projection.
    pub form: &'a Form,
    /// What is left on it.
    pub mark: &'a Mark,
    /// Names the creation.
    pub key: &'a PushKey,
    /// Whether it may have been sent before.
    pub attempt: Attempt,
}

/// What a write came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// It is so now, as read back where the vendor may have changed it.
    Written(Box<RemoteObject>),
    /// It is there, and so: an earlier attempt had made it, or somebody changed it as soon as it was written. It may say
    /// something else than what was asked for now. What an earlier attempt made bears our mark of this UID, or is what the
    /// very key names and bears no mark of another UID; or it has this UID itself, at a vendor that takes UIDs from us and
    /// has each only once.
    Found(Box<RemoteObject>),
}

/// Whether a push that takes several requests has written anything yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrote {
    /// Nothing, so that an error says all.
    Nothing,
    /// Something: a part of it is at the vendor, whatever kept the rest from being written.
    Something,
}

impl Wrote {
    /// What an error of the push says then.
    #[must_use]
    pub fn so(self, error: ConnectorError) -> ConnectorError {
        match self {
            Self::Nothing => error,
            Self::Something => error.after_a_part(),
        }
    }
}

impl Pushed {
    /// What a write came to by what was read after it: `read` of `object`, where `wanted` was written. If it says
    /// something else of what people change, somebody did so meanwhile. The rest is what the vendor made of it.
    #[must_use]
    pub fn read_back(wanted: &Form, read: &Form, object: Box<RemoteObject>) -> Self {
        let instances: BTreeSet<&Instance> = wanted.parts.keys().chain(read.parts.keys()).collect();
        let same = instances.into_iter().all(|instance| {
            let (Some(wanted), Some(read)) = (wanted.parts.get(instance), read.parts.get(instance)) else {
                return false;
            };
            let mut fields = wanted.keys().chain(read.keys()).filter(|field| is_peoples(field));
            // A vendor may drop what it does not know, and never adds to it.
            let mut members = read.keys().filter(|field| is_added(field));
            fields.all(|field| wanted.get(field) == read.get(field))
                && members.all(|field| wanted.contains_key(field))
        });
        if same { Self::Written(object) } else { Self::Found(object) }
    }
}

/// What a vendor made of `wanted` by itself, by what is `read` of it later: as `wanted`, but without what `read` lacks, and as
/// `read` where that is nothing that people change or add. Whole instances are left to people.
#[must_use]
pub fn rewritten(wanted: &Form, read: &Form) -> Form {
    let mut made = wanted.clone();
    for (instance, part) in &mut made.parts {
        let Some(read) = read.parts.get(instance) else { continue };
        part.retain(|field, _| is_peoples(field) || read.contains_key(field));
        for (field, value) in read {
            if !is_peoples(field) && !is_added(field) {
                part.insert(field.clone(), value.clone());
            }
        }
    }
    made
}

/// Whether a field is one that people change, and no vendor by itself.
fn is_peoples(field: &Field) -> bool {
    let when = matches!(field, Field::Time | Field::Rule | Field::Extra(_) | Field::Except(_));
    when || matches!(field, Field::Summary | Field::Description | Field::Location)
}

/// Whether nobody but people adds a field.
fn is_added(field: &Field) -> bool {
    matches!(field, Field::Alarm(..) | Field::Category(_) | Field::Url | Field::Color | Field::Priority)
}

/// An object to be deleted.
#[derive(Debug, Clone, Copy)]
pub struct Deletion<'a> {
    /// Where.
    pub calendar: &'a CalendarId,
    /// Its name.
    pub id: &'a RemoteId,
    /// The state that the deletion was decided from. Anything else is a conflict, and nothing is deleted.
    pub version: &'a RemoteVersion,
}

#[cfg(test)]
mod tests {
    use super::rewritten;
    use crate::form::{Field, Form, Instance, Part, Value};

    fn form(fields: &[(Field, &str)]) -> Form {
        let text = |(field, text): &(Field, &str)| (field.clone(), Value::Text((*text).to_owned()));
        let part: Part = fields.iter().map(text).collect();
        let kind = almanac_ical::ComponentKind::Event;
        Form { kind, uid: "uid".to_owned(), parts: [(Instance::Master, part)].into() }
    }

    #[test]
    fn a_vendor_loses_and_rewrites_and_only_people_retitle_add_and_set() {
        let other = |name: &str| Field::Other(name.to_owned(), 0);
        let wanted = form(&[
            (Field::Summary, "a"),
            (Field::Location, "here"),
            (Field::Priority, "3"),
            (Field::Url, "u"),
            (other("X-A"), "1"),
            (other("X-B"), "2"),
        ]);
        let read = form(&[
            (Field::Summary, "b"),
            (Field::Color, "red"),
            (Field::Priority, "4"),
            (other("X-B"), "cut"),
            (other("X-C"), "theirs"),
        ]);
        let made = form(&[
            (Field::Summary, "a"),
            (Field::Location, "here"),
            (Field::Priority, "3"),
            (other("X-B"), "cut"),
            (other("X-C"), "theirs"),
        ]);
        assert!(rewritten(&wanted, &read) == made);
    }
}
