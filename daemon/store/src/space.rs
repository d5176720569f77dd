//! The names of records: spaces, keys, versions.

use std::fmt;
use std::ops::Range;

/// The name of a record within its tenant and space. Keys hold ids and keyed hashes only.
pub type Key = Box<[u8]>;

/// The kinds of records. The number is part of every key on disk and of every seal: it never changes.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    /// Calendar object resources.
    Objects = 1,
    /// What listings and time queries need of an object.
    Summaries = 2,
    /// Keyed hashes that lead to records.
    Index = 3,
    /// The change log and its heads; written through [`crate::Write::log`] only.
    Changes = 4,
    /// Calendar collections.
    Collections = 5,
    /// The calendar home sets: which collections under which names.
    Homes = 6,
    /// Principals.
    Principals = 7,
    /// App passwords.
    Credentials = 8,
    /// Who may see whose collections.
    Shares = 9,
    /// Settings of a tenant.
    Meta = 10,
    /// Dead properties.
    Properties = 11,
    /// What was deleted and can still be restored.
    Trash = 12,
    /// Accounts at vendors, and their secrets.
    Accounts = 13,
    /// Links between collections and vendors' calendars, and how far each has come.
    Links = 14,
    /// What a link knows of each object.
    Pairs = 15,
    /// Keyed hashes of vendors' ids that lead to pairs.
    Remotes = 16,
    /// What is to be sent to vendors.
    Dispatch = 17,
    /// What syncs lost and can be restored.
    History = 18,
    /// Calendars that can be read by a secret URL.
    Feeds = 20,
    /// A tenant's wrapped keys and how often each has sealed. Kept by this crate.
    Keys = 240,
    /// The tenants of the store. Kept by this crate, in the system tenant.
    Tenants = 241,
    /// What the store is. Kept by this crate, in the system tenant.
    Format = 242,
}

impl Space {
    const ALL: [Self; 22] = [
        Self::Objects,
        Self::Summaries,
        Self::Index,
        Self::Changes,
        Self::Collections,
        Self::Homes,
        Self::Principals,
        Self::Credentials,
        Self::Shares,
        Self::Meta,
        Self::Properties,
        Self::Trash,
        Self::Accounts,
        Self::Links,
        Self::Pairs,
        Self::Remotes,
        Self::Dispatch,
        Self::History,
        Self::Feeds,
        Self::Keys,
        Self::Tenants,
        Self::Format,
    ];

    /// The spaces whose values are sealed by a tenant's keys.
    pub(crate) fn sealed() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|space| !matches!(space, Self::Keys | Self::Tenants | Self::Format))
    }

    /// The space with this number.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|space| *space as u8 == byte)
    }

    /// Whether this crate alone writes to the space.
    #[must_use]
    pub const fn is_reserved(self) -> bool {
        matches!(self, Self::Changes | Self::Keys | Self::Tenants | Self::Format)
    }
}

/// 16 random bytes that name one state of a record. Made anew at each write, never repeated, not even after
/// delete and re-create or a restore.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordVersion([u8; 16]);

impl RecordVersion {
    /// No version: what rows without a seal carry. A commit refuses to seal under it.
    pub const NONE: Self = Self([0; 16]);

    /// The version with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for RecordVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordVersion({:032x})", u128::from_be_bytes(self.0))
    }
}

/// The range of all keys that begin with `prefix`; of the whole space if it is empty.
#[must_use]
pub fn prefix_range(prefix: &[u8]) -> Range<Key> {
    let mut end = prefix.to_vec();
    while end.pop_if(|byte| *byte == u8::MAX).is_some() {}
    if let Some(last) = end.last_mut() {
        *last = last.wrapping_add(1); // not 255: those were popped
    }
    prefix.into()..end.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_range_ends_where_the_prefix_does() {
        let cases: [(&[u8], &[u8]); 4] =
            [(b"", b""), (b"ab", b"ac"), (b"a\xff\xff", b"b"), (b"\xff\xff", b"")];
        for (prefix, end) in cases {
            assert_eq!(prefix_range(prefix), Key::from(prefix)..Key::from(end));
        }
    }
}
