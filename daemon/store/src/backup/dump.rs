//! The export of one tenant: records in plain form, in a file of the same sealed and chained pieces as a backup.
//!
//! ```text
//! "ALMTENT\x01" 8 | id 16 | key check 16, then pieces as in a backup
//! ```
//! A row of it is the number of a kind of record and the record, see [`crate::records::export`]. It is sealed under a
//! key that the operator gives, so that another instance, with another root key, can read it.

use std::io::{Read, Write};

use jiff::Timestamp;

use super::pieces::{self, PIECE_BYTES};
use super::read::Reader;
use super::write::{Writer, info};
use super::{BackupError, BackupInfo};
use crate::engine::StoredRow;
use crate::error::StoreError;
use crate::keys::{BackupSecret, RootKey};

const MAGIC: &[u8; 8] = b"ALMTENT\x01";
/// The version of the records that this program writes.
const VERSION: u32 = 1;

/// Records on their way, as many as are sealed together. A largest record may stand behind nearly as many bytes of
/// others.
#[derive(Default)]
pub struct Piece(Vec<u8>);

impl Piece {
    /// Appends a record of the kind with this number.
    pub fn push(&mut self, kind: u8, record: &[u8]) {
        pieces::push_row(&mut self.0, &[kind], record);
    }

    /// Whether it is time to send it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.len() >= PIECE_BYTES
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The octets, to be sealed or to be read by [`records`].
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The records of a piece with the numbers of their kinds; `None` if it is none.
#[must_use]
pub fn records(piece: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
    pieces::rows(piece)?.into_iter().map(|(kind, record)| Some((*kind.first()?, record))).collect()
}

/// The longest piece that is read, in bytes.
pub const PIECE_BYTES_MAX: usize = pieces::PIECE_BYTES_MAX;

fn secret(key: &RootKey) -> Result<BackupSecret, StoreError> {
    key.backup_secret().ok_or(StoreError::Bug("key derivation"))
}

/// Seals pieces into a file.
pub struct DumpWriter<'a>(Writer<'a>);

impl<'a> DumpWriter<'a> {
    /// Begins a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(key: &RootKey, made: Timestamp, out: &'a mut dyn Write) -> Result<Self, BackupError> {
        let mut writer = Writer::begin(MAGIC, &secret(key)?, out)?;
        writer.send(info(&[0; 16], VERSION, made.as_second()))?;
        Ok(Self(writer))
    }

    /// Appends the records of a piece.
    ///
    /// # Errors
    /// It cannot be written, or is no piece.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), BackupError> {
        let rows = pieces::rows(piece).ok_or(StoreError::Bug("not a piece of an export"))?;
        rows.iter().try_for_each(|(kind, record)| self.0.add(kind, record, &mut |_, _| {}))
    }

    /// The bytes of all records so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// Writes what says that it is whole. The caller makes the file durable.
    ///
    /// # Errors
    /// It cannot be written; what was written is no export then.
    pub fn finish(mut self) -> Result<(), BackupError> {
        self.0.finish()
    }
}

/// Reads a file that [`DumpWriter`] wrote.
pub struct DumpReader<'a> {
    reader: Reader<'a>,
    /// What the file says of itself.
    pub info: BackupInfo,
}

impl<'a> DumpReader<'a> {
    /// Begins to read.
    ///
    /// # Errors
    /// It is no export, or not one under this key.
    pub fn open(key: &RootKey, input: &'a mut dyn Read) -> Result<Self, BackupError> {
        let mut reader = Reader::open(MAGIC, input, &secret(key)?)?;
        let info = reader.info(VERSION)?;
        Ok(Self { reader, info })
    }

    /// The next piece; `None` when the end confirmed that there were all.
    ///
    /// # Errors
    /// The file is not as it was written.
    pub fn piece(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        let Some(rows) = self.reader.next()? else { return Ok(None) };
        let mut piece = Vec::new();
        for (kind, record) in &rows as &[StoredRow] {
            pieces::push_row(&mut piece, kind, record);
        }
        Ok(Some(piece))
    }

    /// The bytes of all records so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.reader.bytes()
    }
}
