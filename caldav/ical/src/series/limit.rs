//! Calendar data cut down to a window without expanding it (RFC 4791 sections 9.6.6 and 9.6.7).

use std::ops::ControlFlow;

use super::read::period;
use super::{Series, Window, overlap};
use crate::object::ComponentKind;
use crate::recur::{Budget, Truncated};
use crate::tree::Component;
use crate::zone::Zone;

/// The calendar with all masters, and of the overrides those "that impact the specified time range": by their own
/// time, by the time they would have had, or because instances after them follow them.
///
/// # Errors
/// [`Truncated`] if the budget ran out before all could be told.
pub fn limit_recurrence_set(
    calendar: &Component,
    window: &Window,
    zone: &Zone,
    budget: &mut Budget,
) -> Result<Component, Truncated> {
    let mut limited = calendar.clone();
    // Text that cannot be read is not cut down either: the client asked for less, not for nothing.
    let Ok(series) = Series::read(calendar) else { return Ok(limited) };
    let mut kept = series.impacting(window, zone, budget)?;
    kept.sort_unstable();
    let mut index = 0;
    limited.retain_components(|component| {
        let keep = component.property("RECURRENCE-ID").is_none()
            || component.name().parse::<ComponentKind>().is_err()
            || kept.binary_search(&index).is_ok();
        index += 1;
        keep
    });
    Ok(limited)
}

impl Series {
    /// The places of the overrides that impact the window.
    fn impacting(&self, window: &Window, zone: &Zone, budget: &mut Budget) -> Result<Vec<usize>, Truncated> {
        let mut kept = Vec::new();
        self.visit(window, zone, budget, &mut |occurrence| {
            if occurrence.part.recurrence_id.is_some() && overlap::overlaps(&occurrence, window, zone) {
                kept.push(occurrence.part.index);
            }
            ControlFlow::Continue(())
        })?;
        let master = self.parts.iter().find(|part| part.recurrence_id.is_none());
        for part in &self.parts {
            let Some(id) = &part.recurrence_id else { continue };
            let (start, length) = (id.at.instant(zone), master.and_then(|master| master.length(zone)));
            let end = length.map_or(start, |length| length.end(&id.at, zone));
            let original = start < window.end && (window.start < end || window.start <= start);
            if original || (id.and_future && start < window.end) {
                kept.push(part.index);
            }
        }
        Ok(kept)
    }
}

/// The calendar with only those FREEBUSY values that overlap the window. Values that cannot be read stay.
#[must_use]
pub fn limit_freebusy_set(calendar: &Component, window: &Window) -> Component {
    let mut limited = calendar.clone();
    for component in limited.components_mut().iter_mut().filter(|component| component.is("VFREEBUSY")) {
        component.rebuild_properties(|property| {
            if !property.is("FREEBUSY") {
                return Some(property);
            }
            let overlaps = |item: &&str| {
                period(item.trim()).is_none_or(|(start, end)| window.start < end && window.end > start)
            };
            let kept: Vec<&str> = property.value().split(',').filter(overlaps).collect();
            match kept.len() {
                0 => None,
                n if n == property.value().split(',').count() => Some(property),
                _ => Some(property.with_value(&kept.join(","))),
            }
        });
    }
    limited
}
