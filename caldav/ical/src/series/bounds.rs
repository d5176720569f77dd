//! Between which instants an object can matter: what an index keeps of it.

use jiff::{SignedDuration, Timestamp};

use super::part::{End, Future, Part, Recurrence};
use super::time::CalTime;
use super::{Series, Window};
use crate::object::ComponentKind;
use crate::recur::Budget;
use crate::zone::{Zone, earlier, later};

/// Zones are at most this far from UTC.
const ZONES: SignedDuration = SignedDuration::from_hours(14);

/// Whether the instants depend on where one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Floating {
    /// All times have a zone.
    No,
    /// Some are dates or floating; the bounds are wide enough for every zone.
    Yes,
}

/// No instance, due time or period lies outside `first` to `last`, both included. Instances need not reach them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Nothing is before; [`Timestamp::MIN`] if the object matches every early time.
    pub first: Timestamp,
    /// Nothing is after; [`Timestamp::MAX`] if it goes on for ever.
    pub last: Timestamp,
    /// Whether they hold for every zone or were made wider to do so.
    pub floating: Floating,
    /// Whether there can be more than one instance.
    pub recurring: bool,
}

impl Bounds {
    /// Of an object that no time range matches, such as a VJOURNAL without DTSTART.
    const NEVER: (Timestamp, Timestamp) = (Timestamp::MAX, Timestamp::MIN);

    /// Whether the object may overlap the window; if not, no question about it needs its times. Both ends count: a
    /// task that is due at the end of a window overlaps it (RFC 4791 section 9.9).
    #[must_use]
    pub fn may_overlap(&self, window: &Window) -> bool {
        self.first <= window.end && self.last >= window.start
    }
}

impl Series {
    /// The bounds of all components. They never lie inside the truth; a rule that costs too much to follow to its end
    /// counts as one that has none.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        let mut budget = Budget::SERIES;
        let spans = self.parts.iter().map(|part| self.span(part, &mut budget));
        let (first, last) = spans.fold(Bounds::NEVER, |a, b| (a.0.min(b.0), a.1.max(b.1)));
        let is_floating = self.parts.iter().any(Part::is_floating);
        let (first, last) = match is_floating && first <= last {
            true => (earlier(first, ZONES), later(last, ZONES)),
            false => (first, last),
        };
        let recurring =
            self.parts.iter().any(|part| part.recurrence.is_some() || part.recurrence_id.is_some());
        Bounds { first, last, floating: if is_floating { Floating::Yes } else { Floating::No }, recurring }
    }

    /// Whether any component makes its time busy, by whatever kind.
    #[must_use]
    pub fn may_be_busy(&self) -> bool {
        self.parts.iter().any(|part| match part.kind {
            ComponentKind::Event => part.busy.is_some(),
            ComponentKind::FreeBusy => !part.free_busy.is_empty(),
            ComponentKind::Todo | ComponentKind::Journal => false,
        })
    }

    /// Floating times are taken as UTC here.
    fn span(&self, part: &Part, budget: &mut Budget) -> (Timestamp, Timestamp) {
        let zone = Zone::utc();
        let periods = part.free_busy.iter().map(|(period, _)| (period.start, period.end));
        let periods = periods.fold(Bounds::NEVER, |a, b| (a.0.min(b.0), a.1.max(b.1)));
        let Some(anchor) = part.anchor() else {
            return match (part.kind, part.completed, part.created) {
                (ComponentKind::Todo, Some(completed), created) => {
                    let created = created.unwrap_or(completed);
                    (completed.min(created), completed.max(created))
                }
                (ComponentKind::Todo, None, Some(created)) => (created, Timestamp::MAX),
                (ComponentKind::Todo, None, None) => (Timestamp::MIN, Timestamp::MAX),
                _ => periods,
            };
        };
        let start = anchor.instant(&zone);
        let Some(recurrence) = &part.recurrence else {
            let end = part.length(&zone).map_or(start, |length| length.end(anchor, &zone));
            return (start.min(periods.0), end.max(periods.1));
        };
        let (first, last) = self.starts(anchor, start, recurrence, budget);
        let others = recurrence.futures.iter().filter_map(|future| self.parts.get(future.part));
        let length = others.fold(part.length_most(&zone), |most, part| most.max(part.length_most(&zone)));
        (first.min(periods.0), later(last, length).max(periods.1))
    }

    /// The first and the last start of a series, exclusions and overrides not considered.
    fn starts(
        &self,
        anchor: &CalTime,
        start: Timestamp,
        recurrence: &Recurrence,
        budget: &mut Budget,
    ) -> (Timestamp, Timestamp) {
        let zone = Zone::utc();
        let rdates = recurrence.rdates.iter().map(|(time, _)| time.instant(&zone));
        let (first, last) = rdates.fold((start, start), |(first, last), at| (first.min(at), last.max(at)));
        let rules = recurrence.rules.iter().map(|rule| rule.last(anchor, &zone, budget));
        let last = rules.fold(last, Ord::max);
        let shift = |future: &Future| {
            // A day more, for a change of clocks between the two places.
            let slack = 90_000 * future.shift.signum();
            SignedDuration::from_secs(future.shift.saturating_add(slack))
        };
        let shifts = || recurrence.futures.iter().map(shift);
        let back = shifts().fold(SignedDuration::ZERO, Ord::min);
        let ahead = shifts().fold(SignedDuration::ZERO, Ord::max);
        (later(first, back), later(last, ahead))
    }
}

impl Part {
    fn is_floating(&self) -> bool {
        let ends = match &self.end {
            End::At(end) => Some(end),
            End::None | End::After(_) => None,
        };
        self.start.iter().chain(ends).any(CalTime::is_floating)
    }
}
