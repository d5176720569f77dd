//! Calendar object resources: the body, the summary from which the collection index is built, the claim on a
//! UID, and the row of the change log.

use almanac_base::CollectionId;
use minicbor::{Decode, Encode};

use super::collection::DeadPropertyRecord;
use super::{KeyedHash, document, join};

/// `Space::Objects`: the client's octets. Key: collection, keyed hash of the name.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ObjectRecord {
    /// The name in the collection.
    #[n(0)]
    pub name: String,
    /// Kind of component, as [`SummaryRecord::kind`].
    #[n(1)]
    pub kind: u8,
    /// First stored, seconds since 1970.
    #[n(2)]
    pub created: i64,
    /// Last stored, seconds since 1970.
    #[n(3)]
    pub modified: i64,
    /// The octets as the client sent them.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// The keyed hash of the UID: which claim goes when the object goes.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub uid: KeyedHash,
}

/// `Space::Summaries`: what listings and time-range queries need. Key and version as the object's.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SummaryRecord {
    /// The name in the collection.
    #[n(0)]
    pub name: String,
    /// 0 VEVENT, 1 VTODO, 2 VJOURNAL, 3 VFREEBUSY.
    #[n(1)]
    pub kind: u8,
    /// Size of the body.
    #[n(2)]
    pub bytes: u64,
    /// First stored, seconds since 1970.
    #[n(3)]
    pub created: i64,
    /// Last stored, seconds since 1970.
    #[n(4)]
    pub modified: i64,
    /// Start of the first instance, seconds since 1970.
    #[n(5)]
    pub first: i64,
    /// End of the last instance, seconds since 1970; `i64::MAX` if there is none.
    #[n(6)]
    pub last: i64,
    /// Bit 0: recurring. Bit 1: floating or all-day, bounds widened. Bit 2: `busy` and the bounds say all.
    #[n(7)]
    pub flags: u8,
    /// With flag bit 2: 0 free, 1 busy, 2 tentative, 3 unavailable.
    #[n(8)]
    pub busy: u8,
    /// The object reduced to its times, iCalendar text.
    #[n(9)]
    pub skeleton: String,
    /// The version of the time-zone database that the bounds were computed with.
    #[n(10)]
    pub tzdb: String,
}

/// `Space::Index`: which object of a collection has a UID. Key: collection, keyed hash of the UID.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct UidRecord {
    /// The name of the object.
    #[n(0)]
    pub name: String,
}

/// The value of a change row.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ChangeRecord {
    /// The name of the member.
    #[n(0)]
    pub name: String,
    /// When, seconds since 1970.
    #[n(1)]
    pub at: i64,
}

/// `Space::Properties`: the dead properties of an object. Key as the object's; missing where there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct PropertiesRecord {
    /// Properties kept as sent.
    #[n(0)]
    pub dead: Vec<DeadPropertyRecord>,
}

document!(ObjectRecord, SummaryRecord, UidRecord, ChangeRecord, PropertiesRecord);

/// The key of an object and of its summary.
#[must_use]
pub fn member_key(collection: CollectionId, name: &KeyedHash) -> Vec<u8> {
    join(&[collection.as_bytes(), name])
}

/// The key of the claim on a UID.
#[must_use]
pub fn uid_key(collection: CollectionId, uid: &KeyedHash) -> Vec<u8> {
    join(&[collection.as_bytes(), uid])
}
