//! The body of REPORT: which report, and its request.

use std::collections::HashSet;

use almanac_base::Redacted;

use crate::limits::EXPAND_LEVELS_MAX;
use crate::names::{CALDAV, DAV};
use crate::{
    CalendarDataRequest, Element, Filter, Limits, Name, PrincipalMatch, PrincipalPropertySearch, Propfind,
    TimeRange, XmlError, calendar_data, filter_grammar, grammar, principals,
};

/// A report request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// `CALDAV:calendar-query` (RFC 4791 section 7.8).
    CalendarQuery(CalendarQuery),
    /// `CALDAV:calendar-multiget` (RFC 4791 section 7.9).
    CalendarMultiget(CalendarMultiget),
    /// `CALDAV:free-busy-query` (RFC 4791 section 7.10).
    FreeBusyQuery(TimeRange),
    /// `DAV:sync-collection` (RFC 6578).
    SyncCollection(SyncCollection),
    /// `DAV:expand-property` (RFC 3253 section 3.8).
    ExpandProperty(Vec<ExpandProp>),
    /// `DAV:principal-property-search` (RFC 3744 section 9.4).
    PrincipalPropertySearch(PrincipalPropertySearch),
    /// `DAV:principal-search-property-set` (RFC 3744 section 9.5).
    PrincipalSearchPropertySet,
    /// `DAV:principal-match` (RFC 3744 section 9.3).
    PrincipalMatch(PrincipalMatch),
    /// `DAV:acl-principal-prop-set` (RFC 3744 section 9.2).
    AclPrincipalPropSet(PropRequest),
    /// A report that is not known here (403 `DAV:supported-report`).
    Other(Name),
}

/// The properties a report returns for each resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropRequest {
    /// Which properties; `CALDAV:calendar-data` is among the names if it was asked for.
    pub select: Propfind,
    /// How to return the calendar data, if it was asked for.
    pub calendar_data: Option<CalendarDataRequest>,
}

impl PropRequest {
    /// What the children of a report's root ask for. A report that names nothing wants no property, only to
    /// know the resources.
    pub(crate) fn of(root: &Element) -> Result<Self, XmlError> {
        let select = grammar::selection(root)?.unwrap_or_else(|| Propfind::Prop(Vec::new()));
        let wanted = root.child(DAV, "prop").and_then(|prop| prop.child(CALDAV, "calendar-data"));
        Ok(Self { select, calendar_data: wanted.map(calendar_data::read).transpose()? })
    }
}

/// A calendar-query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarQuery {
    /// What to return of each match.
    pub props: PropRequest,
    /// What matches.
    pub filter: Filter,
    /// An iCalendar object with the VTIMEZONE in which floating times are read.
    pub timezone: Option<Redacted<String>>,
    /// The same by identifier (RFC 7809 section 5.2).
    pub timezone_id: Option<String>,
    /// The largest number of matches wanted (`DAV:limit`), at least 1.
    pub limit: Option<u32>,
}

/// A calendar-multiget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarMultiget {
    /// What to return of each resource.
    pub props: PropRequest,
    /// The resources in the order sent, as sent: not decoded, not resolved, perhaps repeated.
    pub hrefs: Vec<Redacted<String>>,
}

/// A sync-collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncCollection {
    /// The token of the last synchronization; `None` for the initial one.
    pub token: Option<String>,
    /// The scope; `None` if not sent: then the Depth header says it (RFC 6578 appendix A).
    pub level: Option<SyncLevel>,
    /// The largest number of changes wanted (`DAV:limit`), at least 1.
    pub limit: Option<u32>,
    /// What to return of each changed member.
    pub props: PropRequest,
}

/// How deep a synchronization reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncLevel {
    /// Internal members only.
    One,
    /// All descendants.
    Infinite,
}

/// One property of expand-property, and what to return of the resources it points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpandProp {
    /// The property.
    pub name: Name,
    /// The properties of each resource that the property's hrefs name; empty: the property as it is.
    pub children: Vec<ExpandProp>,
}

