//! What several bodies have in common. Unknown elements and attributes are ignored everywhere, as RFC 4918
//! section 17 demands, unless the body's own file says otherwise.

use std::collections::HashSet;

use crate::element::Element;
use crate::limits::PROPERTIES_MAX;
use crate::names::{DAV, Name, XML};
use crate::{Propfind, Test, XmlError};

/// The root of a body that must be there and have this name.
pub(crate) fn root<'e>(body: Option<&'e Element>, ns: &str, local: &str) -> Result<&'e Element, XmlError> {
    body.filter(|root| root.is(ns, local)).ok_or(XmlError::UnexpectedRoot)
}

/// The only child of this name, if there is one.
pub(crate) fn at_most_one<'e>(
    parent: &'e Element,
    ns: &str,
    local: &str,
    otherwise: XmlError,
) -> Result<Option<&'e Element>, XmlError> {
    let mut found = parent.children_named(ns, local);
    let first = found.next();
    if found.next().is_some() { Err(otherwise) } else { Ok(first) }
}

/// The names of the child elements, each once, at most [`PROPERTIES_MAX`].
pub(crate) fn child_names(parent: &Element) -> Result<Vec<Name>, XmlError> {
    let mut seen = HashSet::new();
    let names = parent.elements().map(|child| &child.name).filter(|name| seen.insert(*name));
    at_most_properties_max(names.cloned().collect())
}

/// The list, if it is not too long.
pub(crate) fn at_most_properties_max<T>(list: Vec<T>) -> Result<Vec<T>, XmlError> {
    if list.len() > PROPERTIES_MAX { Err(XmlError::Limit("properties")) } else { Ok(list) }
}

/// `(DAV:allprop, DAV:include?) | DAV:propname | DAV:prop`, or nothing.
pub(crate) fn selection(parent: &Element) -> Result<Option<Propfind>, XmlError> {
    let mut found = None;
    for child in parent.elements().filter(|child| child.name.ns() == DAV) {
        let select = match child.name.local() {
            "allprop" => {
                let include = parent.child(DAV, "include").map(child_names).transpose()?;
                Propfind::AllProp { include: include.unwrap_or_default() }
            }
            "propname" => Propfind::PropName,
            "prop" => Propfind::Prop(child_names(child)?),
            _ => continue,
        };
        if found.replace(select).is_some() {
            return Err(XmlError::Invalid("more than one of allprop, propname, prop"));
        }
    }
    Ok(found)
}

/// `DAV:limit` (RFC 5323 section 5.17). A limit of nothing could only make a client ask again for ever.
pub(crate) fn limit(parent: &Element) -> Result<Option<u32>, XmlError> {
    let invalid = XmlError::Invalid("the limit");
    let Some(limit) = at_most_one(parent, DAV, "limit", invalid.clone())? else { return Ok(None) };
    let text = limit.child(DAV, "nresults").ok_or_else(|| invalid.clone())?.text_trimmed();
    if text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(invalid);
    }
    match text.parse().unwrap_or(u32::MAX) {
        0 => Err(invalid),
        results => Ok(Some(results)),
    }
}

/// The attribute `test`.
pub(crate) fn test(element: &Element, otherwise: XmlError) -> Result<Test, XmlError> {
    match element.attribute("test") {
        None | Some("allof") => Ok(Test::AllOf),
        Some("anyof") => Ok(Test::AnyOf),
        Some(_) => Err(otherwise),
    }
}

/// The properties in `DAV:prop` elements of `parent`, each with the language in scope: a property keeps the
/// `xml:lang` it was set under (RFC 4918 section 4.3).
pub(crate) fn properties(parent: &Element, lang: Option<&str>) -> Vec<Element> {
    let lang = parent.lang().or(lang);
    let mut properties = Vec::new();
    for prop in parent.children_named(DAV, "prop") {
        let lang = prop.lang().or(lang);
        properties.extend(prop.elements().map(|property| in_language(property, lang)));
    }
    properties
}

fn in_language(property: &Element, lang: Option<&str>) -> Element {
    let mut property = property.clone();
    if let Some(lang) = lang.filter(|_| property.lang().is_none()) {
        property.attributes.push((Name::fixed(XML, "lang"), lang.to_owned()));
    }
    property
}

/// The attribute `name` of an element that names an iCalendar component, property or parameter, in upper
/// case: iCalendar names have no case (RFC 5545 section 2).
pub(crate) fn ical_name(element: &Element) -> Option<String> {
    let name = element.attribute("name")?;
    let possible = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    possible.then(|| name.to_ascii_uppercase())
}
