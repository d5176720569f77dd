//! Walking over the instances of a series: the one place where they are made.

use std::ops::ControlFlow;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

use super::length::Length;
use super::marks::Key;
use super::part::{Part, Recurrence};
use super::rules::Recurring;
use super::time::CalTime;
use super::{Series, Window};
use crate::recur::{Budget, Truncated};
use crate::zone::{Zone, earlier, later};

/// One instance.
#[derive(Clone, Debug)]
pub(super) struct Occurrence<'a> {
    /// The component that describes it.
    pub(super) part: &'a Part,
    /// Which one of its series it is; `None` if the component does not recur.
    pub(super) recurrence_id: Option<CalTime>,
    pub(super) start: CalTime,
    pub(super) at: Timestamp,
    pub(super) length: Option<Length>,
}

impl Occurrence<'_> {
    /// The end; the start itself where there is none.
    pub(super) fn end(&self, zone: &Zone) -> Timestamp {
        self.length.map_or(self.at, |length| length.end(&self.start, zone))
    }
}

/// What the visitor is called with.
pub(super) type Each<'a, 'v> = dyn FnMut(Occurrence<'a>) -> ControlFlow<()> + 'v;

/// The instants that starts are looked for in, both included.
#[derive(Clone, Copy, Debug)]
struct Reach {
    from: Timestamp,
    to: Timestamp,
}

struct Walk<'w, 'a, 'v> {
    series: &'a Series,
    reach: Reach,
    zone: &'w Zone,
    budget: &'w mut Budget,
    each: &'w mut Each<'a, 'v>,
}

/// How a walk ended before its time.
enum Halt {
    Truncated,
    Enough,
}

impl From<Truncated> for Halt {
    fn from(_: Truncated) -> Halt {
        Halt::Truncated
    }
}

impl Series {
    /// Calls `each` for all instances that touch the window from its start to its end, both included, and perhaps
    /// some that do not, until it breaks. Of one source instances come in order of time; one that two sources give
    /// comes twice.
    pub(super) fn visit<'a>(
        &'a self,
        window: &Window,
        zone: &Zone,
        budget: &mut Budget,
        each: &mut Each<'a, '_>,
    ) -> Result<(), Truncated> {
        let reach = Reach { from: window.start, to: window.end };
        let mut walk = Walk { series: self, reach, zone, budget, each };
        for part in &self.parts {
            match walk.part(part) {
                Ok(()) => {}
                Err(Halt::Enough) => return Ok(()),
                Err(Halt::Truncated) => return Err(Truncated),
            }
        }
        Ok(())
    }
}

impl<'a> Walk<'_, 'a, '_> {
    fn part(&mut self, part: &'a Part) -> Result<(), Halt> {
        let Some(anchor) = part.anchor() else { return Ok(()) };
        if let Some(recurrence) = &part.recurrence {
            return self.series(part, anchor, recurrence);
        }
        let at = anchor.instant(self.zone);
        let recurrence_id = part.recurrence_id.as_ref().map(|id| id.at.clone());
        let length = part.length(self.zone);
        if at > self.reach.to || later(at, part.length_most(self.zone)) < self.reach.from {
            return Ok(());
        }
        self.give(Occurrence { part, recurrence_id, start: anchor.clone(), at, length })
    }

    fn series(
        &mut self,
        part: &'a Part,
        anchor: &'a CalTime,
        recurrence: &'a Recurrence,
    ) -> Result<(), Halt> {
        let own = Own {
            part,
            anchor,
            recurrence,
            length: part.length(self.zone),
            reach: self.widened(part, recurrence),
        };
        self.offer(&own, anchor.clone(), own.length)?;
        for (time, length) in &recurrence.rdates {
            self.offer(&own, time.clone(), length.or(own.length))?;
        }
        recurrence.rules.iter().try_for_each(|rule| self.rule(&own, rule))
    }

    /// Starts may be before the window by the length of an instance, and elsewhere by the shift of THISANDFUTURE.
    fn widened(&self, part: &Part, recurrence: &Recurrence) -> Reach {
        let mut length = part.length_most(self.zone);
        let mut shift = 0_u64;
        for future in &recurrence.futures {
            let other = self.series.parts.get(future.part);
            length = other.map_or(length, |other| length.max(other.length_most(self.zone)));
            // A day more, for a change of clocks between the two places.
            shift = shift.max(future.shift.unsigned_abs().saturating_add(90_000));
        }
        let shift = SignedDuration::from_secs(i64::try_from(shift).unwrap_or(i64::MAX));
        Reach { from: earlier(earlier(self.reach.from, length), shift), to: later(self.reach.to, shift) }
    }

    fn rule(&mut self, own: &Own<'a>, rule: &'a Recurring) -> Result<(), Halt> {
        let (from, to) = rule.wall_reach(own.anchor, own.reach.from, own.reach.to, self.zone);
        let start = own.anchor.wall();
        let mut last: Option<DateTime> = None;
        let mut found = rule.expander.between(from, to, self.budget)?;
        while let Some(wall) = found.next(self.budget)? {
            let time = own.anchor.with_wall(wall);
            let wall = time.wall();
            // A date that recurs within its day is still one day.
            if wall == start || last == Some(wall) {
                continue;
            }
            last = Some(wall);
            if rule.admits(wall, time.instant(self.zone)) {
                self.offer(own, time, own.length)?;
            }
        }
        Ok(())
    }

    /// Passes on an instance of the series, unless something takes it out or moves it.
    fn offer(&mut self, own: &Own<'a>, time: CalTime, length: Option<Length>) -> Result<(), Halt> {
        let at = time.instant(self.zone);
        if at < own.reach.from || at > own.reach.to {
            return Ok(());
        }
        let wall = time.wall_by(own.anchor);
        let key = Key::of(&time, own.anchor);
        let Recurrence { excluded, overridden, exrules, futures, .. } = own.recurrence;
        if excluded.hold(key, wall.date()) || overridden.hold(key, wall.date()) {
            return Ok(());
        }
        for exrule in exrules {
            if exrule.holds(wall, at, self.budget)? {
                return Ok(());
            }
        }
        let before = futures.partition_point(|future| future.from <= key);
        let future = before.checked_sub(1).and_then(|last| futures.get(last));
        let moved = future.and_then(|future| {
            let part = self.series.parts.get(future.part)?;
            Some((part, future.place(&time, part.anchor()?)))
        });
        self.give(match moved {
            None => Occurrence { part: own.part, recurrence_id: Some(time.clone()), start: time, at, length },
            Some((part, start)) => {
                let at = start.instant(self.zone);
                Occurrence { part, recurrence_id: Some(time), start, at, length: part.length(self.zone) }
            }
        })
    }

    fn give(&mut self, occurrence: Occurrence<'a>) -> Result<(), Halt> {
        match (self.each)(occurrence) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Halt::Enough),
        }
    }
}

/// The series of one component during a walk.
struct Own<'a> {
    part: &'a Part,
    anchor: &'a CalTime,
    recurrence: &'a Recurrence,
    length: Option<Length>,
    reach: Reach,
}
