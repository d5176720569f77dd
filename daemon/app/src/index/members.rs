//! The members of one collection, in order, in one state.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use almanac_ical::series::Window;
use almanac_store::records::KeyedHash;

use super::slot::Slot;
use super::spans::Spans;
use crate::limits::CHANGES_WAITING_MAX;

/// The members as they are after the change `head` of the collection's log.
#[derive(Default)]
pub(crate) struct Members {
    head: u64,
    by_hash: BTreeMap<KeyedHash, Arc<Slot>>,
    spans: Spans,
    footprint: usize,
    /// The sizes of all bodies.
    bytes: u64,
    /// Changes that came before their turn, by the change that they follow.
    waiting: BTreeMap<u64, Vec<Step>>,
}

/// One change of the log and what its member is now, or was later: a state newer than the change is right,
/// since the change that made it follows in the log.
pub(crate) struct Step {
    pub(crate) seq: u64,
    pub(crate) hash: KeyedHash,
    pub(crate) slot: Option<Arc<Slot>>,
}

impl Members {
    /// No members yet, as of `head`.
    pub(crate) fn at(head: u64) -> Self {
        Self { head, ..Self::default() }
    }

    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn footprint(&self) -> usize {
        self.footprint
    }

    /// The sizes of all bodies, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// Takes the changes of one commit, the first of which follows the change `prev_seq`: at once if they are the
    /// next, else once the changes between have come. Of writers that commit together each tells its own, in any
    /// order. Nobody sees a part of a commit.
    pub(crate) fn take(&mut self, prev_seq: u64, steps: Vec<Step>) {
        if prev_seq == self.head {
            steps.into_iter().for_each(|step| self.apply(step));
            self.settle();
        } else if prev_seq > self.head && self.waiting.len() < CHANGES_WAITING_MAX {
            self.waiting.insert(prev_seq, steps);
        }
    }

    /// Applies what waited for the head to come where it is, and forgets what it has passed.
    pub(crate) fn settle(&mut self) {
        while let Some(steps) = self.waiting.remove(&self.head) {
            steps.into_iter().for_each(|step| self.apply(step));
        }
        self.waiting = self.waiting.split_off(&self.head);
    }

    /// Applies a change, unless it is one that is contained already.
    pub(crate) fn apply(&mut self, step: Step) {
        if step.seq <= self.head {
            return;
        }
        self.head = step.seq;
        match step.slot {
            Some(slot) => self.put(slot),
            None => self.remove(&step.hash),
        }
    }

    /// Puts a member in place without moving the head.
    pub(crate) fn put(&mut self, slot: Arc<Slot>) {
        self.remove(&slot.hash);
        self.footprint += slot.footprint();
        self.bytes += slot.bytes;
        self.spans.insert(&slot);
        self.by_hash.insert(slot.hash, slot);
    }

    fn remove(&mut self, hash: &KeyedHash) {
        if let Some(old) = self.by_hash.remove(hash) {
            self.spans.remove(&old);
            self.footprint = self.footprint.saturating_sub(old.footprint());
            self.bytes = self.bytes.saturating_sub(old.bytes);
        }
    }

    pub(crate) fn find(&self, hash: &KeyedHash) -> Option<&Arc<Slot>> {
        self.by_hash.get(hash)
    }

    /// All members in order, from behind `after`.
    pub(crate) fn after(&self, after: Option<&KeyedHash>) -> impl Iterator<Item = &Arc<Slot>> {
        let from = after.map_or(Bound::Unbounded, |hash| Bound::Excluded(*hash));
        self.by_hash.range((from, Bound::Unbounded)).map(|(_, slot)| slot)
    }

    /// Members that may overlap the window, in no order.
    pub(crate) fn near(&self, window: &Window) -> impl Iterator<Item = &Arc<Slot>> {
        self.spans.near(window.start.as_second(), window.end.as_second())
    }
}
