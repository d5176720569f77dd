//! A recurrence rule as a value (RFC 5545 section 3.3.10).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};

/// The unit of a rule's periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Freq {
    /// Every second.
    Secondly,
    /// Every minute.
    Minutely,
    /// Every hour.
    Hourly,
    /// Every day.
    Daily,
    /// Every week, beginning on WKST.
    Weekly,
    /// Every month.
    Monthly,
    /// Every year.
    Yearly,
}

/// UNTIL as it was written. Any form is read, whatever the form of DTSTART.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Until {
    /// A date: the whole of that day, in the zone of DTSTART.
    Date(Date),
    /// A local time: in the zone of DTSTART.
    Local(DateTime),
    /// An instant.
    Utc(Timestamp),
}

/// One value of BYDAY: a weekday, or only the n-th (from the end if negative) of the month or year; 0 is every one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct WeekdayNum {
    pub(super) ordinal: i8,
    pub(super) weekday: Weekday,
}

/// The BYxxx parts. Sets are bit masks in which 0 means that the part is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct By {
    /// Bits 0 to 59.
    pub(super) seconds: u64,
    /// Bits 0 to 59.
    pub(super) minutes: u64,
    /// Bits 0 to 23.
    pub(super) hours: u32,
    pub(super) weekdays: Vec<WeekdayNum>,
    /// Bits 1 to 31, from the first day of the month and from the last.
    pub(super) month_days: FromBothEnds,
    /// Ascending, without duplicates; -366 to 366 without 0.
    pub(super) year_days: Vec<i16>,
    /// Bits 1 to 53, from the first week of the year and from the last.
    pub(super) weeks: FromBothEnds,
    /// Bits 1 to 12.
    pub(super) months: u16,
    /// Ascending, without duplicates; -366 to 366 without 0.
    pub(super) positions: Vec<i16>,
}

/// A set of positions counted from the front (1 is the first) and from the back (1 is the last).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct FromBothEnds {
    pub(super) front: u64,
    pub(super) back: u64,
}

impl FromBothEnds {
    pub(super) fn is_empty(self) -> bool {
        self.front == 0 && self.back == 0
    }

    /// Whether position `at` (from 1) of `len` is in the set.
    pub(super) fn holds(self, at: i64, len: i64) -> bool {
        let bit = |mask: u64, place: i64| (0..64).contains(&place) && mask >> place & 1 == 1;
        bit(self.front, at) || bit(self.back, len - at + 1)
    }
}

/// A recurrence rule that was read and is sound: COUNT and INTERVAL are at least 1, every list is within its range.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    pub(super) freq: Freq,
    pub(super) interval: u32,
    pub(super) count: Option<u32>,
    pub(super) until: Option<Until>,
    pub(super) week_start: Weekday,
    pub(super) by: By,
}

impl Rule {
    /// The unit of the rule's periods.
    #[must_use]
    pub fn freq(&self) -> Freq {
        self.freq
    }

    /// Every how many units there is a period; at least 1.
    #[must_use]
    pub fn interval(&self) -> u32 {
        self.interval
    }

    /// How many instances there are, DTSTART being the first; at least 1.
    #[must_use]
    pub fn count(&self) -> Option<u32> {
        self.count
    }

    /// The last possible time of an instance.
    #[must_use]
    pub fn until(&self) -> Option<Until> {
        self.until
    }

    /// Whether instances go on for as long as there is a calendar.
    #[must_use]
    pub fn is_endless(&self) -> bool {
        self.count.is_none() && self.until.is_none()
    }

    /// The rule for a series of dates, in which "the BYSECOND, BYMINUTE and BYHOUR rule parts MUST NOT be specified".
    #[must_use]
    pub fn for_dates(mut self) -> Rule {
        (self.by.seconds, self.by.minutes, self.by.hours) = (0, 0, 0);
        self
    }

    /// An upper bound of the instances that one day can hold, by arithmetic on the parts alone.
    #[must_use]
    pub fn instances_per_day_max(&self) -> u64 {
        let seconds = size(u64::from(self.by.seconds.count_ones()), self.freq, Freq::Secondly, 60);
        let minutes = size(u64::from(self.by.minutes.count_ones()), self.freq, Freq::Minutely, 60);
        let hours = size(u64::from(self.by.hours.count_ones()), self.freq, Freq::Hourly, 24);
        let positions = match self.by.positions.len() {
            0 => u64::MAX,
            n => u64::try_from(n).unwrap_or(u64::MAX),
        };
        let interval = u64::from(self.interval);
        // Periods that begin in one day, and the most that one of them holds of it.
        let (periods, each) = match self.freq {
            Freq::Secondly => ((hours * minutes * seconds).min(86_400_u64.div_ceil(interval)), 1),
            Freq::Minutely => ((hours * minutes).min(1_440_u64.div_ceil(interval)), seconds),
            Freq::Hourly => (hours.min(24_u64.div_ceil(interval)), minutes * seconds),
            _ => (1, hours * minutes * seconds),
        };
        let bound = periods * each.min(positions);
        self.count.map_or(bound, |count| bound.min(u64::from(count)))
    }
}

/// How many values a time part has: those listed; else all of them if FREQ runs through them, else DTSTART's one.
fn size(listed: u64, freq: Freq, unit: Freq, all: u64) -> u64 {
    match listed {
        0 if freq <= unit => all,
        0 => 1,
        n => n,
    }
}
