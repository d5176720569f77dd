//! The pieces of a backup: sealing, opening, and the chain that joins them.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};

use crate::engine::StoredRow;
use crate::error::StoreError;
use crate::keys::{BackupSecret, KEY_BYTES};
use crate::seal::random;

pub(super) const MAGIC: &[u8; 8] = b"ALMBACK\x01";
pub(super) const ID_BYTES: usize = 16;
pub(super) const CHECK_BYTES: usize = 16;
/// Rows are gathered up to so many bytes before they are sealed.
pub(super) const PIECE_BYTES: usize = 1 << 20;
/// A piece is no longer than this: the largest row behind nearly [`PIECE_BYTES`] of others, and what is put around them.
pub(super) const PIECE_BYTES_MAX: usize =
    PIECE_BYTES + crate::limits::VALUE_BYTES_MAX + crate::limits::KEY_BYTES_MAX + 1024;

/// What a piece holds; its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Info = 1,
    Rows = 2,
    End = 3,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Info, Self::Rows, Self::End].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// Seals and opens the pieces of one backup, in their order.
pub(super) struct Chain {
    key: LessSafeKey,
    number: u64,
    hash: [u8; 32],
}

impl Chain {
    /// The chain of the backup whose file begins with `head`.
    pub(super) fn new(secret: &BackupSecret, id: &[u8; ID_BYTES], head: &[u8]) -> Result<Self, StoreError> {
        const DERIVATION: StoreError = StoreError::Bug("key derivation");
        let bytes: zeroize::Zeroizing<[u8; KEY_BYTES]> = secret.key_of(id).ok_or(DERIVATION)?;
        let key = UnboundKey::new(&AES_256_GCM, &*bytes).map_err(|_| DERIVATION)?;
        Ok(Self { key: LessSafeKey::new(key), number: 0, hash: sha256(&[head]) })
    }

    /// Seals `piece`, which begins with its kind; the result is what follows the length.
    pub(super) fn seal(&mut self, mut piece: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), self.place(), &mut piece)
            .map_err(|_| StoreError::TooLarge)?;
        let sealed = [nonce.as_slice(), &piece].concat();
        self.advance(&sealed);
        Ok(sealed)
    }

    /// Opens the next piece; `None` if it is not the one that was written here.
    pub(super) fn open(&mut self, mut sealed: Vec<u8>) -> Option<(Kind, Vec<u8>)> {
        let place = self.place();
        self.advance(&sealed);
        let nonce = *sealed.first_chunk::<NONCE_LEN>()?;
        let body = sealed.get_mut(NONCE_LEN..)?;
        let plain = self.key.open_in_place(Nonce::assume_unique_for_key(nonce), place, body).ok()?;
        let (kind, rest) = plain.split_first()?;
        Some((Kind::from_byte(*kind)?, rest.to_vec()))
    }

    fn place(&self) -> Aad<Vec<u8>> {
        Aad::from([self.number.to_be_bytes().as_slice(), &self.hash].concat())
    }

    fn advance(&mut self, sealed: &[u8]) {
        self.number += 1;
        self.hash = sha256(&[&self.hash, sealed]);
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let hash = digest(&SHA256, &parts.concat());
    hash.as_ref().first_chunk::<32>().copied().unwrap_or_default() // it has 32
}

/// Appends a row to a piece.
pub(super) fn push_row(piece: &mut Vec<u8>, row: &[u8], stored: &[u8]) {
    for part in [row, stored] {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX); // values are bounded far below
        piece.extend_from_slice(&length.to_be_bytes());
    }
    piece.extend_from_slice(row);
    piece.extend_from_slice(stored);
}

/// The rows of a piece; `None` if it is not made of rows.
pub(super) fn rows(mut piece: &[u8]) -> Option<Vec<StoredRow>> {
    let mut rows = Vec::new();
    while !piece.is_empty() {
        let (row_bytes, rest) = piece.split_first_chunk::<4>()?;
        let (stored_bytes, rest) = rest.split_first_chunk::<4>()?;
        let [row_bytes, stored_bytes] =
            [row_bytes, stored_bytes].map(|bytes| u32::from_be_bytes(*bytes) as usize);
        let (row, rest) = rest.split_at_checked(row_bytes)?;
        let (stored, rest) = rest.split_at_checked(stored_bytes)?;
        rows.push((row.to_vec(), stored.to_vec()));
        piece = rest;
    }
    Some(rows)
}
