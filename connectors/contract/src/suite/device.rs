//! Two devices of one person, and what they do.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::Date;

use crate::suite::examples::Example;
use crate::{
    Attempt, CalendarId, Changed, Connector, ConnectorError, Coverage, Deletion, DeltaToken, Field, Form,
    Instance, Known, Mark, Next, Push, PushKey, Pushed, RemoteId, RemoteObject, RemoteVersion,
};

/// Whether a promise was kept; else what happened instead.
pub type Outcome = Result<(), String>;

/// Pages that a listing may have here.
const PAGES_MAX: usize = 10_000;

/// Two connectors of one account, and a calendar of it that may be written to.
pub struct Devices<'a> {
    /// The device that begins.
    pub one: &'a dyn Connector,
    /// The other one.
    pub other: &'a dyn Connector,
    /// The calendar. What is in it already stays untouched.
    pub calendar: CalendarId,
    /// About when the examples are; the vendor must show the weeks after it.
    pub day: Date,
    seed: u64,
    made: AtomicU64,
}

/// An object to be created: what it says, and what names its creation.
pub(super) struct Subject {
    pub form: Form,
    pub mark: Mark,
    pub key: PushKey,
}

/// All pages of a listing together.
pub(super) struct Listing {
    /// The last line of each object.
    pub lines: BTreeMap<RemoteId, Changed>,
    pub coverage: Coverage,
    pub token: DeltaToken,
}

impl<'a> Devices<'a> {
    /// `seed` tells apart what several runs leave in one calendar.
    #[must_use]
    pub fn new(
        one: &'a dyn Connector,
        other: &'a dyn Connector,
        calendar: CalendarId,
        day: Date,
        seed: u64,
    ) -> Self {
        Self { one, other, calendar, day, seed, made: AtomicU64::new(0) }
    }

    /// A number that was not used before.
    fn number(&self) -> u64 {
        self.made.fetch_add(1, Ordering::Relaxed)
    }

    /// A key that was not used before.
    pub(super) fn key(&self) -> PushKey {
        PushKey(format!("{:016x}{:016x}", self.seed, self.number()))
    }

    /// A new object, under the projection.
    pub(super) fn subject(&self, example: &Example) -> Result<Subject, String> {
        let uid = format!("suite-{}-{}@almanac.example", self.seed, self.number());
        let form = self.one.project(&example.form(&uid, self.day)?);
        if form.uid != uid {
            return Err("the projection changed the UID".to_owned());
        }
        let mark = Mark { link: "link-of-the-suite".to_owned(), uid };
        Ok(Subject { form, mark, key: self.key() })
    }

    /// Creates it on the first device.
    pub(super) async fn create(&self, subject: &Subject) -> Result<RemoteObject, String> {
        match self.push(self.one, subject, None, &subject.form, Attempt::First).await {
            Ok(Pushed::Written(object)) => Ok(*object),
            Ok(Pushed::Found(_)) => Err("a first creation found an earlier one".to_owned()),
            Err(error) => Err(said(&error)),
        }
    }

    /// Replaces `known` by `form`.
    pub(super) async fn update(
        &self,
        device: &dyn Connector,
        subject: &Subject,
        known: &RemoteObject,
        form: &Form,
    ) -> Result<RemoteObject, ConnectorError> {
        match self.push(device, subject, Some(known), form, Attempt::First).await? {
            Pushed::Written(object) | Pushed::Found(object) => Ok(*object),
        }
    }

    pub(super) async fn push(
        &self,
        device: &dyn Connector,
        subject: &Subject,
        known: Option<&RemoteObject>,
        form: &Form,
        attempt: Attempt,
    ) -> Result<Pushed, ConnectorError> {
        let known = known.map(|known| Known { id: &known.id, version: &known.version, form: &known.form });
        let (mark, key) = (&subject.mark, &subject.key);
        device.push(&Push { calendar: &self.calendar, known, form, mark, key, attempt }).await
    }

    pub(super) async fn delete(
        &self,
        device: &dyn Connector,
        known: &RemoteObject,
    ) -> Result<(), ConnectorError> {
        let deletion = Deletion { calendar: &self.calendar, id: &known.id, version: &known.version };
        device.delete(&deletion).await
    }

    /// How an object is now; `None`: it is gone.
    pub(super) async fn look(
        &self,
        device: &dyn Connector,
        id: &RemoteId,
    ) -> Result<Option<RemoteObject>, String> {
        let lines = device.fetch(&self.calendar, std::slice::from_ref(id)).await;
        let mut lines = lines.map_err(|error| said(&error))?;
        match (lines.pop(), lines.pop()) {
            (Some(line), None) if line.id() != id => Err("another object was fetched".to_owned()),
            (Some(Changed::Now(object)), None) => Ok(Some(*object)),
            (Some(Changed::Gone(_)), None) => Ok(None),
            (Some(Changed::Unreadable(_, reason)), None) => Err(format!("not readable: {}", reason.0)),
            (Some(Changed::Touched(..)), None) => Err("a fetch told only that it is touched".to_owned()),
            _ => Err("the fetch of one object gave not exactly one line".to_owned()),
        }
    }

