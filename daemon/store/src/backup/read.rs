//! Reading a backup: to verify it, or to make a store of it.

use std::fs;
use std::io::{self, Read};
use std::sync::Arc;

use almanac_base::StoreId;
use jiff::Timestamp;

use super::pieces::{CHECK_BYTES, Chain, ID_BYTES, Kind, MAGIC, PIECE_BYTES_MAX, rows};
use super::{BackupError, BackupInfo, Progress};
use crate::engine::redb::{RedbEngine, file_medium};
use crate::engine::{Commit, Engine, StoredRow};
use crate::error::StoreError;
use crate::files::{StateLock, sync_folder_of};
use crate::format::{FORMAT_KEY, Format, SYSTEM};
use crate::keys::{KeyProvider, KeyWish};
use crate::mark::Mark;
use crate::migrations;
use crate::open::{EngineKind, Names, OpenError, OpenOptions, at, faulty, make_folder, mark_key, stored};
use crate::space::Space;
use crate::wait::wait_for;

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
    Reader::open(input, &root.backup_secret().ok_or(StoreError::Bug("key derivation"))?)?
        .each(&mut |_| Ok(()), progress)
}

/// Makes a store of a backup in an empty state folder. The store has a new incarnation. The root key must be there
/// already. The store gets its name when it is complete, so a restore that was cut off is simply begun again.
///
/// # Errors
/// The folder has a store, or the backup is not whole; then the folder has no store afterwards.
pub fn restore(
    input: &mut dyn Read,
    options: &OpenOptions,
    progress: &mut Progress<'_>,
) -> Result<BackupInfo, BackupError> {
    if options.engine != EngineKind::Redb {
        return Err(StoreError::Bug("an engine in memory has no place for a restore").into());
    }
    let names = Names::new(&options.state);
    make_folder(&names.folder)?;
    let lock = StateLock::take(&names.lock).map_err(|source| at(&names.lock, source))?;
    let _lock = lock.ok_or_else(|| OpenError::InUse(names.folder.clone()))?;
    for name in [&names.rows, &names.mark] {
        if name.try_exists().map_err(|source| at(name, source))? {
            return Err(BackupError::NotEmpty(names.folder.clone()));
        }
    }
    let root = options.key.load(KeyWish::Existing).map_err(OpenError::from)?;
    let secret = root.backup_secret().ok_or(StoreError::Bug("key derivation"))?;
    let reader = Reader::open(input, &secret)?;

    let aside = names.rows.with_extension("new");
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&aside, error).into()),
        _ => {}
    }
    let engine = RedbEngine::create(&aside, options.cache_bytes, Arc::new(file_medium));
    let engine = engine.map_err(|fault| faulty(&aside, fault))?;
    let filled = reader
        .each(&mut |rows| Ok(engine.import(rows).map_err(StoreError::from)?), progress)
        .and_then(|info| Ok((info, begin_new_life(&engine).map_err(|error| stored(&names.folder, error))?)));
    let heads = engine.heads();
    engine.close();
    let (info, incarnation) = filled.inspect_err(|_| _ = fs::remove_file(&aside))?;
    fs::rename(&aside, &names.rows).map_err(|source| at(&names.rows, source))?;
    sync_folder_of(&names.rows).map_err(|source| at(&names.folder, source))?;
    let mark = Mark { incarnation, heads };
    mark.write(&names.mark, &mark_key(&root)?).map_err(|source| at(&names.mark, source))?;
    Ok(info)
}

/// Gives the store another incarnation: no sync token of the old one may fit a state that the old one never had.
fn begin_new_life(engine: &dyn Engine) -> Result<StoreId, StoreError> {
    let found = wait_for(engine.get_many(SYSTEM, &[(Space::Format, FORMAT_KEY.into())]))?;
    let format = found.into_iter().next().flatten().and_then(|(_, value)| Format::parse(&value));
    let mut format = format.ok_or(StoreError::Corrupt("the backup does not say what store it is of"))?;
    format.incarnation = StoreId::from_bytes(crate::seal::random()?);
    let mut commit = Commit::new(SYSTEM);
    commit.mutations.push(format.to_mutation());
    wait_for(engine.commit(commit))?;
    Ok(format.incarnation)
}

struct Reader<'a> {
    input: &'a mut dyn Read,
    chain: Chain,
    rows: u64,
    bytes: u64,
}

impl<'a> Reader<'a> {
    fn open(input: &'a mut dyn Read, secret: &crate::keys::BackupSecret) -> Result<Self, BackupError> {
        let mut head = [0; MAGIC.len() + ID_BYTES + CHECK_BYTES];
        input.read_exact(&mut head).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => BackupError::Foreign,
            _ => BackupError::Read(error),
        })?;
        let parts = || {
            let rest = head.strip_prefix(MAGIC)?;
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
        let (Kind::Info, info) = self.piece()? else { return Err(self.damaged()) };
        let mut info = parse_info(&info).ok_or_else(|| self.damaged())?;
        if info.version > migrations::CURRENT {
            return Err(BackupError::NewerVersion { found: info.version, known: migrations::CURRENT });
        }
        loop {
            match self.piece()? {
                (Kind::Rows, piece) => {
                    let rows = rows(&piece).ok_or_else(|| self.damaged())?;
                    take(&rows)?;
                    self.rows += rows.len() as u64;
                    let bytes =
                        rows.iter().map(|(row, stored)| row.len().saturating_add(stored.len()) as u64);
                    self.bytes += bytes.sum::<u64>();
                    progress(self.rows, self.bytes);
                }
                (Kind::End, end) => {
                    let counted = [self.rows.to_be_bytes(), self.bytes.to_be_bytes()].concat();
                    let mut more = [0];
                    let beyond = self.input.read(&mut more).map_err(BackupError::Read)?;
                    if end != counted || beyond > 0 {
                        return Err(self.damaged());
                    }
                    (info.rows, info.bytes) = (self.rows, self.bytes);
                    return Ok(info);
                }
                (Kind::Info, _) => return Err(self.damaged()),
            }
        }
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
