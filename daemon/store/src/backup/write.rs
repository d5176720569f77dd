//! Making a backup of an open store.

use std::io::Write;

use jiff::Timestamp;

use super::pieces::{Chain, ID_BYTES, Kind, MAGIC, PIECE_BYTES, push_row};
use super::{BackupError, BackupInfo, Progress};
use crate::engine::EngineError;
use crate::error::StoreError;
use crate::keys::BackupSecret;
use crate::rotate_root::{Root, Stage};
use crate::seal::random;
use crate::store::Store;
use crate::wait::wait_for;

impl Store {
    /// Writes a backup of the state that the store has now; writers go on meanwhile. Blocks its thread. The caller
    /// makes the file durable and gives it its name.
    ///
    /// # Errors
    /// What was written is no backup then.
    pub fn backup(
        &self,
        out: &mut dyn Write,
        progress: &mut Progress<'_>,
    ) -> Result<BackupInfo, BackupError> {
        // Held until the state to be copied is taken: everything in it is wrapped by the key that the backup names.
        let mut root = Some(wait_for(self.root.read()));
        let secret = match root.as_deref() {
            None | Some(Root { stage: Stage::Begun(_), .. }) => return Err(BackupError::KeyUnfinished),
            Some(Root { secret, .. }) => secret.clone(),
        };
        let mut writer = Writer::begin(MAGIC, &secret, out)?;
        let now = self.shared.clock.now();
        let made = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let version = crate::migrations::CURRENT;
        writer.send(info(self.incarnation().as_bytes(), version, made.as_second()))?;
        let mut failed = None;
        let exported = self.shared.engine.export(&mut |row, stored, _| {
            root = None;
            writer.add(row, stored, progress).map_err(|error| {
                failed = Some(error);
                EngineError::Closed // ends the export; the error itself is told below
            })
        });
        if let Some(error) = failed {
            return Err(error);
        }
        exported.map_err(StoreError::from)?;
        writer.finish()?;
        Ok(BackupInfo {
            incarnation: self.incarnation(),
            version,
            made,
            rows: writer.rows,
            bytes: writer.bytes,
        })
    }
}

pub(super) fn info(incarnation: &[u8; 16], version: u32, made: i64) -> Vec<u8> {
    [&[Kind::Info as u8], incarnation.as_slice(), &version.to_be_bytes(), &made.to_be_bytes()].concat()
}

pub(super) struct Writer<'a> {
    chain: Chain,
    out: &'a mut dyn Write,
    /// The rows that are not written yet.
    piece: Vec<u8>,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl<'a> Writer<'a> {
    /// Begins a file of pieces.
    pub(super) fn begin(
        magic: &[u8; 8],
        secret: &BackupSecret,
        out: &'a mut dyn Write,
    ) -> Result<Self, BackupError> {
        let id: [u8; ID_BYTES] = random()?;
        let head = [magic.as_slice(), &id, secret.check()].concat();
        out.write_all(&head).map_err(BackupError::Write)?;
        let chain = Chain::new(secret, &id, &head)?;
        Ok(Self { chain, out, piece: vec![Kind::Rows as u8], rows: 0, bytes: 0 })
    }

    pub(super) fn add(
        &mut self,
        row: &[u8],
        stored: &[u8],
        progress: &mut Progress<'_>,
    ) -> Result<(), BackupError> {
        push_row(&mut self.piece, row, stored);
        self.rows += 1;
        self.bytes += row.len().saturating_add(stored.len()) as u64;
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
            progress(self.rows, self.bytes);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), BackupError> {
        let piece = std::mem::replace(&mut self.piece, vec![Kind::Rows as u8]);
        if piece.len() > 1 { self.send(piece) } else { Ok(()) }
    }

    pub(super) fn finish(&mut self) -> Result<(), BackupError> {
        self.flush()?;
        let end =
            [&[Kind::End as u8], self.rows.to_be_bytes().as_slice(), &self.bytes.to_be_bytes()].concat();
        self.send(end)?;
        self.out.flush().map_err(BackupError::Write)
    }

    pub(super) fn send(&mut self, piece: Vec<u8>) -> Result<(), BackupError> {
        let sealed = self.chain.seal(piece)?;
        let length = u32::try_from(sealed.len()).map_err(|_| StoreError::TooLarge)?;
        self.out.write_all(&length.to_be_bytes()).map_err(BackupError::Write)?;
        self.out.write_all(&sealed).map_err(BackupError::Write)
    }
}