    /// As [`Devices::look`], of an object that must be there.
    pub(super) async fn there(&self, device: &dyn Connector, id: &RemoteId) -> Result<RemoteObject, String> {
        self.look(device, id).await?.ok_or_else(|| "the object is gone".to_owned())
    }

    /// All pages of what changed since `since`, or of everything.
    pub(super) async fn list(
        &self,
        device: &dyn Connector,
        since: Option<&DeltaToken>,
    ) -> Result<Listing, String> {
        let (mut lines, mut page, mut covered) = (BTreeMap::new(), None, None);
        for _ in 0..PAGES_MAX {
            let found = device.changes(&self.calendar, since, page.as_ref()).await;
            let found = found.map_err(|error| said(&error))?;
            if covered.is_some_and(|covered| covered != found.coverage) {
                return Err("the coverage changed between two pages".to_owned());
            }
            covered = Some(found.coverage);
            lines.extend(found.changes.into_iter().map(|line| (line.id().clone(), line)));
            match found.next {
                Next::Page(next) => page = Some(next),
                Next::Done(token) => return Ok(Listing { lines, coverage: found.coverage, token }),
            }
        }
        Err(format!("the listing has not ended after {PAGES_MAX} pages"))
    }

    /// The version of an object as a listing tells it, fetched where it tells none; `None`: it is gone, or not in it.
    pub(super) async fn version_in(
        &self,
        device: &dyn Connector,
        listing: &Listing,
        id: &RemoteId,
    ) -> Result<Option<RemoteVersion>, String> {
        match listing.lines.get(id) {
            Some(Changed::Now(object)) => Ok(Some(object.version.clone())),
            Some(Changed::Touched(_, Some(version))) => Ok(Some(version.clone())),
            Some(Changed::Touched(_, None)) => Ok(self.look(device, id).await?.map(|object| object.version)),
            Some(Changed::Gone(_)) => Ok(None),
            Some(Changed::Unreadable(_, reason)) => Err(format!("not readable: {}", reason.0)),
            // Only a listing of a window leaves open what is absent from it.
            None if listing.coverage == Coverage::Window => {
                Ok(self.look(device, id).await?.map(|object| object.version))
            }
            None => Ok(None),
        }
    }

    /// How many objects of the calendar have this UID.
    pub(super) async fn count(&self, device: &dyn Connector, uid: &str) -> Result<usize, String> {
        let listing = self.list(device, None).await?;
        let touched = |line: &&Changed| matches!(line, Changed::Touched(..));
        let ids: Vec<RemoteId> =
            listing.lines.values().filter(touched).map(|line| line.id().clone()).collect();
        let fetched = device.fetch(&self.calendar, &ids).await.map_err(|error| said(&error))?;
        let lines = listing.lines.values().chain(&fetched);
        let has_it = |line: &&Changed| matches!(line, Changed::Now(object) if object.form.uid == uid);
        Ok(lines.filter(has_it).count())
    }

    /// Whether two forms say the same to the vendor; else which fields differ.
    pub(super) fn same(&self, found: &Form, wanted: &Form) -> Outcome {
        let (found, wanted) = (self.one.project(found), self.one.project(wanted));
        if found == wanted {
            return Ok(());
        }
        if (found.kind, &found.uid) != (wanted.kind, &wanted.uid) {
            return Err("kind or UID are others".to_owned());
        }
        let parts: std::collections::BTreeSet<&Instance> =
            found.parts.keys().chain(wanted.parts.keys()).collect();
        let mut differ = Vec::new();
        for instance in parts {
            let (Some(one), Some(two)) = (found.parts.get(instance), wanted.parts.get(instance)) else {
                let which = if found.parts.contains_key(instance) { "one too many" } else { "missing" };
                differ.push(format!("{instance:?} is {which}"));
                continue;
            };
            let fields: std::collections::BTreeSet<&Field> = one.keys().chain(two.keys()).collect();
            let other = fields.into_iter().filter(|field| one.get(*field) != two.get(*field));
            differ.extend(other.map(|field| format!("{field:?} of {instance:?}")));
        }
        Err(format!("it does not read back as it was written: {}", differ.join(", ")))
    }
}

/// An error in words.
pub(super) fn said(error: &ConnectorError) -> String {
    let mut text = format!("{error} [{:?}, {:?}]", error.kind, error.retry);
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(" <- {cause}"));
        source = cause.source();
    }
    text
}
