//! Import and export of whole calendars as iCalendar files.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use almanac_backend::{
    Caller, CollectionPath, ObjectName, ObjectPath, PutOutcome, Refusal, Select, WriteGuard,
};
use almanac_ical::merge::Merger;
use almanac_ical::split::split;
use almanac_ical::{CalendarObject, Limits};
use bytes::Bytes;
use ring::digest::{SHA256, digest};

use crate::App;
use crate::copies::batch;
use crate::directory::CollectionEntry;
use crate::error::AppError;
use crate::limits::{EXPORT_OBJECTS, IMPORT_PARALLEL};

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportProgress {
    /// Objects dealt with.
    pub done: usize,
    /// Objects in the file.
    pub total: usize,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Objects that are new.
    pub created: usize,
    /// Objects whose UID was there with other content.
    pub replaced: usize,
    /// Objects that were there octet for octet.
    pub unchanged: usize,
    /// Why objects were refused; the texts hold nothing of them.
    pub refused: Vec<String>,
}

enum Imported {
    Created,
    Replaced,
    Unchanged,
    Refused(String),
}

impl App {
    /// Imports a file of any number of components: one object for each UID. An object whose UID is there
    /// replaces it, so an import can be repeated; a component without a UID gets one that follows from its text. METHOD is
    /// dropped: nobody is invited.
    ///
    /// # Errors
    /// `NotFound` if there is no such calendar, `Invalid` if the file as a whole cannot be read. A bad object
    /// is reported and does not stop the others.
    pub async fn import(
        &self,
        at: &CollectionPath,
        ics: &[u8],
        progress: &(dyn Fn(ImportProgress) + Sync),
    ) -> Result<ImportReport, AppError> {
        let entry = self.owned(at)?;
        let caller = self.owner_of(&entry)?;
        let mut made = HashMap::new();
        let file = split(ics, &Limits::default(), &mut |text| uid_of(text, &mut made))
            .map_err(|reason| AppError::Invalid(format!("the file is not a calendar: {reason}")))?;
        let mut report = ImportReport {
            refused: file.refused.iter().map(ToString::to_string).collect(),
            ..ImportReport::default()
        };
        let done = AtomicUsize::new(0);
        let total = file.objects.len();
        // Several at a time, so that they share the syncs of the disk.
        for objects in file.objects.chunks(IMPORT_PARALLEL) {
            let writes = objects.iter().map(|object| async {
                let outcome = self.import_object(&caller, &entry, at, object).await;
                progress(ImportProgress { done: done.fetch_add(1, Ordering::Relaxed) + 1, total });
                outcome
            });
            for outcome in join_all(writes).await {
                match outcome? {
                    Imported::Created => report.created += 1,
                    Imported::Replaced => report.replaced += 1,
                    Imported::Unchanged => report.unchanged += 1,
                    Imported::Refused(reason) => report.refused.push(reason),
                }
            }
        }
        Ok(report)
    }

    async fn import_object(
        &self,
        caller: &Caller,
        entry: &CollectionEntry,
        at: &CollectionPath,
        object: &CalendarObject,
    ) -> Result<Imported, AppError> {
        let uid = entry.tenant.store.uid_hash(entry.id, object.uid());
        let name = match entry.tenant.store.uid_holder(entry.id, &uid).await? {
            Some(name) => ObjectName::new(&name).map_err(|_| AppError::Bug("a stored name is not a name"))?,
            None => name_for(object.uid(), &uid)?,
        };
        let path = ObjectPath { collection: at.clone(), name };
        let current = self.read_object(caller, &path).await?;
        if current.is_some_and(|current| current.body == object.bytes()) {
            return Ok(Imported::Unchanged);
        }
        match self.write_object(caller, &path, object, &WriteGuard::default()).await {
            Ok(PutOutcome::Created(_)) => Ok(Imported::Created),
            Ok(PutOutcome::Replaced(_)) => Ok(Imported::Replaced),
            Err(AppError::Refused(Refusal::UnsupportedComponent)) => {
                Ok(Imported::Refused(format!("the calendar does not take {}", object.kind().as_str())))
            }
            Err(AppError::Refused(refusal)) => Ok(Imported::Refused(refusal.to_string())),
            Err(error) => Err(error),
        }
    }

