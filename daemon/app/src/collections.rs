//! Collections: making, changing, renaming, copying and deleting them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use almanac_backend::types::CopyMembers;
use almanac_backend::{
    Access, Caller, CollectionKind, CollectionName, CollectionPath, DeadProperty, ETag, Login, NewCollection,
    ObjectName, ObjectPath, Overwrite, PropertyChange, PutOutcome, Refusal, Select, Transparency, WriteGuard,
};
use almanac_base::{CollectionId, UserId};
use almanac_ical::ComponentKind;
use almanac_store::records::collection::home_key;
use almanac_store::records::{
    CollectionRecord, DeadPropertyRecord, Document, GarbageRecord, HomeRecord, ShareRecord,
};
use almanac_store::{IndexField, Key, Precondition, RecordVersion, Space, StoreError, TenantStore, Write};

use crate::App;
use crate::directory::{CollectionEntry, SharedWith, Tenant, User};
use crate::error::AppError;
use crate::index::slot::kind_to_byte;
use crate::limits::{COLLECTIONS_MAX, DEAD_BYTES_MAX, DEAD_PROPERTIES_MAX, TEXT_BYTES_MAX};
use crate::objects::Source;
use crate::open::collection_entry;

/// The key of a name in a home.
pub(crate) fn home_name_key(store: &TenantStore, user: UserId, name: &str) -> Key {
    let hash = store.keyed_hash(IndexField::Href, &[user.as_bytes(), name.as_bytes()]);
    home_key(user, &hash).into()
}

/// A collection without properties.
pub(crate) fn new_collection_record(
    owner: UserId,
    name: &str,
    kind: u8,
    components: &BTreeSet<ComponentKind>,
    created: i64,
) -> CollectionRecord {
    CollectionRecord {
        owner: *owner.as_bytes(),
        name: name.to_owned(),
        kind,
        components: components.iter().map(|kind| kind_to_byte(*kind)).collect(),
        created,
        display_name: None,
        description: None,
        timezone: None,
        timezone_id: None,
        transparency: 0,
        dead: Vec::new(),
    }
}

fn all_components() -> BTreeSet<ComponentKind> {
    [ComponentKind::Event, ComponentKind::Todo, ComponentKind::Journal, ComponentKind::FreeBusy].into()
}

impl App {
    /// See `Backend::create_collection`.
    pub(crate) async fn make_collection(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        new: NewCollection,
    ) -> Result<(), AppError> {
        let _changing = self.changing.lock().await;
        let owner = self.own_home(caller, &at.home)?;
        self.insert_collection(&owner, &at.name, new).await.map(|_| ())
    }

    /// Makes a collection; `changing` is held by the caller.
    pub(crate) async fn insert_collection(
        &self,
        owner: &User,
        name: &CollectionName,
        new: NewCollection,
    ) -> Result<CollectionId, AppError> {
        {
            let directory = self.directory();
            let home = directory.homes.get(&owner.id);
            if home.is_some_and(|names| names.contains_key(name)) {
                return Err(Refusal::AlreadyExists.into());
            }
            if home.is_some_and(|names| names.len() >= COLLECTIONS_MAX) {
                return Err(Refusal::QuotaExceeded.into());
            }
        }
        let kind = u8::from(new.kind == CollectionKind::Plain);
        let components = match (new.kind, new.components.is_empty()) {
            (CollectionKind::Plain, _) => BTreeSet::new(),
            (CollectionKind::Calendar, true) => all_components(),
            (CollectionKind::Calendar, false) => new.components,
        };
        let now = self.clock.now().as_second();
        let mut record = new_collection_record(owner.id, name.as_str(), kind, &components, now);
        for change in &new.properties {
            change_record(&mut record, change)?;
        }
        let id = CollectionId::from_bytes(self.ids.fresh());
        self.store_new(&owner.tenant, id, owner.id, name, record).await?;
        Ok(id)
    }

