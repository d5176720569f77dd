//! The files of a sled store: how they are opened, synced and let go of.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::Instant;

use ::sled::{Config, Db, Tree};
use rustix::fs::{Advice, FlockOperation, fadvise, flock};

use super::rows::storage;
use crate::engine::EngineError;
use crate::engine::handle::{GAVE_UP, OpenFault, Syncs};
use crate::files::{available_bytes, sync_folder_of};
use crate::limits::{SLED_CLOSE_WAIT, SLED_FLUSH_WAIT, SLED_FREE_BYTES_MIN, SLED_LOCK_LOOK, SLED_LOCK_WAIT};

/// Makes what was written to a file durable; the seam at which tests put a disk that fails.
pub type SyncFile = dyn Fn(&File) -> io::Result<()> + Send + Sync;

/// What tests set otherwise than production.
#[derive(Clone)]
pub struct SledTuning {
    /// Free bytes on the disk below which a store is not opened and takes no writes; or a twentieth of the store, if
    /// that is more.
    pub free_bytes_min: u64,
    /// Makes a group durable.
    pub sync: Arc<SyncFile>,
}

impl Default for SledTuning {
    fn default() -> Self {
        Self { free_bytes_min: SLED_FREE_BYTES_MIN, sync: Arc::new(File::sync_data) }
    }
}

/// An open store.
pub(super) struct OpenFiles {
    /// There until this is dropped.
    db: Option<Db>,
    /// sled's file, on a handle of our own: a sync reports every failure since it was opened, whoever met it first.
    pub(super) file: File,
    /// Whether the tree is free of half a group. Shut from the first write of a group until it is durable.
    gate: RwLock<bool>,
    flusher: Mutex<Flusher>,
    /// sled waits for itself: whatever else is asked of it will wait, too.
    stalled: AtomicBool,
}

/// The thread that waits for sled's log, so that nobody else has to wait for ever.
struct Flusher {
    ask: Option<SyncSender<()>>,
    done: Receiver<Result<(), EngineError>>,
}

