//! Writing: a single event with one request, a series with one for its master and one for each instance that differs.

use almanac_contract::form::carry_over;
use almanac_contract::{
    CalendarId, ConnectorError, Deletion, ErrorKind, Field, Form, Instance, Known, Mark, Part, Push, PushKey,
    Pushed, Reason, RemoteId, RemoteObject, RemoteVersion, Wrote,
};
use http::Method;
use serde_json::{Map, Value};

use crate::answers::About;
use crate::calls::{Call, Calls};
use crate::instances;
use crate::map::{self, Differing};
use crate::series::Whole;
use crate::version::Version;
use crate::wire::Event;

pub(crate) const WRITE: &str = "write an event";
const DELETE: &str = "delete an event";
const EVENT: &str = "/calendars/{calendar}/events/{event}";

/// The id of the event that a creation makes. An id is taken for ever, also after the event was deleted.
pub(crate) fn chosen_id(key: &PushKey) -> RemoteId {
    // Hexadecimal digits are among the letters that Google takes (a to v, 0 to 9), and so is what stands before them.
    RemoteId(format!("alm{}", key.0))
}

impl Calls {
    pub(crate) async fn push(&self, push: &Push<'_>) -> Result<Pushed, ConnectorError> {
        if let Some(reason) = map::refuses(push.form) {
            return Err(ConnectorError::new(ErrorKind::Refused(reason), WRITE));
        }
        let form = map::project(push.form);
        match &push.known {
            None => self.create(push, &form).await,
            Some(known) => self.update(push.calendar, known, &form).await,
        }
    }

    /// What a creation with this key made, if it is there.
    pub(crate) async fn find(
        &self,
        calendar: &CalendarId,
        key: &PushKey,
        mark: &Mark,
    ) -> Result<Option<RemoteObject>, ConnectorError> {
        let operation = "look for an event";
        let id = chosen_id(key);
        let Some(whole) = self.whole(calendar, &id, operation).await? else { return Ok(None) };
        let object = whole.object(id).map_err(|_| ConnectorError::new(ErrorKind::Malformed, operation))?;
        Ok(Some(object).filter(|object| is_of(object, mark)))
    }

    async fn create(&self, push: &Push<'_>, form: &Form) -> Result<Pushed, ConnectorError> {
        let id = chosen_id(push.key);
        let master = form.master().ok_or_else(|| ConnectorError::new(ErrorKind::Malformed, WRITE))?;
        instances::possible(&Whole::default(), form)?;
        let path = vec!["calendars", &push.calendar.0, "events"];
        let mut call =
            quiet(Call::new(WRITE, About::Calendar, Method::POST, "/calendars/{calendar}/events", path));
        call.body = Some(map::creation(&id.0, master, push.mark));
        let made: Event = match self.read(&call).await {
            Ok(made) => made,
            Err(error) if error.kind == ErrorKind::Conflict => {
                // It may have been made and deleted since, or be the mirror of another object: the id stays taken.
                let spent = || gone().because(error);
                let Some(found) = self.whole(push.calendar, &id, WRITE).await? else { return Err(spent()) };
                let found = self.told(&found, id)?;
                return if is_of(&found, push.mark) {
                    Ok(Pushed::Found(Box::new(found)))
                } else {
                    Err(spent())
                };
            }
            Err(error) => return Err(error),
        };
        let mut whole = Whole::single(made);
        if form.parts.len() > 1 {
            let mut wrote = Wrote::Something;
            let series = self.series(push.calendar, (&id, whole), (Map::new(), form), &mut wrote).await;
            whole = series.map_err(|error| wrote.so(error))?;
        }
        self.read_back(&whole, id, form)
    }

    async fn update(
        &self,
        calendar: &CalendarId,
        known: &Known<'_>,
        form: &Form,
    ) -> Result<Pushed, ConnectorError> {
        let malformed = || ConnectorError::new(ErrorKind::Malformed, WRITE);
        let version = writable(known.version, WRITE)?;
        let before = map::project(known.form);
        let (Some(old), Some(new)) = (before.master(), form.master()) else { return Err(malformed()) };
        let mut body = map::differences(Differing::From(old), new);
        if shape(old) != shape(new) {
            body.insert("recurrence".into(), map::recurrence(new).into());
        }
        if !body.is_empty() && !needs_instances(&version, &before, form) {
            let whole = Whole::single(self.patch(calendar, &known.id.0, body, Some(&version.etag)).await?);
            return Ok(Pushed::Written(Box::new(self.told(&whole, known.id.clone())?)));
        }
        let whole = self.whole(calendar, known.id, WRITE).await?.ok_or_else(gone)?;
        if whole.version() != version {
            return Err(ConnectorError::new(ErrorKind::Conflict, WRITE));
        }
        let now = whole.form().map_err(|reason| ConnectorError::new(ErrorKind::Refused(reason), WRITE))?;
        let reshaped = ["start", "end", "recurrence"].iter().any(|name| body.contains_key(*name));
        let form = carried(&map::project(&now), &before, form, reshaped);
        instances::possible(&whole, &form)?;
        let new = form.master().ok_or_else(malformed)?;
        if instances::revives(&whole, new) {
            body.insert("recurrence".into(), map::recurrence(new).into());
        }
        let mut wrote = Wrote::Nothing;
        let series = self.series(calendar, (known.id, whole), (body, &form), &mut wrote).await;
        let whole = series.map_err(|error| wrote.so(error))?;
        self.read_back(&whole, known.id.clone(), &form)
    }