    async fn store_new(
        &self,
        tenant: &Arc<Tenant>,
        id: CollectionId,
        owner: UserId,
        name: &CollectionName,
        record: CollectionRecord,
    ) -> Result<(), AppError> {
        let store = &tenant.store;
        let key = home_name_key(store, owner, name.as_str());
        let home = HomeRecord { collection: *id.as_bytes(), name: name.as_str().to_owned() };
        let version = store.new_version();
        let write = Write::new()
            .require(Precondition::Absent(Space::Homes, key.clone()))
            .put(Space::Homes, key, store.new_version(), home.to_bytes())
            .put(Space::Collections, id.as_bytes().as_slice(), version, record.to_bytes());
        match store.commit(write).await {
            Err(StoreError::Conflict { .. }) => return Err(Refusal::AlreadyExists.into()),
            other => other?,
        };
        let head = Arc::new(AtomicU64::new(0));
        let entry = collection_entry(id, tenant, version, record, BTreeMap::new(), head)?;
        self.directory_mut().put_collection(entry);
        Ok(())
    }

    /// The caller, if the home is theirs; where others may not write, they may not know either.
    fn own_home(&self, caller: &Caller, home: &Login) -> Result<Arc<User>, AppError> {
        let directory = self.directory();
        let user = directory.colleague(caller, home).ok_or(Refusal::ParentMissing)?;
        if user.id == caller.user { Ok(Arc::clone(user)) } else { Err(Refusal::NeedPrivilege.into()) }
    }

    /// See `Backend::change_properties`.
    pub(crate) async fn change_collection(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        changes: &[PropertyChange],
        guard: &WriteGuard,
    ) -> Result<(), AppError> {
        let _changing = self.changing.lock().await;
        let found = self.directory().find(caller, at).ok_or(Refusal::NotFound)?;
        let unchanged = self.guarded(caller, &found.entry, guard).await?;
        match found.entry.shares.get(&caller.user) {
            Some(share) => self.change_share(&found.entry, caller.user, share, changes).await,
            None => {
                let mut record = found.entry.record.clone();
                for change in changes {
                    change_record(&mut record, change)?;
                }
                self.replace_record(&found.entry, record, unchanged).await
            }
        }
    }

    /// Checks a guard on a collection; what it gives must hold when the commit happens. The properties cannot
    /// change meanwhile, since `changing` is held by the caller; the members can.
    async fn guarded(
        &self,
        caller: &Caller,
        entry: &CollectionEntry,
        guard: &WriteGuard,
    ) -> Result<Option<Precondition>, AppError> {
        if guard.conditions.is_empty() {
            return Ok(None);
        }
        let head = self.head(entry).await?;
        let version = entry.shares.get(&caller.user).map_or(entry.version, |share| share.version);
        if guard.holds(Some(&ETag::from_opaque(&tag(head, version)))) {
            Ok(Some(Precondition::HeadIs(entry.id, head)))
        } else {
            Err(Refusal::PreconditionFailed.into())
        }
    }

    /// Writes a collection's record anew; `changing` is held by the caller.
    async fn replace_record(
        &self,
        entry: &CollectionEntry,
        record: CollectionRecord,
        unchanged: Option<Precondition>,
    ) -> Result<(), AppError> {
        let store = &entry.tenant.store;
        let key = entry.id.as_bytes().as_slice();
        let version = store.new_version();
        let mut write = Write::new()
            .require(Precondition::VersionIs(Space::Collections, key.into(), entry.version))
            .put(Space::Collections, key, version, record.to_bytes());
        write.preconditions.extend(unchanged);
        commit_guarded(store, write).await?;
        let (shares, head) = (entry.shares.clone(), Arc::clone(&entry.head));
        let entry = collection_entry(entry.id, &entry.tenant, version, record, shares, head)?;
        self.directory_mut().put_collection(entry);
        Ok(())
    }

    async fn change_share(
        &self,
        entry: &CollectionEntry,
        user: UserId,
        share: &SharedWith,
        changes: &[PropertyChange],
    ) -> Result<(), AppError> {
        let mut record = share.record.clone();
        for change in changes {
            match change {
                PropertyChange::DisplayName(name) => record.display_name = checked(name.as_ref())?,
                PropertyChange::SetDead(property) => set_dead(&mut record.dead, property)?,
                PropertyChange::RemoveDead(namespace, local) => {
                    remove_dead(&mut record.dead, namespace, local);
                }
                _ => return Err(Refusal::NeedPrivilege.into()),
            }
        }
        self.put_share(entry, user, record).await
    }

