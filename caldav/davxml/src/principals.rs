//! The principal reports of RFC 3744 section 9.

use almanac_base::Redacted;

use crate::names::DAV;
use crate::{Element, Name, PropRequest, Test, XmlError, grammar};

/// A principal-property-search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalPropertySearch {
    /// How several searches combine (CalendarServer's attribute `test`; RFC 3744: all of them).
    pub test: Test,
    /// The conditions, at least one.
    pub searches: Vec<PropertySearch>,
    /// What to return of each principal.
    pub props: PropRequest,
    /// Search the collections in `DAV:principal-collection-set` instead of the request resource.
    pub apply_to_principal_collection_set: bool,
}

/// One condition of a principal-property-search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertySearch {
    /// The properties to look in: the text must match in each of them.
    pub props: Vec<Name>,
    /// The text, caseless.
    pub text: Redacted<String>,
    /// Where in the value it must be.
    pub kind: MatchKind,
}

/// Where a text must be found (CalendarServer's attribute `match-type`; RFC 3744: anywhere).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MatchKind {
    /// Anywhere.
    #[default]
    Contains,
    /// It is the whole value.
    Equals,
    /// At the start.
    StartsWith,
    /// At the end.
    EndsWith,
}

/// A principal-match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalMatch {
    /// What to look for.
    pub target: PrincipalMatchTarget,
    /// What to return of each match.
    pub props: PropRequest,
}

/// What a principal-match looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalMatchTarget {
    /// Principals that are the current user or a group of his.
    CurrentUser,
    /// Resources whose property of this name identifies the current user.
    Property(Name),
}

pub(crate) fn property_search(root: &Element) -> Result<PrincipalPropertySearch, XmlError> {
    let searches: Vec<_> =
        root.children_named(DAV, "property-search").map(one_search).collect::<Result<_, _>>()?;
    if searches.is_empty() {
        return Err(XmlError::Invalid("no property-search"));
    }
    Ok(PrincipalPropertySearch {
        test: grammar::test(root, XmlError::Invalid("the attribute test"))?,
        searches,
        props: PropRequest::of(root)?,
        apply_to_principal_collection_set: root.child(DAV, "apply-to-principal-collection-set").is_some(),
    })
}

fn one_search(search: &Element) -> Result<PropertySearch, XmlError> {
    let props = search.child(DAV, "prop").map(grammar::child_names).transpose()?.unwrap_or_default();
    let text = search.child(DAV, "match").ok_or(XmlError::Invalid("no match"))?;
    if props.is_empty() {
        return Err(XmlError::Invalid("no property to search"));
    }
    let kind = match text.attribute("match-type") {
        None | Some("contains") => MatchKind::Contains,
        Some("equals") => MatchKind::Equals,
        Some("starts-with") => MatchKind::StartsWith,
        Some("ends-with") => MatchKind::EndsWith,
        Some(_) => return Err(XmlError::Invalid("the attribute match-type")),
    };
    Ok(PropertySearch { props, text: Redacted::new(text.text()), kind })
}

pub(crate) fn principal_match(root: &Element) -> Result<PrincipalMatch, XmlError> {
    let property = root.child(DAV, "principal-property");
    let target = match (root.child(DAV, "self"), property) {
        (Some(_), None) => PrincipalMatchTarget::CurrentUser,
        (None, Some(property)) => {
            let name = property.elements().next().map(|property| property.name.clone());
            PrincipalMatchTarget::Property(name.ok_or(XmlError::Invalid("no property to match"))?)
        }
        _ => return Err(XmlError::Invalid("not one of self and principal-property")),
    };
    Ok(PrincipalMatch { target, props: PropRequest::of(root)? })
}
