//! Creating, changing and deleting.

use almanac_contract::{
    Attempt, CalendarId, ConnectorError, Deletion, ErrorKind, Form, Known, Part, Push, Pushed, Reason,
    RemoteId, RemoteObject,
};
use http::Method;
use serde_json::{Map, Value, json};

use crate::calls::{At, Call, Graph};
use crate::error::About;
use crate::fetch::unreadable;
use crate::map;
use crate::marks;
use crate::pending::Pending;
use crate::series::Noted;
use crate::version;
use crate::wire::{Event, Extended};

const CREATE: &str = "create an event";
const CHANGE: &str = "change an event";
const DELETE: &str = "delete an event";
const ROUTE: &str = "/calendars/{calendar}/events/{event}";

const NO_MASTER: Reason = Reason("only single instances of the series are known");

impl Graph {
    pub(crate) async fn push(&self, push: &Push<'_>) -> Result<Pushed, ConnectorError> {
        if let Some(reason) = map::refuses(push.form) {
            let operation = if push.known.is_some() { CHANGE } else { CREATE };
            return Err(ConnectorError::new(ErrorKind::Refused(reason), operation));
        }
        match &push.known {
            None => self.create(push).await,
            Some(known) => self.update(push, known).await,
        }
    }

    async fn create(&self, push: &Push<'_>) -> Result<Pushed, ConnectorError> {
        if push.attempt == Attempt::Again
            && let Some(found) = self.find(push.calendar, push.mark).await?
        {
            return Ok(Pushed::Found(Box::new(found)));
        }
        let form = map::project(push.form);
        let master = master(&form)?;
        let mut body = map::body(master, None);
        let transaction = marks::transaction(push.key);
        body.insert("transactionId".to_owned(), json!(transaction));
        let excepted = !map::exceptions(&form).is_empty();
        let marked = mark(&mut body, push, &form, &transaction, Drops::Yes)?;
        let call = Call {
            method: Method::POST,
            at: At::Path(self.path(&["calendars", &push.calendar.0, "events"])),
            route: "/calendars/{calendar}/events",
            operation: CREATE,
            about: About::Calendar,
            if_match: None,
            body: Some(Value::Object(body)),
        };
        let created: Event = match self.json(call).await {
            Ok(created) => created,
            // The transaction was taken before.
            Err(error) if error.kind == ErrorKind::Conflict => {
                let found = self.find(push.calendar, push.mark).await?;
                return found.map(|found| Pushed::Found(Box::new(found))).ok_or(error);
            }
            Err(error) => return Err(error),
        };
        let object = object(created, marked)?;
        if !excepted {
            return Ok(Pushed::Written(Box::new(object)));
        }
        self.settle(push.calendar, &object.id, &form, Noted::Yes).await.map(|object| read_back(&form, object))
    }

    async fn update(&self, push: &Push<'_>, known: &Known<'_>) -> Result<Pushed, ConnectorError> {
        let before = map::project(known.form);
        let form = map::project(push.form);
        let (old, new) = (master(&before)?, master(&form)?);
        let mut body = map::body(new, Some(old));
        let series = map::rule_of(old).is_some();
        let excepted = |form: &Form| !map::exceptions(form).is_empty();
        if series || body.is_empty() {
            // An entity tag is of one event; a series is as it was if all of them are.
            let found = self.object(push.calendar, known.id).await?;
            let (_, now) = found.ok_or_else(|| ConnectorError::new(ErrorKind::Gone, CHANGE))?;
            if now.version != *known.version {
                return Err(ConnectorError::new(ErrorKind::Conflict, CHANGE));
            }
            if body.is_empty() && (!series || !(excepted(&before) || excepted(&form))) {
                return Ok(Pushed::Written(Box::new(now)));
            }
        }
        let tag = version::tag(&known.version.0);
        let drops = ["start", "end", "isAllDay", "recurrence"].iter().any(|name| body.contains_key(*name));
        let drops = if drops { Drops::Yes } else { Drops::No };
        let noted = if drops == Drops::Yes && excepted(&form) { Noted::Yes } else { Noted::No };
        let changed = if body.is_empty() {
            None
        } else {
            let marked = mark(&mut body, push, &form, &known.id.0, drops)?;
            let event = self.patch(push.calendar, known.id, Some(&tag), Value::Object(body)).await?;
            Some((event, marked))
        };
        match changed {
            Some((event, marked)) if !excepted(&before) && !excepted(&form) => {
                object(event, marked).map(|object| Pushed::Written(Box::new(object)))
            }
            _ => {
                let settled = self.settle(push.calendar, known.id, &form, noted).await?;
                Ok(read_back(&form, settled))
            }
        }
    }

