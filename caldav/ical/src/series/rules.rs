//! A rule of a component: its expander, and UNTIL compared by the zone of DTSTART.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};

use super::time::CalTime;
use crate::recur::{Budget, Expander, Rule, RuleError, Truncated, Until};
use crate::zone::Zone;

/// An RRULE or EXRULE with its DTSTART.
#[derive(Debug)]
pub(super) struct Recurring {
    pub(super) expander: Expander,
    until: Stop,
    is_endless: bool,
}

/// UNTIL in the terms of DTSTART.
#[derive(Clone, Copy, Debug)]
enum Stop {
    Never,
    Wall(DateTime),
    Instant(Timestamp),
}

impl Recurring {
    pub(super) fn read(text: &str, start: &CalTime) -> Result<Recurring, RuleError> {
        let rule = Rule::parse(text)?;
        let until = rule.until().map_or(Stop::Never, |until| Stop::of(until, start));
        let is_endless = rule.is_endless();
        let rule = if start.is_date() { rule.for_dates() } else { rule };
        Ok(Recurring { expander: Expander::new(&rule, start.wall()), until, is_endless })
    }

    /// Whether an occurrence is not after UNTIL.
    pub(super) fn admits(&self, wall: DateTime, at: Timestamp) -> bool {
        match self.until {
            Stop::Never => true,
            Stop::Wall(last) => wall <= last,
            Stop::Instant(last) => at <= last,
        }
    }

    /// Whether an EXRULE takes out the occurrence at that wall time and instant.
    pub(super) fn holds(
        &self,
        wall: DateTime,
        at: Timestamp,
        budget: &mut Budget,
    ) -> Result<bool, Truncated> {
        Ok(self.admits(wall, at) && self.expander.holds(wall, budget)?)
    }

    /// The wall times worth looking at for instants from `from` to `to`.
    pub(super) fn wall_reach(
        &self,
        start: &CalTime,
        from: Timestamp,
        to: Timestamp,
        zone: &Zone,
    ) -> (DateTime, DateTime) {
        let to = match self.until {
            Stop::Instant(last) => to.min(last),
            _ => to,
        };
        let (from, to) = home(start, zone).wall_reach(from, to);
        match self.until {
            Stop::Wall(last) => (from, to.min(last)),
            _ => (from, to),
        }
    }

    /// No occurrence is after this instant, `zone` being that of floating times.
    pub(super) fn last(&self, start: &CalTime, zone: &Zone, budget: &mut Budget) -> Timestamp {
        if self.is_endless {
            return Timestamp::MAX;
        }
        let until = match self.until {
            Stop::Never => Timestamp::MAX,
            Stop::Wall(last) => home(start, zone).instant(last),
            Stop::Instant(last) => last,
        };
        let counted = match self.expander.last(budget) {
            Ok(Some(last)) => home(start, zone).instant(last),
            Ok(None) | Err(Truncated) => Timestamp::MAX,
        };
        until.min(counted)
    }
}

/// The zone whose clock the wall time of `start` is read from.
fn home(start: &CalTime, zone: &Zone) -> Zone {
    match start {
        CalTime::Utc(_) => Zone::utc(),
        CalTime::Zoned { zone: own, .. } => own.clone(),
        CalTime::Floating(_) | CalTime::Date(_) => zone.clone(),
    }
}

impl Stop {
    fn of(until: Until, start: &CalTime) -> Stop {
        match until {
            Until::Date(date) => Stop::Wall(date.to_datetime(Time::constant(23, 59, 59, 0))),
            Until::Local(wall) => Stop::Wall(wall),
            // Beside a date or a floating time an instant can only mean its figures.
            Until::Utc(at) if start.is_floating() => Stop::Wall(Zone::utc().local(at)),
            Until::Utc(at) => Stop::Instant(at),
        }
    }
}
