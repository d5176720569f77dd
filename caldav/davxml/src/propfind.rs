//! The body of PROPFIND (RFC 4918 section 14.20).

use crate::names::DAV;
use crate::{Element, Name, XmlError, grammar};

/// Which properties a PROPFIND, or a report, asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Propfind {
    /// The usual properties and the ones named in `DAV:include`.
    AllProp {
        /// Properties wanted in addition, each once.
        include: Vec<Name>,
    },
    /// Only the names of all properties.
    PropName,
    /// These properties, each once, in the order asked; may be empty.
    Prop(Vec<Name>),
}

/// Reads the body of a PROPFIND. No body means all properties (RFC 4918 section 9.1).
///
/// # Errors
/// `UnexpectedRoot` if it is not a `DAV:propfind`, `Invalid` if it says not exactly one thing.
pub fn parse_propfind(body: Option<&Element>) -> Result<Propfind, XmlError> {
    if body.is_none() {
        return Ok(Propfind::AllProp { include: Vec::new() });
    }
    let root = grammar::root(body, DAV, "propfind")?;
    grammar::selection(root)?.ok_or(XmlError::Invalid("none of allprop, propname, prop"))
}
