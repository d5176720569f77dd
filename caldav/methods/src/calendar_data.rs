//! `CALDAV:calendar-data` in a report: the object as stored, or the part and form of it that was asked for
//! (RFC 4791 section 9.6).

use std::borrow::Cow;
use std::cell::OnceCell;

use almanac_davxml::{
    CalendarDataRequest, CompChoice, CompRequest, Period, PropChoice, Recurrence, TimeRange,
};
use almanac_ical::recur::{Budget, Truncated};
use almanac_ical::select::{CompSelection, Members, PropSelection, PropValue, select};
use almanac_ical::series::{Window, expand, limit_freebusy_set, limit_recurrence_set};
use almanac_ical::zone::Zone;
use almanac_ical::{Component, Limits, tree};

use crate::error::{Failure, Violation};
use crate::filter::window_of;
use crate::limits::EXPANSION_BYTES_MAX;
use crate::zones::{Definitions, StandardZones};

/// The octets of an object, and their tree once somebody asks for it.
pub(crate) struct Body<'a> {
    octets: &'a [u8],
    tree: OnceCell<Option<Component>>,
}

impl<'a> Body<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self { octets, tree: OnceCell::new() }
    }

    /// The VCALENDAR; `None` if the octets are none, which what was accepted by a PUT never is.
    pub(crate) fn calendar(&self) -> Option<&Component> {
        self.tree.get_or_init(|| tree::read(self.octets, &Limits::STORED).ok()).as_ref()
    }
}

/// How calendar data is to be returned.
#[derive(Debug, Default)]
pub(crate) struct Rendering {
    recurrence: Recurrence,
    freebusy: Option<Window>,
    selection: Option<CompSelection>,
    zones: Definitions,
}

impl Rendering {
    /// Reads a request.
    ///
    /// # Errors
    /// `supported-calendar-data` for another format than iCalendar 2.0.
    pub(crate) fn new(request: &CalendarDataRequest) -> Result<Self, Failure> {
        let calendar = request.content_type.as_deref().is_none_or(|media| {
            let essence = media.split(';').next().unwrap_or(media);
            essence.trim().eq_ignore_ascii_case("text/calendar")
        });
        if !calendar || request.version.as_deref().is_some_and(|version| version.trim() != "2.0") {
            return Err(Violation::SupportedCalendarData.into());
        }
        Ok(Self {
            recurrence: request.recurrence,
            freebusy: request.limit_freebusy_set.as_ref().map(window),
            selection: request.comp.as_ref().map(selection),
            zones: Definitions::default(),
        })
    }

    pub(crate) fn with_zones(self, zones: StandardZones) -> Self {
        Self { zones: Definitions::new(zones), ..self }
    }

    /// The data of `body` in this form. Without a wish it is the stored octets, untouched. `zone` is
    /// where floating and all-day times are.
    ///
    /// # Errors
    /// If the budget for recurrences runs out.
    pub(crate) fn render<'b>(
        &mut self,
        body: &'b Body<'_>,
        zone: &Zone,
        budget: &mut Budget,
    ) -> Result<Cow<'b, [u8]>, Truncated> {
        // XML cannot say all that is stored: a fold inside a character makes no text of the octets, and a byte order
        // mark is none of the calendar's.
        let plain = std::str::from_utf8(body.octets).is_ok_and(|text| !text.starts_with('\u{feff}'));
        let untouched = self.recurrence == Recurrence::AsIs
            && self.freebusy.is_none()
            && self.selection.is_none()
            && self.zones.as_stored();
        let Some(calendar) = (if untouched && plain { None } else { body.calendar() }) else {
            return Ok(Cow::Borrowed(body.octets));
        };
        let mut shown = Cow::Borrowed(calendar);
        match &self.recurrence {
            Recurrence::AsIs => {}
            Recurrence::Expand(period) => {
                let window = window(period);
                // Each instance repeats the object, so its size bounds their number too.
                let copies = EXPANSION_BYTES_MAX / body.octets.len().max(1);
                let mut most = share(budget);
                most.instances = most.instances.min(u32::try_from(copies).unwrap_or(u32::MAX));
                let expand = |budget: &mut Budget| expand(calendar, &window, zone, budget);
                shown = Cow::Owned(within(budget, most, expand)?);
            }
            Recurrence::Limit(period) => {
                let window = window(period);
                let most = share(budget);
                let limit = |budget: &mut Budget| limit_recurrence_set(calendar, &window, zone, budget);
                shown = Cow::Owned(within(budget, most, limit)?);
            }
        }
        if let Some(window) = &self.freebusy {
            shown = Cow::Owned(limit_freebusy_set(&shown, window));
        }
        if let Some(zoned) = self.zones.changed(&shown) {
            shown = Cow::Owned(zoned);
        }
        if let Some(selection) = &self.selection {
            shown = Cow::Owned(select(&shown, selection));
        }
        Ok(match shown {
            Cow::Borrowed(_) if plain => Cow::Borrowed(body.octets),
            shown => Cow::Owned(shown.to_text().into_bytes()),
        })
    }
}

/// What one object may cost of the budget of an answer: not all of it, so that the others have theirs.
fn share(budget: &Budget) -> Budget {
    Budget {
        instances: budget.instances.min(Budget::SERIES.instances),
        periods: budget.periods.min(Budget::SERIES.periods),
    }
}

/// Takes from the budget of an answer what an object has used of the `most` that it was given.
pub(crate) fn spend(budget: &mut Budget, most: Budget, left: Budget) {
    budget.instances = budget.instances.saturating_sub(most.instances.saturating_sub(left.instances));
    budget.periods = budget.periods.saturating_sub(most.periods.saturating_sub(left.periods));
}

/// Runs what visits instances with no more than `most` of the budget of the answer.
fn within<T>(
    budget: &mut Budget,
    most: Budget,
    run: impl FnOnce(&mut Budget) -> Result<T, Truncated>,
) -> Result<T, Truncated> {
    let mut own = most;
    let outcome = run(&mut own);
    spend(budget, most, own);
    outcome
}

fn window(period: &Period) -> Window {
    window_of(&TimeRange { start: Some(period.start), end: Some(period.end) })
}

/// The depth of the recursion is that of the request, which reading has bounded.
fn selection(request: &CompRequest) -> CompSelection {
    let (all_props, props) = match &request.props {
        PropChoice::All => (Members::All, Vec::new()),
        PropChoice::Named(lines) => {
            let line = |line: &almanac_davxml::PropRequestLine| PropSelection {
                name: line.name.clone(),
                value: if line.novalue { PropValue::Without } else { PropValue::With },
            };
            (Members::Listed, lines.iter().map(line).collect())
        }
    };
    let (all_comps, comps) = match &request.comps {
        CompChoice::All => (Members::All, Vec::new()),
        CompChoice::Named(comps) => (Members::Listed, comps.iter().map(selection).collect()),
    };
    CompSelection { name: request.name.clone(), all_props, props, all_comps, comps }
}
