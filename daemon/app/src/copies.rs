//! MOVE and COPY of whole collections: at every moment the old state or the new one, never less.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use almanac_backend::types::CopyMembers;
use almanac_backend::{
    Access, Caller, CollectionPath, Entry, ObjectName, Overwrite, PutOutcome, Refusal, Select,
};
use almanac_base::CollectionId;
use almanac_ical::CalendarObject;
use almanac_store::records::collection::share_key;
use almanac_store::records::object::member_key;
use almanac_store::records::{CollectionRecord, Document, GarbageRecord, HomeRecord, ObjectRecord};
use almanac_store::{Precondition, RecordVersion, Space, Write};

use crate::App;
use crate::collections::home_name_key;
use crate::directory::{CollectionEntry, User};
use crate::error::AppError;
use crate::head::Head;
use crate::index::slot::summarize;
use crate::limits::{COPY_BATCH, COPY_BYTES};
use crate::open::collection_entry;

impl App {
    /// See `Backend::rename_collection`. A sharee gives the share another name in their own home. What was at
    /// the target goes in the same commit.
    pub(crate) async fn move_collection(
        &self,
        caller: &Caller,
        from: &CollectionPath,
        to: &CollectionPath,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, AppError> {
        let _changing = self.changing.lock().await;
        let found = self.directory().find(caller, from).ok_or(Refusal::NotFound)?;
        self.own_home(caller, &from.home)?;
        let replaced = self.target_of(caller, from, to, overwrite)?;
        let entry = &found.entry;
        let store = &entry.tenant.store;
        let home = HomeRecord { collection: *entry.id.as_bytes(), name: to.name.as_str().to_owned() };
        let mut write = self.replacing(Write::new(), replaced.as_deref());
        write = write.delete(Space::Homes, home_name_key(store, caller.user, from.name.as_str())).put(
            Space::Homes,
            home_name_key(store, caller.user, to.name.as_str()),
            store.new_version(),
            home.to_bytes(),
        );
        let version = store.new_version();
        let head = Arc::clone(&entry.head);
        let (mut record, mut shares, mut entry_version) =
            (entry.record.clone(), entry.shares.clone(), entry.version);
        let write = if let Some(share) = shares.get_mut(&caller.user) {
            share.record.name = to.name.as_str().to_owned();
            share.name = to.name.clone();
            share.version = version;
            write.put(Space::Shares, share_key(entry.id, caller.user), version, share.record.to_bytes())
        } else {
            record.name = to.name.as_str().to_owned();
            entry_version = version;
            write.put(Space::Collections, entry.id.as_bytes().as_slice(), version, record.to_bytes())
        };
        self.settle_guarded(store, write).await?;
        let renamed = collection_entry(entry.id, &entry.tenant, entry_version, record, shares, head)?;
        if let Some(replaced) = &replaced {
            self.forget_collection(replaced.id);
        }
        let mut directory = self.directory_mut();
        directory.remove_collection(entry.id);
        directory.put_collection(renamed);
        Ok(outcome(replaced.is_some()))
    }

    /// What is at the target of a MOVE or COPY and is to be replaced.
    fn target_of(
        &self,
        caller: &Caller,
        from: &CollectionPath,
        to: &CollectionPath,
        overwrite: Overwrite,
    ) -> Result<Option<Arc<CollectionEntry>>, AppError> {
        let owner = self.own_home(caller, &to.home)?;
        if from == to {
            return Err(Refusal::NeedPrivilege.into()); // RFC 4918 9.8.5: source and destination are the same
        }
        let Some(target) = self.directory().find(caller, to) else {
            self.check_room(&owner, &to.name)?;
            return Ok(None);
        };
        if overwrite == Overwrite::Refuse {
            return Err(Refusal::PreconditionFailed.into());
        }
        if target.access != Access::Owner {
            return Err(Refusal::NeedPrivilege.into());
        }
        Ok(Some(target.entry))
    }

    /// Adds to a write that what it replaces goes.
    fn replacing(&self, write: Write, replaced: Option<&CollectionEntry>) -> Write {
        let Some(entry) = replaced else { return write };
        let key = entry.id.as_bytes().as_slice().into();
        self.discarding(write.require(Precondition::VersionIs(Space::Collections, key, entry.version)), entry)
    }

    /// See `Backend::copy_collection`. The copy is made out of sight and appears when it is complete; what was at
    /// its place goes at that moment. Members that come or go meanwhile may or may not be in it.
    pub(crate) async fn duplicate_collection(
        &self,
        caller: &Caller,
        from: &CollectionPath,
        to: &CollectionPath,
        members: CopyMembers,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, AppError> {
        let source = self.readable(caller, from)?;
        let owner = self.own_home(caller, &to.home)?;
        self.target_of(caller, from, to, overwrite)?; // before the work begins
        let copy = Copy { id: CollectionId::from_bytes(self.ids.fresh()), to, owner: &owner };
        let record = self.copied_record(caller, &source, &copy);
        self.copying.lock().unwrap_or_else(PoisonError::into_inner).insert(copy.id);
        let made = self.make_copy(caller, from, &source, &copy, record, members, overwrite).await;
        self.copying.lock().unwrap_or_else(PoisonError::into_inner).remove(&copy.id);
        // If it was not made, its note is still there, and housekeeping removes what there is of it.
        made
    }

    /// A sharee copies the calendar as they see it: with their own name for it and their own properties.
    fn copied_record(&self, caller: &Caller, source: &CollectionEntry, copy: &Copy<'_>) -> CollectionRecord {
        let mut record = CollectionRecord {
            owner: *copy.owner.id.as_bytes(),
            name: copy.to.name.as_str().to_owned(),
            created: self.clock.now().as_second(),
            ..source.record.clone()
        };
        if let Some(share) = source.shares.get(&caller.user) {
            record.dead.clone_from(&share.record.dead);
            record.display_name = share.record.display_name.clone().or(record.display_name);
        }
        record
    }

    #[expect(clippy::too_many_arguments, reason = "the wish of a COPY has so many parts")]
    async fn make_copy(
        &self,
        caller: &Caller,
        from: &CollectionPath,
        source: &CollectionEntry,
        copy: &Copy<'_>,
        record: CollectionRecord,
        members: CopyMembers,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, AppError> {
        let store = &copy.owner.tenant.store;
        let key = copy.id.as_bytes().as_slice();
        let version = store.new_version();
        let note = GarbageRecord { deleted: self.clock.now().as_second() };
        let hidden = Write::new().put(Space::Collections, key, version, record.to_bytes()).put(
            Space::Meta,
            key,
            store.new_version(),
            note.to_bytes(),
        );
        self.settle(store, hidden).await?;
        if members == CopyMembers::All {
            self.copy_members(caller, from, source, copy.id).await?;
        }
        let _changing = self.changing.lock().await;
        let replaced = self.target_of(caller, from, copy.to, overwrite)?;
        let home = HomeRecord { collection: *copy.id.as_bytes(), name: copy.to.name.as_str().to_owned() };
        let home_key = home_name_key(store, copy.owner.id, copy.to.name.as_str());
        let publish = self
            .replacing(Write::new(), replaced.as_deref())
            .require(Precondition::VersionIs(Space::Collections, key.into(), version))
            .delete(Space::Meta, key)
            .put(Space::Homes, home_key, store.new_version(), home.to_bytes());
        self.settle_guarded(store, publish).await?;
        let head = Arc::<Head>::default();
        let entry = collection_entry(copy.id, &copy.owner.tenant, version, record, BTreeMap::new(), head)?;
        if let Some(replaced) = &replaced {
            self.forget_collection(replaced.id);
        }
        self.directory_mut().put_collection(entry);
        Ok(outcome(replaced.is_some()))
    }

    async fn copy_members(
        &self,
        caller: &Caller,
        from: &CollectionPath,
        source: &CollectionEntry,
        to: CollectionId,
    ) -> Result<(), AppError> {
        let store = &source.tenant.store;
        let mut after: Option<ObjectName> = None;
        loop {
            let page =
                self.list_members(caller, from, &Select::default(), after.as_ref(), COPY_BATCH).await?;
            let entries = batch(&page.entries);
            let members: Vec<_> =
                entries.iter().map(|entry| store.member(source.id, entry.name.as_str())).collect();
            let objects = store.objects(&members).await?;
            let mut write = Write::new()
                .require(Precondition::Exists(Space::Collections, to.as_bytes().as_slice().into()));
            for ((entry, member), object) in entries.iter().zip(&members).zip(objects) {
                let Some((_, object)) = object else { continue }; // deleted since the listing
                write = self.copied_object(write, source, to, &entry.name, &object)?;
                let (_, properties) = self.properties(source, *member).await?;
                if !properties.dead.is_empty() {
                    let key = member_key(to, &store.member(to, entry.name.as_str()).name);
                    write = write.put(Space::Properties, key, store.new_version(), properties.to_bytes());
                }
            }
            store.commit(write).await?;
            after = entries.last().map(|entry| entry.name.clone());
            if entries.len() == page.entries.len() && !page.more {
                return Ok(());
            }
        }
    }

    fn copied_object(
        &self,
        write: Write,
        source: &CollectionEntry,
        to: CollectionId,
        name: &ObjectName,
        object: &ObjectRecord,
    ) -> Result<Write, AppError> {
        let store = &source.tenant.store;
        let body = CalendarObject::parse_stored(&object.body)
            .map_err(|_| AppError::Bug("a stored object does not parse"))?;
        let now = self.clock.now().as_second();
        let version: RecordVersion = store.new_version();
        let copied = ObjectRecord {
            created: now,
            modified: now,
            uid: store.uid_hash(to, body.uid()),
            ..object.clone()
        };
        let summary = summarize(name, &body, now, now)?;
        Ok(write.put_object(store.member(to, name.as_str()), version, &copied, &summary))
    }
}

/// As many of the first entries as go into one commit, or are read at once, at least one: both are bounded in bytes.
pub(crate) fn batch(entries: &[Entry]) -> &[Entry] {
    let mut bytes = 0_u64;
    let fits = |entry: &&Entry| {
        bytes = bytes.saturating_add(entry.bytes);
        bytes <= COPY_BYTES
    };
    let count = entries.iter().take_while(fits).count().max(1);
    entries.get(..count).unwrap_or(entries)
}

/// A copy that is being made.
struct Copy<'a> {
    id: CollectionId,
    to: &'a CollectionPath,
    owner: &'a Arc<User>,
}

fn outcome(replaced: bool) -> PutOutcome {
    if replaced { PutOutcome::Replaced(None) } else { PutOutcome::Created(None) }
}
