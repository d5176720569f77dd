//! When alarms go off (RFC 5545 section 3.6.6, RFC 4791 section 9.9).

use std::ops::ControlFlow;

use jiff::{SignedDuration, Timestamp};

use super::part::Part;
use super::time::{CalTime, add_days};
use super::visit::Occurrence;
use super::{Bounds, Series, Window};
use crate::Invalid;
use crate::object::ComponentKind;
use crate::recur::{Budget, Truncated};
use crate::tree::Component;
use crate::value::{self, DateOrTime, Nominal};
use crate::zone::{Zone, earlier, later};

/// A nominal day is at most this much longer or shorter than 24 hours.
const SLACK: SignedDuration = SignedDuration::from_hours(26);

/// One VALARM.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alarm {
    trigger: Trigger,
    /// How often it goes off after the first time.
    repeat: u32,
    every: SignedDuration,
}

#[derive(Clone, Copy, Debug)]
enum Trigger {
    Start(Nominal),
    End(Nominal),
    At(Timestamp),
}

impl Alarm {
    /// Reads a VALARM; `None` for one without TRIGGER, which never goes off.
    pub(super) fn read(component: &Component) -> Result<Option<Alarm>, Invalid> {
        let Some(property) = component.property("TRIGGER") else { return Ok(None) };
        let text = property.value().trim();
        let related = property.param("RELATED").unwrap_or_default();
        let trigger = match (value::parse_duration(text), value::parse_date_or_time(text)) {
            (Some(offset), _) if related.eq_ignore_ascii_case("END") => Trigger::End(offset),
            (Some(offset), _) => Trigger::Start(offset),
            (None, Some(DateOrTime::Time(at, _))) => Trigger::At(Zone::utc().instant(at)),
            (None, Some(DateOrTime::Date(date))) => Trigger::At(CalTime::Date(date).instant(&Zone::utc())),
            (None, None) => return Err(Invalid::Data("a TRIGGER that cannot be")),
        };
        let number = |name| component.property(name).map(|property| property.value().trim());
        let repeat = number("REPEAT").and_then(|text| text.parse().ok()).unwrap_or(0);
        let every = number("DURATION").and_then(value::parse_duration).map(|every| {
            every
                .exact
                .saturating_add(SignedDuration::from_secs(i64::from(every.days).saturating_mul(86_400)))
        });
        let every = every.unwrap_or(SignedDuration::ZERO).max(SignedDuration::ZERO);
        Ok(Some(Alarm { trigger, repeat: if every.is_zero() { 0 } else { repeat }, every }))
    }

    /// From the first to the last time it goes off.
    fn lasts(&self) -> SignedDuration {
        let seconds = self.every.as_secs().saturating_mul(i64::from(self.repeat));
        SignedDuration::from_secs(seconds)
    }

    /// Whether it goes off in the window, if the first time is `first`. By division: REPEAT may be huge.
    fn is_in(&self, first: Timestamp, window: &Window) -> bool {
        if first >= window.end {
            return false;
        }
        let missing = window.start.duration_since(first).as_millis();
        if missing <= 0 {
            return true;
        }
        let Ok(every) = u128::try_from(self.every.as_millis()) else { return false };
        let Some(repeats) =
            missing.unsigned_abs().checked_add(every.saturating_sub(1)).and_then(|n| n.checked_div(every))
        else {
            return false;
        };
        if repeats > u128::from(self.repeat) {
            return false;
        }
        let after = i64::try_from(repeats).unwrap_or(i64::MAX).saturating_mul(self.every.as_secs());
        later(first, SignedDuration::from_secs(after)) < window.end
    }

    /// The first time it goes off for one instance; `None` for an alarm at a fixed time.
    fn first_for(&self, occurrence: &Occurrence<'_>, zone: &Zone) -> Option<Timestamp> {
        let (from, offset) = match self.trigger {
            Trigger::Start(offset) => (occurrence.start.clone(), offset),
            Trigger::End(offset) => (end_time(occurrence, zone), offset),
            Trigger::At(_) => return None,
        };
        if offset.days == 0 {
            return Some(later(from.instant(zone), offset.exact));
        }
        let moved = from.with_wall(add_days(from.wall(), i64::from(offset.days)));
        Some(later(moved.instant(zone), offset.exact))
    }

    /// How far from its start or end it may go off: the earliest and the latest.
    fn spread(&self) -> Option<(SignedDuration, SignedDuration)> {
        let (Trigger::Start(offset) | Trigger::End(offset)) = self.trigger else { return None };
        let days = SignedDuration::from_secs(i64::from(offset.days).saturating_mul(86_400));
        let slack = if offset.days == 0 { SignedDuration::ZERO } else { SLACK };
        let first = offset.exact.saturating_add(days);
        Some((first.saturating_sub(slack), first.saturating_add(slack).saturating_add(self.lasts())))
    }
}

/// The end by the clock of the start.
fn end_time(occurrence: &Occurrence<'_>, zone: &Zone) -> CalTime {
    let end = occurrence.end(zone);
    match &occurrence.start {
        CalTime::Utc(_) => CalTime::Utc(end),
        CalTime::Zoned { zone, .. } => CalTime::Zoned { local: zone.local(end), zone: zone.clone() },
        CalTime::Floating(_) | CalTime::Date(_) => CalTime::Floating(zone.local(end)),
    }
}

fn fixed_times(part: &Part) -> impl Iterator<Item = (&Alarm, Timestamp)> {
    part.alarms.iter().filter_map(|alarm| match alarm.trigger {
        Trigger::At(at) => Some((alarm, at)),
        Trigger::Start(_) | Trigger::End(_) => None,
    })
}

impl Series {
    /// Whether an alarm of a component of `kind` goes off in the window, for any instance and any of its repetitions.
    ///
    /// # Errors
    /// [`Truncated`] if the budget ran out before one was found.
    pub fn alarm_overlaps(
        &self,
        kind: ComponentKind,
        window: &Window,
        zone: &Zone,
        budget: &mut Budget,
    ) -> Result<bool, Truncated> {
        let parts = || self.parts.iter().filter(|part| part.kind == kind);
        if parts().flat_map(fixed_times).any(|(alarm, at)| alarm.is_in(at, window)) {
            return Ok(true);
        }
        let Some((first, last)) = spread(parts()) else { return Ok(false) };
        let around = Window { start: earlier(window.start, last), end: earlier(window.end, first) };
        let mut found = false;
        self.visit(&around, zone, budget, &mut |occurrence| {
            let part = occurrence.part;
            let mut alarms = part.alarms.iter().filter(|_| part.kind == kind);
            found = alarms.any(|alarm| {
                alarm.first_for(&occurrence, zone).is_some_and(|first| alarm.is_in(first, window))
            });
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(found)
    }

    /// Between which instants alarms may go off; `None` if there are no alarms. Wider than [`Series::bounds`] where
    /// an alarm goes off before the start or after the end.
    #[must_use]
    pub fn alarm_bounds(&self) -> Option<Bounds> {
        let bounds = self.bounds();
        let relative = spread(self.parts.iter())
            .map(|(first, last)| (later(bounds.first, first), later(bounds.last, last)));
        let fixed = self.parts.iter().flat_map(fixed_times).map(|(alarm, at)| (at, later(at, alarm.lasts())));
        let (first, last) = relative.into_iter().chain(fixed).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        Some(Bounds { first, last, ..bounds })
    }
}

fn spread<'a>(parts: impl Iterator<Item = &'a Part>) -> Option<(SignedDuration, SignedDuration)> {
    let spreads = parts.flat_map(|part| &part.alarms).filter_map(Alarm::spread);
    spreads.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}
