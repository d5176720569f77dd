//! Accounts at vendors, links, and what a link knows of each object.

use almanac_base::{AccountId, CollectionId, HistoryId, LinkId};
use minicbor::{Decode, Encode};

use super::{KeyedHash, document, join};

/// `Space::Accounts`: an account at a vendor. Key: its id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AccountRecord {
    /// The operator's name for it; no other account of the tenant has it.
    #[n(0)]
    pub name: String,
    /// The connector, as it calls itself.
    #[n(1)]
    pub kind: String,
    /// What the connector needs to know, name and value. No secrets.
    #[n(2)]
    pub settings: Vec<(String, String)>,
    /// 0 enabled, 1 disabled.
    #[n(3)]
    pub state: u8,
    /// Created, seconds since 1970.
    #[n(4)]
    pub created: i64,
}

/// `Space::Accounts`: the secret of an account. Key: its id and `s`.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct SecretRecord {
    /// A password, or tokens, as its connector writes them.
    #[n(0)]
    pub secret: String,
    /// Written, seconds since 1970.
    #[n(1)]
    pub at: i64,
}

/// `Space::Links`: a link. Key: its id.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct LinkRecord {
    /// The account.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub account: [u8; 16],
    /// The collection.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub collection: [u8; 16],
    /// The vendor's name for its calendar.
    #[n(2)]
    pub remote: String,
    /// People's name for that calendar, when the link was made.
    #[n(3)]
    pub remote_name: String,
    /// 0 two-way, 1 pull, 2 push.
    #[n(4)]
    pub mode: u8,
    /// 0 full, 1 initials, 2 busy.
    #[n(5)]
    pub privacy: u8,
    /// Who wins a contradiction: 0 the vendor, 1 the store, 2 a person is asked, 3 the side where the object was made.
    #[n(6)]
    pub policy: u8,
    /// 0 active, 1 paused, 2 detached: one of the two calendars is not there any more.
    #[n(7)]
    pub state: u8,
    /// Why it is detached.
    #[n(8)]
    pub reason: Option<String>,
    /// Created, seconds since 1970.
    #[n(9)]
    pub created: i64,
}

/// `Space::Links`: how far a link has come. Key: its id and `p`.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct PlaceRecord {
    /// The change of the collection up to which its changes were looked at; none: all of it is to be looked at.
    #[n(0)]
    pub seq: Option<u64>,
    /// Where the vendor's last listing ended.
    #[n(1)]
    pub token: Option<String>,
    /// The last listing of everything, seconds since 1970.
    #[n(2)]
    pub listed: Option<i64>,
    /// The last run that came to its end, seconds since 1970.
    #[n(3)]
    pub done: Option<i64>,
    /// Deletions of this hour: when it began, seconds since 1970, and how many.
    #[n(4)]
    pub deletions: Option<(i64, u64)>,
    /// The last comparison of everything, seconds since 1970.
    #[n(5)]
    pub compared: Option<i64>,
    /// Until when the vendor asked to be left alone, milliseconds since 1970.
    #[n(6)]
    pub rests_until: Option<i64>,
}

/// `Space::Links`: a channel through which a vendor calls. Key: the link's id and `c`.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct ChannelRecord {
    /// What its signals name.
    #[n(0)]
    pub channel: String,
    /// What the vendor calls the watched calendar.
    #[n(1)]
    pub resource: String,
    /// What the vendor proves itself with.
    #[n(2)]
    pub secret: String,
    /// When it closes, seconds since 1970.
    #[n(3)]
    pub until: i64,
    /// The last signal, seconds since 1970.
    #[n(4)]
    pub signalled: Option<i64>,
    /// The address that it calls.
    #[n(5)]
    pub address: Option<String>,
}

