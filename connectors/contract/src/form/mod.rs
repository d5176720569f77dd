//! The normal form: an object as fields that can be compared, merged and translated one by one.
//!
//! Two objects that say the same have the same form, however they are written: folded or not, with DTEND or DURATION,
//! with defaults spelt out or left away, with a Windows name for a zone or an IANA one. What programs change without
//! anybody wishing it (DTSTAMP, SEQUENCE, LAST-MODIFIED) is no part of it. Sets are no values but fields of their own
//! for each member, so that two sides can each add an attendee without a conflict.

mod carry;
mod read;
mod write;

use std::collections::BTreeMap;
use std::fmt;

use almanac_ical::ComponentKind;
use jiff::civil::{Date, DateTime};

pub use carry::carry_over;
pub use read::read;
pub use write::{create, write};

/// A calendar object: its components by the instance that each describes.
#[derive(Clone, PartialEq, Eq)]
pub struct Form {
    /// The kind of its components.
    pub kind: ComponentKind,
    /// Its UID.
    pub uid: String,
    /// The components.
    pub parts: BTreeMap<Instance, Part>,
}

/// Which component of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Instance {
    /// The one without RECURRENCE-ID: a single event, or what all instances of a series share.
    Master,
    /// One instance of a series, by when it would be: RECURRENCE-ID, in the zone of the series.
    At(Moment),
}

/// A component: its fields.
pub type Part = BTreeMap<Field, Value>;

/// When something is, as it was said and never flattened to an instant. Ordered by kind first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// A whole day.
    Date(Date),
    /// A wall time wherever one is.
    Floating(DateTime),
    /// A time in UTC.
    Utc(DateTime),
    /// A wall time in a zone: an IANA name where the zone is known, else the TZID as it was sent.
    Zoned(DateTime, String),
}

/// What a field is about. Members of sets are fields of their own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// DTSTART with DTEND or DURATION, of an event. One field: start and end of different sides may not make sense.
    Time,
    /// The RRULE lines.
    Rule,
    /// A member of RDATE.
    Extra(Moment),
    /// A member of EXDATE.
    Except(Moment),
    /// SUMMARY.
    Summary,
    /// DESCRIPTION.
    Description,
    /// LOCATION.
    Location,
    /// STATUS.
    Status,
    /// TRANSP.
    Transparency,
    /// CLASS.
    Class,
    /// PRIORITY.
    Priority,
    /// URL.
    Url,
    /// COLOR (RFC 7986).
    Color,
    /// A member of CATEGORIES.
    Category(String),
    /// ORGANIZER.
    Organizer,
    /// The ATTENDEE with this address, in lower case and without `mailto:`.
    Attendee(String),
    /// A VALARM, by action and trigger; the number tells apart those that have both in common.
    Alarm(String, u16),
    /// The definition of a zone that only this object knows, VTIMEZONE, by its TZID; in every component that uses it.
    Zone(String),
    /// The property with this name that is none of the above; the number tells apart several of one name.
    Other(String, u16),
}

/// What a field says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A text without escapes, in NFC, with `\n` for line ends and no space at their ends.
    Text(String),
    /// From the start up to but without the end.
    Span(Moment, Moment),
    /// That a member of a set is there.
    Present,
    /// Content lines as they are written, without folds, sorted where their order says nothing: a person, an alarm, what is
    /// not understood.
    Lines(Vec<String>),
}

/// Shows how much there is, not what: nearly every field is about a patient.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: usize = self.parts.values().map(BTreeMap::len).sum();
        write!(f, "Form({} parts, {fields} fields)", self.parts.len())
    }
}

/// As [`Form`].
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Span(..) => "Span(..)",
            Self::Present => "Present",
            Self::Lines(_) => "Lines(..)",
        })
    }
}

/// As [`Form`].
impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Date(_) => "Date(..)",
            Self::Floating(_) => "Floating(..)",
            Self::Utc(_) => "Utc(..)",
            Self::Zoned(..) => "Zoned(..)",
        })
    }
}

/// As [`Form`].
impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Time => "Time",
            Self::Rule => "Rule",
            Self::Extra(_) => "Extra(..)",
            Self::Except(_) => "Except(..)",
            Self::Summary => "Summary",
            Self::Description => "Description",
            Self::Location => "Location",
            Self::Status => "Status",
            Self::Transparency => "Transparency",
            Self::Class => "Class",
            Self::Priority => "Priority",
            Self::Url => "Url",
            Self::Color => "Color",
            Self::Category(_) => "Category(..)",
            Self::Organizer => "Organizer",
            Self::Attendee(_) => "Attendee(..)",
            Self::Alarm(..) => "Alarm(..)",
            Self::Zone(_) => "Zone(..)",
            Self::Other(..) => "Other(..)",
        })
    }
}

impl Moment {
    /// What the clock shows; midnight for a date.
    #[must_use]
    pub fn wall(&self) -> DateTime {
        match self {
            Self::Date(date) => date.to_datetime(jiff::civil::Time::midnight()),
            Self::Floating(wall) | Self::Utc(wall) | Self::Zoned(wall, _) => *wall,
        }
    }
}

impl Form {
    /// The fields of the master; `None` if only single instances are known, as an attendee of one instance has it.
    #[must_use]
    pub fn master(&self) -> Option<&Part> {
        self.parts.get(&Instance::Master)
    }
}
