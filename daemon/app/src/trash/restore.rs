//! Out of the trash and back to where it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use almanac_backend::{CollectionName, CollectionPath, ObjectName, Refusal};
use almanac_base::{CollectionId, TrashId, UserId};
use almanac_ical::CalendarObject;
use almanac_store::objects::Member;
use almanac_store::records::collection::share_key;
use almanac_store::records::object::member_key;
use almanac_store::records::{
    CollectionRecord, DeadPropertyRecord, Document, HomeRecord, ObjectRecord, PropertiesRecord,
    TrashedRecord, TrashedShare,
};
use almanac_store::{Precondition, Space, StoreError, Write};

use super::{Restored, TrashKind, Trashed};
use crate::App;
use crate::collections::home_name_key;
use crate::directory::{CollectionEntry, SharedWith, User};
use crate::error::AppError;
use crate::head::Head;
use crate::index::slot::{Slot, summarize};
use crate::limits::{COMMIT_ATTEMPTS, NAME_ATTEMPTS};
use crate::objects::Changed;
use crate::open::{collection_entry, share_entry};

impl App {
    /// Puts something back to where it was, under another name if its own is taken: an object as a new version into
    /// its calendar, or into `to`; a calendar with all its members, its history and the shares with people who are
    /// still there, into its owner's home, under the name that `to` says.
    ///
    /// # Errors
    /// `NotFound` if there is no such entry, or no calendar `to`; `Exists` if the name `to` is taken; `Invalid` if
    /// the calendar does not take the object, is of another tenant, or is deleted itself. Nothing has changed then.
    pub async fn restore_from_trash(
        &self,
        id: TrashId,
        to: Option<&CollectionPath>,
    ) -> Result<Restored, AppError> {
        for _ in 0..COMMIT_ATTEMPTS {
            let trashed = self.trashed(id).await?;
            let done = match &trashed.record.what {
                TrashedRecord::Object(object, dead) => self.put_back(&trashed, object, dead, to).await?,
                TrashedRecord::Collection(record, shares) => {
                    self.publish_again(&trashed, record, shares, to).await?
                }
            };
            if let Some(restored) = done {
                return Ok(restored);
            }
        }
        Err(AppError::Busy)
    }

    /// One attempt to put an object back; `None` if others changed meanwhile what this depends on.
    async fn put_back(
        &self,
        trashed: &Trashed,
        old: &ObjectRecord,
        dead: &[DeadPropertyRecord],
        to: Option<&CollectionPath>,
    ) -> Result<Option<Restored>, AppError> {
        let entry = self.restored_into(trashed, to)?;
        if !entry.record.components.contains(&old.kind) {
            return Err(AppError::Invalid("the calendar does not take this kind of object".to_owned()));
        }
        let store = &entry.tenant.store;
        let body = CalendarObject::parse_stored(&old.body)
            .map_err(|_| AppError::Bug("a stored object does not parse"))?;
        let uid = store.uid_hash(entry.id, body.uid());
        if store.uid_holder(entry.id, &uid).await?.is_some() {
            return Err(AppError::Invalid(
                "the calendar has another object with the same UID; move or delete that one, or name another calendar"
                    .to_owned(),
            ));
        }
        let (name, member) = self.free_member(&entry, &old.name).await?;
        let now = self.clock.now().as_second();
        let summary = summarize(&name, &body, old.created, now)?;
        let object = ObjectRecord { name: name.as_str().to_owned(), modified: now, uid, ..old.clone() };
        let version = store.new_version();
        let mut write = self
            .taking_out(trashed)
            .require(Precondition::Exists(Space::Collections, entry.id.as_bytes().as_slice().into()))
            .require_object(member, None)
            .require_uid_free(entry.id, &uid)
            .put_object(member, version, &object, &summary);
        if !dead.is_empty() {
            let key = member_key(entry.id, &member.name);
            let properties = PropertiesRecord { dead: dead.to_vec() };
            write = write.put(Space::Properties, key, store.new_version(), properties.to_bytes());
        }
        let Some(committed) = self.commit(&entry, write).await? else { return Ok(None) };
        let slot = Slot::from_record(member.name, version, summary)?;
        self.announce([Changed { entry: &entry, member, now: Some(Arc::new(slot)) }], &committed);
        let at = CollectionPath { home: self.login_of(entry.owner)?, name: entry.name.clone() };
        Ok(Some(Restored { kind: TrashKind::Object, at, renamed: name.as_str() != old.name }))
    }

    /// The calendar that an object comes back into.
    fn restored_into(
        &self,
        trashed: &Trashed,
        to: Option<&CollectionPath>,
    ) -> Result<Arc<CollectionEntry>, AppError> {
        let Some(to) = to else {
            let id = CollectionId::from_bytes(trashed.record.collection);
            return self.directory().collections.get(&id).cloned().ok_or_else(|| {
                AppError::Invalid(
                    "the calendar that held it is deleted; restore that one first, or name another calendar"
                        .to_owned(),
                )
            });
        };
        let entry = self.owned(to)?;
        if entry.tenant.id != trashed.tenant.id {
            return Err(AppError::Invalid("the calendar belongs to another tenant".to_owned()));
        }
        Ok(entry)
    }

    /// A place for an object in a collection: its own name, or one like it that is not taken.
    async fn free_member(
        &self,
        entry: &CollectionEntry,
        wish: &str,
    ) -> Result<(ObjectName, Member), AppError> {
        let store = &entry.tenant.store;
        for text in candidates(wish) {
            let Ok(name) = ObjectName::new(&text) else { continue };
            let member = store.member(entry.id, name.as_str());
            if store.get(Space::Summaries, &member_key(entry.id, &member.name)).await?.is_none() {
                return Ok((name, member));
            }
        }
        Err(AppError::Exists("name in the calendar"))
    }

