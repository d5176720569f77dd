//! Collections, the names they have in homes, shares, and what is left of deleted ones.

use almanac_base::{CollectionId, UserId};
use minicbor::{Decode, Encode};

use super::{KeyedHash, document, join};

/// `Space::Collections`: a collection. Key: its id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CollectionRecord {
    /// The id of the owner.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub owner: [u8; 16],
    /// The name in the owner's home.
    #[n(1)]
    pub name: String,
    /// 0 calendar, 1 plain.
    #[n(2)]
    pub kind: u8,
    /// The kinds of component it takes, as [`super::SummaryRecord::kind`].
    #[n(3)]
    pub components: Vec<u8>,
    /// Created, seconds since 1970.
    #[n(4)]
    pub created: i64,
    /// `DAV:displayname`.
    #[n(5)]
    pub display_name: Option<String>,
    /// `CALDAV:calendar-description`.
    #[n(6)]
    pub description: Option<String>,
    /// `CALDAV:calendar-timezone`.
    #[n(7)]
    pub timezone: Option<String>,
    /// `CALDAV:calendar-timezone-id`.
    #[n(8)]
    pub timezone_id: Option<String>,
    /// Whether it counts for busy time: 0 opaque, 1 transparent.
    #[n(9)]
    pub transparency: u8,
    /// Properties kept as sent.
    #[n(10)]
    pub dead: Vec<DeadPropertyRecord>,
}

/// A dead property (RFC 4918 section 4).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DeadPropertyRecord {
    /// Namespace name.
    #[n(0)]
    pub namespace: String,
    /// Local name.
    #[n(1)]
    pub local: String,
    /// The whole element.
    #[n(2)]
    pub xml: String,
}

/// `Space::Homes`: a name in a home. Key: user, keyed hash of the name.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HomeRecord {
    /// The collection that has the name here.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub collection: [u8; 16],
    /// The name.
    #[n(1)]
    pub name: String,
}

/// `Space::Shares`: another person's access. Key: collection, user.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ShareRecord {
    /// 0 free-busy, 1 read, 2 read-write.
    #[n(0)]
    pub access: u8,
    /// The name in the sharee's home.
    #[n(1)]
    pub name: String,
    /// The sharee's own `DAV:displayname`.
    #[n(2)]
    pub display_name: Option<String>,
    /// The sharee's own dead properties.
    #[n(3)]
    pub dead: Vec<DeadPropertyRecord>,
}

/// `Space::Meta`: a deleted collection whose members are still to be removed. Key: collection.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GarbageRecord {
    /// Deleted, seconds since 1970.
    #[n(0)]
    pub deleted: i64,
}

document!(CollectionRecord, HomeRecord, ShareRecord, GarbageRecord);

/// The key of a name in a home.
#[must_use]
pub fn home_key(user: UserId, name: &KeyedHash) -> Vec<u8> {
    join(&[user.as_bytes(), name])
}

/// The key of a share.
#[must_use]
pub fn share_key(collection: CollectionId, user: UserId) -> Vec<u8> {
    join(&[collection.as_bytes(), user.as_bytes()])
}
