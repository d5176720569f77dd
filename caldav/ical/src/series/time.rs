//! A DATE or DATE-TIME of a component, and stretches of time.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::tree::Property;
use crate::value::{self, DateOrTime, Form};
use crate::zone::{Zone, Zones};

/// A time as iCalendar has it; never flattened to an instant before a zone for floating times is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalTime {
    /// An instant.
    Utc(Timestamp),
    /// A wall time in a zone.
    Zoned {
        /// What a clock there shows. It may stand in a gap.
        local: DateTime,
        /// Where.
        zone: Zone,
    },
    /// A wall time wherever one is.
    Floating(DateTime),
    /// A whole day wherever one is.
    Date(Date),
}

/// A stretch of time from `start` up to but without `end`. Open ends are [`Timestamp::MIN`] and [`Timestamp::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first instant in it.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Window {
    /// All of time.
    pub const ALL: Window = Window { start: Timestamp::MIN, end: Timestamp::MAX };
}

impl CalTime {
    /// Reads a property that holds one time.
    pub(super) fn read(property: &Property, zones: &Zones<'_>) -> Option<CalTime> {
        CalTime::read_value(property.value().trim(), property.param("TZID"), zones)
    }

    /// Reads one value of a list. The value tells its type, as the VALUE parameter is often missing; `Z` wins over TZID.
    pub(super) fn read_value(text: &str, tzid: Option<&str>, zones: &Zones<'_>) -> Option<CalTime> {
        Some(match value::parse_date_or_time(text)? {
            DateOrTime::Date(date) => CalTime::Date(date),
            DateOrTime::Time(time, form) => CalTime::of(time, form, tzid, zones),
        })
    }

    pub(super) fn of(time: DateTime, form: Form, tzid: Option<&str>, zones: &Zones<'_>) -> CalTime {
        match (form, tzid) {
            (Form::Utc, _) => CalTime::Utc(Zone::utc().instant(time)),
            (Form::Local, Some(tzid)) => {
                let zone = zones.resolve(tzid).zone;
                if zone.is_utc() {
                    CalTime::Utc(zone.instant(time))
                } else {
                    CalTime::Zoned { local: time, zone }
                }
            }
            (Form::Local, None) => CalTime::Floating(time),
        }
    }

    /// The instant, with `zone` for dates and floating times. A date is its first moment.
    #[must_use]
    pub fn instant(&self, zone: &Zone) -> Timestamp {
        match self {
            CalTime::Utc(at) => *at,
            CalTime::Zoned { local, zone } => zone.instant(*local),
            CalTime::Floating(local) => zone.instant(*local),
            CalTime::Date(date) => zone.instant(date.to_datetime(jiff::civil::Time::midnight())),
        }
    }

    /// Whether it is a whole day.
    #[must_use]
    pub fn is_date(&self) -> bool {
        matches!(self, CalTime::Date(_))
    }

    /// Whether its instant depends on where one is: dates and floating times.
    #[must_use]
    pub fn is_floating(&self) -> bool {
        matches!(self, CalTime::Date(_) | CalTime::Floating(_))
    }

    /// What the clock that it was written by shows; midnight for a date.
    pub(super) fn wall(&self) -> DateTime {
        match self {
            CalTime::Utc(at) => TimeZone::UTC.to_datetime(*at),
            CalTime::Zoned { local, .. } | CalTime::Floating(local) => *local,
            CalTime::Date(date) => date.to_datetime(jiff::civil::Time::midnight()),
        }
    }

    /// The same kind of time with another wall time.
    pub(super) fn with_wall(&self, wall: DateTime) -> CalTime {
        match self {
            CalTime::Utc(_) => CalTime::Utc(Zone::utc().instant(wall)),
            CalTime::Zoned { zone, .. } => CalTime::Zoned { local: wall, zone: zone.clone() },
            CalTime::Floating(_) => CalTime::Floating(wall),
            CalTime::Date(_) => CalTime::Date(wall.date()),
        }
    }

    /// The wall time that the clock of `like` shows at this time.
    pub(super) fn wall_by(&self, like: &CalTime) -> DateTime {
        match (self, like) {
            (CalTime::Utc(at), CalTime::Zoned { zone, .. }) => zone.local(*at),
            (CalTime::Zoned { local, zone }, CalTime::Utc(_)) => Zone::utc().local(zone.instant(*local)),
            (CalTime::Zoned { local, zone: own }, CalTime::Zoned { zone, .. }) if own != zone => {
                zone.local(own.instant(*local))
            }
            _ => self.wall(),
        }
    }

    /// A time without a zone beside a DTSTART with one is in that zone: clients leave TZID out of DTEND, EXDATE, RDATE
    /// and RECURRENCE-ID.
    pub(super) fn beside(self, start: &CalTime) -> CalTime {
        match (&self, start) {
            (CalTime::Floating(local), CalTime::Zoned { .. } | CalTime::Utc(_)) => start.with_wall(*local),
            _ => self,
        }
    }
}

/// A wall time moved by whole days, or the last one there is.
pub(super) fn add_days(wall: DateTime, days: i64) -> DateTime {
    let days = days.clamp(-7_300_000, 7_300_000);
    wall.checked_add(days.days()).unwrap_or(if days < 0 { DateTime::MIN } else { DateTime::MAX })
}

/// Seconds on the wall between two wall times.
pub(super) fn wall_seconds(from: DateTime, to: DateTime) -> i64 {
    to.duration_since(from).as_secs()
}

/// A wall time moved by seconds on the wall, or the last one there is.
pub(super) fn add_wall_seconds(wall: DateTime, seconds: i64) -> DateTime {
    let moved = wall.checked_add(jiff::SignedDuration::from_secs(seconds));
    moved.unwrap_or(if seconds < 0 { DateTime::MIN } else { DateTime::MAX })
}