    /// See `Backend::delete_collection`.
    pub(crate) async fn drop_collection(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        guard: &WriteGuard,
    ) -> Result<(), AppError> {
        let _changing = self.changing.lock().await;
        let found = self.directory().find(caller, at).ok_or(Refusal::NotFound)?;
        let unchanged = self.guarded(caller, &found.entry, guard).await?;
        if found.access == Access::Owner {
            self.discard_guarded(&found.entry, unchanged).await
        } else {
            self.end_share(&found.entry, caller.user).await
        }
    }

    /// Makes a collection unreachable and its names free, in one commit; its members are removed later, by
    /// housekeeping. `changing` is held by the caller.
    pub(crate) async fn discard_collection(&self, entry: &CollectionEntry) -> Result<(), AppError> {
        self.discard_guarded(entry, None).await
    }

    async fn discard_guarded(
        &self,
        entry: &CollectionEntry,
        unchanged: Option<Precondition>,
    ) -> Result<(), AppError> {
        let store = &entry.tenant.store;
        let key = entry.id.as_bytes().as_slice();
        let garbage = GarbageRecord { deleted: self.clock.now().as_second() };
        let mut write = Write::new()
            .delete(Space::Collections, key)
            .delete(Space::Homes, home_name_key(store, entry.owner, entry.name.as_str()))
            .put(Space::Meta, key, store.new_version(), garbage.to_bytes());
        for (user, share) in &entry.shares {
            write = write
                .delete(Space::Shares, almanac_store::records::collection::share_key(entry.id, *user))
                .delete(Space::Homes, home_name_key(store, *user, share.name.as_str()));
        }
        write.preconditions.extend(unchanged);
        commit_guarded(store, write).await?;
        self.directory_mut().remove_collection(entry.id);
        self.indexes.forget(entry.id);
        Ok(())
    }

    /// See `Backend::rename_collection`. A sharee gives the share another name in their own home.
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
        let replaced = self.clear_target(caller, from, to, overwrite).await?;
        let entry = &found.entry;
        let store = &entry.tenant.store;
        let home = HomeRecord { collection: *entry.id.as_bytes(), name: to.name.as_str().to_owned() };
        let names =
            Write::new().delete(Space::Homes, home_name_key(store, caller.user, from.name.as_str())).put(
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
            let key = almanac_store::records::collection::share_key(entry.id, caller.user);
            names.put(Space::Shares, key, version, share.record.to_bytes())
        } else {
            record.name = to.name.as_str().to_owned();
            entry_version = version;
            names.put(Space::Collections, entry.id.as_bytes().as_slice(), version, record.to_bytes())
        };
        store.commit(write).await?;
        let renamed = collection_entry(entry.id, &entry.tenant, entry_version, record, shares, head)?;
        let mut directory = self.directory_mut();
        directory.remove_collection(entry.id);
        directory.put_collection(renamed);
        Ok(if replaced { PutOutcome::Replaced(None) } else { PutOutcome::Created(None) })
    }

    /// Makes room at the target of a MOVE or COPY; says whether something was there.
    async fn clear_target(
        &self,
        caller: &Caller,
        from: &CollectionPath,
        to: &CollectionPath,
        overwrite: Overwrite,
    ) -> Result<bool, AppError> {
        self.own_home(caller, &to.home)?;
        if from == to {
            return Err(Refusal::NeedPrivilege.into()); // RFC 4918 9.8.5: source and destination are the same
        }
        let Some(target) = self.directory().find(caller, to) else { return Ok(false) };
        if overwrite == Overwrite::Refuse {
            return Err(Refusal::PreconditionFailed.into());
        }
        if target.access != Access::Owner {
            return Err(Refusal::NeedPrivilege.into());
        }
        self.discard_collection(&target.entry).await?;
        Ok(true)
    }

    /// See `Backend::copy_collection`. The copy appears when it is complete.
    pub(crate) async fn duplicate_collection(
        &self,
        caller: &Caller,
        from: &CollectionPath,
        to: &CollectionPath,
        members: CopyMembers,
        overwrite: Overwrite,
    ) -> Result<PutOutcome, AppError> {
        let source = self.readable(caller, from)?;
        let replaced = {
            let _changing = self.changing.lock().await;
            let owner = self.own_home(caller, &to.home)?;
            let replaced = self.clear_target(caller, from, to, overwrite).await?;
            let record = CollectionRecord {
                owner: *owner.id.as_bytes(),
                name: to.name.as_str().to_owned(),
                created: self.clock.now().as_second(),
                ..source.record.clone()
            };
            let id = CollectionId::from_bytes(self.ids.fresh());
            self.store_new(&owner.tenant, id, owner.id, &to.name, record).await?;
            replaced
        };
        if members == CopyMembers::All {
            self.copy_members(caller, from, to).await?;
        }
        Ok(if replaced { PutOutcome::Replaced(None) } else { PutOutcome::Created(None) })
    }

    async fn copy_members(
        &self,
        caller: &Caller,
        from: &CollectionPath,
        to: &CollectionPath,
    ) -> Result<(), AppError> {
        let mut after: Option<ObjectName> = None;
        loop {
            let page = self.list_members(caller, from, &Select::default(), after.as_ref(), 500).await?;
            for entry in &page.entries {
                let at =
                    |path: &CollectionPath| ObjectPath { collection: path.clone(), name: entry.name.clone() };
                let guard = WriteGuard::default();
                self.transfer_object(caller, &at(from), &at(to), &guard, Overwrite::Replace, Source::Keep)
                    .await?;
            }
            after = page.entries.last().map(|entry| entry.name.clone());
            if !page.more {
                return Ok(());
            }
        }
    }
}

