//! How long a component lasts.

use jiff::{SignedDuration, Timestamp};

use super::time::{CalTime, add_days};
use crate::value::Nominal;
use crate::zone::{Zone, later};

/// The length of an instance. "If the duration of the recurring component is specified with the DTEND or DUE property,
/// the same exact duration will apply to all the members of the generated recurrence set"; with DURATION, days are
/// nominal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// Days of the calendar, then an exact time. Dates have only the days.
    Nominal { days: i64, exact: SignedDuration },
    /// An exact time.
    Exact(SignedDuration),
}

impl Length {
    pub(super) const ONE_DAY: Length = Length::Nominal { days: 1, exact: SignedDuration::ZERO };

    /// A negative DURATION is no length.
    pub(super) fn of(duration: Nominal) -> Length {
        Length::Nominal {
            days: i64::from(duration.days.max(0)),
            exact: duration.exact.max(SignedDuration::ZERO),
        }
    }

    /// From one time to another; nothing if the end is before the start.
    pub(super) fn between(start: &CalTime, end: &CalTime, zone: &Zone) -> Length {
        if let (CalTime::Date(first), CalTime::Date(after)) = (start, end) {
            let days = after.duration_since(*first).as_secs() / 86_400;
            return Length::Nominal { days: days.max(0), exact: SignedDuration::ZERO };
        }
        let exact = end.instant(zone).duration_since(start.instant(zone));
        Length::Exact(exact.max(SignedDuration::ZERO))
    }

    pub(super) fn is_zero(self) -> bool {
        match self {
            Length::Nominal { days, exact } => days == 0 && exact.is_zero(),
            Length::Exact(exact) => exact.is_zero(),
        }
    }

    /// The end of an instance that starts at `start`.
    pub(super) fn end(self, start: &CalTime, zone: &Zone) -> Timestamp {
        match self {
            Length::Nominal { days: 0, exact } | Length::Exact(exact) => later(start.instant(zone), exact),
            Length::Nominal { days, exact } => {
                later(start.with_wall(add_days(start.wall(), days)).instant(zone), exact)
            }
        }
    }

    /// An upper bound in exact time: a nominal day is at most this much longer where clocks change.
    pub(super) fn most(self) -> SignedDuration {
        match self {
            Length::Nominal { days, exact } => {
                let slack = if days == 0 { 0 } else { 26 * 3_600 };
                exact.saturating_add(SignedDuration::from_secs(
                    days.saturating_mul(86_400).saturating_add(slack),
                ))
            }
            Length::Exact(exact) => exact,
        }
    }
}
