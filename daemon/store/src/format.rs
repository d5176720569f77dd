//! What a store says of itself: the first rows looked at, before anything is opened or touched.

use almanac_base::{StoreId, TenantId};
use bytes::Bytes;

use crate::engine::Mutation;
use crate::seal;
use crate::space::{RecordVersion, Space};
use crate::{StoreError, migrations};

/// The tenant that belongs to the instance: it maps logins to tenants and knows the tenants.
pub(crate) const SYSTEM: TenantId = TenantId::from_bytes([0; 16]);
/// The key of the format row, in the system tenant.
pub(crate) const FORMAT_KEY: &[u8] = b"store";

const MAGIC: &[u8; 8] = b"ALMANAC\0";

/// What a store says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    /// The form of everything in it.
    pub(crate) version: u32,
    /// Which life of the store this is.
    pub(crate) incarnation: StoreId,
    /// Tells whether a root key is the right one.
    pub(crate) key_check: [u8; 16],
    /// Tells whether a root key is the one before; none if there was no other.
    pub(crate) key_before: Option<[u8; 16]>,
}

impl Format {
    /// The format of a store that begins now.
    pub(crate) fn fresh(key_check: [u8; 16]) -> Result<Self, StoreError> {
        let incarnation = StoreId::from_bytes(seal::random()?);
        Ok(Self { version: migrations::CURRENT, incarnation, key_check, key_before: None })
    }

    /// Reads the row; `None` if it is not one of this program.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let rest = value.strip_prefix(MAGIC)?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (incarnation, rest) = rest.split_first_chunk::<16>()?;
        let (key_check, rest) = rest.split_first_chunk::<16>()?;
        Some(Self {
            version: u32::from_be_bytes(*version),
            incarnation: StoreId::from_bytes(*incarnation),
            key_check: *key_check,
            key_before: rest.first_chunk::<16>().copied(),
        })
    }

    /// The row.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let version = self.version.to_be_bytes();
        let before = self.key_before.as_ref().map_or(&[][..], <[u8; 16]>::as_slice);
        [MAGIC.as_slice(), &version, self.incarnation.as_bytes(), &self.key_check, before].concat()
    }

    /// Writes the row.
    pub(crate) fn to_mutation(self) -> Mutation {
        Mutation::Put {
            space: Space::Format,
            key: FORMAT_KEY.into(),
            version: RecordVersion::NONE,
            value: Bytes::from(self.to_bytes()),
        }
    }
}
