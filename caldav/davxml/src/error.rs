//! Why a body is refused. Each variant is one answer of the protocol layer.

use crate::Name;

/// A body that was not taken.
///
/// `Display` names the rule, never the content: bodies hold patient data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// The body is larger than [`Limits::body_bytes_max`](crate::Limits::body_bytes_max) (413).
    #[error("the body is too large")]
    TooLarge,
    /// Not well-formed XML with namespaces (400).
    #[error("the body is not well-formed XML: {0}")]
    Malformed(&'static str),
    /// A document type declaration, the carrier of external entities (403 `DAV:no-external-entities`).
    #[error("the body has a document type declaration")]
    Doctype,
    /// Well-formed, but beyond one of the [`Limits`](crate::Limits) (400).
    #[error("the body is beyond the limit of {0}")]
    Limit(&'static str),
    /// The root element is none that this method takes (400; MKCOL: 415, RFC 5689 section 3).
    #[error("the root element is not one of this method")]
    UnexpectedRoot,
    /// Well-formed, but not of the grammar of its root element (400).
    #[error("the body does not follow its grammar: {0}")]
    Invalid(&'static str),
    /// The filter is not valid (403 `CALDAV:valid-filter`).
    #[error("the filter is not valid: {0}")]
    InvalidFilter(&'static str),
    /// The filter uses a CALDAV element that is not known here (403 `CALDAV:supported-filter`).
    #[error("the filter uses an unknown element")]
    UnsupportedFilter(Name),
    /// A text-match asks for a collation that is not implemented (403 `CALDAV:supported-collation`).
    #[error("the filter asks for an unknown collation")]
    UnsupportedCollation,
}
