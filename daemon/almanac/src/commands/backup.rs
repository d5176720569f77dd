//! A backup on its way to the operator's file, and back into a state folder; and the way into another engine.
//!
//! The store writes on a thread of its own into a short queue; whoever asked takes the pieces out of it: the command
//! line where the store is its own, the control socket where it is the daemon's. So the file belongs to whoever asked,
//! and the daemon needs no right to write anywhere but in its state folder.

use std::io::{self, BufWriter, Read, Write};
use std::sync::Arc;

use almanac_store::backup::{self, BackupError};
use almanac_store::{CreateMode, EngineKind, OpenOptions, RootKey, Store, StoreError};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Outcome;
use super::rows::{BackupRow, ConvertedRow};
use super::run::{options, refused};
use crate::cli::StoreEngine;
use crate::config::Config;
use crate::failure::{Exit, Failure, chain};
use crate::limits::{BACKUP_PIECE_BYTES, BACKUP_PIECES_QUEUED, BACKUP_SHOWN_EVERY};

/// What takes the pieces of a backup.
pub(crate) type Take<'a> = dyn FnMut(Bytes) -> Result<(), Failure> + 'a;

/// A backup that is being made.
pub(crate) struct Making {
    /// Its pieces, in order. Who drops it ends the work.
    pub(crate) pieces: mpsc::Receiver<Bytes>,
    work: JoinHandle<Result<backup::BackupInfo, BackupError>>,
}

/// Begins a backup of the state that the store has now.
pub(crate) fn begin(store: Arc<Store>) -> Making {
    let (sender, pieces) = mpsc::channel(BACKUP_PIECES_QUEUED);
    let work = tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::with_capacity(BACKUP_PIECE_BYTES, Queue(sender));
        store.backup(&mut out, &mut |_, _| {})
    });
    Making { pieces, work }
}

impl Making {
    /// The end of it, once there are no more pieces.
    ///
    /// # Errors
    /// What was written is no backup.
    pub(crate) async fn end(self) -> Result<Outcome, Failure> {
        drop(self.pieces);
        let made = self.work.await.map_err(|_| Failure::failed("the backup panicked", "report this"))?;
        Ok(Outcome::BackedUp(BackupRow::from(&made.map_err(|error| failure(&error))?)))
    }
}

struct Queue(mpsc::Sender<Bytes>);

impl Write for Queue {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Bytes::copy_from_slice(piece));
        sent.map(|()| piece.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Checks a backup without restoring it.
pub(crate) fn verify(
    config: &Config,
    mut file: impl Read,
    made_under: Option<RootKey>,
) -> Result<Outcome, Failure> {
    let key = made_under.map_or_else(|| options(config, CreateMode::Never).key, |key| Arc::new(key));
    let mut show = show("verify");
    let info =
        backup::verify(&mut file, &*key, &mut |_, bytes| show(bytes)).map_err(|error| failure(&error))?;
    Ok(Outcome::BackedUp(BackupRow::from(&info)))
}

/// Makes a store of a backup in the state folder.
pub(crate) fn restore(
    config: &Config,
    mut file: impl Read,
    made_under: Option<&RootKey>,
) -> Result<Outcome, Failure> {
    let options = options(config, CreateMode::IfMissing);
    let mut show = show("restore");
    let info = backup::restore(&mut file, &options, made_under, &mut |_, bytes| show(bytes))
        .map_err(|error| failure(&error))?;
    Ok(Outcome::BackedUp(BackupRow::from(&info)))
}

/// Moves the store into one of another engine.
pub(crate) fn convert(config: &Config, to: StoreEngine) -> Result<Outcome, Failure> {
    let engine = match to {
        StoreEngine::Redb => EngineKind::Redb,
        StoreEngine::Sled => EngineKind::Sled,
    };
    let options = OpenOptions { engine, ..options(config, CreateMode::Never) };
    let mut show = show("convert");
    let done = almanac_store::convert::convert(&options, &mut |_, bytes| show(bytes))
        .map_err(|error| refused(&error))?;
    Ok(Outcome::Converted(ConvertedRow {
        engine: engine.name().to_owned(),
        rows: done.rows,
        bytes: done.bytes,
    }))
}

/// Shows on stderr how far the work is, once for every so many bytes.
pub(crate) fn show(what: &'static str) -> impl FnMut(u64) {
    let mut next = BACKUP_SHOWN_EVERY;
    move |bytes| {
        if bytes >= next {
            next = bytes.saturating_add(BACKUP_SHOWN_EVERY);
            let _ = writeln!(io::stderr(), "{what}: {} MiB", bytes >> 20);
        }
    }
}

/// Why a backup was not made, verified or restored, as the operator reads it.
fn failure(error: &BackupError) -> Failure {
    let exit = match error {
        BackupError::Open(error) => return refused(error),
        BackupError::WrongKey => Exit::WrongKey,
        BackupError::Store(StoreError::Corrupt(_)) => Exit::Damaged,
        BackupError::Foreign
        | BackupError::NewerVersion { .. }
        | BackupError::Damaged { .. }
        | BackupError::Cut { .. } => Exit::Damaged,
        BackupError::KeyUnfinished
        | BackupError::NotEmpty(_)
        | BackupError::Store(_)
        | BackupError::Read(_)
        | BackupError::Write(_) => Exit::Failed,
    };
    // Those texts that say what to do say it behind a semicolon.
    let text = chain(error);
    let (what, remedy) = text.split_once("; ").unwrap_or((&text, "look at the disk and at the file"));
    Failure::new(exit, what, remedy)
}
