//! `CALDAV:calendar-data` as a request: which part of the calendar data to return (RFC 4791 section 9.6).

use crate::names::CALDAV;
use crate::{Element, Period, XmlError, grammar};

/// How calendar data is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CalendarDataRequest {
    /// The media type asked for, as sent; `text/calendar` if absent.
    pub content_type: Option<String>,
    /// The version asked for, as sent; `2.0` if absent.
    pub version: Option<String>,
    /// The components and properties to return; everything if absent.
    pub comp: Option<CompRequest>,
    /// Instances or an overridden set instead of the plain object.
    pub recurrence: Recurrence,
    /// Return only FREEBUSY values that overlap this period.
    pub limit_freebusy_set: Option<Period>,
}

/// What becomes of a recurring component in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recurrence {
    /// As stored.
    #[default]
    AsIs,
    /// Each instance in the period as its own component in UTC (`CALDAV:expand`).
    Expand(Period),
    /// Only the overrides that affect the period (`CALDAV:limit-recurrence-set`).
    Limit(Period),
}

/// One component type to return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompRequest {
    /// The component name in upper case.
    pub name: String,
    /// Which of its properties.
    pub props: PropChoice,
    /// Which of its components.
    pub comps: CompChoice,
}

/// The properties of a component to return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropChoice {
    /// All of them.
    All,
    /// The named ones; none if empty.
    Named(Vec<PropRequestLine>),
}

/// The components of a component to return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompChoice {
    /// All of them, whole.
    All,
    /// The named ones; none if empty.
    Named(Vec<CompRequest>),
}

/// One iCalendar property to return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropRequestLine {
    /// The property name in upper case.
    pub name: String,
    /// Whether to leave its value out (`novalue="yes"`).
    pub novalue: bool,
}

/// Reads a `CALDAV:calendar-data` element of a request.
pub(crate) fn read(element: &Element) -> Result<CalendarDataRequest, XmlError> {
    let comp = grammar::at_most_one(element, CALDAV, "comp", XmlError::Invalid("more than one comp"))?;
    let expand = period(element, "expand")?;
    let limit = period(element, "limit-recurrence-set")?;
    let recurrence = match (expand, limit) {
        (None, None) => Recurrence::AsIs,
        (Some(period), None) => Recurrence::Expand(period),
        (None, Some(period)) => Recurrence::Limit(period),
        (Some(_), Some(_)) => return Err(XmlError::Invalid("both expand and limit-recurrence-set")),
    };
    Ok(CalendarDataRequest {
        content_type: element.attribute("content-type").map(str::to_owned),
        version: element.attribute("version").map(str::to_owned),
        comp: comp.map(read_comp).transpose()?,
        recurrence,
        limit_freebusy_set: period(element, "limit-freebusy-set")?,
    })
}

fn period(parent: &Element, local: &str) -> Result<Option<Period>, XmlError> {
    let invalid = XmlError::Invalid("a period of calendar-data");
    match grammar::at_most_one(parent, CALDAV, local, invalid.clone())? {
        Some(element) => Period::of(element).map(Some).ok_or(invalid),
        None => Ok(None),
    }
}

/// `comp ((allprop | prop*), (allcomp | comp*))`. Naming nothing selects nothing. The depth of the body
/// bounds the recursion.
fn read_comp(element: &Element) -> Result<CompRequest, XmlError> {
    let props: Vec<_> = element.children_named(CALDAV, "prop").map(read_prop).collect::<Result<_, _>>()?;
    let comps = element.children_named(CALDAV, "comp").map(read_comp).collect::<Result<_, _>>()?;
    Ok(CompRequest {
        name: name_of(element)?,
        props: match element.child(CALDAV, "allprop") {
            Some(_) => PropChoice::All,
            None => PropChoice::Named(grammar::at_most_properties_max(props)?),
        },
        comps: match element.child(CALDAV, "allcomp") {
            Some(_) => CompChoice::All,
            None => CompChoice::Named(comps),
        },
    })
}

fn read_prop(element: &Element) -> Result<PropRequestLine, XmlError> {
    let novalue = match element.attribute("novalue") {
        None | Some("no") => false,
        Some("yes") => true,
        Some(_) => return Err(XmlError::Invalid("the attribute novalue")),
    };
    Ok(PropRequestLine { name: name_of(element)?, novalue })
}

fn name_of(element: &Element) -> Result<String, XmlError> {
    grammar::ical_name(element).ok_or(XmlError::Invalid("a name in calendar-data"))
}
