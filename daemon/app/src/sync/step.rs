//! One step for one object: everything it stands on in one view, everything it changes in one commit.

use std::sync::Arc;

use almanac_backend::{ObjectName, Refusal};
use almanac_base::HistoryId;
use almanac_ical::CalendarObject;
use almanac_store::objects::{Member, WholeObject};
use almanac_store::records::object::member_key;
use almanac_store::records::sync::{history_key, pair_key};
use almanac_store::records::{
    DispatchRecord, Document, HistoryRecord, ObjectRecord, PairRecord, PropertiesRecord, RemoteRecord,
};
use almanac_store::{Precondition, RecordVersion, Space, Write};

use super::history::{Loser, Lost};
use super::pairs::{dispatch, dispatch_record, pair_record, pair_row, remote_key};
use super::{Dispatch, LinkInfo, Pair, Waiting};
use crate::App;
use crate::directory::CollectionEntry;
use crate::error::AppError;
use crate::index::slot::{Slot, kind_to_byte, summarize};
use crate::objects::Changed;
use crate::properties::unchanged;

/// What a step stands on.
pub struct StepView {
    /// The name of the object.
    pub name: ObjectName,
    /// The object here, with its version.
    pub object: Option<(RecordVersion, CalendarObject)>,
    /// What the link knows of it.
    pub pair: Option<Pair>,
    /// That it waits to be sent.
    pub dispatch: Option<Dispatch>,
    entry: Arc<CollectionEntry>,
    member: Member,
    whole: Option<WholeObject>,
    pair_version: Option<RecordVersion>,
    dispatch_version: Option<RecordVersion>,
}

/// What becomes of a row, or of the object.
#[derive(Clone, Default)]
pub enum StepChange<T> {
    /// It stays as it is.
    #[default]
    Leave,
    /// It is written.
    Put(T),
    /// It goes; an object into the trash.
    Remove,
}

/// What a step changes, all in one commit.
#[derive(Default)]
pub struct Step {
    /// The object here.
    pub object: StepChange<CalendarObject>,
    /// What the link knows of it. Its `local` is set to the new version where the object is written.
    pub pair: StepChange<Pair>,
    /// Whether it waits to be sent.
    pub dispatch: StepChange<Dispatch>,
    /// What is lost.
    pub lost: Vec<Lost>,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is durable.
    Done,
    /// Something it stands on is not so any more, be it the link or the collection: look and decide again.
    Outdated,
    /// The collection does not take it, and why. Nothing was written.
    Refused(&'static str),
}

impl App {
    /// What a step for the object with this name stands on, in one consistent view.
    ///
    /// # Errors
    /// `NotFound` if the link or the collection is not there any more, `Invalid` if this is no name of an object.
    pub async fn view_step(&self, link: &LinkInfo, name: &str) -> Result<StepView, AppError> {
        let name =
            ObjectName::new(name).map_err(|_| AppError::Invalid("not a name of an object".to_owned()))?;
        let entry = self.collection_of(link)?;
        let store = &entry.tenant.store;
        let member = store.member(entry.id, name.as_str());
        let object = member_key(entry.id, &member.name);
        let pair = pair_key(link.id, &member.name);
        let keys = [
            (Space::Objects, object.as_slice().into()),
            (Space::Properties, object.into()),
            (Space::Pairs, pair.as_slice().into()),
            (Space::Dispatch, pair.into()),
            (Space::Links, link.id.as_bytes().as_slice().into()),
        ];
        let found = store.get_many(&keys).await?;
        let [object, properties, pair, waits, own] =
            <[_; 5]>::try_from(found).map_err(|_| AppError::Bug("an answer does not fit the question"))?;
        if own.is_none() {
            return Err(AppError::NotFound("link"));
        }
        let whole = match object {
            None => None,
            Some(row) => Some(WholeObject {
                version: row.version,
                object: ObjectRecord::from_bytes(&row.value)?,
                properties_version: properties.as_ref().map(|row| row.version),
                properties: match properties {
                    Some(row) => PropertiesRecord::from_bytes(&row.value)?,
                    None => PropertiesRecord::default(),
                },
            }),
        };
        let object = match &whole {
            None => None,
            Some(whole) => {
                let body = CalendarObject::parse_stored(&whole.object.body);
                Some((whole.version, body.map_err(|_| AppError::Bug("a stored object does not parse"))?))
            }
        };
        let pair_version = pair.as_ref().map(|row| row.version);
        let dispatch_version = waits.as_ref().map(|row| row.version);
        Ok(StepView {
            name,
            object,
            pair: pair
                .map(|row| Ok::<_, AppError>(pair_row(PairRecord::from_bytes(&row.value)?)?.pair))
                .transpose()?,
            dispatch: waits
                .map(|row| Ok::<_, AppError>(dispatch(&DispatchRecord::from_bytes(&row.value)?)))
                .transpose()?,
            entry,
            member,
            whole,
            pair_version,
            dispatch_version,
        })
    }

