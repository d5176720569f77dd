//! What of a filter the backend can answer from its index, without reading an object.

use almanac_backend::Select;
use almanac_davxml::{CompFilter, CompRule, Filter, Test, TimeRange};
use almanac_ical::ComponentKind;
use almanac_ical::series::Window;
use jiff::Timestamp;

use crate::error::{Failure, Violation};

/// How to answer a filter.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Every object that matches is among these.
    pub(crate) select: Select,
    /// Whether they are the answer already.
    pub(crate) check: Check,
}

/// What is left to find out about the selected objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Nothing: they match.
    Nothing,
    /// Whether they match, which takes their bodies.
    Bodies,
    /// Nothing: no object can match.
    NoneMatches,
}

/// Reads a filter.
///
/// # Errors
/// `valid-filter` if it is not a filter on VCALENDAR (RFC 4791 section 7.8) or wants a time of VCALENDAR.
pub(crate) fn plan(filter: &Filter) -> Result<Plan, Failure> {
    let invalid = || Failure::Violated(Violation::ValidFilter);
    if filter.comp.name != "VCALENDAR" {
        return Err(invalid());
    }
    let CompRule::Defined { test, time_range, props, comps } = &filter.comp.rule else {
        return Ok(Plan { select: Select::default(), check: Check::NoneMatches });
    };
    if time_range.is_some() {
        return Err(invalid());
    }
    let conditions = props.len().saturating_add(comps.len());
    let chosen = if is_conjunction(*test, conditions) { comps.iter().find_map(select) } else { None };
    let check = match &chosen {
        _ if conditions == 0 => Check::Nothing,
        Some((_, Check::Nothing)) if conditions == 1 => Check::Nothing,
        _ => Check::Bodies,
    };
    Ok(Plan { select: chosen.map(|(select, _)| select).unwrap_or_default(), check })
}

/// What the index can tell of a filter on VEVENT, VTODO, VJOURNAL or VFREEBUSY.
fn select(filter: &CompFilter) -> Option<(Select, Check)> {
    let kind: ComponentKind = filter.name.parse().ok()?;
    let CompRule::Defined { test, time_range, props, comps } = &filter.rule else { return None };
    let mut select = Select { kind: Some(kind), ..Select::default() };
    let conditions =
        props.len().saturating_add(comps.len()).saturating_add(usize::from(time_range.is_some()));
    if !is_conjunction(*test, conditions) {
        return Some((select, Check::Bodies));
    }
    select.window = time_range.as_ref().map(window_of);
    select.alarm_window = comps.iter().find_map(alarm_window);
    let expressed = usize::from(select.window.is_some()) + usize::from(select.alarm_window.is_some());
    let check = if expressed == conditions { Check::Nothing } else { Check::Bodies };
    Some((select, check))
}

/// The window of a filter that wants an alarm in it, and nothing else.
fn alarm_window(filter: &CompFilter) -> Option<Window> {
    match &filter.rule {
        CompRule::Defined { time_range: Some(range), props, comps, .. }
            if filter.name == "VALARM" && props.is_empty() && comps.is_empty() =>
        {
            Some(window_of(range))
        }
        _ => None,
    }
}

fn is_conjunction(test: Test, conditions: usize) -> bool {
    test == Test::AllOf || conditions <= 1
}

/// The window of a `time-range`; an open end, or one beyond what time can be, is the end of time.
pub(crate) fn window_of(range: &TimeRange) -> Window {
    let instant = |seconds: Option<i64>, open| match seconds {
        None => open,
        Some(seconds) => Timestamp::from_second(seconds).unwrap_or(if seconds < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        }),
    };
    Window { start: instant(range.start, Timestamp::MIN), end: instant(range.end, Timestamp::MAX) }
}