/// A text that changes whenever a member or a property changes.
pub(crate) fn tag(head: u64, version: RecordVersion) -> String {
    format!("{head:x}-{:032x}", u128::from_be_bytes(*version.as_bytes()))
}

/// Commits a write whose only condition that can fail is the client's.
async fn commit_guarded(store: &TenantStore, write: Write) -> Result<(), AppError> {
    match store.commit(write).await {
        Ok(_) => Ok(()),
        Err(StoreError::Conflict { .. }) => Err(Refusal::PreconditionFailed.into()),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn dead_property(record: &DeadPropertyRecord) -> DeadProperty {
    DeadProperty { namespace: record.namespace.clone(), local: record.local.clone(), xml: record.xml.clone() }
}

fn change_record(record: &mut CollectionRecord, change: &PropertyChange) -> Result<(), AppError> {
    match change {
        PropertyChange::DisplayName(text) => record.display_name = checked(text.as_ref())?,
        PropertyChange::Description(text) => record.description = checked(text.as_ref())?,
        PropertyChange::Timezone(text) => record.timezone = checked(text.as_ref())?,
        PropertyChange::TimezoneId(text) => record.timezone_id = checked(text.as_ref())?,
        PropertyChange::Transparency(value) => {
            record.transparency = u8::from(*value == Transparency::Transparent);
        }
        PropertyChange::SetDead(property) => set_dead(&mut record.dead, property)?,
        PropertyChange::RemoveDead(namespace, local) => remove_dead(&mut record.dead, namespace, local),
    }
    Ok(())
}

fn checked(text: Option<&String>) -> Result<Option<String>, AppError> {
    match text {
        Some(text) if text.len() > TEXT_BYTES_MAX => Err(Refusal::QuotaExceeded.into()),
        other => Ok(other.cloned()),
    }
}

pub(crate) fn set_dead(dead: &mut Vec<DeadPropertyRecord>, property: &DeadProperty) -> Result<(), AppError> {
    remove_dead(dead, &property.namespace, &property.local);
    let bytes: usize = dead.iter().map(|other| other.xml.len()).sum();
    if dead.len() >= DEAD_PROPERTIES_MAX || bytes + property.xml.len() > DEAD_BYTES_MAX {
        return Err(Refusal::QuotaExceeded.into());
    }
    dead.push(DeadPropertyRecord {
        namespace: property.namespace.clone(),
        local: property.local.clone(),
        xml: property.xml.clone(),
    });
    Ok(())
}

pub(crate) fn remove_dead(dead: &mut Vec<DeadPropertyRecord>, namespace: &str, local: &str) {
    dead.retain(|other| other.namespace != namespace || other.local != local);
}

/// A share record as it begins.
pub(crate) fn new_share_record(
    access: u8,
    name: &CollectionName,
    display_name: Option<String>,
) -> ShareRecord {
    ShareRecord { access, name: name.as_str().to_owned(), display_name, dead: Vec::new() }
}
