//! A disk in memory that fails when it is told to.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use almanac_store::engine::redb::Medium;
use redb::StorageBackend;

const BLOCK: u64 = 4096;

/// How the disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The write is cut in half and reported as failed.
    TornWrite,
    /// The write is done and reported as failed.
    LateWrite,
    /// The sync is reported as failed.
    Sync,
    /// redb, or what is below it, panics in a write.
    Panic,
    /// From then on there is no room for blocks that were never written.
    Full,
    /// From then on there is no room for anything, not even for what is written again: a disk that copies on
    /// write. The file cannot even be opened again, because redb writes when it opens.
    NoRoomAtAll,
}

#[derive(Default)]
struct State {
    data: Vec<u8>,
    written: BTreeSet<u64>,
    /// The fault that comes, and after how many writes and syncs.
    plan: Option<(Fault, u64)>,
    full: bool,
    no_room_at_all: bool,
    hit: bool,
}

/// A disk whose contents outlive the handles on it.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

impl Disk {
    pub(crate) fn medium(&self) -> Arc<Medium> {
        let disk = self.clone();
        Arc::new(move |_: &Path| Ok(Box::new(disk.clone()) as _))
    }

    /// Makes the disk fail at the write or sync with this number, counted from now.
    pub(crate) fn fail(&self, fault: Fault, number: u64) {
        let mut state = self.state();
        state.plan = Some((fault, number));
        state.hit = false;
    }

    /// Whether the fault came.
    pub(crate) fn was_hit(&self) -> bool {
        self.state().hit
    }

    /// Makes everything work again.
    pub(crate) fn heal(&self) {
        let mut state = self.state();
        (state.plan, state.full, state.no_room_at_all) = (None, false, false);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Counts down to the fault.
    fn due(&self) -> Option<Fault> {
        let mut state = self.state();
        let (fault, left) = state.plan?;
        if left > 0 {
            state.plan = Some((fault, left - 1));
            return None;
        }
        state.hit = true;
        state.plan = None;
        Some(fault)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disk")
    }
}

fn io_error() -> io::Error {
    io::Error::from_raw_os_error(5) // EIO
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().data.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let from = offset as usize;
        let part = state.data.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(part);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.data.resize(len as usize, 0);
        state.written.retain(|block| block * BLOCK < len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        match self.due() {
            Some(Fault::Full) => self.state().full = true,
            Some(Fault::NoRoomAtAll) => self.state().no_room_at_all = true,
            Some(_) => return Err(io_error()),
            None => {}
        }
        if self.state().no_room_at_all { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let fault = self.due();
        assert!(fault != Some(Fault::Panic), "the disk makes redb panic");
        let mut state = self.state();
        state.full |= fault == Some(Fault::Full);
        state.no_room_at_all |= fault == Some(Fault::NoRoomAtAll);
        if state.no_room_at_all {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let blocks = offset / BLOCK..(offset + data.len() as u64).div_ceil(BLOCK);
        if state.full && blocks.clone().any(|block| !state.written.contains(&block)) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let length = if fault == Some(Fault::TornWrite) { data.len() / 2 } else { data.len() };
        let from = offset as usize;
        state.data[from..from + length].copy_from_slice(&data[..length]);
        state.written.extend(blocks);
        match fault {
            None | Some(Fault::Full | Fault::NoRoomAtAll) => Ok(()),
            Some(_) => Err(io_error()),
        }
    }
}
