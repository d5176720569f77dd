//! A disk in memory that fails when it is told to, and knows what a power cut would leave of it.

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
    /// The sync is reported as failed. As with a real disk, what it was to store may be dropped, stays in sight,
    /// and the next sync knows nothing of it.
    Sync,
    /// The same for want of room, as a network file system may say.
    FullSync,
    /// redb, or what is below it, panics in a write.
    Panic,
    /// From then on there is no room for blocks that were never written.
    Full,
    /// From then on there is no room for anything, not even for what is written again: a disk that copies on
    /// write. The file cannot even be opened again, because redb writes when it opens. What was accepted before
    /// has its place and can be synced.
    NoRoomAtAll,
    /// From then on nothing is written any more: the power is gone.
    Cut,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Write,
    Sync,
    Neither,
}

/// What was done since the last sync.
#[derive(Clone)]
enum Unsynced {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Unsynced {
    fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Self::Write(from, bytes) => {
                let end = from + bytes.len();
                data.resize(data.len().max(end), 0);
                data[*from..end].copy_from_slice(bytes);
            }
            Self::Length(length) => data.resize(*length, 0),
        }
    }
}

/// A small generator of random numbers (splitmix64): the same on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn coin(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).count_ones().is_multiple_of(2)
    }
}

#[derive(Default)]
struct State {
    /// What readers see.
    data: Vec<u8>,
    /// What is proof against a power cut.
    synced: Vec<u8>,
    since: Vec<Unsynced>,
    written: BTreeSet<u64>,
    /// The fault that comes, and after how many writes and syncs.
    plan: Option<(Fault, u64)>,
    full: bool,
    no_room_at_all: bool,
    cut: bool,
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

    /// Makes the disk fail at the write or sync with this number, counted from now. Only those count that can fail
    /// in this way.
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

    /// The disk after a power cut: what was synced, and of what was written since then whatever `random` says.
    pub(crate) fn after_a_cut(&self, mut random: Random) -> Self {
        let state = self.state();
        let mut data = state.synced.clone();
        state.since.iter().filter(|_| random.coin()).for_each(|one| one.apply(&mut data));
        let fresh = State { synced: data.clone(), data, ..State::default() };
        Self(Arc::new(Mutex::new(fresh)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Counts down to the fault.
    fn due(&self, step: Step) -> Option<Fault> {
        let mut state = self.state();
        let (fault, left) = state.plan?;
        let other = match fault {
            Fault::TornWrite | Fault::LateWrite | Fault::Panic => Step::Sync,
            Fault::Sync | Fault::FullSync => Step::Write,
            Fault::Full | Fault::NoRoomAtAll | Fault::Cut => Step::Neither,
        };
        if step == other {
            return None;
        }
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
        if state.cut {
            return Err(io_error());
        }
        state.data.resize(len as usize, 0);
        state.since.push(Unsynced::Length(len as usize));
        state.written.retain(|block| block * BLOCK < len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let fault = self.due(Step::Sync);
        let mut state = self.state();
        state.full |= fault == Some(Fault::Full);
        state.no_room_at_all |= fault == Some(Fault::NoRoomAtAll);
        state.cut |= fault == Some(Fault::Cut);
        if state.cut {
            return Err(io_error());
        }
        let failed = match fault {
            Some(Fault::Sync) => Some(io_error()),
            Some(Fault::FullSync) => Some(io::ErrorKind::StorageFull.into()),
            _ => None,
        };
        let mut random = Random(state.since.len() as u64);
        for one in std::mem::take(&mut state.since) {
            if failed.is_none() || random.coin() {
                one.apply(&mut state.synced);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let fault = self.due(Step::Write);
        assert!(fault != Some(Fault::Panic), "the disk makes redb panic");
        let mut state = self.state();
        state.full |= fault == Some(Fault::Full);
        state.no_room_at_all |= fault == Some(Fault::NoRoomAtAll);
        state.cut |= fault == Some(Fault::Cut);
        if state.cut {
            return Err(io_error());
        }
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
        state.since.push(Unsynced::Write(from, data[..length].to_vec()));
        state.written.extend(blocks);
        match fault {
            None | Some(Fault::Full | Fault::NoRoomAtAll) => Ok(()),
            Some(_) => Err(io_error()),
        }
    }
}
