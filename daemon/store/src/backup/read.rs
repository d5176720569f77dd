//! Reading a backup: to verify it, or to make a store of it.

use std::io::{self, Read};

use almanac_base::StoreId;
use jiff::Timestamp;

use super::pieces::{CHECK_BYTES, Chain, ID_BYTES, Kind, MAGIC, PIECE_BYTES_MAX, rows};
use super::{BackupError, BackupInfo, Progress};
use crate::aside::{Aside, rename};
use crate::engine::StoredRow;
use crate::error::StoreError;
use crate::keys::{KeyProvider, KeyWish, RootKey};
use crate::migrations;
use crate::open::{
    Names, OpenError, OpenOptions, Tuning, at, exists, make_folder, mark_key, stored, take_lock,
};

/// Reads a backup to its end and checks every piece of it. Nothing is written.
///
/// # Errors
/// It is not a whole backup under this key.
pub fn verify(
    input: &mut dyn Read,
    key: &dyn KeyProvider,
    progress: &mut Progress<'_>,
) -> Result<BackupInfo, BackupError> {
    let root = key.load(KeyWish::Existing).map_err(OpenError::from)?;
    Reader::open(MAGIC, input, &root.backup_secret().ok_or(StoreError::Bug("key derivation"))?)?
        .each(&mut |_| Ok(()), progress)
}

/// Makes a store of a backup in an empty state folder. The store has a new incarnation. The root key must be there
/// already. The store gets its name when it is complete, so a restore that was cut off is simply begun again.
///
/// `made_under`: the root key of the backup, if it is not the one that the store is to have; that one is made then if
/// there is none.
///
/// # Errors
/// The folder has a store, or the backup is not whole; then the folder has no store afterwards.
pub fn restore(
    input: &mut dyn Read,
    options: &OpenOptions,
    made_under: Option<&RootKey>,
    progress: &mut Progress<'_>,
) -> Result<BackupInfo, BackupError> {
    let Some(other) = options.engine.other() else {
        return Err(StoreError::Bug("an engine in memory has no place for a restore").into());
    };
    let names = Names::new(&options.state, options.engine);
    make_folder(&names.folder)?;
    let _lock = take_lock(&names)?;
    // A change of the root key that was written down is of another store: it must neither be carried out here nor lost.
    for name in [&names.rows, &Names::new(&options.state, other).rows, &names.mark, &names.pending] {
        if exists(name)? {
            return Err(BackupError::NotEmpty(names.folder.clone()));
        }
    }
    let wish = if made_under.is_some() { KeyWish::MayCreate } else { KeyWish::Existing };
    let root = options.key.load(wish).map_err(OpenError::from)?;
    let secret = made_under.unwrap_or(&root).backup_secret().ok_or(StoreError::Bug("key derivation"))?;
    let reader = Reader::open(MAGIC, input, &secret)?;

    let aside = Aside::begin(options.engine, &names.aside, options.cache_bytes, &Tuning::default())?;
    let filled = reader
        .each(&mut |rows| Ok(aside.engine.import(rows).map_err(StoreError::from)?), progress)
        .and_then(|info| {
            made_under
                .map_or(Ok(()), |old| aside.put_under(&root, old))
                .map_err(|error| stored(&names.folder, error))?;
            Ok(info)
        })
        .and_then(|info| Ok((info, aside.begin_new_life().map_err(|error| stored(&names.folder, error))?)));
    let (info, format) = match filled {
        Ok(filled) => filled,
        Err(error) => {
            aside.abandon();
            return Err(error);
        }
    };
    let mark = aside.complete(&format)?;
    rename(&names.aside, &names.rows)?;
    mark.write(&names.mark, &mark_key(&root)?).map_err(|source| at(&names.mark, source))?;
    Ok(info)
}

pub(super) struct Reader<'a> {
    input: &'a mut dyn Read,
    chain: Chain,
    rows: u64,
    bytes: u64,
}

