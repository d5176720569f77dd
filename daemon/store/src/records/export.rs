//! The records of a tenant's export: what another instance needs, without keyed hashes, which mean nothing there.
//!
//! In this order: the tenant, people, collections, objects, dead properties, the trash; within one instance, what it
//! keeps for itself. Ids are those of the instance that it comes from; they join the records.

use minicbor::{Decode, Encode};

use super::{
    CollectionRecord, DeadPropertyRecord, ObjectRecord, PrincipalRecord, TrashRecord, TrashedShare, document,
};

/// The numbers of the kinds; they never change.
pub mod kind {
    /// [`super::TenantExport`]
    pub const TENANT: u8 = 1;
    /// [`super::PersonExport`]
    pub const PERSON: u8 = 2;
    /// [`super::CollectionExport`]
    pub const COLLECTION: u8 = 3;
    /// [`super::ObjectExport`]
    pub const OBJECT: u8 = 4;
    /// [`super::PropertiesExport`]
    pub const PROPERTIES: u8 = 5;
    /// [`super::TrashExport`]
    pub const TRASH: u8 = 6;
    /// [`super::OwnExport`]; never in a file.
    pub const OWN: u8 = 7;
}

/// The tenant; the first record.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TenantExport {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// Created, seconds since 1970.
    #[n(1)]
    pub created: i64,
    /// The zone of floating times where nothing else says one (IANA name).
    #[n(2)]
    pub timezone: String,
    /// The logins of all its people: an instance that has one of them can say so before it reads on.
    #[n(3)]
    pub logins: Vec<String>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PersonExport {
    /// Their id.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// The person.
    #[n(1)]
    pub record: PrincipalRecord,
}

/// A collection that is not deleted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CollectionExport {
    /// Its id.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// The collection.
    #[n(1)]
    pub record: CollectionRecord,
    /// With whom it is shared.
    #[n(2)]
    pub shares: Vec<TrashedShare>,
}

/// An object, also one of a collection in the trash.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ObjectExport {
    /// The collection.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub collection: [u8; 16],
    /// Its version: the ETag.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub version: [u8; 16],
    /// The object. The hash of its UID is of no use elsewhere.
    #[n(2)]
    pub object: ObjectRecord,
}

/// The dead properties of an object.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PropertiesExport {
    /// The collection.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub collection: [u8; 16],
    /// The name of the object.
    #[n(1)]
    pub name: String,
    /// Properties kept as sent.
    #[n(2)]
    pub dead: Vec<DeadPropertyRecord>,
}

/// Something in the trash.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TrashExport {
    /// Its id.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// The row.
    #[n(1)]
    pub record: TrashRecord,
}

/// A record that an instance keeps for itself: it goes along only where a tenant is copied within it.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct OwnExport {
    /// The number of its space.
    #[n(0)]
    pub space: u8,
    /// Its key there, with the keyed hashes of the tenant that it comes from.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub key: Vec<u8>,
    /// The record.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub value: Vec<u8>,
}

document!(
    TenantExport,
    PersonExport,
    CollectionExport,
    ObjectExport,
    PropertiesExport,
    TrashExport,
    OwnExport
);
