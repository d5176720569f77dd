//! Writing calendar object resources: read, decide, one commit; on a conflict read and decide again.

use std::sync::Arc;

use almanac_backend::{
    Access, Caller, CollectionPath, ETag, ObjectName, ObjectPath, Overwrite, PutOutcome, Refusal,
    StoredObject, WriteGuard,
};
use almanac_ical::CalendarObject;
use almanac_store::objects::Member;
use almanac_store::records::ObjectRecord;
use almanac_store::records::collection::share_key;
use almanac_store::records::object::member_key;
use almanac_store::{Committed, Precondition, RecordVersion, Space, StoreError, Write};
use jiff::Timestamp;

use crate::App;
use crate::directory::CollectionEntry;
use crate::error::AppError;
use crate::head::Moment;
use crate::index::members::Step;
use crate::index::slot::{Slot, kind_from_byte, kind_to_byte, summarize};
use crate::limits::COMMIT_ATTEMPTS;
use crate::properties::unchanged;

/// A member that a commit changed.
pub(crate) struct Changed<'a> {
    pub(crate) entry: &'a CollectionEntry,
    pub(crate) member: Member,
    /// How it is now; `None`: gone.
    pub(crate) now: Option<Arc<Slot>>,
}

/// An object as it was read, with the version that a write must find unchanged.
type Current = Option<(RecordVersion, ObjectRecord)>;