/// `Space::Pairs`: an object as a link knows it. Key: the link's id and the keyed hash of the object's name.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct PairRecord {
    /// The name of the object in the collection.
    #[n(0)]
    pub name: String,
    /// Its UID there.
    #[n(1)]
    pub uid: String,
    /// The vendor's id, if it has it.
    #[n(2)]
    pub remote: Option<String>,
    /// The vendor's version, if it has it.
    #[n(3)]
    pub version: Option<String>,
    /// The record version of the object here when it was last looked at.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub local: Option<[u8; 16]>,
    /// What both sides had in common when they were last equal, as a calendar object.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub base: Option<Vec<u8>>,
    /// What the vendor had then, if it is not what the base comes to.
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    pub seen: Option<Vec<u8>>,
    /// How often it was made at the vendor.
    #[n(7)]
    pub generation: u32,
    /// Where it was made: 0 here, 1 at the vendor.
    #[n(8)]
    pub origin: u8,
    /// 0 in order, 1 parked, 2 a deletion here is held, 3 a deletion there is held, 4 the held deletion is approved,
    /// 5 a person is to say who wins, 6 the store is to win once, 7 the vendor is to win once, 8 a change that the
    /// vendor would mail about is held, 9 it is approved, 10 an approved deletion that it would mail about is held, 11 it
    /// is approved.
    #[n(9)]
    pub state: u8,
    /// Why, if it is not in order; nothing of the object's content.
    #[n(10)]
    pub reason: Option<String>,
    /// Since when, seconds since 1970.
    #[n(11)]
    pub since: Option<i64>,
    /// How many people the vendor would mail about a change.
    #[n(12)]
    pub mails: u32,
    /// What the vendor was last sent without a clear answer, as a calendar object.
    #[n(13)]
    #[cbor(with = "minicbor::bytes")]
    pub sent: Option<Vec<u8>>,
    /// Whose it is at the vendor: 0 the account's own, 1 a copy of what somebody else organizes.
    #[n(14)]
    pub role: u8,
    /// Its changes in turn, if there were any lately.
    #[n(15)]
    pub turns: Option<TurnsRecord>,
}

/// How an object was changed in turn at the vendor and from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct TurnsRecord {
    /// Since when it is counted, seconds since 1970.
    #[n(0)]
    pub since: i64,
    /// How often a change from here followed one at the vendor.
    #[n(1)]
    pub count: u32,
    /// Whether a change at the vendor was the last.
    #[n(2)]
    pub theirs: bool,
}

/// `Space::Remotes`: which object has a vendor's id. Key: the link's id and the keyed hash of that id.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct RemoteRecord {
    /// The name of the object in the collection.
    #[n(0)]
    pub name: String,
}

/// `Space::Dispatch`: the vendor is to have an object as it is here. Key: as the pair's.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct DispatchRecord {
    /// The name of the object.
    #[n(0)]
    pub name: String,
    /// How often it was tried; counted before each try.
    #[n(1)]
    pub attempts: u32,
    /// Not to be tried before, milliseconds since 1970.
    #[n(2)]
    pub not_before: i64,
    /// Since when it waits, seconds since 1970.
    #[n(3)]
    pub since: i64,
}

/// `Space::History`: what a sync lost. Key: the link's id and its own, whose time is that of the loss.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct HistoryRecord {
    /// When, seconds since 1970.
    #[n(0)]
    pub at: i64,
    /// The name of the object.
    #[n(1)]
    pub name: String,
    /// Who lost: 0 the store, 1 the vendor.
    #[n(2)]
    pub loser: u8,
    /// Which fields, as people call them.
    #[n(3)]
    pub fields: Vec<String>,
    /// The object as the loser had it; `None`: it had deleted it.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub object: Option<Vec<u8>>,
}

document!(
    AccountRecord,
    SecretRecord,
    LinkRecord,
    PlaceRecord,
    ChannelRecord,
    PairRecord,
    RemoteRecord,
    DispatchRecord,
    HistoryRecord
);

/// The key of an account's secret.
#[must_use]
pub fn secret_key(account: AccountId) -> Vec<u8> {
    join(&[account.as_bytes(), b"s"])
}

/// The key of a link's place.
#[must_use]
pub fn place_key(link: LinkId) -> Vec<u8> {
    join(&[link.as_bytes(), b"p"])
}

/// The key of a link's channel.
#[must_use]
pub fn channel_key(link: LinkId) -> Vec<u8> {
    join(&[link.as_bytes(), b"c"])
}

/// The key of a pair, of its dispatch row, and, with the hash of a vendor's id, of the row that leads to it.
#[must_use]
pub fn pair_key(link: LinkId, hash: &KeyedHash) -> Vec<u8> {
    join(&[link.as_bytes(), hash])
}

/// The key of a row of the history.
#[must_use]
pub fn history_key(link: LinkId, id: HistoryId) -> Vec<u8> {
    join(&[link.as_bytes(), id.as_bytes()])
}

/// The collection of a link.
#[must_use]
pub fn collection_of(link: &LinkRecord) -> CollectionId {
    CollectionId::from_bytes(link.collection)
}
