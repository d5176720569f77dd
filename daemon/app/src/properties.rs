//! Dead properties of calendar object resources (RFC 4918 section 4): a record beside the object, which goes
//! where the object goes and leaves its ETag alone.

use almanac_backend::{
    Caller, CollectionPath, DeadProperty, ETag, ObjectName, ObjectPath, PropertyChange, Refusal, WriteGuard,
};
use almanac_store::objects::Member;
use almanac_store::records::object::member_key;
use almanac_store::records::{Document, PropertiesRecord};
use almanac_store::{Precondition, RecordVersion, Space, StoreError, Write};

use crate::App;
use crate::collections::{dead_property, remove_dead, set_dead};
use crate::directory::CollectionEntry;
use crate::error::AppError;
use crate::limits::COMMIT_ATTEMPTS;
use crate::objects::Permit;

impl App {
    /// See `Backend::object_properties`.
    pub(crate) async fn read_properties(
        &self,
        caller: &Caller,
        at: &CollectionPath,
        names: &[ObjectName],
    ) -> Result<Vec<Vec<DeadProperty>>, AppError> {
        let entry = self.readable(caller, at)?;
        let store = &entry.tenant.store;
        let members: Vec<Member> = names.iter().map(|name| store.member(entry.id, name.as_str())).collect();
        let keys: Vec<_> = members
            .iter()
            .map(|member| (Space::Properties, member_key(member.collection, &member.name).into()))
            .collect();
        let mut properties = Vec::with_capacity(names.len());
        for record in store.get_many(&keys).await? {
            properties.push(match record {
                Some(record) => {
                    PropertiesRecord::from_bytes(&record.value)?.dead.iter().map(dead_property).collect()
                }
                None => Vec::new(),
            });
        }
        Ok(properties)
    }

    /// See `Backend::change_object_properties`.
    pub(crate) async fn change_properties_of(
        &self,
        caller: &Caller,
        at: &ObjectPath,
        changes: &[PropertyChange],
        guard: &WriteGuard,
    ) -> Result<(), AppError> {
        for _ in 0..COMMIT_ATTEMPTS {
            let Permit { entry, holds } = self.writable(caller, &at.collection, Refusal::NotFound)?;
            let store = &entry.tenant.store;
            let member = store.member(entry.id, at.name.as_str());
            let key = member_key(member.collection, &member.name);
            let current = store.objects(&[member]).await?.pop().flatten();
            let (version, _) = current.ok_or(Refusal::NotFound)?;
            if !guard.holds(Some(&ETag::from_version(*version.as_bytes()))) {
                return Err(Refusal::PreconditionFailed.into());
            }
            let (before, mut record) = self.properties(&entry, member).await?;
            for change in changes {
                match change {
                    PropertyChange::SetDead(property) => set_dead(&mut record.dead, property)?,
                    PropertyChange::RemoveDead(namespace, local) => {
                        remove_dead(&mut record.dead, namespace, local);
                    }
                    _ => return Err(Refusal::ProtectedProperty.into()),
                }
            }
            let write = Write { preconditions: holds, ..Write::new() }
                .require_object(member, Some(version))
                .require(unchanged(&key, before));
            let write = write.put(Space::Properties, key.clone(), store.new_version(), record.to_bytes());
            match store.commit(write).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AppError::Busy)
    }

    /// The properties of an object with the version of their record.
    pub(crate) async fn properties(
        &self,
        entry: &CollectionEntry,
        member: Member,
    ) -> Result<(Option<RecordVersion>, PropertiesRecord), AppError> {
        let key = member_key(member.collection, &member.name);
        match entry.tenant.store.get(Space::Properties, &key).await? {
            Some(record) => Ok((Some(record.version), PropertiesRecord::from_bytes(&record.value)?)),
            None => Ok((None, PropertiesRecord::default())),
        }
    }

    /// Adds to a copy or move that the properties go along; what the target had goes.
    pub(crate) async fn carry_properties(
        &self,
        write: Write,
        origin: &CollectionEntry,
        source: Member,
        target: &CollectionEntry,
        to: Member,
    ) -> Result<Write, AppError> {
        let (version, record) = self.properties(origin, source).await?;
        let write = write.require(unchanged(&member_key(source.collection, &source.name), version));
        let key = member_key(to.collection, &to.name);
        if record.dead.is_empty() {
            return Ok(write.delete(Space::Properties, key));
        }
        Ok(write.put(Space::Properties, key, target.tenant.store.new_version(), record.to_bytes()))
    }
}

/// That the properties under this key are still those that were read.
pub(crate) fn unchanged(key: &[u8], version: Option<RecordVersion>) -> Precondition {
    match version {
        Some(version) => Precondition::VersionIs(Space::Properties, key.into(), version),
        None => Precondition::Absent(Space::Properties, key.into()),
    }
}