/// Reads the body of a REPORT.
///
/// # Errors
/// `Invalid` if there is none or it does not follow its grammar; the filter errors as they say.
pub fn parse_report(body: Option<&Element>, limits: &Limits) -> Result<Report, XmlError> {
    let root = body.ok_or(XmlError::UnexpectedRoot)?;
    Ok(match (root.name.ns(), root.name.local()) {
        (CALDAV, "calendar-query") => Report::CalendarQuery(calendar_query(root, limits)?),
        (CALDAV, "calendar-multiget") => Report::CalendarMultiget(calendar_multiget(root)?),
        (CALDAV, "free-busy-query") => Report::FreeBusyQuery(free_busy_query(root)?),
        (DAV, "sync-collection") => Report::SyncCollection(sync_collection(root)?),
        (DAV, "expand-property") => Report::ExpandProperty(expand_props(root, 1)?),
        (DAV, "principal-property-search") => {
            Report::PrincipalPropertySearch(principals::property_search(root)?)
        }
        (DAV, "principal-search-property-set") => Report::PrincipalSearchPropertySet,
        (DAV, "principal-match") => Report::PrincipalMatch(principals::principal_match(root)?),
        (DAV, "acl-principal-prop-set") => Report::AclPrincipalPropSet(PropRequest::of(root)?),
        _ => Report::Other(root.name.clone()),
    })
}

fn calendar_query(root: &Element, limits: &Limits) -> Result<CalendarQuery, XmlError> {
    let filters = grammar::at_most_one(root, CALDAV, "filter", XmlError::Invalid("more than one filter"))?;
    Ok(CalendarQuery {
        props: PropRequest::of(root)?,
        filter: filter_grammar::read(filters.ok_or(XmlError::Invalid("no filter"))?, limits)?,
        timezone: root.child(CALDAV, "timezone").map(|zone| Redacted::new(zone.text())),
        timezone_id: root.child(CALDAV, "timezone-id").map(Element::text_trimmed),
        limit: grammar::limit(root)?,
    })
}

fn calendar_multiget(root: &Element) -> Result<CalendarMultiget, XmlError> {
    let hrefs: Vec<_> =
        root.children_named(DAV, "href").map(|href| Redacted::new(href.text_trimmed())).collect();
    if hrefs.is_empty() {
        return Err(XmlError::Invalid("no href"));
    }
    Ok(CalendarMultiget { props: PropRequest::of(root)?, hrefs })
}

fn free_busy_query(root: &Element) -> Result<TimeRange, XmlError> {
    let invalid = XmlError::Invalid("the time range");
    let range = grammar::at_most_one(root, CALDAV, "time-range", invalid.clone())?;
    range.and_then(TimeRange::of).ok_or(invalid)
}

fn sync_collection(root: &Element) -> Result<SyncCollection, XmlError> {
    let invalid = XmlError::Invalid("not exactly one sync-token");
    let token = grammar::at_most_one(root, DAV, "sync-token", invalid.clone())?.ok_or(invalid)?;
    let level = match root.child(DAV, "sync-level").map(Element::text_trimmed).as_deref() {
        None => None,
        Some("1") => Some(SyncLevel::One),
        Some("infinite" | "infinity") => Some(SyncLevel::Infinite),
        Some(_) => return Err(XmlError::Invalid("the sync-level")),
    };
    Ok(SyncCollection {
        token: Some(token.text_trimmed()).filter(|token| !token.is_empty()),
        level,
        limit: grammar::limit(root)?,
        props: PropRequest::of(root)?,
    })
}

/// The properties of one level, each once.
fn expand_props(parent: &Element, level: usize) -> Result<Vec<ExpandProp>, XmlError> {
    let mut seen = HashSet::new();
    let mut props = Vec::new();
    for property in parent.children_named(DAV, "property") {
        let ns = property.attribute("namespace").unwrap_or(DAV);
        let local = property.attribute("name").unwrap_or_default();
        let name = Name::new(ns, local).ok_or(XmlError::Invalid("a property name"))?;
        if seen.insert(name.clone()) {
            if level > EXPAND_LEVELS_MAX {
                return Err(XmlError::Limit("levels of expand-property"));
            }
            props.push(ExpandProp { name, children: expand_props(property, level + 1)? });
        }
    }
    grammar::at_most_properties_max(props)
}