    /// One attempt to put a collection back; `None` as for [`App::put_back`].
    async fn publish_again(
        &self,
        trashed: &Trashed,
        record: &CollectionRecord,
        shares: &[TrashedShare],
        to: Option<&CollectionPath>,
    ) -> Result<Option<Restored>, AppError> {
        let _changing = self.changing.lock().await;
        let owner = self.person(UserId::from_bytes(record.owner));
        let owner = owner.ok_or(AppError::NotFound("entry of the trash"))?; // as a list says, too
        let name = self.free_calendar(&owner, record, to)?;
        let record = CollectionRecord { name: name.as_str().to_owned(), ..record.clone() };
        let id = CollectionId::from_bytes(trashed.record.collection);
        let store = &trashed.tenant.store;
        let key = home_name_key(store, owner.id, name.as_str());
        let home = |name: &str| HomeRecord { collection: *id.as_bytes(), name: name.to_owned() }.to_bytes();
        let version = store.new_version();
        let mut write = self
            .taking_out(trashed)
            .require(Precondition::Absent(Space::Homes, key.clone()))
            .put(Space::Homes, key, store.new_version(), home(name.as_str()))
            .put(Space::Collections, id.as_bytes().as_slice(), version, record.to_bytes());
        let shared = self.shares_again(trashed, shares)?;
        for (user, with) in &shared {
            let key = home_name_key(store, *user, with.name.as_str());
            write = write
                .require(Precondition::Absent(Space::Homes, key.clone()))
                .put(Space::Homes, key, store.new_version(), home(with.name.as_str()))
                .put(Space::Shares, share_key(id, *user), with.version, with.record.to_bytes());
        }
        match self.settle(store, write).await {
            Err(AppError::Store(StoreError::Conflict { .. })) => return Ok(None),
            other => other?,
        };
        let entry = collection_entry(id, &trashed.tenant, version, record, shared, Arc::<Head>::default())?;
        self.directory_mut().put_collection(entry);
        let renamed = name.as_str() != trashed.record.calendar;
        let at = CollectionPath { home: owner.login.clone(), name };
        Ok(Some(Restored { kind: TrashKind::Calendar, at, renamed }))
    }

    /// The name that a calendar comes back under.
    fn free_calendar(
        &self,
        owner: &User,
        record: &CollectionRecord,
        to: Option<&CollectionPath>,
    ) -> Result<CollectionName, AppError> {
        let room = |name: &CollectionName| match self.check_room(owner, name) {
            Ok(()) => Ok(true),
            Err(AppError::Refused(Refusal::AlreadyExists)) => Ok(false),
            Err(error) => Err(error),
        };
        if let Some(to) = to {
            if to.home != owner.login {
                return Err(AppError::Invalid("a calendar goes back to the person whose it was".to_owned()));
            }
            return if room(&to.name)? { Ok(to.name.clone()) } else { Err(AppError::Exists("calendar")) };
        }
        for text in candidates(&record.name) {
            let Ok(name) = CollectionName::new(&text) else { continue };
            if room(&name)? {
                return Ok(name);
            }
        }
        Err(AppError::Exists("calendar"))
    }

    /// The shares with people who are still there, each under a name that is free in their home.
    fn shares_again(
        &self,
        trashed: &Trashed,
        shares: &[TrashedShare],
    ) -> Result<BTreeMap<UserId, SharedWith>, AppError> {
        let directory = self.directory();
        let mut again = BTreeMap::new();
        for TrashedShare { user, share } in shares {
            let user = UserId::from_bytes(*user);
            let sharee = directory.by_id.get(&user).filter(|sharee| sharee.tenant.id == trashed.tenant.id);
            let Some(sharee) = sharee else { continue };
            let names = directory.homes.get(&sharee.id);
            let is_free = |name: &CollectionName| names.is_none_or(|names| !names.contains_key(name));
            let name =
                candidates(&share.name).filter_map(|text| CollectionName::new(&text).ok()).find(is_free);
            let Some(name) = name else { continue };
            let mut record = share.clone();
            record.name = name.as_str().to_owned();
            again.insert(user, share_entry(trashed.tenant.store.new_version(), record)?);
        }
        Ok(again)
    }

    /// The beginning of a write that restores: the row goes, as it was read.
    fn taking_out(&self, trashed: &Trashed) -> Write {
        let key = trashed.id.as_bytes().as_slice();
        Write::new()
            .require(Precondition::VersionIs(Space::Trash, key.into(), trashed.version))
            .delete(Space::Trash, key)
    }
}

/// A name and others like it: `a.ics`, `a-2.ics`, `a-3.ics` and so on.
fn candidates(wish: &str) -> impl Iterator<Item = String> {
    let (stem, ending) = match wish.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => (stem.to_owned(), format!(".{ending}")),
        _ => (wish.to_owned(), String::new()),
    };
    let own = std::iter::once(wish.to_owned());
    own.chain((2..=NAME_ATTEMPTS).map(move |n| format!("{stem}-{n}{ending}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_name_keeps_its_ending() {
        for (wish, second) in [("a.ics", "a-2.ics"), ("a", "a-2"), (".a", ".a-2"), ("a.b.ics", "a.b-2.ics")] {
            let names: Vec<_> = candidates(wish).take(2).collect();
            assert_eq!(names, [wish, second]);
        }
    }
}
