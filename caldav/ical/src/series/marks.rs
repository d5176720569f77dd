//! Sets of recurrence instants: what EXDATE and RECURRENCE-ID name.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::time::CalTime;

/// What identifies an instance within its series, comparable and in order of time: the instant for times with a zone,
/// the wall time for floating ones, the day for dates. It does not depend on where one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(i64);

impl Key {
    /// The key of `time` in a series that starts at `anchor`.
    pub(super) fn of(time: &CalTime, anchor: &CalTime) -> Key {
        let utc = |wall: DateTime| {
            TimeZone::UTC
                .to_timestamp(wall)
                .map_or(if wall.year() < 0 { i64::MIN } else { i64::MAX }, |at| at.as_second())
        };
        Key(match (anchor, time) {
            (CalTime::Date(_), _) => utc(CalTime::Date(time.wall().date()).wall()),
            (CalTime::Floating(_), _) => utc(time.wall()),
            (_, CalTime::Utc(at)) => at.as_second(),
            (_, CalTime::Zoned { local, zone }) => zone.instant(*local).as_second(),
            (_, CalTime::Floating(_) | CalTime::Date(_)) => utc(time.wall_by(anchor)),
        })
    }
}

/// A set of instances of one series.
#[derive(Debug, Default)]
pub(super) struct Marks {
    keys: Vec<Key>,
    /// Dates in a series of times: all instances of that day.
    days: Vec<Date>,
}

impl Marks {
    pub(super) fn new<'a>(times: impl Iterator<Item = &'a CalTime>, anchor: &CalTime) -> Marks {
        let mut marks = Marks::default();
        for time in times {
            match time {
                CalTime::Date(date) if !anchor.is_date() => marks.days.push(*date),
                _ => marks.keys.push(Key::of(time, anchor)),
            }
        }
        marks.keys.sort_unstable();
        marks.days.sort_unstable();
        marks
    }

    /// Whether the instance with that key, which is on that day, is in the set.
    pub(super) fn hold(&self, key: Key, day: Date) -> bool {
        self.keys.binary_search(&key).is_ok() || self.days.binary_search(&day).is_ok()
    }
}
