//! Busy time (RFC 4791 section 7.10).

use std::ops::ControlFlow;

use jiff::Timestamp;

use super::part::{IsBusy, Part};
use super::{Series, Window};
use crate::object::ComponentKind;
use crate::recur::{Budget, Truncated};
use crate::tree::Component;
use crate::zone::Zone;

/// How somebody is busy: FBTYPE without FREE (RFC 5545 section 3.2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BusyKind {
    /// BUSY
    Busy,
    /// BUSY-UNAVAILABLE
    Unavailable,
    /// BUSY-TENTATIVE
    Tentative,
}

impl BusyKind {
    /// The value of FBTYPE.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            BusyKind::Busy => "BUSY",
            BusyKind::Unavailable => "BUSY-UNAVAILABLE",
            BusyKind::Tentative => "BUSY-TENTATIVE",
        }
    }
}

/// A period in which somebody is busy: from `start` up to but without `end`, which is later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Busy {
    /// When it starts.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// How.
    pub kind: BusyKind,
}

impl Series {
    /// Adds what this object makes of the window to `out`, cut to the window, in no order.
    ///
    /// VEVENTs count by TRANSP and STATUS, VFREEBUSYs by their periods, other components not at all.
    ///
    /// # Errors
    /// [`Truncated`] if the budget ran out; what was added before is then not the whole.
    pub fn busy(
        &self,
        window: &Window,
        zone: &Zone,
        budget: &mut Budget,
        out: &mut Vec<Busy>,
    ) -> Result<(), Truncated> {
        let mut add = |busy: Busy| {
            let (start, end) = (busy.start.max(window.start), busy.end.min(window.end));
            if start < end {
                out.push(Busy { start, end, ..busy });
            }
        };
        let free_busy = self.parts.iter().filter(|part| part.kind == ComponentKind::FreeBusy);
        for (period, is_busy) in free_busy.flat_map(|part| &part.free_busy) {
            if *is_busy == IsBusy::Yes {
                add(*period);
            }
        }
        if !self.parts.iter().any(|part| makes_busy(part).is_some()) {
            return Ok(());
        }
        self.visit(window, zone, budget, &mut |occurrence| {
            if let Some(kind) = makes_busy(occurrence.part) {
                add(Busy { start: occurrence.at, end: occurrence.end(zone), kind });
            }
            ControlFlow::Continue(())
        })
    }
}

fn makes_busy(part: &Part) -> Option<BusyKind> {
    part.busy.filter(|_| part.kind == ComponentKind::Event)
}

/// What a component makes of its time. STATUS and TRANSP decide; Exchange's own property only where they are silent.
pub(super) fn kind_of(component: &Component) -> Option<BusyKind> {
    let value = |name| component.property(name).map(|p| p.value().trim().to_ascii_uppercase());
    let (status, transparency) = (value("STATUS"), value("TRANSP"));
    let vendor = value("X-MICROSOFT-CDO-BUSYSTATUS");
    if status.as_deref() == Some("CANCELLED") || transparency.as_deref() == Some("TRANSPARENT") {
        return None;
    }
    match vendor.as_deref() {
        Some("FREE" | "WORKINGELSEWHERE") if transparency.is_none() => None,
        Some("OOF") => Some(BusyKind::Unavailable),
        _ if status.as_deref() == Some("TENTATIVE") => Some(BusyKind::Tentative),
        Some("TENTATIVE") if status.is_none() => Some(BusyKind::Tentative),
        _ => Some(BusyKind::Busy),
    }
}

/// What an FBTYPE stands for; nothing for FREE. "Applications MUST treat x-name and iana-token values they don't
/// recognize the same way as they would the BUSY value."
pub(super) fn kind_of_type(name: &str) -> Option<BusyKind> {
    match name.trim().to_ascii_uppercase().as_str() {
        "FREE" => None,
        "BUSY-UNAVAILABLE" => Some(BusyKind::Unavailable),
        "BUSY-TENTATIVE" => Some(BusyKind::Tentative),
        _ => Some(BusyKind::Busy),
    }
}

/// Joins periods of the same kind that overlap or touch. The result is in order of start, end and kind, as the values
/// of FREEBUSY should be (RFC 5545 section 3.8.2.6).
#[must_use]
pub fn merge_busy(mut busy: Vec<Busy>) -> Vec<Busy> {
    busy.sort_unstable_by_key(|busy| (busy.kind, busy.start, busy.end));
    let mut merged: Vec<Busy> = Vec::with_capacity(busy.len());
    for next in busy {
        match merged.last_mut().filter(|last| last.kind == next.kind && next.start <= last.end) {
            Some(last) => last.end = last.end.max(next.end),
            None => merged.push(next),
        }
    }
    merged.sort_unstable();
    merged
}
