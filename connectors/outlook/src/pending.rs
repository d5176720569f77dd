//! A note on a series of what is still to be done on it.
//!
//! A change of the pattern or of the times of a series drops its exceptions at Graph, and they can only be put back one by one.
//! Were the program to end in between, the series would look as if somebody had removed them, and the store would follow. So
//! the request that drops them leaves the note, the last request takes it away, and whoever reads a series with a note
//! finishes first what it says.

use std::collections::{BTreeMap, BTreeSet};

use almanac_contract::{ConnectorError, ErrorKind, Form, Instance, Reason};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::limits::NOTE_BYTES_MAX;
use crate::map::{self, time};
use crate::marks;
use crate::wire::Event;

const TOO_LONG: Reason =
    Reason("the changed instances of the series are too long to be moved with it safely");

/// What the note says when there is nothing left to do.
const DONE: &str = "done";

/// What is still to be done, by the days of the instances.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Pending {
    /// The event that the note was left on: its id, or its `transactionId` while it had no id. A copy that a person makes of
    /// the event has a copy of the note.
    pub(crate) owner: String,
    /// The pattern that is to come back, if another one has to take its place for a moment.
    pub(crate) pattern: Option<Value>,
    pub(crate) cancel: BTreeSet<String>,
    /// The body of a PATCH for each instance.
    pub(crate) change: BTreeMap<String, Map<String, Value>>,
}

impl Pending {
    /// All exceptions of a form, for the event that `owner` names.
    pub(crate) fn of(form: &Form, owner: &str) -> Self {
        let mut pending = Self { owner: owner.to_owned(), ..Self::default() };
        let Some(master) = form.master() else { return pending };
        pending.cancel = map::cancelled(master).map(|at| time::day_of(at).to_string()).collect();
        for (instance, part) in &form.parts {
            let Instance::At(at) = instance else { continue };
            let body = map::body(part, map::implied(master, at).as_ref());
            pending.change.insert(time::day_of(at).to_string(), body);
        }
        pending
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pattern.is_none() && self.cancel.is_empty() && self.change.is_empty()
    }

    /// The note on an event that was read with its properties; `None` if nothing is left to do.
    pub(crate) fn on(event: &Event) -> Option<Self> {
        let note = event.extended(marks::PENDING).filter(|note| *note != DONE)?;
        let pending: Self = serde_json::from_str(note).ok()?;
        let owner = Some(pending.owner.as_str());
        let is_its = owner == Some(&*event.id) || owner == event.transaction_id.as_deref();
        is_its.then_some(pending)
    }

    /// The property that is the note.
    pub(crate) fn property(&self, operation: &'static str) -> Result<Value, ConnectorError> {
        let note =
            serde_json::to_string(self).map_err(|_| ConnectorError::new(ErrorKind::Malformed, operation))?;
        if note.len() > NOTE_BYTES_MAX {
            return Err(ConnectorError::new(ErrorKind::Refused(TOO_LONG), operation));
        }
        Ok(json!({ "id": marks::PENDING, "value": note }))
    }

    /// The body of the request that takes the note away.
    pub(crate) fn done() -> Value {
        json!({ "singleValueExtendedProperties": [{ "id": marks::PENDING, "value": DONE }] })
    }
}

/// A day of the note.
pub(crate) fn day(text: &str) -> Option<Date> {
    text.parse().ok()
}