impl<'a> Reader<'a> {
    /// Begins to read a file of pieces that has this beginning.
    pub(super) fn open(
        magic: &[u8; 8],
        input: &'a mut dyn Read,
        secret: &crate::keys::BackupSecret,
    ) -> Result<Self, BackupError> {
        let mut head = [0; MAGIC.len() + ID_BYTES + CHECK_BYTES];
        input.read_exact(&mut head).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => BackupError::Foreign,
            _ => BackupError::Read(error),
        })?;
        let parts = || {
            let rest = head.strip_prefix(magic)?;
            let (id, check) = rest.split_first_chunk::<ID_BYTES>()?;
            Some((*id, check))
        };
        let (id, check) = parts().ok_or(BackupError::Foreign)?;
        if check != secret.check() {
            return Err(BackupError::WrongKey);
        }
        Ok(Self { chain: Chain::new(secret, &id, &head)?, input, rows: 0, bytes: 0 })
    }

    /// Shows all rows to `take`, piece by piece. Returns when the last piece confirmed that they were all.
    fn each(
        mut self,
        take: &mut dyn FnMut(&[StoredRow]) -> Result<(), BackupError>,
        progress: &mut Progress<'_>,
    ) -> Result<BackupInfo, BackupError> {
        let mut info = self.info(migrations::CURRENT)?;
        while let Some(rows) = self.next()? {
            take(&rows)?;
            progress(self.rows, self.bytes);
        }
        (info.rows, info.bytes) = (self.rows, self.bytes);
        Ok(info)
    }

    /// The first piece, which says what the file is of; no newer version than `known` is understood.
    pub(super) fn info(&mut self, known: u32) -> Result<BackupInfo, BackupError> {
        let (Kind::Info, info) = self.piece()? else { return Err(self.damaged()) };
        let info = parse_info(&info).ok_or_else(|| self.damaged())?;
        if info.version > known {
            return Err(BackupError::NewerVersion { found: info.version, known });
        }
        Ok(info)
    }

    /// The rows of the next piece; `None` when the last piece confirmed that they were all.
    pub(super) fn next(&mut self) -> Result<Option<Vec<StoredRow>>, BackupError> {
        match self.piece()? {
            (Kind::Rows, piece) => {
                let rows = rows(&piece).ok_or_else(|| self.damaged())?;
                self.rows += rows.len() as u64;
                let bytes = rows.iter().map(|(row, stored)| row.len().saturating_add(stored.len()) as u64);
                self.bytes += bytes.sum::<u64>();
                Ok(Some(rows))
            }
            (Kind::End, end) => {
                let counted = [self.rows.to_be_bytes(), self.bytes.to_be_bytes()].concat();
                let mut more = [0];
                let beyond = self.input.read(&mut more).map_err(BackupError::Read)?;
                if end != counted || beyond > 0 { Err(self.damaged()) } else { Ok(None) }
            }
            (Kind::Info, _) => Err(self.damaged()),
        }
    }

    /// The bytes of all rows so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn piece(&mut self) -> Result<(Kind, Vec<u8>), BackupError> {
        let mut length = [0; 4];
        self.fill(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > PIECE_BYTES_MAX {
            return Err(self.damaged());
        }
        let mut sealed = vec![0; length];
        self.fill(&mut sealed)?;
        self.chain.open(sealed).ok_or_else(|| self.damaged())
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<(), BackupError> {
        self.input.read_exact(out).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => BackupError::Cut { rows: self.rows },
            _ => BackupError::Read(error),
        })
    }

    fn damaged(&self) -> BackupError {
        BackupError::Damaged { rows: self.rows }
    }
}

fn parse_info(piece: &[u8]) -> Option<BackupInfo> {
    let (incarnation, rest) = piece.split_first_chunk::<16>()?;
    let (version, rest) = rest.split_first_chunk::<4>()?;
    let made = i64::from_be_bytes(rest.try_into().ok()?);
    Some(BackupInfo {
        incarnation: StoreId::from_bytes(*incarnation),
        version: u32::from_be_bytes(*version),
        made: Timestamp::from_second(made).ok()?,
        rows: 0,
        bytes: 0,
    })
}
