//! Reading the filter of calendar-query (RFC 4791 section 9.7), with the rules of `CALDAV:valid-filter`.

use almanac_base::Redacted;

use crate::names::CALDAV;
use crate::{
    Collation, CompFilter, CompRule, Element, Filter, Limits, ParamFilter, ParamRule, PropFilter, PropRule,
    TextMatch, TimeRange, XmlError, grammar,
};

/// Reads `CALDAV:filter`. An unknown CALDAV element in it is refused, since ignoring a condition would
/// change the answer; elements of other namespaces are ignored.
pub(crate) fn read(filter: &Element, limits: &Limits) -> Result<Filter, XmlError> {
    let mut reader = FilterReader { limits, filters: 0 };
    let mut comps = Parts::of(filter, &["comp-filter"])?.comps.into_iter();
    let (Some(vcalendar), None) = (comps.next(), comps.next()) else {
        return Err(XmlError::InvalidFilter("not exactly one comp-filter at the top"));
    };
    let comp = reader.comp(vcalendar, None, 1)?;
    if comp.name != "VCALENDAR" {
        return Err(XmlError::InvalidFilter("the top is not VCALENDAR"));
    }
    Ok(Filter { comp })
}

struct FilterReader<'l> {
    limits: &'l Limits,
    filters: usize,
}

impl FilterReader<'_> {
    fn comp(
        &mut self,
        element: &Element,
        parent: Option<&str>,
        depth: usize,
    ) -> Result<CompFilter, XmlError> {
        let name = self.name(element)?;
        if depth > self.limits.filter_depth_max {
            return Err(XmlError::InvalidFilter("components too deep in one another"));
        }
        if parent.is_some_and(|parent| !may_hold(parent, &name)) {
            return Err(XmlError::InvalidFilter("a component where it cannot be"));
        }
        let parts = Parts::of(element, &["is-not-defined", "time-range", "prop-filter", "comp-filter"])?;
        if parts.not_defined()? {
            return Ok(CompFilter { name, rule: CompRule::NotDefined });
        }
        if parts.time_range.is_some() && !has_time(&name) {
            return Err(XmlError::InvalidFilter("a time-range on a component without time"));
        }
        let rule = CompRule::Defined {
            test: grammar::test(element, XmlError::InvalidFilter("the attribute test"))?,
            time_range: parts.time_range()?,
            props: parts.props.iter().map(|prop| self.prop(prop)).collect::<Result<_, _>>()?,
            comps: parts
                .comps
                .iter()
                .map(|comp| self.comp(comp, Some(&name), depth + 1))
                .collect::<Result<_, _>>()?,
        };
        Ok(CompFilter { name, rule })
    }

    fn prop(&mut self, element: &Element) -> Result<PropFilter, XmlError> {
        let name = self.name(element)?;
        let parts = Parts::of(element, &["is-not-defined", "time-range", "text-match", "param-filter"])?;
        if parts.not_defined()? {
            return Ok(PropFilter { name, rule: PropRule::NotDefined });
        }
        if parts.time_range.is_some() && (parts.text_match.is_some() || !is_time(&name)) {
            return Err(XmlError::InvalidFilter("a time-range on text"));
        }
        let rule = PropRule::Defined {
            test: grammar::test(element, XmlError::InvalidFilter("the attribute test"))?,
            time_range: parts.time_range()?,
            text_match: parts.text_match()?,
            params: parts.params.iter().map(|param| self.param(param)).collect::<Result<_, _>>()?,
        };
        Ok(PropFilter { name, rule })
    }

    fn param(&mut self, element: &Element) -> Result<ParamFilter, XmlError> {
        let name = self.name(element)?;
        let parts = Parts::of(element, &["is-not-defined", "text-match"])?;
        let rule = if parts.not_defined()? {
            ParamRule::NotDefined
        } else {
            parts.text_match()?.map_or(ParamRule::Defined, ParamRule::Matches)
        };
        Ok(ParamFilter { name, rule })
    }

    /// The name of one more filter.
    fn name(&mut self, element: &Element) -> Result<String, XmlError> {
        if self.filters == self.limits.filters_max {
            return Err(XmlError::Limit("filters"));
        }
        self.filters += 1;
        grammar::ical_name(element).ok_or(XmlError::InvalidFilter("no name"))
    }
}

