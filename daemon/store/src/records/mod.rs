//! What is written to disk: one struct per kind of record, numbered fields, CBOR (RFC 8949).
//!
//! A field's number never changes its meaning and is never used again; a new field is an `Option` or has a
//! default, so that a record of an older version still reads. A change that this cannot express needs a new
//! store version, a migration and a fixture of the old format.
//!
//! Keys are made of ids and keyed hashes only: they lie on disk in clear.

pub mod collection;
pub mod export;
pub mod object;
pub mod people;
pub mod sync;
pub mod trash;

pub use collection::{CollectionRecord, DeadPropertyRecord, GarbageRecord, HomeRecord, ShareRecord};
pub use object::{ChangeRecord, ObjectRecord, PropertiesRecord, SummaryRecord, UidRecord};
pub use people::{
    CredentialRecord, FeedRecord, LoginRecord, PartialTenant, PrincipalRecord, RemovalRecord, TenantRecord,
};
pub use sync::{
    AccountRecord, ChannelRecord, DispatchRecord, HistoryRecord, LinkRecord, PairRecord, PlaceRecord,
    RemoteRecord, SecretRecord, TurnsRecord,
};
pub use trash::{TrashRecord, TrashedRecord, TrashedShare};

use crate::StoreError;

/// A keyed hash that stands for a name or a UID on disk.
pub type KeyedHash = [u8; 32];

/// A struct that can be a record's plain value.
pub trait Document: Sized {
    /// The octets to be sealed.
    fn to_bytes(&self) -> Vec<u8>;

    /// Reads what `to_bytes` wrote, also by an older version.
    ///
    /// # Errors
    /// `StoreError::Corrupt` if the octets are not such a record.
    fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError>;
}

macro_rules! document {
    ($($name:ty),*) => {$(
        impl $crate::records::Document for $name {
            fn to_bytes(&self) -> Vec<u8> {
                // Writing to a vector cannot fail.
                minicbor::to_vec(self).unwrap_or_default()
            }

            fn from_bytes(bytes: &[u8]) -> Result<Self, $crate::StoreError> {
                minicbor::decode(bytes)
                    .map_err(|_| $crate::StoreError::Corrupt(concat!("a record is not a ", stringify!($name))))
            }
        }
    )*};
}
pub(crate) use document;

/// Joins the parts of a key.
pub(crate) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}