    /// The event and the object as they are now.
    pub(crate) async fn present(
        &self,
        calendar: &CalendarId,
        id: &RemoteId,
    ) -> Result<(Event, RemoteObject), ConnectorError> {
        let found = self.as_it_is(calendar, id).await?;
        found.ok_or_else(|| ConnectorError::new(ErrorKind::Gone, CHANGE))
    }

    /// Changes an event or an instance.
    pub(crate) async fn patch(
        &self,
        calendar: &CalendarId,
        id: &RemoteId,
        tag: Option<&str>,
        body: Value,
    ) -> Result<Event, ConnectorError> {
        self.json(Call {
            method: Method::PATCH,
            at: At::Path(self.event_path(calendar, id)),
            route: ROUTE,
            operation: CHANGE,
            about: About::Event,
            if_match: tag,
            body: Some(body),
        })
        .await
    }

    /// Deletes an event, or cancels an instance. One that is not there any more is a success.
    pub(crate) async fn remove(
        &self,
        calendar: &CalendarId,
        id: &RemoteId,
        tag: Option<&str>,
    ) -> Result<(), ConnectorError> {
        let call = Call {
            method: Method::DELETE,
            at: At::Path(self.event_path(calendar, id)),
            route: ROUTE,
            operation: DELETE,
            about: About::Event,
            if_match: tag,
            body: None,
        };
        match self.call(call).await {
            Err(error) if error.kind != ErrorKind::Gone => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) async fn delete(&self, deletion: &Deletion<'_>) -> Result<(), ConnectorError> {
        let conflict = || ConnectorError::new(ErrorKind::Conflict, DELETE);
        let tag = version::tag(&deletion.version.0);
        if tag != deletion.version.0 {
            // A series: its instances may have been changed without it.
            match self.as_it_is(deletion.calendar, deletion.id).await? {
                None => return Ok(()),
                Some((_, now)) if now.version != *deletion.version => return Err(conflict()),
                Some(_) => {}
            }
        }
        match self.remove(deletion.calendar, deletion.id, Some(&tag)).await {
            // A condition that fails does not say whether there is anything left to delete.
            Err(error) if error.kind == ErrorKind::Conflict => {
                match self.as_it_is(deletion.calendar, deletion.id).await? {
                    None => Ok(()),
                    Some(_) => Err(conflict()),
                }
            }
            other => other,
        }
    }
}

/// What a write of several requests came to.
fn read_back(form: &Form, object: RemoteObject) -> Pushed {
    let read = map::project(&object.form);
    Pushed::read_back(form, &read, Box::new(object))
}

fn master(form: &Form) -> Result<&Part, ConnectorError> {
    form.master().ok_or_else(|| ConnectorError::new(ErrorKind::Refused(NO_MASTER), CHANGE))
}

/// Whether a write drops the exceptions of the series, or leaves it without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drops {
    Yes,
    No,
}

/// Adds what is left on the event, and the note of what is still to be done after this write.
fn mark(
    body: &mut Map<String, Value>,
    push: &Push<'_>,
    form: &Form,
    owner: &str,
    drops: Drops,
) -> Result<Value, ConnectorError> {
    let mut marked = marks::properties(push.mark, master(form)?, owner);
    let pending = Pending::of(form);
    if drops == Drops::Yes
        && !pending.is_empty()
        && let Some(all) = marked.as_array_mut()
    {
        all.push(pending.property(CHANGE)?);
    }
    body.insert("singleValueExtendedProperties".to_owned(), marked.clone());
    Ok(marked)
}

/// The answer to a write, with what was left on the event: answers to writes do not show it.
fn object(mut event: Event, marked: Value) -> Result<RemoteObject, ConnectorError> {
    let marked: Vec<Extended> =
        serde_json::from_value(marked).map_err(|_| ConnectorError::new(ErrorKind::Malformed, CHANGE))?;
    event.single_value_extended_properties = Some(marked);
    map::object(&event).map_err(|reason| unreadable(&reason))
}
