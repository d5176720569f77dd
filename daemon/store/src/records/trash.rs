//! What was deleted and can still be restored.

use minicbor::{Decode, Encode};

use super::{CollectionRecord, DeadPropertyRecord, ObjectRecord, ShareRecord, document};

/// `Space::Trash`: something deleted. Key: its id, whose time is that of the deletion, so that what goes first lies
/// in front.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TrashRecord {
    /// The collection it was in, or that it was.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub collection: [u8; 16],
    /// The owner of that collection.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub owner: [u8; 16],
    /// The name that the collection had in the owner's home.
    #[n(2)]
    pub calendar: String,
    /// Deleted, seconds since 1970.
    #[n(3)]
    pub deleted: i64,
    /// What it is.
    #[n(4)]
    pub what: TrashedRecord,
}

/// What was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum TrashedRecord {
    /// An object with its dead properties.
    #[n(0)]
    Object(#[n(0)] ObjectRecord, #[n(1)] Vec<DeadPropertyRecord>),
    /// A collection and its shares. Its members and its history are where they were.
    #[n(1)]
    Collection(#[n(0)] CollectionRecord, #[n(1)] Vec<TrashedShare>),
}

/// A share of a deleted collection.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TrashedShare {
    /// The person it was shared with.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub user: [u8; 16],
    /// The share.
    #[n(1)]
    pub share: ShareRecord,
}

document!(TrashRecord);