    /// A whole calendar as one iCalendar file, which is made piece by piece.
    ///
    /// # Errors
    /// `NotFound` if there is no such calendar.
    pub fn export(&self, at: &CollectionPath) -> Result<CalendarExport<'_>, AppError> {
        let entry = self.owned(at)?;
        let caller = self.owner_of(&entry)?;
        let pieces = Pieces::new(entry.record.display_name.as_deref());
        Ok(CalendarExport { app: self, caller, at: at.clone(), pieces })
    }

    /// The owner of a collection, as a caller.
    pub(crate) fn owner_of(&self, entry: &CollectionEntry) -> Result<Caller, AppError> {
        let directory = self.directory();
        let owner = directory.by_id.get(&entry.owner).ok_or(AppError::Bug("a collection has no owner"))?;
        Ok(Caller { tenant: entry.tenant.id, user: owner.id, login: owner.login.clone() })
    }
}

/// A calendar on its way into a file.
pub struct CalendarExport<'a> {
    app: &'a App,
    caller: Caller,
    at: CollectionPath,
    pieces: Pieces,
}

impl CalendarExport<'_> {
    /// The next piece of the file; `None` after the last.
    ///
    /// # Errors
    /// The calendar cannot be read any more: what came so far is no file.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, AppError> {
        let push = |object: &CalendarObject, merger: &mut Merger, text: &mut String| {
            merger.push(object.calendar(), text);
        };
        self.pieces.next(self.app, &self.caller, &self.at, push).await
    }
}

/// One iCalendar text of a whole calendar, piece by piece; what is held is a batch of objects.
pub(crate) struct Pieces {
    /// `None` after the last piece.
    merger: Option<Merger>,
    text: String,
    /// Members up to this one are written.
    after: Option<ObjectName>,
}

impl Pieces {
    pub(crate) fn new(name: Option<&str>) -> Self {
        let (mut merger, mut text) = (Merger::new(), String::new());
        merger.open(name, &mut text);
        Self { merger: Some(merger), text, after: None }
    }

    /// The next piece, into which `push` writes each object; `None` after the last.
    pub(crate) async fn next(
        &mut self,
        app: &App,
        caller: &Caller,
        at: &CollectionPath,
        mut push: impl FnMut(&CalendarObject, &mut Merger, &mut String) + Send,
    ) -> Result<Option<Bytes>, AppError> {
        let Some(merger) = &mut self.merger else { return Ok(None) };
        let select = Select::default();
        let page = app.list_members(caller, at, &select, self.after.as_ref(), EXPORT_OBJECTS).await?;
        let entries = batch(&page.entries);
        let names: Vec<_> = entries.iter().map(|entry| entry.name.clone()).collect();
        for object in app.read_objects(caller, at, &names).await?.into_iter().flatten() {
            let object = CalendarObject::parse_stored(&object.body)
                .map_err(|_| AppError::Bug("a stored object does not parse"))?;
            push(&object, merger, &mut self.text);
        }
        self.after = names.into_iter().next_back();
        let last = !page.more && entries.len() == page.entries.len();
        if let Some(merger) = self.merger.take_if(|_| last) {
            merger.close(&mut self.text);
        }
        Ok(Some(std::mem::take(&mut self.text).into()))
    }
}

/// The UID for a component without one. Its text gives it, so that the same file gives it again; `made` counts the
/// components that had the same text.
fn uid_of(text: &str, made: &mut HashMap<u128, u64>) -> String {
    let hash = digest(&SHA256, text.as_bytes());
    let hash = u128::from_be_bytes(hash.as_ref().first_chunk().copied().unwrap_or_default());
    let count = made.entry(hash).or_default();
    *count += 1;
    match *count {
        1 => format!("{hash:032x}@almanac"),
        n => format!("{hash:032x}-{n}@almanac"),
    }
}

/// The UID as a name where it can be one, else its keyed hash.
fn name_for(uid: &str, hash: &[u8; 32]) -> Result<ObjectName, AppError> {
    let plain =
        uid.len() <= 200 && uid.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '@'));
    let stem = if plain && !uid.is_empty() {
        uid.to_owned()
    } else {
        hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    };
    ObjectName::new(&format!("{stem}.ics")).map_err(|_| AppError::Bug("a made name is not a name"))
}

/// Drives futures together on this task, without a task of their own; results in their order.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut waiting = false;
        for (future, output) in &mut running {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}
