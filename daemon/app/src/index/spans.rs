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

#[cfg(test)]
mod tests {
    use almanac_backend::ObjectName;
    use almanac_ical::{CalendarObject, Limits};
    use almanac_store::RecordVersion;

    use super::*;
    use crate::index::slot::summarize;

    fn slot(n: u16, start: &str, rule: &str) -> Arc<Slot> {
        let text = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:{n}\r\nDTSTAMP:20260101T000000Z\r\n\
             DTSTART:{start}\r\nDURATION:PT1H\r\n{rule}END:VEVENT\r\nEND:VCALENDAR\r\n"
        );
        let object = CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap();
        let name = ObjectName::new(&format!("{n}.ics")).unwrap();
        let summary = summarize(&name, &object, 0, 0).unwrap();
        let mut hash = [0; 32];
        hash[..2].copy_from_slice(&n.to_be_bytes());
        Arc::new(Slot::from_record(hash, RecordVersion::NONE, summary).unwrap())
    }

    /// Ten years of one event an hour apart in each of 3,650 days, and some endless series.
    #[test]
    fn a_month_of_ten_years_is_found_by_looking_at_little_more_than_a_month() {
        let mut spans = Spans::default();
        let mut all = Vec::new();
        let day = jiff::civil::date(2020, 1, 1);
        for n in 0..3_650_u16 {
            let start =
                day.checked_add(jiff::Span::new().days(n)).unwrap().strftime("%Y%m%dT090000Z").to_string();
            all.push(slot(n, &start, ""));
        }
        for n in 0..10_u16 {
            all.push(slot(10_000 + n, "20200101T090000Z", "RRULE:FREQ=WEEKLY\r\n"));
        }
        all.iter().for_each(|slot| spans.insert(slot));
        let instant = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
        let (start, end) = (instant("2026-03-01T00:00:00Z"), instant("2026-04-01T00:00:00Z"));
        let near = spans.near(start, end).count();
        assert!((41..=50).contains(&near), "{near} looked at for 31 events and 10 series");
        for slot in &all {
            spans.remove(slot);
        }
        assert_eq!(spans.near(i64::MIN, i64::MAX).count(), 0);
    }
}
