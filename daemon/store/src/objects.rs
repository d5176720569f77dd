//! Calendar object resources as the store keeps them: body, summary, claim on the UID and change row, written
//! together or not at all.

use almanac_base::CollectionId;

use crate::records::object::{member_key, uid_key};
use crate::records::{
    ChangeRecord, Document, KeyedHash, ObjectRecord, PropertiesRecord, SummaryRecord, UidRecord,
};
use crate::tenant::TenantStore;
use crate::write::{LogWrite, Write};
use crate::{IndexField, Key, Precondition, RecordVersion, Space, StoreError};

/// Where an object is: the collection and the keyed hash of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The collection.
    pub collection: CollectionId,
    /// The keyed hash of the object's name in it.
    pub name: KeyedHash,
}

/// An object with its dead properties.
#[derive(Clone)]
pub struct WholeObject {
    /// The version of the object.
    pub version: RecordVersion,
    /// The object.
    pub object: ObjectRecord,
    /// The version of the properties; `None` if there are none.
    pub properties_version: Option<RecordVersion>,
    /// The dead properties.
    pub properties: PropertiesRecord,
}

impl Write {
    /// Demands that `member` has the state it was read in: this version, or none.
    #[must_use]
    pub fn require_object(self, member: Member, version: Option<RecordVersion>) -> Self {
        let key = member_key(member.collection, &member.name).into();
        self.require(match version {
            Some(version) => Precondition::VersionIs(Space::Objects, key, version),
            None => Precondition::Absent(Space::Objects, key),
        })
    }

    /// Demands that no object of the collection has claimed this UID.
    #[must_use]
    pub fn require_uid_free(self, collection: CollectionId, uid: &KeyedHash) -> Self {
        self.require(Precondition::Absent(Space::Index, uid_key(collection, uid).into()))
    }

    /// Writes an object with all that belongs to it.
    #[must_use]
    pub fn put_object(
        self,
        member: Member,
        version: RecordVersion,
        object: &ObjectRecord,
        summary: &SummaryRecord,
    ) -> Self {
        let key = member_key(member.collection, &member.name);
        let uid = UidRecord { name: object.name.clone() };
        self.put(Space::Objects, key.clone(), version, object.to_bytes())
            .put(Space::Summaries, key, version, summary.to_bytes())
            .put(Space::Index, uid_key(member.collection, &object.uid), version, uid.to_bytes())
            .log(announcement(member, version, &object.name, object.modified))
    }

    /// Removes an object with all that belongs to it. `version` is a fresh one, for the row of the change log.
    #[must_use]
    pub fn delete_object(self, member: Member, version: RecordVersion, old: &ObjectRecord, at: i64) -> Self {
        let key = member_key(member.collection, &member.name);
        self.delete(Space::Objects, key.clone())
            .delete(Space::Summaries, key.clone())
            .delete(Space::Properties, key)
            .delete(Space::Index, uid_key(member.collection, &old.uid))
            .log(announcement(member, version, &old.name, at))
    }
}

fn announcement(member: Member, version: RecordVersion, name: &str, at: i64) -> LogWrite {
    let value = ChangeRecord { name: name.to_owned(), at }.to_bytes();
    LogWrite { collection: member.collection, object: member.name, version, value }
}

impl TenantStore {
    /// The place of the object with this name.
    #[must_use]
    pub fn member(&self, collection: CollectionId, name: &str) -> Member {
        let name = self.keyed_hash(IndexField::Href, &[collection.as_bytes(), name.as_bytes()]);
        Member { collection, name }
    }

    /// The keyed hash of a UID within a collection.
    #[must_use]
    pub fn uid_hash(&self, collection: CollectionId, uid: &str) -> KeyedHash {
        self.keyed_hash(IndexField::Uid, &[collection.as_bytes(), uid.as_bytes()])
    }

    /// Objects in one consistent view, in the order asked for.
    ///
    /// # Errors
    /// As [`TenantStore::get_many`].
    pub async fn objects(
        &self,
        members: &[Member],
    ) -> Result<Vec<Option<(RecordVersion, ObjectRecord)>>, StoreError> {
        let keys: Vec<_> = members
            .iter()
            .map(|member| (Space::Objects, member_key(member.collection, &member.name).into()))
            .collect();
        let records = self.get_many(&keys).await?;
        records
            .into_iter()
            .map(|record| {
                record
                    .map(|r| ObjectRecord::from_bytes(&r.value).map(|object| (r.version, object)))
                    .transpose()
            })
            .collect()
    }

    /// An object and its dead properties, in one consistent view; `None` if there is no such object.
    ///
    /// # Errors
    /// As [`TenantStore::get_many`].
    pub async fn whole_object(&self, member: Member) -> Result<Option<WholeObject>, StoreError> {
        let key: Key = member_key(member.collection, &member.name).into();
        let keys = [(Space::Objects, key.clone()), (Space::Properties, key)];
        let mut found = self.get_many(&keys).await?.into_iter();
        let Some(object) = found.next().flatten() else { return Ok(None) };
        let properties = found.next().flatten();
        Ok(Some(WholeObject {
            version: object.version,
            object: ObjectRecord::from_bytes(&object.value)?,
            properties_version: properties.as_ref().map(|record| record.version),
            properties: match properties {
                Some(record) => PropertiesRecord::from_bytes(&record.value)?,
                None => PropertiesRecord::default(),
            },
        }))
    }

    /// The name of the object that has claimed a UID.
    ///
    /// # Errors
    /// As [`TenantStore::get_many`].
    pub async fn uid_holder(
        &self,
        collection: CollectionId,
        uid: &KeyedHash,
    ) -> Result<Option<String>, StoreError> {
        let record = self.get(Space::Index, &uid_key(collection, uid)).await?;
        record.map(|r| UidRecord::from_bytes(&r.value).map(|claim| claim.name)).transpose()
    }
}
