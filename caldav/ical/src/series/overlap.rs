//! The table of RFC 4791 section 9.9: whether a component overlaps a time range.

use std::ops::ControlFlow;

use super::part::{End, Part};
use super::visit::Occurrence;
use super::{Series, Window};
use crate::object::ComponentKind;
use crate::recur::{Budget, Truncated};
use crate::zone::Zone;

impl Series {
    /// Whether any instance of any component of `kind` overlaps the window. `zone` is that of floating times.
    ///
    /// # Errors
    /// [`Truncated`] if the budget ran out before one was found.
    pub fn overlaps(
        &self,
        kind: ComponentKind,
        window: &Window,
        zone: &Zone,
        budget: &mut Budget,
    ) -> Result<bool, Truncated> {
        let mut parts = self.parts.iter().filter(|part| part.kind == kind);
        if parts.any(|part| undated_overlaps(part, window)) {
            return Ok(true);
        }
        let mut found = false;
        self.visit(window, zone, budget, &mut |occurrence| {
            found = occurrence.part.kind == kind && overlaps(&occurrence, window, zone);
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(found)
    }
}

/// One instance against the window.
pub(super) fn overlaps(occurrence: &Occurrence<'_>, window: &Window, zone: &Zone) -> bool {
    let (start, end) = (occurrence.at, occurrence.end(zone));
    let starts_within = window.start <= start && start < window.end;
    match occurrence.part.kind {
        ComponentKind::Event | ComponentKind::Journal => {
            starts_within || (window.start < end && start < window.end && end > start)
        }
        ComponentKind::FreeBusy => window.start <= end && start < window.end && occurrence.length.is_some(),
        ComponentKind::Todo => match (&occurrence.part.start, &occurrence.part.end) {
            (Some(_), End::After(_)) => window.start <= end && (window.end > start || window.end >= end),
            (Some(_), End::At(_)) => {
                (window.start < end || window.start <= start) && (window.end > start || window.end >= end)
            }
            (Some(_), End::None) => starts_within,
            // The anchor is DUE.
            (None, _) => window.start < start && window.end >= start,
        },
    }
}

/// Components that have no start to recur by: tasks without dates, and a VFREEBUSY known by its periods alone.
pub(super) fn undated_overlaps(part: &Part, window: &Window) -> bool {
    match part.kind {
        ComponentKind::Event | ComponentKind::Journal => false,
        ComponentKind::FreeBusy => {
            let has_range = part.start.is_some() && matches!(part.end, End::At(_));
            let mut periods = part.free_busy.iter();
            !has_range && periods.any(|(period, _)| window.start < period.end && window.end > period.start)
        }
        ComponentKind::Todo if part.anchor().is_some() => false,
        ComponentKind::Todo => match (part.completed, part.created) {
            (Some(completed), Some(created)) => {
                (window.start <= created || window.start <= completed)
                    && (window.end >= created || window.end >= completed)
            }
            (Some(completed), None) => window.start <= completed && window.end >= completed,
            (None, Some(created)) => window.end > created,
            (None, None) => true,
        },
    }
}