impl Flusher {
    fn start(tree: Tree) -> io::Result<Self> {
        let (ask, asked) = sync_channel::<()>(1);
        let (tell, done) = sync_channel(1);
        thread::Builder::new().name("store-flusher".into()).spawn(move || {
            while asked.recv().is_ok() {
                let flushed = catch_unwind(AssertUnwindSafe(|| tree.flush().map(drop).map_err(storage)));
                if tell.send(flushed.unwrap_or(Err(GAVE_UP))).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { ask: Some(ask), done })
    }
}

impl OpenFiles {
    pub(super) fn tree(&self) -> Result<&Tree, EngineError> {
        self.db.as_deref().ok_or(EngineError::Closed)
    }

    /// Has sled write out its log. Durable it is only after a sync of the file.
    pub(super) fn flush(&self) -> Result<(), EngineError> {
        let flusher = self.flusher.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = flusher.ask.as_ref().ok_or(EngineError::Closed)?.send(());
        asked.map_err(|_| GAVE_UP)?;
        match flusher.done.recv_timeout(SLED_FLUSH_WAIT) {
            Ok(flushed) => flushed,
            Err(RecvTimeoutError::Disconnected) => Err(GAVE_UP),
            Err(RecvTimeoutError::Timeout) => {
                self.stalled.store(true, Ordering::Release);
                Err(EngineError::Io(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    /// Whether sled did not come back from a flush: it never will, and must not be asked again.
    pub(super) fn has_stalled(&self) -> bool {
        self.stalled.load(Ordering::Acquire)
    }

    /// Waits until what the tree shows is durable and whole; it stays so until the answer is dropped.
    pub(super) fn enter(&self) -> Result<RwLockReadGuard<'_, bool>, EngineError> {
        let gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        if *gate { Ok(gate) } else { Err(EngineError::Poisoned) }
    }

    /// Waits until nobody reads, and keeps everybody out.
    pub(super) fn shut(&self) -> Result<RwLockWriteGuard<'_, bool>, EngineError> {
        let gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        if *gate { Ok(gate) } else { Err(EngineError::Poisoned) }
    }
}

impl Drop for OpenFiles {
    /// sled waits for its own thread, which may have died: then it is left behind.
    fn drop(&mut self) {
        let db = self.db.take();
        self.flusher.get_mut().unwrap_or_else(PoisonError::into_inner).ask = None;
        if self.has_stalled() {
            std::mem::forget(db); // closing it would wait as well
            return;
        }
        let (done, ended) = sync_channel(1);
        let closer = thread::Builder::new().name("store-closer".into()).spawn(move || {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
            let _ = done.send(());
        });
        if closer.is_ok() && ended.recv_timeout(SLED_CLOSE_WAIT).is_err() {
            tracing::error!("sled did not close its files; restart the program");
        }
    }
}

/// Makes a new, private folder.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)
}

/// Opens the store in a folder, and makes durable what sled did for that.
pub(super) fn open_files(
    folder: &Path,
    cache_bytes: usize,
    tuning: &SledTuning,
    syncs: &Arc<Syncs>,
) -> Result<OpenFiles, OpenFault> {
    remove_torn_snapshots(folder).map_err(OpenFault::from_io)?;
    if available_bytes(folder) < room_needed(folder, tuning) {
        return Err(OpenFault::NoSpace);
    }
    let path = folder.join("db");
    if path.try_exists().map_err(OpenFault::Io)? {
        let file = File::open(&path).map_err(OpenFault::from_io)?;
        await_unlocked(&file).map_err(OpenFault::Io)?;
        // After a failed sync the system may still show what never reached the disk; a restart must see the disk.
        let _ = fadvise(&file, 0, None, Advice::DontNeed);
    }
    let config = Config::new().path(folder).cache_capacity(cache_bytes as u64);
    let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
    let db = match opened {
        Ok(Ok(db)) => Some(db),
        Ok(Err(::sled::Error::Unsupported(_))) => return Err(OpenFault::Foreign),
        Ok(Err(error)) => return Err(storage(error).into()),
        Err(_panic) => return Err(OpenFault::Damaged),
    };
    let file = File::open(&path).map_err(OpenFault::from_io)?;
    let tree = db.as_deref().cloned().ok_or(OpenFault::Damaged)?;
    let flusher = Mutex::new(Flusher::start(tree).map_err(OpenFault::Io)?);
    let files = OpenFiles { db, file, gate: RwLock::new(true), flusher, stalled: AtomicBool::new(false) };
    let everything = || {
        File::open(folder.join("conf"))?.sync_all()?;
        files.file.sync_all()?;
        File::open(folder)?.sync_all()?;
        sync_folder_of(folder)
    };
    syncs.note(everything).map_err(OpenFault::from_io)?;
    Ok(files)
}

/// The room without which sled is not asked to write: what it does to a full disk keeps a store from opening again.
pub(super) fn room_needed(folder: &Path, tuning: &SledTuning) -> u64 {
    let stored = fs::metadata(folder.join("db")).map_or(0, |meta| meta.len());
    tuning.free_bytes_min.max(stored / 20)
}

/// The bytes of all files of a store.
pub(super) fn folder_bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|meta| meta.len()).sum()
}

/// A snapshot that was being written when the disk was full or the program was killed: sled 0.34.7 takes it for its
/// newest and refuses to open for ever. The real ones are complete when they get their names.
fn remove_torn_snapshots(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// sled lets go of its lock a little after it was closed. The lock of the state folder keeps other processes out.
fn await_unlocked(file: &File) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(flock(file, FlockOperation::Unlock)?),
            Err(rustix::io::Errno::WOULDBLOCK) if begun.elapsed() < SLED_LOCK_WAIT => {
                thread::sleep(SLED_LOCK_LOOK);
            }
            Err(error) => return Err(error.into()),
        }
    }
}
