//! The order of rows and the form of the change log, the same in every local engine.
//!
//! ```text
//! tenant 16 | space 1 | key                  -> version 16 | sealed value
//! tenant 16 | Changes | ""                   -> version 0  | last change of the tenant 8 | 0
//! tenant 16 | Changes | collection 16        -> version of the last change 16 | its number 8 | changes so far 8
//! tenant 16 | Changes | collection 16 | seq 8 -> version 16 | prev_seq 8 | count 8 | object 32 | sealed value
//! 0x00                                       -> groups made durable in the life of the store 8
//! ```
//! Numbers are big-endian. A collection's head stands directly in front of its changes and outlives them.

use std::ops::{Bound, Range};

use almanac_base::{CollectionId, TenantId};

use super::EngineError;
use crate::space::{Key, RecordVersion, Space, prefix_range};

/// Bytes in front of a key.
const PREFIX_BYTES: usize = 17;
/// The row that counts durable groups; in front of every tenant.
pub(crate) const GROUPS_ROW: &[u8] = &[0];

/// The place of a row.
pub(crate) fn row_key(tenant: TenantId, space: Space, key: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(PREFIX_BYTES.saturating_add(key.len()));
    row.extend_from_slice(tenant.as_bytes());
    row.push(space as u8);
    row.extend_from_slice(key);
    row
}

/// The places of a range of keys; an empty `to` is the end of the space.
pub(crate) fn row_range(tenant: TenantId, space: Space, from: &[u8], to: &[u8]) -> Range<Vec<u8>> {
    let end = if to.is_empty() {
        prefix_range(&row_key(tenant, space, b"")).end.into_vec()
    } else {
        row_key(tenant, space, to)
    };
    row_key(tenant, space, from)..end
}

/// The places of all rows of a tenant.
pub(crate) fn tenant_range(tenant: TenantId) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let prefix = prefix_range(tenant.as_bytes());
    let end = if prefix.end.is_empty() { Bound::Unbounded } else { Bound::Excluded(prefix.end.into_vec()) };
    (Bound::Included(prefix.start.into_vec()), end)
}

/// The key of a row, without tenant and space.
pub(crate) fn key_in(row: &[u8]) -> Key {
    row.get(PREFIX_BYTES..).unwrap_or_default().into()
}

/// The tenant of a row; `None` for the row that belongs to no tenant.
pub(crate) fn tenant_in(row: &[u8]) -> Option<TenantId> {
    row.first_chunk::<16>().map(|bytes| TenantId::from_bytes(*bytes))
}

/// The byte of a row that says the kind of its record.
pub(crate) fn space_in(row: &[u8]) -> Option<u8> {
    row.get(PREFIX_BYTES - 1).copied()
}

/// Splits a stored value into version and value.
pub(crate) fn split(stored: &[u8]) -> Result<(RecordVersion, &[u8]), EngineError> {
    let (version, value) =
        stored.split_first_chunk::<16>().ok_or(EngineError::Corrupt("a row is shorter than its version"))?;
    Ok((RecordVersion::from_bytes(*version), value))
}

/// The key of a change.
pub(crate) fn change_key(collection: CollectionId, seq: u64) -> Key {
    [collection.as_bytes().as_slice(), &seq.to_be_bytes()].concat().into()
}

/// The keys of a collection's changes after `after`.
pub(crate) fn change_range(collection: CollectionId, after: u64) -> Range<Key> {
    change_key(collection, after.saturating_add(1))..prefix_range(collection.as_bytes()).end
}

/// The number of the change with this key.
pub(crate) fn change_seq(key: &[u8]) -> Result<u64, EngineError> {
    let seq = key.last_chunk::<8>().filter(|_| key.len() == 24);
    seq.map(|bytes| u64::from_be_bytes(*bytes)).ok_or(EngineError::Corrupt("a change has a wrong key"))
}

/// The head of a tenant or of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The number of the last change.
    pub(crate) seq: u64,
    /// How many changes there were; 0 for tenants, which need no count.
    pub(crate) count: u64,
    /// The version of the last change; none for tenants. It is the version of the head's row.
    pub(crate) version: RecordVersion,
}

impl Head {
    /// The head before the first change.
    pub(crate) const NONE: Self = Self { seq: 0, count: 0, version: RecordVersion::NONE };

    pub(crate) fn parse(version: RecordVersion, value: &[u8]) -> Result<Self, EngineError> {
        let numbers: Option<(&[u8; 8], &[u8; 8])> =
            value.split_first_chunk::<8>().and_then(|(seq, rest)| Some((seq, rest.first_chunk::<8>()?)));
        let (seq, count) = numbers.ok_or(EngineError::Corrupt("a head has a wrong form"))?;
        Ok(Self { seq: u64::from_be_bytes(*seq), count: u64::from_be_bytes(*count), version })
    }

    pub(crate) fn to_value(self) -> [u8; 16] {
        let mut value = [0; 16];
        let (seq, count) = value.split_at_mut(8);
        seq.copy_from_slice(&self.seq.to_be_bytes());
        count.copy_from_slice(&self.count.to_be_bytes());
        value
    }
}

/// A row of the change log, without its number.
pub(crate) struct ChangeRow<'a> {
    pub(crate) prev_seq: u64,
    /// The number of the change within its collection, from 1.
    pub(crate) count: u64,
    pub(crate) object: &'a [u8; 32],
    pub(crate) sealed: &'a [u8],
}

impl<'a> ChangeRow<'a> {
    pub(crate) fn parse(value: &'a [u8]) -> Result<Self, EngineError> {
        let parts = || {
            let (prev_seq, rest) = value.split_first_chunk::<8>()?;
            let (count, rest) = rest.split_first_chunk::<8>()?;
            let (object, sealed) = rest.split_first_chunk::<32>()?;
            let (prev_seq, count) = (u64::from_be_bytes(*prev_seq), u64::from_be_bytes(*count));
            Some(Self { prev_seq, count, object, sealed })
        };
        parts().ok_or(EngineError::Corrupt("a change has a wrong form"))
    }

    pub(crate) fn to_value(&self) -> Vec<u8> {
        [&self.prev_seq.to_be_bytes(), &self.count.to_be_bytes(), self.object.as_slice(), self.sealed]
            .concat()
    }
}
