//! Creating, changing and deleting.

use almanac_contract::form::carry_over;
use almanac_contract::{
    Attempt, CalendarId, ConnectorError, Deletion, ErrorKind, Form, Instance, Known, Part, Push, Pushed,
    Reason, RemoteId, RemoteObject, Wrote,
};
use http::Method;
use serde_json::{Map, Value, json};

use crate::calls::{At, Call, Graph};
use crate::error::{About, CROSSING};
use crate::fetch::unreadable;
use crate::map::{self, Hits};
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
        let left = marks::of_creation(push.mark, &transaction, master);
        let left = leave(&mut body, left, excepted.then(|| Pending::of(&form, &transaction)))?;
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
            // The transaction was taken before; if by what is not there any more, it is spent.
            Err(error) if error.kind == ErrorKind::Conflict => {
                let found = self.find(push.calendar, push.mark).await?;
                let spent = || ConnectorError::new(ErrorKind::Gone, CREATE).because(error);
                return found.map(|found| Pushed::Found(Box::new(found))).ok_or_else(spent);
            }
            Err(error) => return Err(error),
        };
        let object = object(created, left)?;
        if !excepted {
            return Ok(Pushed::Written(Box::new(object)));
        }
        let mut wrote = Wrote::Something;
        let settled = self.settle(push.calendar, &object.id, &form, Noted::Yes, &mut wrote).await;
        match settled {
            Ok(settled) => Ok(read_back(&form, settled)),
            Err(refused) if matches!(refused.kind, ErrorKind::Refused(_)) => {
                self.take_back(push.calendar, &object.id).await?;
                Err(refused)
            }
            Err(error) => Err(wrote.so(error)),
        }
    }

    /// Deletes what was just created and cannot be completed, unless it would mail somebody.
    async fn take_back(&self, calendar: &CalendarId, id: &RemoteId) -> Result<(), ConnectorError> {
        // Whatever keeps it: it is there, and is looked for before anything is created again.
        let unclear = |error: ConnectorError| match error.kind {
            ErrorKind::Conflict | ErrorKind::Gone | ErrorKind::Refused(_) | ErrorKind::Forbidden => {
                ConnectorError::new(ErrorKind::Unclear, CREATE).because(error)
            }
            _ => Wrote::Something.so(error),
        };
        let Some(event) = self.event(calendar, id).await.map_err(unclear)? else { return Ok(()) };
        if event.attendees.as_ref().is_some_and(|guests| !guests.is_empty()) {
            return Err(ConnectorError::new(ErrorKind::Unclear, CREATE));
        }
        self.remove(calendar, id, event.tag().as_deref()).await.map_err(unclear)
    }

    async fn update(&self, push: &Push<'_>, known: &Known<'_>) -> Result<Pushed, ConnectorError> {
        let before = map::project(known.form);
        let mut form = map::project(push.form);
        let (old, new) = (master(&before)?, master(&form)?);
        let mut body = map::body(new, Some(old));
        let notes = marks::notes(new);
        let drops = ["start", "end", "isAllDay", "recurrence"].iter().any(|name| body.contains_key(*name));
        let series = map::rule_of(old).is_some();
        let excepted = |form: &Form| !map::exceptions(form).is_empty();
        if series || body.is_empty() || excepted(&form) {
            // An entity tag is of one event; a series is as it was if all of them are.
            let found = self.object(push.calendar, known.id).await?;
            let (_, now) = found.ok_or_else(|| ConnectorError::new(ErrorKind::Gone, CHANGE))?;
            if now.version != *known.version {
                return Err(ConnectorError::new(ErrorKind::Conflict, CHANGE));
            }
            if body.is_empty() && (!series || !(excepted(&before) || excepted(&form))) {
                return Ok(Pushed::Written(Box::new(now)));
            }
            form = carried(&map::project(&now.form), &before, &form, drops)?;
            if let Some(reason) = map::refuses(&form).filter(|reason| *reason == CROSSING) {
                return Err(ConnectorError::new(ErrorKind::Refused(reason), CHANGE));
            }
        }
        let tag = version::tag(&known.version.0);
        let noted = if drops && excepted(&form) { Noted::Yes } else { Noted::No };
        let mut wrote = Wrote::Nothing;
        let changed = if body.is_empty() {
            None
        } else {
            let pending = (noted == Noted::Yes).then(|| Pending::of(&form, &known.id.0));
            let left = leave(&mut body, notes, pending)?;
            let changed = self.patch(push.calendar, known.id, Some(&tag), Value::Object(body)).await?;
            wrote = Wrote::Something;
            Some((changed, left))
        };
        let outcome = match changed {
            Some((event, left)) if !excepted(&before) && !excepted(&form) => {
                self.answered(push, event, left).await.map(|object| Pushed::Written(Box::new(object)))
            }
            _ => {
                let settled = self.settle(push.calendar, known.id, &form, noted, &mut wrote).await;
                settled.map(|settled| read_back(&form, settled))
            }
        };
        outcome.map_err(|error| wrote.so(error))
    }

    /// The object after a change of its event, whose answer does not show what mark is on it.
    async fn answered(
        &self,
        push: &Push<'_>,
        event: Event,
        mut left: Vec<Value>,
    ) -> Result<RemoteObject, ConnectorError> {
        if marks::is_ours(&event) {
            let transaction = marks::transaction(push.key);
            if event.transaction_id.as_ref() != Some(&transaction) {
                return Ok(self.present(push.calendar, &RemoteId(event.id)).await?.1);
            }
            left = marks::of_creation(push.mark, &transaction, master(&map::project(push.form))?);
        }
        object(event, left)
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
                match self.event(deletion.calendar, deletion.id).await? {
                    None => Ok(()),
                    Some(_) => Err(conflict()),
                }
            }
            // What lies in Deleted Items cannot be deleted once more.
            Err(error) if error.kind == ErrorKind::Forbidden => {
                match self.event(deletion.calendar, deletion.id).await? {
                    Some(event) => {
                        let event = self.complete(deletion.calendar, event).await?;
                        if self.is_shown(deletion.calendar, &event).await? { Err(error) } else { Ok(()) }
                    }
                    None => Ok(()),
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

/// What a series is to say: what it says now, with the changes of this push. Of a series with other times or rules only those
/// instances stay changed that it still has.
fn carried(now: &Form, before: &Form, form: &Form, drops: bool) -> Result<Form, ConnectorError> {
    let mut all = carry_over(now, before, form);
    let wanted = master(form)?;
    if let (true, Some((start, _)), Some(rule)) = (drops, map::span(wanted), map::rule_of(wanted)) {
        let hits = Hits::of(rule, start);
        all.parts.retain(|instance, _| match instance {
            Instance::At(at) => form.parts.contains_key(instance) || hits.holds(at),
            Instance::Master => true,
        });
    }
    Ok(map::project(&all))
}

/// Adds to a body what is left on the event, and the note of what is still to be done after this write.
fn leave(
    body: &mut Map<String, Value>,
    mut left: Vec<Value>,
    pending: Option<Pending>,
) -> Result<Vec<Value>, ConnectorError> {
    if let Some(pending) = pending.filter(|pending| !pending.is_empty()) {
        left.push(pending.property(CHANGE)?);
    }
    body.insert("singleValueExtendedProperties".to_owned(), left.clone().into());
    Ok(left)
}

/// The answer to a write, with what was left on the event: answers to writes do not show it.
fn object(mut event: Event, left: Vec<Value>) -> Result<RemoteObject, ConnectorError> {
    let left: Vec<Extended> =
        serde_json::from_value(left.into()).map_err(|_| ConnectorError::new(ErrorKind::Malformed, CHANGE))?;
    event.single_value_extended_properties = Some(left);
    map::object(&event).map_err(|reason| unreadable(&reason))
}
