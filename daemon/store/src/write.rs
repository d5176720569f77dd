//! A write as a value: what must hold, what changes, what is announced.

use almanac_base::CollectionId;

use crate::engine::Precondition;
use crate::space::{Key, RecordVersion, Space};

/// A record to write, in plain text.
#[derive(Clone, PartialEq, Eq)]
pub struct Put {
    /// The space of the record.
    pub space: Space,
    /// Its key.
    pub key: Key,
    /// Its new version, from [`crate::TenantStore::new_version`].
    pub version: RecordVersion,
    /// The plain value.
    pub value: Vec<u8>,
}

/// A change to announce, in plain text.
#[derive(Clone, PartialEq, Eq)]
pub struct LogWrite {
    /// The collection that changed.
    pub collection: CollectionId,
    /// The keyed hash that names the changed object.
    pub object: [u8; 32],
    /// A version of its own, from [`crate::TenantStore::new_version`].
    pub version: RecordVersion,
    /// The plain description of the change.
    pub value: Vec<u8>,
}

/// Records to remove: the first `max` of `from..to`; an empty `to` is the end of the space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeDelete {
    /// The space of the records.
    pub space: Space,
    /// The first key that goes.
    pub from: Key,
    /// The first key that stays.
    pub to: Key,
    /// At most this many records are removed.
    pub max: u32,
}

/// An atomic write. Applied in this order: range deletes, deletes, puts, log; so a record that is both
/// removed and written is there afterwards.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Write {
    /// What must hold at the moment of the commit, checked in order.
    pub preconditions: Vec<Precondition>,
    /// Records to remove by range.
    pub delete_ranges: Vec<RangeDelete>,
    /// Records to remove.
    pub deletes: Vec<(Space, Key)>,
    /// Records to write.
    pub puts: Vec<Put>,
    /// Changes to announce.
    pub log: Vec<LogWrite>,
}

impl Write {
    /// An empty write.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands that `precondition` holds.
    #[must_use]
    pub fn require(mut self, precondition: Precondition) -> Self {
        self.preconditions.push(precondition);
        self
    }

    /// Writes a record.
    #[must_use]
    pub fn put(mut self, space: Space, key: impl Into<Key>, version: RecordVersion, value: Vec<u8>) -> Self {
        self.puts.push(Put { space, key: key.into(), version, value });
        self
    }

    /// Removes a record; none with this key is not an error.
    #[must_use]
    pub fn delete(mut self, space: Space, key: impl Into<Key>) -> Self {
        self.deletes.push((space, key.into()));
        self
    }

    /// Removes the first `max` records of a range; an empty `range.end` is the end of the space.
    #[must_use]
    pub fn delete_range(mut self, space: Space, range: std::ops::Range<Key>, max: u32) -> Self {
        self.delete_ranges.push(RangeDelete { space, from: range.start, to: range.end, max });
        self
    }

    /// Announces a change.
    #[must_use]
    pub fn log(mut self, entry: LogWrite) -> Self {
        self.log.push(entry);
        self
    }
}
