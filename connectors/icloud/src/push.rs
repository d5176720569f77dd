//! Creating, changing and deleting objects, each with the state that it was decided from.

use almanac_contract::{
    Changed, ConnectorError, Deletion, ErrorKind, Form, Known, Mark, Push, PushKey, Pushed, Reason, RemoteId,
    RemoteObject, RemoteVersion,
};
use almanac_davxml::ask_uid;
use almanac_ical::CalendarObject;

use crate::calls::{Ask, Calls, Got};
use crate::config::Scheduling;
use crate::failure::{About, unknown_report};
use crate::fetch::{Current, get};
use crate::href::{Listed, Place};
use crate::limits::OBJECTS_BYTES_MAX;
use crate::map::{self, Who};
use crate::wire;

const CREATE: &str = "create an object";
const UPDATE: &str = "change an object";
const DELETE: &str = "delete an object";
const FIND: &str = "look for an object";
const ROUTE: &str = "/{home}/{calendar}/{object}";

/// A calendar to write to.
pub(crate) struct Desk<'a> {
    pub(crate) calls: &'a Calls,
    pub(crate) place: Place,
    pub(crate) who: Who<'a>,
    /// What the server says of itself now.
    pub(crate) scheduling: Scheduling,
}

impl Desk<'_> {
    pub(crate) async fn push(&self, push: &Push<'_>) -> Result<Pushed, ConnectorError> {
        let operation = if push.known.is_some() { UPDATE } else { CREATE };
        let people = map::has_people(&map::project(push.form, self.who.scheduling));
        if people && self.scheduling == Scheduling::Server {
            let reason = "the server sends invitations by itself now; add the account again, then it is written without guests";
            return Err(ConnectorError::new(ErrorKind::Refused(Reason(reason)), operation));
        }
        match push.known {
            Some(known) => self.update(push, known).await,
            None => self.create(push).await,
        }
    }

    async fn create(&self, push: &Push<'_>) -> Result<Pushed, ConnectorError> {
        let id = self.id_of(push.key);
        let refused = |reason| ConnectorError::new(ErrorKind::Refused(reason), CREATE);
        let object =
            map::creation(push.form, push.mark, self.who.scheduling, self.calls.now()).map_err(refused)?;
        let got = self.put(&id, &object, ("if-none-match", "*"), CREATE).await?;
        match got.status.as_u16() {
            200 | 201 | 204 => self.written(id, &object, &got, CREATE).await,
            // Something is there under our name, which nobody else makes: an earlier attempt. Or the name stays taken.
            412 => match get(self.calls, &self.place, &id, CREATE).await? {
                Some(current) => self.adopted(&id, &current, push),
                None => Err(ConnectorError::new(ErrorKind::Gone, CREATE)),
            },
            // Something else has our UID: what was created before, and moved by the server or restored by a person.
            403 | 409 => match self.owner_of_uid(&got, push).await? {
                Some(object) => Ok(Pushed::Found(Box::new(object))),
                None => Err(self.failed(&got, CREATE)),
            },
            _ => Err(self.failed(&got, CREATE)),
        }
    }

    async fn update(&self, push: &Push<'_>, known: Known<'_>) -> Result<Pushed, ConnectorError> {
        let error = |kind| ConnectorError::new(kind, UPDATE);
        let Some(current) = get(self.calls, &self.place, known.id, UPDATE).await? else {
            return Err(error(ErrorKind::Gone));
        };
        if current.version != *known.version {
            return Err(error(ErrorKind::Conflict));
        }
        let before = current.object().ok_or_else(|| error(ErrorKind::Malformed))?;
        let object = map::change(&before, known.form, push.form, self.who.scheduling, self.calls.now())
            .map_err(|reason| error(ErrorKind::Refused(reason)))?;
        let got = self.put(known.id, &object, ("if-match", &current.version.0), UPDATE).await?;
        match got.status.as_u16() {
            200 | 201 | 204 => self.written(known.id.clone(), &object, &got, UPDATE).await,
            _ => Err(self.failed(&got, UPDATE)),
        }
    }

    pub(crate) async fn delete(&self, deletion: &Deletion<'_>) -> Result<(), ConnectorError> {
        let target = self.target(deletion.id, DELETE)?;
        let ask = Ask::new("DELETE", target, ROUTE, About::Write, DELETE)
            .with("if-match", &deletion.version.0)
            // RFC 6638 section 8.1: no guest's deletion is told to the organizer.
            .with("schedule-reply", "F");
        let got = self.calls.ask(ask).await?;
        match got.status.as_u16() {
            200..=299 | 404 | 410 => Ok(()),
            412 => match get(self.calls, &self.place, deletion.id, DELETE).await? {
                None => Ok(()),
                Some(_) => Err(ConnectorError::new(ErrorKind::Conflict, DELETE)),
            },
            _ => Err(self.failed(&got, DELETE)),
        }
    }

    /// What a creation with this key made, or what bears the mark.
    pub(crate) async fn find(
        &self,
        key: &PushKey,
        mark: &Mark,
    ) -> Result<Option<RemoteObject>, ConnectorError> {
        let id = self.id_of(key);
        if let Some(current) = get(self.calls, &self.place, &id, FIND).await?
            && let Some(object) = self.same_uid(id, current.version, &current.octets, &mark.uid)
        {
            return Ok(Some(object));
        }
        self.by_uid("VEVENT", &mark.uid, FIND).await
    }

    /// The object's name in the calendar, made of the key so that a second creation meets the first.
    fn id_of(&self, key: &PushKey) -> RemoteId {
        let name: String = key.0.chars().filter(char::is_ascii_alphanumeric).collect();
        self.place.new_member(&format!("{name}.ics"))
    }

    fn target(
        &self,
        id: &RemoteId,
        operation: &'static str,
    ) -> Result<almanac_egress::Target, ConnectorError> {
        let malformed = |refusal| ConnectorError::new(ErrorKind::Malformed, operation).because(refusal);
        self.place.member(id).map_err(malformed)
    }

    fn failed(&self, got: &Got, operation: &'static str) -> ConnectorError {
        self.calls.failed(got, About::Write, operation)
    }

    async fn put(
        &self,
        id: &RemoteId,
        object: &CalendarObject,
        condition: (&'static str, &str),
        operation: &'static str,
    ) -> Result<Got, ConnectorError> {
        let ask = Ask::new("PUT", self.target(id, operation)?, ROUTE, About::Write, operation);
        self.calls.ask(ask.with(condition.0, condition.1).calendar(object.bytes())).await
    }

    /// The object after a write.
    async fn written(
        &self,
        id: RemoteId,
        object: &CalendarObject,
        got: &Got,
        operation: &'static str,
    ) -> Result<Pushed, ConnectorError> {
        // RFC 4791 section 5.3.4: a strong tag in the answer says that the octets are kept as they are.
        let kept = got.header("etag").filter(|etag| !etag.starts_with("W/"));
        if let Some(etag) = kept {
            let object = map::remote(id, wire::version_of(etag), object, self.who);
            return Ok(Pushed::Written(Box::new(object)));
        }
        // What is read after a write that was done tells no more than that it was done.
        let unclear = || ConnectorError::new(ErrorKind::Unclear, operation);
        match get(self.calls, &self.place, &id, operation).await {
            Ok(Some(current)) => match map::object(id, current.version, &current.octets, self.who) {
                Changed::Now(read) => {
                    let wanted = map::remote(read.id.clone(), read.version.clone(), object, self.who).form;
                    let form = read.form.clone();
                    Ok(Pushed::read_back(&wanted, &form, read))
                }
                _ => Err(unclear()),
            },
            Ok(None) => Err(unclear()),
            Err(error) => Err(unclear().because(error)),
        }
    }

    /// What is there where we wanted to create something.
    fn adopted(&self, id: &RemoteId, current: &Current, push: &Push<'_>) -> Result<Pushed, ConnectorError> {
        let object = self.same_uid(id.clone(), current.version.clone(), &current.octets, &push.form.uid);
        object
            .map(|object| Pushed::Found(Box::new(object)))
            .ok_or(ConnectorError::new(ErrorKind::Gone, CREATE))
    }

    /// The object because of which the server did not take ours, if it says that it has the same UID.
    async fn owner_of_uid(&self, got: &Got, push: &Push<'_>) -> Result<Option<RemoteObject>, ConnectorError> {
        let conditions = wire::conditions(&got.body);
        let clash = conditions.iter().any(|c| c.is(almanac_davxml::names::CALDAV, "no-uid-conflict"));
        if !clash && got.status.as_u16() != 409 {
            return Ok(None);
        }
        let named = wire::uid_owner(&got.body).map(|href| self.place.listed(&href));
        if let Some(Listed::Member(id)) = named
            && let Some(current) = get(self.calls, &self.place, &id, CREATE).await?
            && let Some(object) = self.same_uid(id, current.version, &current.octets, &push.form.uid)
        {
            return Ok(Some(object));
        }
        self.by_uid(push.form.kind.as_str(), &push.form.uid, CREATE).await
    }

    /// The object of the calendar with this UID. Of a server that cannot say it is not known; a creation finds it out.
    async fn by_uid(
        &self,
        component: &str,
        uid: &str,
        operation: &'static str,
    ) -> Result<Option<RemoteObject>, ConnectorError> {
        let body = ask_uid(component, uid, wire::OF_OBJECTS);
        let target = self.place.target().clone();
        let ask = Ask::new("REPORT", target, "/{home}/{calendar}", About::Calendar, operation);
        let got = self.calls.ask(ask.xml(1, body).taking(OBJECTS_BYTES_MAX)).await?;
        match got.status.as_u16() {
            207 => {}
            _ if unknown_report(&got) => return Ok(None),
            _ => return Err(self.calls.failed(&got, About::Calendar, operation)),
        }
        let malformed = |error| ConnectorError::new(ErrorKind::Malformed, operation).because(error);
        let reply = wire::read(&got.body).map_err(malformed)?;
        for response in &reply.responses {
            let Some(Listed::Member(id)) =
                response.hrefs.first().map(|href| self.place.listed(href.expose()))
            else {
                continue;
            };
            let (Some(version), Some(data)) = (wire::version(response), wire::data(response)) else {
                continue;
            };
            if let Some(object) = self.same_uid(id, version, data.as_bytes(), uid) {
                return Ok(Some(object));
            }
        }
        Ok(None)
    }

    /// The object in `data`, if it has this UID.
    fn same_uid(&self, id: RemoteId, version: RemoteVersion, data: &[u8], uid: &str) -> Option<RemoteObject> {
        match map::object(id, version, data, self.who) {
            Changed::Now(object) if object.form.uid == uid => Some(*object),
            _ => None,
        }
    }
}

/// Why no server of this kind can have a form.
pub(crate) fn refuses(form: &Form) -> Option<Reason> {
    form.parts.is_empty().then_some(Reason("there is nothing in it"))
}