    /// Makes a series as `body` says of its master, and `form` of its instances.
    async fn series(
        &self,
        calendar: &CalendarId,
        (id, mut whole): (&RemoteId, Whole),
        (body, form): (Map<String, Value>, &Form),
        wrote: &mut Wrote,
    ) -> Result<Whole, ConnectorError> {
        if !body.is_empty() {
            // First the series: it says which instances there are.
            let etag = whole.version().etag;
            self.patch(calendar, &id.0, body, Some(&etag)).await?;
            *wrote = Wrote::Something;
            whole = self.again(calendar, id).await?;
        }
        if self.instances(calendar, &whole, form, wrote).await? {
            whole = self.again(calendar, id).await?;
        }
        Ok(whole)
    }

    /// Changes what differs of one event, and nothing else.
    pub(crate) async fn patch(
        &self,
        calendar: &CalendarId,
        id: &str,
        body: Map<String, Value>,
        etag: Option<&str>,
    ) -> Result<Event, ConnectorError> {
        let path = vec!["calendars", &calendar.0, "events", id];
        let mut call = quiet(Call::new(WRITE, About::Event, Method::PATCH, EVENT, path));
        call.if_match = etag;
        call.body = Some(body.into());
        self.read(&call).await
    }

    pub(crate) async fn delete(&self, deletion: &Deletion<'_>) -> Result<(), ConnectorError> {
        let version = writable(deletion.version, DELETE)?;
        let conflict = || ConnectorError::new(ErrorKind::Conflict, DELETE);
        if version.instances.is_some() {
            // The master's tag says nothing of its instances.
            match self.whole(deletion.calendar, deletion.id, DELETE).await? {
                None => return Ok(()),
                Some(whole) if whole.version() != version => return Err(conflict()),
                Some(_) => {}
            }
        }
        let path = vec!["calendars", &deletion.calendar.0, "events", &deletion.id.0];
        let mut call =
            Call::new(DELETE, About::Event, Method::DELETE, EVENT, path).with("sendUpdates", "none");
        call.if_match = Some(&version.etag);
        match self.done(&call).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind == ErrorKind::Gone => Ok(()),
            // Google says the same of one that was changed and of one that was deleted.
            Err(error) if error.kind == ErrorKind::Conflict => {
                match self.event(deletion.calendar, &deletion.id.0, DELETE).await? {
                    None => Ok(()),
                    Some(_) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    async fn again(&self, calendar: &CalendarId, id: &RemoteId) -> Result<Whole, ConnectorError> {
        self.whole(calendar, id, WRITE).await?.ok_or_else(gone)
    }

    /// What a write of several requests came to.
    fn read_back(&self, whole: &Whole, id: RemoteId, form: &Form) -> Result<Pushed, ConnectorError> {
        let object = self.told(whole, id)?;
        let read = map::project(&object.form);
        Ok(Pushed::read_back(form, &read, Box::new(object)))
    }

    fn told(&self, whole: &Whole, id: RemoteId) -> Result<RemoteObject, ConnectorError> {
        // It was written, and cannot be read: the next reading says why.
        whole.object(id).map_err(|_| ConnectorError::new(ErrorKind::Unclear, WRITE))
    }
}

/// Whether what has the id that a key gives is the object of this mark, and not the mirror of another one.
fn is_of(found: &RemoteObject, mark: &Mark) -> bool {
    found.mark.as_ref().is_none_or(|found| found.uid == mark.uid)
}

/// A write that tells nobody, and takes no call or file from an event that has one.
fn quiet(call: Call<'_>) -> Call<'_> {
    call.with("sendUpdates", "none").with("conferenceDataVersion", "1").with("supportsAttachments", "true")
}

fn gone() -> ConnectorError {
    ConnectorError::new(ErrorKind::Gone, WRITE)
}

/// What a version says, if what has it may be written to.
fn writable(version: &RemoteVersion, operation: &'static str) -> Result<Version, ConnectorError> {
    let version =
        Version::read(version).ok_or_else(|| ConnectorError::new(ErrorKind::Conflict, operation))?;
    let reason = match version.only_read.as_deref() {
        Some("birthday") => "birthdays are changed in the contacts they come from",
        Some("fromGmail") => "events that Gmail made are changed in Google Calendar only",
        Some(_) => "out-of-office, focus time and the like are changed in Google Calendar only",
        // An instance alone: its series is another's.
        None if version.etag.is_empty() => {
            "only the organizer's series can be changed, and it is not in this calendar"
        }
        None => return Ok(version),
    };
    Err(ConnectorError::new(ErrorKind::Refused(Reason(reason)), operation))
}

/// What a series is to say: what it says now, with the changes of this push. Of a series with other times or rules only those
/// instances stay changed that it still has.
fn carried(now: &Form, before: &Form, form: &Form, reshaped: bool) -> Form {
    let mut all = carry_over(now, before, form);
    let Some(master) = form.master().filter(|_| reshaped) else { return all };
    all.parts.retain(|instance, _| match instance {
        Instance::At(at) => form.parts.contains_key(instance) || map::makes(master, at),
        Instance::Master => true,
    });
    all
}

/// How a master recurs, but for what is cancelled.
fn shape(master: &Part) -> Vec<(&Field, &almanac_contract::Value)> {
    let is = |field: &Field| matches!(field, Field::Rule | Field::Extra(_) | Field::Other(..));
    master.iter().filter(|(field, _)| is(field)).collect()
}

/// Whether a write has to look at single instances.
fn needs_instances(version: &Version, before: &Form, form: &Form) -> bool {
    let cancelled = |form: &Form| -> Vec<Field> {
        let fields = form.master().into_iter().flat_map(Part::keys);
        fields.filter(|field| matches!(field, Field::Except(_))).cloned().collect()
    };
    version.has_instances()
        || before.parts.len() > 1
        || form.parts.len() > 1
        || cancelled(before) != cancelled(form)
}