impl App {
    /// See `Backend::object`.
    pub(crate) async fn read_object(
        &self,
        caller: &Caller,
        at: &ObjectPath,
    ) -> Result<Option<StoredObject>, AppError> {
        let names = std::slice::from_ref(&at.name);
        match self.read_objects(caller, &at.collection, names).await {
            Ok(mut found) => Ok(found.pop().flatten()),
            Err(AppError::Refused(Refusal::NotFound)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// See `Backend::objects`.
    pub(crate) async fn read_objects(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        names: &[ObjectName],
    ) -> Result<Vec<Option<StoredObject>>, AppError> {
        let entry = self.readable(caller, at)?;
        let store = &entry.tenant.store;
        let members: Vec<Member> = names.iter().map(|name| store.member(entry.id, name.as_str())).collect();
        let found = store.objects(&members).await?;
        names
            .iter()
            .zip(found)
            .map(|(name, current)| current.map(|(version, object)| stored(name, version, object)).transpose())
            .collect()
    }

    /// See `Backend::put_object`.
    pub(crate) async fn write_object(
        &self,
        caller: &Caller,
        at: &ObjectPath,
        body: &CalendarObject,
        guard: &WriteGuard,
    ) -> Result<PutOutcome, AppError> {
        for _ in 0..COMMIT_ATTEMPTS {
            let Permit { entry, holds } = self.writable(caller, &at.collection, Refusal::ParentMissing)?;
            if !entry.record.components.contains(&kind_to_byte(body.kind())) {
                return Err(Refusal::UnsupportedComponent.into());
            }
            let store = &entry.tenant.store;
            let member = store.member(entry.id, at.name.as_str());
            let uid = store.uid_hash(entry.id, body.uid());
            let current = self.current(&entry, member, guard).await?;
            if self.check_uid(&entry, at, &uid, current.as_ref()).await? == Seen::Outdated {
                continue;
            }
            let now = self.clock.now().as_second();
            let created = current.as_ref().map_or(now, |(_, old)| old.created);
            let summary = summarize(&at.name, body, created, now)?;
            let object = ObjectRecord {
                name: at.name.as_str().to_owned(),
                kind: kind_to_byte(body.kind()),
                created,
                modified: now,
                body: body.bytes().to_vec(),
                uid,
            };
            let version = store.new_version();
            let mut write = Write { preconditions: holds, ..Write::new() }
                .require_object(member, current.as_ref().map(|(version, _)| *version));
            if current.is_none() {
                write = write.require_uid_free(entry.id, &uid);
            }
            let write = write.put_object(member, version, &object, &summary);
            if let Some(committed) = self.commit(&entry, write).await? {
                if body.assumes_utc() {
                    tracing::warn!(
                        collection.id = %entry.id,
                        "an object was stored that names a time zone nobody knows; its times count as UTC"
                    );
                }
                let slot = Slot::from_record(member.name, version, summary)?;
                self.announce([Changed { entry: &entry, member, now: Some(Arc::new(slot)) }], &committed);
                let etag = Some(ETag::from_version(*version.as_bytes()));
                return Ok(outcome(current.is_some(), etag));
            }
        }
        Err(AppError::Busy)
    }

    /// See `Backend::delete_object`.
    pub(crate) async fn remove_object(
        &self,
        caller: &Caller,
        at: &ObjectPath,
        guard: &WriteGuard,
    ) -> Result<(), AppError> {
        for _ in 0..COMMIT_ATTEMPTS {
            let Permit { entry, holds } = self.writable(caller, &at.collection, Refusal::NotFound)?;
            let store = &entry.tenant.store;
            let member = store.member(entry.id, at.name.as_str());
            let whole = self.leaving(&entry, member, guard).await?;
            let write = Write { preconditions: holds, ..Write::new() }
                .require_object(member, Some(whole.version))
                .require(unchanged(&member_key(entry.id, &member.name), whole.properties_version))
                .delete_object(member, store.new_version(), &whole.object, self.clock.now().as_second());
            let write = self.keeping_object(write, &entry, whole);
            if let Some(committed) = self.commit(&entry, write).await? {
                self.announce([Changed { entry: &entry, member, now: None }], &committed);
                return Ok(());
            }
        }
        Err(AppError::Busy)
    }

    /// See `Backend::move_object` and `Backend::copy_object`: a move is a copy that removes its source in the
    /// same commit.
    pub(crate) async fn transfer_object(
        &self,
        caller: &Caller,
        from: &ObjectPath,
        to: &ObjectPath,
        guard: &WriteGuard,
        overwrite: Overwrite,
        source: Source,
    ) -> Result<PutOutcome, AppError> {
        for _ in 0..COMMIT_ATTEMPTS {
            let (origin, leaves) = match source {
                Source::Keep => (self.readable(caller, &from.collection)?, Vec::new()),
                Source::Remove => {
                    let permit = self.writable(caller, &from.collection, Refusal::NotFound)?;
                    (permit.entry, permit.holds)
                }
            };
            let Permit { entry: target, holds } =
                self.writable(caller, &to.collection, Refusal::ParentMissing)?;
            let store = &origin.tenant.store;
            let source_member = store.member(origin.id, from.name.as_str());
            let target_member = store.member(target.id, to.name.as_str());
            if source_member == target_member {
                return Err(Refusal::NeedPrivilege.into()); // RFC 4918 9.8.5: source and destination are the same
            }
            let (version, old) = self.existing(&origin, source_member, guard).await?;
            if !target.record.components.contains(&old.kind) {
                return Err(Refusal::UnsupportedComponent.into());
            }
            let replaced = self.current(&target, target_member, &WriteGuard::default()).await?;
            if replaced.is_some() && overwrite == Overwrite::Refuse {
                return Err(Refusal::PreconditionFailed.into());
            }
            let body = CalendarObject::parse_stored(&old.body)
                .map_err(|_| AppError::Bug("a stored object does not parse"))?;
            let uid = store.uid_hash(target.id, body.uid());
            let leaves_same = source == Source::Remove && origin.id == target.id;
            let uses =
                Uses { uid: &uid, leaving: leaves_same.then_some(&from.name), replaced: replaced.as_ref() };
            if self.check_transfer_uid(&target, to, &uses).await? == Seen::Outdated {
                continue;
            }
            let now = self.clock.now().as_second();
            // A moved resource is the same one; a copy is new (RFC 4918 section 15.1).
            let created = if source == Source::Remove { old.created } else { now };
            let summary = summarize(&to.name, &body, created, now)?;
            let object = ObjectRecord {
                name: to.name.as_str().to_owned(),
                created,
                modified: now,
                uid,
                ..old.clone()
            };
            let fresh = store.new_version();
            let preconditions = holds.into_iter().chain(leaves).collect();
            let mut write = Write { preconditions, ..Write::new() }
                .require_object(source_member, Some(version))
                .require_object(target_member, replaced.as_ref().map(|(version, _)| *version));
            if source == Source::Remove {
                write = write.delete_object(source_member, store.new_version(), &old, now);
            }
            if !leaves_same && replaced.is_none() {
                write = write.require_uid_free(target.id, &uid);
            }
            let write = write.put_object(target_member, fresh, &object, &summary);
            let write = self.carry_properties(write, &origin, source_member, &target, target_member).await?;
            if let Some(committed) = self.commit(&target, write).await? {
                let slot = Arc::new(Slot::from_record(target_member.name, fresh, summary)?);
                let gone = Changed { entry: &origin, member: source_member, now: None };
                let come = Changed { entry: &target, member: target_member, now: Some(slot) };
                let gone = (source == Source::Remove).then_some(gone);
                self.announce(gone.into_iter().chain([come]), &committed);
                return Ok(outcome(replaced.is_some(), Some(ETag::from_version(*fresh.as_bytes()))));
            }
        }
        Err(AppError::Busy)
    }

    /// The object as it is now, if the guard holds of it.
    async fn current(
        &self,
        entry: &CollectionEntry,
        member: Member,
        guard: &WriteGuard,
    ) -> Result<Current, AppError> {
        let current = entry.tenant.store.objects(&[member]).await?.pop().flatten();
        let etag = current.as_ref().map(|(version, _)| ETag::from_version(*version.as_bytes()));
        if guard.holds(etag.as_ref()) { Ok(current) } else { Err(Refusal::PreconditionFailed.into()) }
    }

    /// As `current`, of an object that must be there: what is missing is missing, whatever the guard wants of it
    /// (RFC 9110 section 13.2.1).
    async fn existing(
        &self,
        entry: &CollectionEntry,
        member: Member,
        guard: &WriteGuard,
    ) -> Result<(RecordVersion, ObjectRecord), AppError> {
        let current = self.current(entry, member, &WriteGuard::default()).await?.ok_or(Refusal::NotFound)?;
        let etag = ETag::from_version(*current.0.as_bytes());
        if guard.holds(Some(&etag)) { Ok(current) } else { Err(Refusal::PreconditionFailed.into()) }
    }

    /// RFC 4791 section 5.3.2.1, `no-uid-conflict`: no other member has the UID, and an overwritten one keeps its own.
    async fn check_uid(
        &self,
        entry: &CollectionEntry,
        at: &ObjectPath,
        uid: &[u8; 32],
        current: Option<&(RecordVersion, ObjectRecord)>,
    ) -> Result<Seen, AppError> {
        match current {
            Some((_, old)) if old.uid == *uid => Ok(Seen::Current),
            Some(_) => Err(Refusal::UidConflict(at.clone()).into()),
            None => match entry.tenant.store.uid_holder(entry.id, uid).await? {
                // It was not there a moment ago: somebody else has just written it.
                Some(holder) if holder == at.name.as_str() => Ok(Seen::Outdated),
                Some(holder) => Err(Refusal::UidConflict(sibling(at, &holder)?).into()),
                None => Ok(Seen::Current),
            },
        }
    }

    /// As `check_uid`, for a copy or a move: the claim of a source that leaves is no conflict.
    async fn check_transfer_uid(
        &self,
        target: &CollectionEntry,
        to: &ObjectPath,
        uses: &Uses<'_>,
    ) -> Result<Seen, AppError> {
        if let Some((_, replaced)) = uses.replaced {
            let same = replaced.uid == *uses.uid;
            return if same { Ok(Seen::Current) } else { Err(Refusal::UidConflict(to.clone()).into()) };
        }
        match target.tenant.store.uid_holder(target.id, uses.uid).await? {
            Some(holder) if uses.leaving.is_some_and(|name| holder == name.as_str()) => Ok(Seen::Current),
            Some(holder) if holder == to.name.as_str() => Ok(Seen::Outdated),
            Some(holder) => Err(Refusal::UidConflict(sibling(to, &holder)?).into()),
            None => Ok(Seen::Current),
        }
    }

    /// Commits; `None` means that another writer was first and the decision must be made again.
    pub(crate) async fn commit(
        &self,
        entry: &CollectionEntry,
        write: Write,
    ) -> Result<Option<Committed>, AppError> {
        let announced: Vec<_> = write.log.iter().map(|change| change.collection).collect();
        match entry.tenant.store.commit(write).await {
            Ok(committed) => Ok(Some(committed)),
            Err(StoreError::Conflict { .. }) => Ok(None),
            Err(error) => Err(self.uncertain(error, &announced)),
        }
    }

    /// Tells the indexes and the collections' heads of changes that are durable, in the order of the log
    /// entries. Changes of one collection that follow each other are shown in one step.
    pub(crate) fn announce<'a>(&self, changed: impl IntoIterator<Item = Changed<'a>>, committed: &Committed) {
        let mut changed = changed.into_iter().zip(&committed.changes).peekable();
        while let Some((first, place)) = changed.next() {
            let entry = first.entry;
            let step = |changed: Changed<'_>, seq| Step { seq, hash: changed.member.name, slot: changed.now };
            let (prev_seq, mut last) = (place.prev_seq, place);
            let mut steps = vec![step(first, place.seq)];
            while let Some((next, place)) = changed.next_if(|(next, _)| next.entry.id == entry.id) {
                last = place;
                steps.push(step(next, place.seq));
            }
            self.indexes.apply(entry.id, prev_seq, steps);
            let _ = self.changed.send(entry.id); // nobody may be listening
            let moment = Moment::new(last.seq, Some(last.version));
            entry.head.raise(moment);
            // A calendar that was deleted and restored since it was looked up has another head.
            if let Some(now) = self.directory().collections.get(&entry.id) {
                now.head.raise(moment);
            }
        }
    }

    /// The collection at a path, if the caller may read its members.
    pub(crate) fn readable(
        &self,
        caller: &Caller,
        at: &CollectionPath,
    ) -> Result<Arc<CollectionEntry>, AppError> {
        let found = self.directory().find(caller, at).ok_or(Refusal::NotFound)?;
        if found.access < Access::Read {
            return Err(Refusal::NeedPrivilege.into());
        }
        Ok(found.entry)
    }

    /// The collection at a path, if the caller may change its members, and what must still hold for that when
    /// the write is committed. `absent` is the refusal where there is no such collection.
    pub(crate) fn writable(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        absent: Refusal,
    ) -> Result<Permit, AppError> {
        let found = self.directory().find(caller, at).ok_or(absent)?;
        if found.access < Access::ReadWrite {
            return Err(Refusal::NeedPrivilege.into());
        }
        let entry = found.entry;
        let collection = Precondition::Exists(Space::Collections, entry.id.as_bytes().as_slice().into());
        let share = entry.shares.get(&caller.user).map(|share| {
            let key = share_key(entry.id, caller.user).into();
            Precondition::VersionIs(Space::Shares, key, share.version)
        });
        Ok(Permit { entry, holds: std::iter::once(collection).chain(share).collect() })
    }
}

/// The right to change the members of a collection, as of now.
pub(crate) struct Permit {
    pub(crate) entry: Arc<CollectionEntry>,
    /// That the collection is there, and that a share has not changed: a share that ends while a write is on
    /// its way ends that write too.
    pub(crate) holds: Vec<Precondition>,
}

/// Whether what was read is still what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Current,
    /// Somebody else was faster: read again.
    Outdated,
}

/// Who may have the UID of an object that is copied or moved without a conflict.
struct Uses<'a> {
    uid: &'a [u8; 32],
    /// The source, if it leaves the same collection.
    leaving: Option<&'a ObjectName>,
    /// What the target holds.
    replaced: Option<&'a (RecordVersion, ObjectRecord)>,
}

/// What becomes of the source of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// COPY.
    Keep,
    /// MOVE.
    Remove,
}

fn outcome(replaced: bool, etag: Option<ETag>) -> PutOutcome {
    if replaced { PutOutcome::Replaced(etag) } else { PutOutcome::Created(etag) }
}

fn sibling(at: &ObjectPath, name: &str) -> Result<ObjectPath, AppError> {
    let name = ObjectName::new(name).map_err(|_| AppError::Bug("a stored name is not a name"))?;
    Ok(ObjectPath { collection: at.collection.clone(), name })
}

fn stored(name: &ObjectName, version: RecordVersion, object: ObjectRecord) -> Result<StoredObject, AppError> {
    let time = |second| Timestamp::from_second(second).map_err(|_| AppError::Bug("a stored time is no time"));
    Ok(StoredObject {
        name: name.clone(),
        etag: ETag::from_version(*version.as_bytes()),
        kind: kind_from_byte(object.kind)?,
        created: time(object.created)?,
        modified: time(object.modified)?,
        body: object.body.into(),
    })
}
