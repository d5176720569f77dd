//! What lies on the disk: AES-256-GCM, bound to the place and the version of the record.
//!
//! A row holds `version 16 | format 1 | key id 16 | nonce 12 | ciphertext | tag 16`; the engine keeps the version
//! in front, the rest is made here. In format 1 the value is sealed as it is, in format 2 packed (`pack.rs`). The
//! associated data name tenant, space, key, key id, version and, from 2 on, the format, so a value that is moved to
//! another key, tenant or version does not open. Nonces are random, never counters: a restore
//! or a snapshot of a virtual machine would repeat a counter under the same key.

use almanac_base::{CollectionId, TenantId};
use bytes::Bytes;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use crate::error::StoreError;
use crate::keys::KEY_BYTES;
use crate::pack::{pack, unpack};
use crate::space::{RecordVersion, Space};

/// The form of a sealed value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// The value as it is.
    Plain = 1,
    /// The value as `pack` made it.
    Packed = 2,
}

impl Format {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Plain, Self::Packed].into_iter().find(|format| *format as u8 == byte)
    }
}

/// Bytes of a key id.
pub(crate) const KEY_ID_BYTES: usize = 16;
/// Bytes in front of the ciphertext.
const HEADER_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_LEN;
/// Bytes a seal adds to a value at most.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + 16;

/// Names a key: today an epoch of a tenant, later perhaps a patient's own key.
pub(crate) type KeyId = [u8; KEY_ID_BYTES];

/// What a sealed value is bound to, beside key id and version.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// A record.
    Record { tenant: TenantId, space: Space, key: &'a [u8] },
    /// A row of the change log, whose number its sealer cannot know.
    Change { tenant: TenantId, collection: CollectionId, object: &'a [u8; 32] },
    /// A key of a tenant, wrapped by the root key.
    Wrapped { tenant: TenantId, what: WrappedKey },
}

/// The kinds of wrapped keys.
#[derive(Clone, Copy)]
pub(crate) enum WrappedKey {
    /// The master of an epoch.
    Epoch = 1,
    /// The index key.
    Index = 2,
}

impl Place<'_> {
    fn associated_data(&self, key_id: &KeyId, version: RecordVersion, format: Format) -> Vec<u8> {
        let mut data = Vec::with_capacity(128);
        match self {
            Self::Record { tenant, space, key } => {
                data.push(1);
                data.extend_from_slice(tenant.as_bytes());
                data.push(*space as u8);
                data.extend_from_slice(&u64::try_from(key.len()).unwrap_or(u64::MAX).to_be_bytes());
                data.extend_from_slice(key);
            }
            Self::Change { tenant, collection, object } => {
                data.push(2);
                data.extend_from_slice(tenant.as_bytes());
                data.extend_from_slice(collection.as_bytes());
                data.extend_from_slice(*object);
            }
            Self::Wrapped { tenant, what } => {
                data.push(3);
                data.extend_from_slice(tenant.as_bytes());
                data.push(*what as u8);
            }
        }
        data.extend_from_slice(key_id);
        data.extend_from_slice(version.as_bytes());
        if format != Format::Plain {
            data.push(format as u8); // the first form, of which there are values, has no byte here
        }
        data
    }
}

/// A key that seals and opens values.
pub(crate) struct SealKey {
    id: KeyId,
    key: LessSafeKey,
}

impl SealKey {
    /// The key with these bytes and this name.
    pub(crate) fn new(id: KeyId, bytes: &[u8; KEY_BYTES]) -> Result<Self, StoreError> {
        let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| StoreError::Bug("key length"))?;
        Ok(Self { id, key: LessSafeKey::new(key) })
    }

    /// The name of the key.
    pub(crate) fn id(&self) -> &KeyId {
        &self.id
    }

    /// Seals `plain` for `place` under `version`.
    pub(crate) fn seal(
        &self,
        place: &Place<'_>,
        version: RecordVersion,
        plain: &[u8],
    ) -> Result<Bytes, StoreError> {
        if version == RecordVersion::NONE {
            return Err(StoreError::NoRandom);
        }
        let packed = pack(plain);
        let (format, body) =
            packed.as_deref().map_or((Format::Plain, plain), |packed| (Format::Packed, packed));
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut sealed = Vec::with_capacity(body.len().saturating_add(OVERHEAD_BYTES));
        sealed.push(format as u8);
        sealed.extend_from_slice(&self.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(body);
        let aad = Aad::from(place.associated_data(&self.id, version, format));
        let (_, body) = sealed.split_at_mut_checked(HEADER_BYTES).ok_or(StoreError::Bug("seal header"))?;
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, body)
            .map_err(|_| StoreError::TooLarge)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed.into())
    }

    /// Opens what [`SealKey::seal`] made for the same place and version.
    pub(crate) fn open(
        &self,
        place: &Place<'_>,
        version: RecordVersion,
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let parts = parts(sealed)?;
        if parts.key_id != &self.id {
            return Err(StoreError::Corrupt("a value names another key than the one that opens it"));
        }
        let mut body = parts.body.to_vec();
        let aad = Aad::from(place.associated_data(&self.id, version, parts.format));
        let plain = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(*parts.nonce), aad, &mut body)
            .map_err(|_| StoreError::Corrupt("a value does not open: it was changed or moved"))?
            .len();
        body.truncate(plain);
        match parts.format {
            Format::Plain => Ok(body),
            Format::Packed => unpack(&body),
        }
    }
}

/// The key id that a sealed value names.
pub(crate) fn key_id(sealed: &[u8]) -> Result<&KeyId, StoreError> {
    parts(sealed).map(|parts| parts.key_id)
}

struct Parts<'a> {
    format: Format,
    key_id: &'a KeyId,
    nonce: &'a [u8; NONCE_LEN],
    body: &'a [u8],
}

fn parts(sealed: &[u8]) -> Result<Parts<'_>, StoreError> {
    const SHORT: StoreError = StoreError::Corrupt("a value is shorter than its header");
    let (format, rest) = sealed.split_first().ok_or(SHORT)?;
    let format = Format::from_byte(*format).ok_or(StoreError::Corrupt("a value has an unknown format"))?;
    let (key_id, rest) = rest.split_first_chunk::<KEY_ID_BYTES>().ok_or(SHORT)?;
    let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SHORT)?;
    Ok(Parts { format, key_id, nonce, body })
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| StoreError::NoRandom)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_in_the_form_it_was_sealed_in_and_in_no_other() {
        let key = SealKey::new([1; KEY_ID_BYTES], &[2; KEY_BYTES]).unwrap();
        let place = Place::Record { tenant: TenantId::from_bytes([3; 16]), space: Space::Objects, key: b"a" };
        let version = RecordVersion::from_bytes([4; 16]);
        let long = b"BEGIN:VEVENT\r\nSUMMARY:Review\r\nEND:VEVENT\r\n".repeat(20);
        for (plain, form) in [(b"short".as_slice(), Format::Plain), (&long, Format::Packed)] {
            let sealed = key.seal(&place, version, plain).unwrap();
            assert_eq!(sealed.first(), Some(&(form as u8)));
            assert_eq!(key.open(&place, version, &sealed).unwrap(), plain);
            for other in (0..=u8::MAX).filter(|other| *other != form as u8) {
                let mut wrong = sealed.to_vec();
                wrong[0] = other;
                assert!(matches!(key.open(&place, version, &wrong), Err(StoreError::Corrupt(_))), "{other}");
            }
        }
    }
}
