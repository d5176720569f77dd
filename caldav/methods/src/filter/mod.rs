//! Whether a calendar object matches the filter of a calendar-query (RFC 4791 sections 9.7 to 9.9).
//!
//! [`plan()`] takes out what the backend can select by itself; [`matches()`] decides the whole filter on an
//! object that was read.

mod plan;
mod text;
mod time;

pub(crate) use plan::{Check, Plan, plan, window_of};
pub(crate) use text::casemap;

use almanac_davxml::{CompFilter, CompRule, Filter, ParamFilter, ParamRule, PropFilter, PropRule, Test};
use almanac_ical::recur::{Budget, Truncated};
use almanac_ical::zone::Zone;
use almanac_ical::{Component, Property};

/// Whether `calendar`, the VCALENDAR of an object, matches. `zone` is where floating and all-day times are.
///
/// # Errors
/// If the budget for recurrences runs out before that is known.
pub(crate) fn matches(
    filter: &Filter,
    calendar: &Component,
    zone: &Zone,
    budget: &mut Budget,
) -> Result<bool, Truncated> {
    let mut matcher = Matcher { times: time::Times::new(calendar, zone, budget) };
    match &filter.comp.rule {
        CompRule::NotDefined => Ok(false),
        rule => Ok(calendar.is(&filter.comp.name) && matcher.conditions(rule, calendar, calendar)?),
    }
}

struct Matcher<'a> {
    times: time::Times<'a>,
}

impl Matcher<'_> {
    /// Whether `parent` has a component that fulfils the filter, or none of its name if that is the wish.
    fn component(&mut self, filter: &CompFilter, parent: &Component) -> Result<bool, Truncated> {
        let mut named = parent.components_named(&filter.name);
        if filter.rule == CompRule::NotDefined {
            return Ok(named.next().is_none());
        }
        for component in named {
            if self.conditions(&filter.rule, component, parent)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether `component` fulfils the conditions; without any its presence is enough. Times come last,
    /// because they cost the most.
    fn conditions(
        &mut self,
        rule: &CompRule,
        component: &Component,
        parent: &Component,
    ) -> Result<bool, Truncated> {
        let CompRule::Defined { test, time_range, props, comps } = rule else { return Ok(false) };
        let mut verdict = Verdict::new(*test);
        for filter in props {
            if verdict.is_settled_by(self.property(filter, component)) {
                return Ok(verdict.settled);
            }
        }
        for filter in comps {
            let holds = self.component(filter, component)?;
            if verdict.is_settled_by(holds) {
                return Ok(verdict.settled);
            }
        }
        if let Some(range) = time_range {
            let holds = self.times.component_overlaps(component, parent, &window_of(range))?;
            if verdict.is_settled_by(holds) {
                return Ok(verdict.settled);
            }
        }
        Ok(verdict.at_the_end())
    }

    fn property(&self, filter: &PropFilter, component: &Component) -> bool {
        let mut named = component.properties_named(&filter.name);
        match &filter.rule {
            PropRule::NotDefined => named.next().is_none(),
            PropRule::Defined { test, time_range, text_match, params } => named.any(|property| {
                let mut verdict = Verdict::new(*test);
                let text = text_match.iter().map(|wanted| text::fulfils(wanted, &property.text()));
                let time =
                    time_range.iter().map(|range| self.times.property_overlaps(property, &window_of(range)));
                let params = params.iter().map(|filter| parameter(filter, property));
                let settled = text.chain(params).chain(time).any(|holds| verdict.is_settled_by(holds));
                if settled { verdict.settled } else { verdict.at_the_end() }
            }),
        }
    }
}

fn parameter(filter: &ParamFilter, property: &Property) -> bool {
    let mut named = property.params().iter().filter(|param| param.is(&filter.name));
    match &filter.rule {
        ParamRule::NotDefined => named.next().is_none(),
        ParamRule::Defined => named.next().is_some(),
        ParamRule::Matches(wanted) => {
            named.any(|param| param.values().any(|value| text::fulfils(wanted, value)))
        }
    }
}

/// Several conditions on their way to one answer.
struct Verdict {
    /// The answer once a condition has turned out this way.
    settled: bool,
    seen: bool,
}

impl Verdict {
    fn new(test: Test) -> Self {
        Self { settled: test == Test::AnyOf, seen: false }
    }

    /// Whether no further condition can change the answer.
    fn is_settled_by(&mut self, holds: bool) -> bool {
        self.seen = true;
        holds == self.settled
    }

    /// The answer when no condition has settled it.
    fn at_the_end(&self) -> bool {
        !self.seen || !self.settled
    }
}
