//! Finds what overlaps a window, at a cost that follows the answer and not the calendar.
//!
//! Members are kept by start within classes of similar length (powers of two). A member of the class up to
//! 2^n seconds that overlaps a window starts less than 2^n seconds before it; so each class is one range scan,
//! and what a scan reads in vain is about as much as what it finds.

use std::collections::BTreeMap;
use std::sync::Arc;

use almanac_store::records::KeyedHash;

use super::slot::Slot;

#[derive(Default)]
pub(super) struct Spans {
    classes: BTreeMap<u32, BTreeMap<(i64, KeyedHash), Arc<Slot>>>,
}

/// The class of a member: the number of bits of its length in seconds.
fn class_of(slot: &Slot) -> u32 {
    let length = slot.last.saturating_sub(slot.first).max(0);
    i64::BITS - length.leading_zeros()
}

impl Spans {
    pub(super) fn insert(&mut self, slot: &Arc<Slot>) {
        self.classes.entry(class_of(slot)).or_default().insert((slot.first, slot.hash), Arc::clone(slot));
    }

    pub(super) fn remove(&mut self, slot: &Slot) {
        let class = class_of(slot);
        if let Some(members) = self.classes.get_mut(&class) {
            members.remove(&(slot.first, slot.hash));
            if members.is_empty() {
                self.classes.remove(&class);
            }
        }
    }

    /// All members that may overlap `start..=end` (seconds), and some that do not.
    pub(super) fn near(&self, start: i64, end: i64) -> impl Iterator<Item = &Arc<Slot>> {
        self.classes.iter().flat_map(move |(class, members)| {
            let reach = 1_i64.checked_shl(*class).filter(|reach| *reach > 0).unwrap_or(i64::MAX);
            let from = start.saturating_sub(reach);
            // An inverted range would panic; a window that ends before it begins overlaps nothing.
            let to = end.max(from);
            members.range((from, [0; 32])..=(to, [0xff; 32])).map(|(_, slot)| slot)
        })
    }
}