/// The CALDAV children of a filter element, sorted by kind.
#[derive(Default)]
struct Parts<'e> {
    not_defined: Option<&'e Element>,
    time_range: Option<&'e Element>,
    text_match: Option<&'e Element>,
    comps: Vec<&'e Element>,
    props: Vec<&'e Element>,
    params: Vec<&'e Element>,
}

impl<'e> Parts<'e> {
    /// Sorts the children, of which only the `allowed` ones may be there.
    fn of(element: &'e Element, allowed: &[&str]) -> Result<Self, XmlError> {
        let mut parts = Self::default();
        for child in element.elements().filter(|child| child.name.ns() == CALDAV) {
            let local = child.name.local();
            let before = match local {
                "is-not-defined" => parts.not_defined.replace(child),
                "time-range" => parts.time_range.replace(child),
                "text-match" => parts.text_match.replace(child),
                "comp-filter" => push(&mut parts.comps, child),
                "prop-filter" => push(&mut parts.props, child),
                "param-filter" => push(&mut parts.params, child),
                _ => return Err(XmlError::UnsupportedFilter(child.name.clone())),
            };
            if before.is_some() {
                return Err(XmlError::InvalidFilter("a condition twice"));
            }
            if !allowed.contains(&local) {
                return Err(XmlError::InvalidFilter("a condition where it cannot be"));
            }
        }
        Ok(parts)
    }

    /// Whether the filter is `is-not-defined`, which stands alone.
    fn not_defined(&self) -> Result<bool, XmlError> {
        let conditions = self.comps.len() + self.props.len() + self.params.len();
        let alone = self.time_range.is_none() && self.text_match.is_none() && conditions == 0;
        match self.not_defined {
            Some(_) if !alone => Err(XmlError::InvalidFilter("is-not-defined with other conditions")),
            found => Ok(found.is_some()),
        }
    }

    fn time_range(&self) -> Result<Option<TimeRange>, XmlError> {
        let invalid = XmlError::InvalidFilter("the time-range");
        self.time_range.map(|element| TimeRange::of(element).ok_or(invalid)).transpose()
    }

    fn text_match(&self) -> Result<Option<TextMatch>, XmlError> {
        self.text_match.map(text_match).transpose()
    }
}

fn push<'e>(list: &mut Vec<&'e Element>, element: &'e Element) -> Option<&'e Element> {
    list.push(element);
    None
}

fn text_match(element: &Element) -> Result<TextMatch, XmlError> {
    let collation = match element.attribute("collation") {
        // "default" is the server's choice (RFC 4790 section 3.1).
        None | Some("default") => Collation::AsciiCasemap,
        Some(asked) => Collation::ALL
            .into_iter()
            .find(|known| known.identifier() == asked)
            .ok_or(XmlError::UnsupportedCollation)?,
    };
    let negate = match element.attribute("negate-condition") {
        None | Some("no") => false,
        Some("yes") => true,
        Some(_) => return Err(XmlError::InvalidFilter("the attribute negate-condition")),
    };
    Ok(TextMatch { text: Redacted::new(element.text()), collation, negate })
}

/// Whether a component of this name can be in one of that name (RFC 5545 section 3.6). About components that
/// RFC 5545 does not define nothing is known, so anything goes.
fn may_hold(parent: &str, child: &str) -> bool {
    match child {
        "VCALENDAR" => false,
        "VEVENT" | "VTODO" | "VJOURNAL" | "VFREEBUSY" | "VTIMEZONE" => parent == "VCALENDAR",
        "VALARM" => matches!(parent, "VEVENT" | "VTODO"),
        "STANDARD" | "DAYLIGHT" => parent == "VTIMEZONE",
        _ => true,
    }
}

/// Whether a time-range makes sense on the component (RFC 4791 section 9.9).
fn has_time(component: &str) -> bool {
    !matches!(component, "VCALENDAR" | "VTIMEZONE" | "STANDARD" | "DAYLIGHT")
}

/// Whether the property holds a date or date-time, so that a time-range makes sense on it.
fn is_time(property: &str) -> bool {
    matches!(
        property,
        "COMPLETED"
            | "CREATED"
            | "DTEND"
            | "DTSTAMP"
            | "DTSTART"
            | "DUE"
            | "LAST-MODIFIED"
            | "RECURRENCE-ID"
            | "EXDATE"
            | "RDATE"
            | "ACKNOWLEDGED"
    ) || property.starts_with("X-")
}
