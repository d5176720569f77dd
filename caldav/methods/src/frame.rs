//! Where floating and all-day times are: in a zone that is known, or somewhere on earth.

use almanac_ical::series::Window;
use almanac_ical::zone::Zone;
use almanac_ical::{Component, ComponentKind};
use jiff::SignedDuration;

/// No zone is further from UTC.
const ZONES: SignedDuration = SignedDuration::from_hours(14);

/// The properties that place a component in time.
const TIMES: [&str; 6] = ["DTSTART", "DTEND", "DUE", "RDATE", "RECURRENCE-ID", "TRIGGER"];

/// The zone in which a request reads floating and all-day times.
///
/// If neither the query nor the collection has one, the backend selects in its tenant's, which is not known
/// here. What it has selected must not be lost for that, so the windows of such objects are made wide enough
/// for every zone: an answer may then show an instance more at its edges, never one less.
#[derive(Debug, Clone)]
pub(crate) struct Frame(Option<Zone>);

impl Frame {
    pub(crate) fn new(zone: Option<Zone>) -> Self {
        Self(zone)
    }

    /// The zone; UTC, the middle of all, if it is not known.
    pub(crate) fn zone(&self) -> Zone {
        self.0.clone().unwrap_or_else(Zone::utc)
    }

    /// The window in which to look for the times of `calendar`.
    pub(crate) fn window(&self, window: &Window, calendar: &Component) -> Window {
        if self.0.is_none() && has_floating_times(calendar) { widened(window) } else { *window }
    }

    /// The window in which to look for a time that floats.
    pub(crate) fn window_of_floating(&self, window: &Window) -> Window {
        if self.0.is_none() { widened(window) } else { *window }
    }
}

fn widened(window: &Window) -> Window {
    Window {
        start: window.start.saturating_sub(ZONES).unwrap_or(window.start),
        end: window.end.saturating_add(ZONES).unwrap_or(window.end),
    }
}

fn has_floating_times(calendar: &Component) -> bool {
    let timed = calendar.components().iter().filter(|it| it.name().parse::<ComponentKind>().is_ok());
    let mut properties = timed.flat_map(Component::properties);
    properties.any(|property| {
        TIMES.iter().any(|name| property.is(name))
            && !property.value().ends_with('Z')
            && property.param("TZID").is_none()
    })
}
