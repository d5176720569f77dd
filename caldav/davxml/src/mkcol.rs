//! The bodies of extended MKCOL (RFC 5689) and MKCALENDAR (RFC 4791 section 5.3.1).

use crate::names::{CALDAV, DAV};
use crate::{Element, Name, XmlError, grammar};

/// What a new collection is to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MakeCollection {
    /// The resource types asked for; empty if the request names none.
    pub resourcetype: Vec<Name>,
    /// The other properties to set, in document order, each with the `xml:lang` that was in scope.
    pub set: Vec<Element>,
}

/// Reads the body of an MKCOL; without one the request is the plain MKCOL of RFC 4918.
///
/// # Errors
/// `UnexpectedRoot` if it is not a `DAV:mkcol`.
pub fn parse_mkcol(body: Option<&Element>) -> Result<MakeCollection, XmlError> {
    properties_of(body, DAV, "mkcol")
}

/// Reads the body of an MKCALENDAR; it may be absent.
///
/// # Errors
/// `UnexpectedRoot` if it is not a `CALDAV:mkcalendar`.
pub fn parse_mkcalendar(body: Option<&Element>) -> Result<MakeCollection, XmlError> {
    properties_of(body, CALDAV, "mkcalendar")
}

/// Both bodies are `(DAV:set+)`.
fn properties_of(body: Option<&Element>, ns: &str, local: &str) -> Result<MakeCollection, XmlError> {
    let mut wish = MakeCollection::default();
    if body.is_none() {
        return Ok(wish);
    }
    let root = grammar::root(body, ns, local)?;
    for set in root.children_named(DAV, "set") {
        for property in grammar::properties(set, root.lang()) {
            if property.is(DAV, "resourcetype") {
                wish.resourcetype = grammar::child_names(&property)?;
            } else {
                wish.set.push(property);
            }
        }
    }
    Ok(wish)
}