    /// Carries out a step, all of it or nothing.
    ///
    /// # Errors
    /// `Store` if the store fails.
    pub async fn settle_step(
        &self,
        link: &LinkInfo,
        view: &StepView,
        step: Step,
    ) -> Result<Settled, AppError> {
        let (entry, member) = (&view.entry, view.member);
        let store = &entry.tenant.store;
        let row = pair_key(link.id, &member.name);
        let version_is = |space, key: &[u8], version: Option<RecordVersion>| match version {
            Some(version) => Precondition::VersionIs(space, key.into(), version),
            None => Precondition::Absent(space, key.into()),
        };
        let mut write = Write::new()
            .require(Precondition::VersionIs(
                Space::Links,
                link.id.as_bytes().as_slice().into(),
                link.version,
            ))
            .require(Precondition::Exists(Space::Collections, entry.id.as_bytes().as_slice().into()))
            .require(version_is(Space::Pairs, &row, view.pair_version))
            .require(version_is(Space::Dispatch, &row, view.dispatch_version));
        let mut now = None;
        let mut written = None;
        match &step.object {
            StepChange::Leave => {}
            StepChange::Put(object) => {
                let put = match self.putting(view, object).await? {
                    Ok(put) => put,
                    Err(settled) => return Ok(settled),
                };
                written = Some(put.version);
                write = write.require_object(member, view.whole.as_ref().map(|whole| whole.version));
                if view.whole.is_none() {
                    write = write.require_uid_free(entry.id, &put.record.uid);
                }
                write = write.put_object(member, put.version, &put.record, &put.summary);
                now = Some(Some(Arc::new(Slot::from_record(member.name, put.version, put.summary)?)));
            }
            StepChange::Remove => {
                if let Some(whole) = &view.whole {
                    write = write
                        .require_object(member, Some(whole.version))
                        .require(unchanged(&member_key(entry.id, &member.name), whole.properties_version))
                        .delete_object(
                            member,
                            store.new_version(),
                            &whole.object,
                            self.clock.now().as_second(),
                        );
                    write = self.keeping_object(write, entry, whole.clone());
                    now = Some(None);
                }
            }
        }
        let was = Waiting::of(view.pair.as_ref());
        let is = match &step.pair {
            StepChange::Leave => was,
            StepChange::Put(pair) => Waiting::of(Some(pair)),
            StepChange::Remove => Waiting::default(),
        };
        write = self.with_rows(write, link, view, &row, step, written);
        let committed = self.commit(entry, write).await;
        if was != is {
            self.waiting.forget(link.id); // an error, too, may have changed it
        }
        let Some(committed) = committed? else { return Ok(Settled::Outdated) };
        if let Some(now) = now {
            self.announce([Changed { entry, member, now }], &committed);
        }
        Ok(Settled::Done)
    }

