//! Creating, changing and deleting.

use almanac_contract::{
    Attempt, ConnectorError, Deletion, ErrorKind, Form, Known, Part, Push, Pushed, Reason, RemoteId,
    RemoteObject,
};
use http::Method;
use serde_json::{Map, Value, json};

use crate::calls::{At, Call, Graph};
use crate::error::About;
use crate::fetch::unreadable;
use crate::map;
use crate::marks;
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
            Some(known) => self.update(push, known).await.map(|object| Pushed::Written(Box::new(object))),
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
        let marked = mark(&mut body, push, master, &transaction);
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
        if map::exceptions(&form).is_empty() {
            return Ok(Pushed::Written(Box::new(object)));
        }
        self.settle(push, &object.id, &form).await.map(|object| Pushed::Written(Box::new(object)))
    }

    async fn update(&self, push: &Push<'_>, known: &Known<'_>) -> Result<RemoteObject, ConnectorError> {
        let before = map::project(known.form);
        let form = map::project(push.form);
        let (old, new) = (master(&before)?, master(&form)?);
        let mut body = map::body(new, Some(old));
        let series = map::rule_of(old).is_some();
        let excepted = |form: &Form| !map::exceptions(form).is_empty();
        if series || body.is_empty() {
            // An entity tag is of one event; a series is as it was if all of them are.
            let (_, now) = self.present(push, known.id).await?;
            if now.version != *known.version {
                return Err(ConnectorError::new(ErrorKind::Conflict, CHANGE));
            }
            if body.is_empty() && (!series || !(excepted(&before) || excepted(&form))) {
                return Ok(now);
            }
        }
        let tag = version::tag(&known.version.0);
        let changed = if body.is_empty() {
            None
        } else {
            let marked = mark(&mut body, push, new, &known.id.0);
            Some((self.patch(push, known.id, Some(&tag), Value::Object(body)).await?, marked))
        };
        match changed {
            Some((event, marked)) if !excepted(&before) && !excepted(&form) => object(event, marked),
            _ => self.settle(push, known.id, &form).await,
        }
    }

    /// The event and the object as they are now.
    pub(crate) async fn present(
        &self,
        push: &Push<'_>,
        id: &RemoteId,
    ) -> Result<(Event, RemoteObject), ConnectorError> {
        let found = self.object(push.calendar, id).await?;
        found.ok_or_else(|| ConnectorError::new(ErrorKind::Gone, CHANGE))
    }

    /// Changes an event or an instance.
    pub(crate) async fn patch(
        &self,
        push: &Push<'_>,
        id: &RemoteId,
        tag: Option<&str>,
        body: Value,
    ) -> Result<Event, ConnectorError> {
        self.json(Call {
            method: Method::PATCH,
            at: At::Path(self.event_path(push.calendar, id)),
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
        calendar: &almanac_contract::CalendarId,
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
            match self.object(deletion.calendar, deletion.id).await? {
                None => return Ok(()),
                Some((_, now)) if now.version != *deletion.version => return Err(conflict()),
                Some(_) => {}
            }
        }
        match self.remove(deletion.calendar, deletion.id, Some(&tag)).await {
            // A condition that fails does not say whether there is anything left to delete.
            Err(error) if error.kind == ErrorKind::Conflict => {
                match self.object(deletion.calendar, deletion.id).await? {
                    None => Ok(()),
                    Some(_) => Err(conflict()),
                }
            }
            other => other,
        }
    }
}

fn master(form: &Form) -> Result<&Part, ConnectorError> {
    form.master().ok_or_else(|| ConnectorError::new(ErrorKind::Refused(NO_MASTER), CHANGE))
}

/// Adds what is left on the event.
fn mark(body: &mut Map<String, Value>, push: &Push<'_>, master: &Part, owner: &str) -> Value {
    let marked = marks::properties(push.mark, master, owner);
    body.insert("singleValueExtendedProperties".to_owned(), marked.clone());
    marked
}

/// The answer to a write, with what was left on the event: answers to writes do not show it.
fn object(mut event: Event, marked: Value) -> Result<RemoteObject, ConnectorError> {
    let marked: Vec<Extended> =
        serde_json::from_value(marked).map_err(|_| ConnectorError::new(ErrorKind::Malformed, CHANGE))?;
    event.single_value_extended_properties = Some(marked);
    map::object(&event).map_err(|reason| unreadable(&reason))
}
