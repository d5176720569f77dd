//! Sync tokens: URIs that carry a place in a collection's log and a MAC over it.
//!
//! `urn:almanac:sync:` and, in hexadecimal, the sequence number (8 bytes), 8 bytes of the random version of that
//! change, for an initial sync that was cut the hash of the last member reported (32 bytes), and the MAC (16 bytes).
//! The MAC covers the collection and the incarnation of the store: a token of another collection, or from before a
//! restore, is not valid. The version tells the pasts apart if somebody puts back an old copy of the whole folder.

use almanac_backend::{Refusal, SyncToken};
use almanac_base::{CollectionId, StoreId};
use almanac_store::records::KeyedHash;
use almanac_store::{MacPurpose, TenantStore};

use crate::error::AppError;
use crate::head::Moment;

const PREFIX: &str = "urn:almanac:sync:";

/// A place in the history of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Everything up to this change is known to the client.
    pub(crate) at: Moment,
    /// During a cut initial sync: members up to this hash were reported.
    pub(crate) initial: Option<KeyedHash>,
}

impl Place {
    fn payload(&self) -> Vec<u8> {
        let mut bytes = self.at.seq.to_be_bytes().to_vec();
        bytes.extend(self.at.mark);
        bytes.extend(self.initial.iter().flatten());
        bytes
    }
}

fn message(collection: CollectionId, incarnation: StoreId, payload: &[u8]) -> Vec<u8> {
    [collection.as_bytes().as_slice(), incarnation.as_bytes(), payload].concat()
}

/// The token for a place.
pub(crate) fn write(
    store: &TenantStore,
    incarnation: StoreId,
    collection: CollectionId,
    place: Place,
) -> SyncToken {
    let payload = place.payload();
    let mac = store.mac(MacPurpose::SyncToken, &message(collection, incarnation, &payload));
    let mut text = String::from(PREFIX);
    for byte in payload.iter().chain(&mac) {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    SyncToken::new(&text)
}

/// The place of a token.
///
/// # Errors
/// `Refusal::InvalidSyncToken` for any text that `write` did not make for this collection and incarnation.
pub(crate) fn read(
    store: &TenantStore,
    incarnation: StoreId,
    collection: CollectionId,
    token: &SyncToken,
) -> Result<Place, AppError> {
    let refused = || AppError::from(Refusal::InvalidSyncToken);
    let digits = token.as_str().strip_prefix(PREFIX).ok_or_else(refused)?;
    let bytes = unhex(digits).ok_or_else(refused)?;
    let (payload, mac) = bytes.split_last_chunk::<16>().ok_or_else(refused)?;
    let genuine = store.verify_mac(MacPurpose::SyncToken, &message(collection, incarnation, payload), mac);
    let (seq, rest) = payload.split_first_chunk::<8>().ok_or_else(refused)?;
    let (mark, rest) = rest.split_first_chunk::<8>().ok_or_else(refused)?;
    if !genuine {
        return Err(refused());
    }
    let initial = if rest.is_empty() { None } else { Some(rest.try_into().map_err(|_| refused())?) };
    Ok(Place { at: Moment { seq: u64::from_be_bytes(*seq), mark: *mark }, initial })
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4) | digit(*low)?)).collect()
}
