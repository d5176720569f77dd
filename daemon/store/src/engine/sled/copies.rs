//! Copies of one state while writers go on: what lay at each place before it was changed is kept for them.

use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ::sled::Tree;

use super::rows::{Over, View, storage};
use crate::engine::read::{Next, Rows as _};
use crate::engine::{EngineError, Order, StoredRow, Values};
use crate::limits::{COPY_BEFORE_BYTES_MAX, COPY_PAGE_BYTES};

/// The copies that are being made.
#[derive(Default)]
pub(super) struct Copies(Mutex<Vec<Weak<Copying>>>);

/// A copy that is being made. It ends when it is dropped.
pub(super) struct Copying(Mutex<Progress>);

#[derive(Default)]
struct Progress {
    /// The last row that was shown.
    done: Vec<u8>,
    /// What lay at the places behind `done` that were changed since the copy began.
    before: Over,
    bytes: usize,
    /// More was changed than can be kept: the copy cannot be finished.
    lost: bool,
}

impl Copies {
    /// Begins a copy of the present state. Nobody may write meanwhile.
    pub(super) fn begin(&self) -> Arc<Copying> {
        let copy = Arc::new(Copying(Mutex::default()));
        self.all().push(Arc::downgrade(&copy));
        copy
    }

    /// Keeps what is about to be changed for those who still need it.
    pub(super) fn remember(&self, tree: &Tree, changes: &Over) -> Result<(), EngineError> {
        let mut all = self.all();
        all.retain(|copy| copy.strong_count() > 0);
        all.iter().filter_map(Weak::upgrade).try_for_each(|copy| copy.progress().remember(tree, changes))
    }

    fn all(&self) -> MutexGuard<'_, Vec<Weak<Copying>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Copying {
    /// The next rows of the state that the copy is of; none if that were all. Nobody may write meanwhile.
    pub(super) fn page(&self, tree: &Tree) -> Result<Vec<StoredRow>, EngineError> {
        let mut progress = self.progress();
        progress.check()?;
        let (mut page, mut bytes) = (Vec::new(), 0_usize);
        let span = (Bound::Excluded(progress.done.as_slice()), Bound::Unbounded);
        let view = View { tree, over: &progress.before };
        view.visit(span, Order::Ascending, Values::Include, &mut |row, stored| {
            bytes = bytes.saturating_add(row.len()).saturating_add(stored.len());
            page.push((row.to_vec(), stored.to_vec()));
            Ok(if bytes < COPY_PAGE_BYTES { Next::Go } else { Next::Stop })
        })?;
        if let Some((row, _)) = page.last() {
            progress.done.clone_from(row);
            progress.before = progress.before.split_off(row.as_slice());
            progress.bytes = progress.before.iter().map(|(place, value)| size(place, value.as_deref())).sum();
        }
        Ok(page)
    }

    /// The stored value of a row of that state behind all pages so far. Nobody may write meanwhile.
    pub(super) fn ahead(&self, tree: &Tree, row: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let progress = self.progress();
        progress.check()?;
        View { tree, over: &progress.before }.get(row)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn check(&self) -> Result<(), EngineError> {
        if self.lost {
            return Err(EngineError::Io(std::io::Error::other(
                "too much was written while the store was copied",
            )));
        }
        Ok(())
    }

    fn remember(&mut self, tree: &Tree, changes: &Over) -> Result<(), EngineError> {
        let behind = (Bound::Excluded(self.done.as_slice()), Bound::Unbounded);
        for place in changes.range::<[u8], _>(behind).map(|(place, _)| place) {
            if self.lost || self.before.contains_key(place) {
                continue;
            }
            let value = tree.get(place).map_err(storage)?;
            self.bytes = self.bytes.saturating_add(size(place, value.as_deref()));
            self.before.insert(place.clone(), value);
            self.lost = self.bytes > COPY_BEFORE_BYTES_MAX;
        }
        if self.lost {
            self.before = Over::new();
        }
        Ok(())
    }
}

fn size(place: &[u8], value: Option<&[u8]>) -> usize {
    place.len().saturating_add(value.map_or(0, <[u8]>::len))
}
