//! Values made short before they are sealed: zstd (RFC 8878) with a dictionary of what calendar data repeat.
//!
//! A packed value is `dictionary 1 | plain length 4 | frame length 4 | zstd frame | zeros`, numbers little-endian. The
//! zeros make its length a multiple of [`STEP_BYTES`]: how well a text packs says something about it, and whoever
//! reads the disk sees lengths. Text of different tenants never meets in one value.
//!
//! A dictionary is never changed once values exist that were packed with it; a better one gets the next number. How
//! the dictionary is made: `tests/dictionary`.

use std::sync::{LazyLock, Mutex, PoisonError};

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

use crate::error::StoreError;
use crate::limits::{PACKED_BYTES_MAX, PACKED_BYTES_MIN, PACKERS_KEPT_MAX};

/// Packed values have a multiple of this length.
const STEP_BYTES: usize = 64;
/// What stands in front of the frame.
const HEADER_BYTES: usize = 9;
/// The name of the dictionary that packs.
const DICTIONARY: u8 = 1;
/// zstd's own default: beyond it the time grows faster than the gain.
const LEVEL: i32 = 3;

const TEXT: &[u8] = include_bytes!("pack.dictionary");

static TO_PACK: LazyLock<EncoderDictionary<'static>> = LazyLock::new(|| EncoderDictionary::copy(TEXT, LEVEL));
static TO_UNPACK: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(TEXT));

/// Contexts that are costly to make, kept for whoever comes next.
struct Shelf<T>(Mutex<Vec<T>>);

static PACKERS: Shelf<Compressor<'static>> = Shelf(Mutex::new(Vec::new()));
static UNPACKERS: Shelf<Decompressor<'static>> = Shelf(Mutex::new(Vec::new()));

impl<T> Shelf<T> {
    fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn put_back(&self, item: T) {
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if items.len() < PACKERS_KEPT_MAX {
            items.push(item);
        }
    }
}

/// Packs `plain` if that makes it shorter.
pub(crate) fn pack(plain: &[u8]) -> Option<Vec<u8>> {
    if !(PACKED_BYTES_MIN..=PACKED_BYTES_MAX).contains(&plain.len()) {
        return None;
    }
    // Only what is shorter than it was is of use, so the frame needs no more room than that.
    let mut packed = vec![0; plain.len()];
    let mut packer = PACKERS.take().map_or_else(new_packer, Some)?;
    let frame = packer.compress_to_buffer(plain, packed.get_mut(HEADER_BYTES..)?);
    PACKERS.put_back(packer);
    let frame = frame.ok()?;
    let whole = HEADER_BYTES.checked_add(frame)?.next_multiple_of(STEP_BYTES);
    if whole >= plain.len() {
        return None;
    }
    packed.truncate(whole);
    packed.get_mut(HEADER_BYTES.checked_add(frame)?..)?.fill(0);
    let header = packed.first_chunk_mut::<HEADER_BYTES>()?;
    let [plain_bytes, frame_bytes] =
        [plain.len(), frame].map(|n| u32::try_from(n).unwrap_or(0).to_le_bytes());
    *header = [
        DICTIONARY,
        plain_bytes[0],
        plain_bytes[1],
        plain_bytes[2],
        plain_bytes[3],
        frame_bytes[0],
        frame_bytes[1],
        frame_bytes[2],
        frame_bytes[3],
    ];
    Some(packed)
}

fn new_packer() -> Option<Compressor<'static>> {
    let mut packer = Compressor::with_prepared_dictionary(&TO_PACK).ok()?;
    packer.include_dictid(false).ok()?;
    packer.include_checksum(false).ok()?;
    Some(packer)
}

/// The value that [`pack`] made short.
pub(crate) fn unpack(packed: &[u8]) -> Result<Vec<u8>, StoreError> {
    const BAD: StoreError = StoreError::Corrupt("a packed value has a wrong form");
    let (header, rest) = packed.split_first_chunk::<HEADER_BYTES>().ok_or(BAD)?;
    let [dictionary, p0, p1, p2, p3, f0, f1, f2, f3] = *header;
    if dictionary != DICTIONARY {
        return Err(StoreError::Corrupt("a value is packed with an unknown dictionary"));
    }
    let number = |bytes| usize::try_from(u32::from_le_bytes(bytes)).map_err(|_| BAD);
    let (plain_bytes, frame_bytes) = (number([p0, p1, p2, p3])?, number([f0, f1, f2, f3])?);
    if plain_bytes > PACKED_BYTES_MAX {
        return Err(BAD);
    }
    let frame = rest.get(..frame_bytes).ok_or(BAD)?;
    let mut unpacker = match UNPACKERS.take() {
        Some(unpacker) => unpacker,
        None => Decompressor::with_prepared_dictionary(&TO_UNPACK).map_err(|_| BAD)?,
    };
    let plain = unpacker.decompress(frame, plain_bytes);
    UNPACKERS.put_back(unpacker);
    plain.ok().filter(|plain| plain.len() == plain_bytes).ok_or(BAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &[u8] = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Test//EN\r\nBEGIN:VEVENT\r\n\
        UID:3f1c6b1e-9d0a-4c55-8a8e-0d5c1b6f7a21\r\nDTSTAMP:20260105T091500Z\r\nDTSTART:20260106T090000Z\r\n\
        DTEND:20260106T100000Z\r\nSUMMARY:Review\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

    #[test]
    fn what_is_packed_comes_back_and_is_shorter_in_steps() {
        let packed = pack(EVENT).unwrap();
        assert!(packed.len() < EVENT.len() && packed.len().is_multiple_of(STEP_BYTES), "{}", packed.len());
        assert_eq!(unpack(&packed).unwrap(), EVENT);
        let long = EVENT.repeat(500);
        assert_eq!(unpack(&pack(&long).unwrap()).unwrap(), long);
    }

    #[test]
    fn what_is_short_long_or_without_pattern_stays_as_it_is() {
        let noise: Vec<u8> = std::iter::successors(Some(7_u32), |n| {
            Some(n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
        })
        .map(|n| n.to_be_bytes()[0])
        .take(1000)
        .collect();
        assert_eq!(pack(b""), None);
        assert_eq!(pack(EVENT.get(..PACKED_BYTES_MIN - 1).unwrap()), None);
        assert_eq!(pack(&vec![b'a'; PACKED_BYTES_MAX + 1]), None);
        assert_eq!(pack(&noise), None);
    }

    #[test]
    fn a_packed_value_that_was_cut_or_has_a_wrong_header_is_an_error_and_other_damage_merely_does_not_misbehave()
     {
        let packed = pack(EVENT).unwrap();
        let frame = u32::from_le_bytes(packed[5..HEADER_BYTES].try_into().unwrap()) as usize;
        for at in 0..HEADER_BYTES + frame {
            assert!(unpack(&packed[..at]).is_err(), "cut to {at}");
        }
        for at in 0..packed.len() {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x55;
            // Seals find every flipped bit: this may well be another value.
            let _ = unpack(&damaged);
        }
        let mut huge = packed.clone();
        huge[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(unpack(&huge).is_err());
        let mut other = packed;
        other[0] = 9;
        assert!(unpack(&other).is_err());
    }

    #[test]
    fn the_dictionary_is_the_one_that_values_were_packed_with() {
        let hash = ring::digest::digest(&ring::digest::SHA256, TEXT);
        let digits: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            digits, "40c2e1a40331192a1e964da1a64da8afa31b5ffa51bd161bcb312321d8e63f85",
            "another dictionary gets another number"
        );
    }
}