    /// Adds the link's own rows.
    fn with_rows(
        &self,
        mut write: Write,
        link: &LinkInfo,
        view: &StepView,
        row: &[u8],
        step: Step,
        written: Option<RecordVersion>,
    ) -> Write {
        let store = &view.entry.tenant.store;
        let name = view.name.as_str();
        let remote_before = view.pair.as_ref().and_then(|pair| pair.remote.as_deref());
        let remote_row = |remote: &str| remote_key(store, link.id, remote);
        match step.pair {
            StepChange::Leave => {}
            StepChange::Put(mut pair) => {
                if let Some(version) = written {
                    pair.local = Some(version);
                }
                if let Some(before) = remote_before.filter(|before| pair.remote.as_deref() != Some(*before)) {
                    write = write.delete(Space::Remotes, remote_row(before));
                }
                if let Some(remote) = pair.remote.as_deref().filter(|remote| remote_before != Some(*remote)) {
                    let leads = RemoteRecord { name: name.to_owned() };
                    write =
                        write.put(Space::Remotes, remote_row(remote), store.new_version(), leads.to_bytes());
                }
                write =
                    write.put(Space::Pairs, row, store.new_version(), pair_record(name, &pair).to_bytes());
            }
            StepChange::Remove => {
                if let Some(before) = remote_before {
                    write = write.delete(Space::Remotes, remote_row(before));
                }
                write = write.delete(Space::Pairs, row);
            }
        }
        match step.dispatch {
            StepChange::Leave => {}
            StepChange::Put(waits) => {
                let record = dispatch_record(name, &waits);
                write = write.put(Space::Dispatch, row, store.new_version(), record.to_bytes());
            }
            StepChange::Remove => write = write.delete(Space::Dispatch, row),
        }
        for lost in step.lost {
            let id = HistoryId::from_bytes(self.ids.fresh());
            let record = HistoryRecord {
                at: self.clock.now().as_second(),
                name: name.to_owned(),
                loser: u8::from(lost.loser == Loser::Vendor),
                fields: lost.fields,
                object: lost.object,
            };
            write =
                write.put(Space::History, history_key(link.id, id), store.new_version(), record.to_bytes());
        }
        write
    }

    /// What writing an object comes to, or why it is not written.
    async fn putting(
        &self,
        view: &StepView,
        object: &CalendarObject,
    ) -> Result<Result<Putting, Settled>, AppError> {
        let (entry, store) = (&view.entry, &view.entry.tenant.store);
        if !entry.record.components.contains(&kind_to_byte(object.kind())) {
            return Ok(Err(Settled::Refused("the calendar here does not take this kind of component")));
        }
        let uid = store.uid_hash(entry.id, object.uid());
        match &view.whole {
            Some(whole) if whole.object.uid != uid => {
                return Ok(Err(Settled::Refused("the object here has another UID")));
            }
            None => match store.uid_holder(entry.id, &uid).await? {
                // Written a moment ago: what this stands on is of yesterday.
                Some(holder) if holder == view.name.as_str() => return Ok(Err(Settled::Outdated)),
                Some(_) => return Ok(Err(Settled::Refused("another object here has this UID"))),
                None => {}
            },
            _ => {}
        }
        let now = self.clock.now().as_second();
        let created = view.whole.as_ref().map_or(now, |whole| whole.object.created);
        let summary = match summarize(&view.name, object, created, now) {
            Ok(summary) => summary,
            Err(AppError::Refused(Refusal::MaxInstances) | AppError::TooManyInstances) => {
                return Ok(Err(Settled::Refused("the object has too many instances")));
            }
            Err(error) => return Err(error),
        };
        let record = ObjectRecord {
            name: view.name.as_str().to_owned(),
            kind: kind_to_byte(object.kind()),
            created,
            modified: now,
            body: object.bytes().to_vec(),
            uid,
        };
        Ok(Ok(Putting { version: store.new_version(), record, summary }))
    }
}

/// An object that is to be written.
struct Putting {
    version: RecordVersion,
    record: ObjectRecord,
    summary: almanac_store::records::SummaryRecord,
}
