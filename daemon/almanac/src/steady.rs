//! Whether the wall clock is good enough to delete by it.
//!
//! A machine whose clock is ahead when it starts would empty the trash before the time service corrects it. So the
//! clock must have gone on as a clock does for a while; for longer if nobody was here for days before it began.

use std::time::Duration;

use almanac_app::Ages;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::limits::{CLOCK_GAP_MAX, CLOCK_STEADY, CLOCK_STEADY_AFTER_GAP, CLOCK_STEP_MAX};

/// Compares the wall clock with one that only goes forward.
pub(crate) struct Steady {
    /// The last look at both.
    wall: Timestamp,
    at: Instant,
    since: Instant,
    needed: Duration,
}

impl Steady {
    /// Begins to look; `seen` is when somebody was last here, as far as is known.
    pub(crate) fn begin(wall: Timestamp, at: Instant, seen: Option<Timestamp>) -> Self {
        let gap = seen.is_some_and(|seen| wall.duration_since(seen) > CLOCK_GAP_MAX);
        let needed = if gap { CLOCK_STEADY_AFTER_GAP } else { CLOCK_STEADY };
        Self { wall, at, since: at, needed }
    }

    /// What may be done by age now. A clock that was set begins anew; so does one of a machine that slept.
    pub(crate) fn look(&mut self, wall: Timestamp, at: Instant) -> Ages {
        let passed = SignedDuration::try_from(at.duration_since(self.at)).unwrap_or(SignedDuration::MAX);
        let step = wall.duration_since(self.wall).saturating_sub(passed);
        if step.abs() > CLOCK_STEP_MAX {
            self.since = at;
        }
        (self.wall, self.at) = (wall, at);
        if at.duration_since(self.since) < self.needed { Ages::Doubted } else { Ages::Trusted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    /// Goes on by an hour, in minutes, and says what was allowed at its end.
    fn an_hour(steady: &mut Steady) -> Ages {
        let mut ages = Ages::Doubted;
        for _ in 0..60 {
            let minute = Duration::from_secs(60);
            ages = steady.look(steady.wall + minute, steady.at + minute);
        }
        ages
    }

    fn begun(seen_days_ago: i64) -> Steady {
        let wall: Timestamp = "2026-11-02T08:00:00Z".parse().unwrap();
        let seen = wall - SignedDuration::from_hours(24 * seen_days_ago);
        Steady::begin(wall, Instant::now(), Some(seen))
    }

    #[test]
    fn nothing_is_deleted_by_age_in_the_first_hour() {
        let mut steady = begun(0);
        assert_eq!(steady.look(steady.wall, steady.at), Ages::Doubted);
        assert_eq!(steady.look(steady.wall + HOUR / 60 * 59, steady.at + HOUR / 60 * 59), Ages::Doubted);
        assert_eq!(an_hour(&mut steady), Ages::Trusted);
    }

    #[test]
    fn a_clock_that_is_set_begins_anew() {
        for years in [-10, 10] {
            let mut steady = begun(0);
            assert_eq!(an_hour(&mut steady), Ages::Trusted);
            let set = steady.wall + SignedDuration::from_hours(years * 365 * 24);
            assert_eq!(steady.look(set, steady.at + HOUR / 60), Ages::Doubted);
            assert_eq!(an_hour(&mut steady), Ages::Trusted);
        }
    }

    #[test]
    fn after_days_in_which_nobody_was_seen_it_takes_a_day() {
        let mut steady = begun(40);
        for _ in 0..23 {
            assert_eq!(an_hour(&mut steady), Ages::Doubted);
        }
        assert_eq!(an_hour(&mut steady), Ages::Trusted);
    }
}
