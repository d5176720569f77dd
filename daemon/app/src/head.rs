//! The last acknowledged change of a collection, in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use almanac_store::RecordVersion;

/// Bytes of a change's random version that a place carries: enough to tell two pasts apart.
const MARK_BYTES: usize = 8;

/// A change: its number, and which of all changes that ever had this number it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) seq: u64,
    pub(crate) mark: [u8; MARK_BYTES],
}

impl Moment {
    pub(crate) fn new(seq: u64, version: Option<RecordVersion>) -> Self {
        let mark = version.and_then(|version| version.as_bytes().first_chunk::<MARK_BYTES>().copied());
        Self { seq, mark: mark.unwrap_or_default() }
    }
}

/// The last acknowledged change. Writers raise it before they answer, readers compare their index with it.
#[derive(Debug, Default)]
pub(crate) struct Head(Mutex<Moment>);

impl Head {
    fn lock(&self) -> MutexGuard<'_, Moment> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number 0: not known yet, ask the store.
    pub(crate) fn get(&self) -> Moment {
        *self.lock()
    }

    /// Goes to `moment` unless it is further already.
    pub(crate) fn raise(&self, moment: Moment) {
        let mut known = self.lock();
        if moment.seq > known.seq {
            *known = moment;
        }
    }

    /// Forgets what is known.
    pub(crate) fn forget(&self) {
        *self.lock() = Moment::default();
    }
}
