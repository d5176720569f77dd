//! Collections: making, changing, renaming, copying and deleting them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use almanac_backend::{
    Access, Caller, CollectionKind, CollectionName, CollectionPath, DeadProperty, ETag, Login, NewCollection,
    PropertyChange, Refusal, Transparency, WriteGuard,
};
use almanac_base::{CollectionId, UserId};
use almanac_ical::ComponentKind;
use almanac_store::records::collection::{home_key, share_key};
use almanac_store::records::{CollectionRecord, DeadPropertyRecord, Document, HomeRecord, ShareRecord};
use almanac_store::{IndexField, Key, Precondition, RecordVersion, Space, StoreError, TenantStore, Write};

use crate::App;
use crate::directory::{CollectionEntry, SharedWith, Tenant, User};
use crate::error::AppError;
use crate::head::Head;
use crate::index::slot::kind_to_byte;
use crate::limits::{COLLECTIONS_MAX, DEAD_BYTES_MAX, DEAD_PROPERTIES_MAX, TEXT_BYTES_MAX};
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
        self.check_room(owner, name)?;
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

    /// Whether the home takes another collection, and the name is free.
    pub(crate) fn check_room(&self, owner: &User, name: &CollectionName) -> Result<(), AppError> {
        let directory = self.directory();
        let home = directory.homes.get(&owner.id);
        if home.is_some_and(|names| names.contains_key(name)) {
            return Err(Refusal::AlreadyExists.into());
        }
        if home.is_some_and(|names| names.len() >= COLLECTIONS_MAX) {
            return Err(Refusal::QuotaExceeded.into());
        }
        Ok(())
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
        match self.settle(store, write).await {
            Err(AppError::Store(StoreError::Conflict { .. })) => return Err(Refusal::AlreadyExists.into()),
            other => other?,
        };
        let head = Arc::<Head>::default();
        let entry = collection_entry(id, tenant, version, record, BTreeMap::new(), head)?;
        self.directory_mut().put_collection(entry);
        Ok(())
    }

    /// The caller, if the home is theirs. A home in which nothing is shared with the caller is absent for them.
    pub(crate) fn own_home(&self, caller: &Caller, home: &Login) -> Result<Arc<User>, AppError> {
        let directory = self.directory();
        let user = directory.colleague(caller, home).ok_or(Refusal::ParentMissing)?;
        if user.id == caller.user {
            return Ok(Arc::clone(user));
        }
        let seen = directory.home(caller, home).is_some();
        Err(if seen { Refusal::NeedPrivilege } else { Refusal::ParentMissing }.into())
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
            Some(share) => self.change_share(&found.entry, caller.user, share, changes, unchanged).await,
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
        let head = self.head(entry).await?.seq;
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
        self.settle_guarded(store, write).await?;
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
        unchanged: Option<Precondition>,
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
        self.put_share(entry, user, record, unchanged).await
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

    /// Makes a collection unreachable and its names free, in one commit; its members are removed when its time in the
    /// trash is over, by housekeeping. `changing` is held by the caller.
    pub(crate) async fn discard_collection(&self, entry: &CollectionEntry) -> Result<(), AppError> {
        self.discard_guarded(entry, None).await
    }

    async fn discard_guarded(
        &self,
        entry: &CollectionEntry,
        unchanged: Option<Precondition>,
    ) -> Result<(), AppError> {
        let mut write = self.discarding(Write::new(), entry);
        write.preconditions.extend(unchanged);
        self.settle_guarded(&entry.tenant.store, write).await?;
        self.forget_collection(entry.id);
        Ok(())
    }

    /// Adds to a write that a collection goes out of sight: its record, its names and its shares go into the trash, or
    /// for good.
    pub(crate) fn discarding(&self, write: Write, entry: &CollectionEntry) -> Write {
        let store = &entry.tenant.store;
        let key = entry.id.as_bytes().as_slice();
        let mut write = self
            .keeping_collection(write, entry)
            .delete(Space::Collections, key)
            .delete(Space::Homes, home_name_key(store, entry.owner, entry.name.as_str()));
        for (user, share) in &entry.shares {
            write = write
                .delete(Space::Shares, share_key(entry.id, *user))
                .delete(Space::Homes, home_name_key(store, *user, share.name.as_str()));
        }
        write
    }

    /// Forgets a collection that is gone from the store.
    pub(crate) fn forget_collection(&self, id: CollectionId) {
        self.directory_mut().remove_collection(id);
        self.indexes.forget(id);
    }

    /// Commits a write whose only condition that can fail is the client's.
    pub(crate) async fn settle_guarded(&self, store: &TenantStore, write: Write) -> Result<(), AppError> {
        match self.settle(store, write).await {
            Err(AppError::Store(StoreError::Conflict { .. })) => Err(Refusal::PreconditionFailed.into()),
            other => other.map(|_| ()),
        }
    }
}

/// A text that changes whenever a member or a property changes.
pub(crate) fn tag(head: u64, version: RecordVersion) -> String {
    format!("{head:x}-{:032x}", u128::from_be_bytes(*version.as_bytes()))
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
