//! Expanded names and the namespaces of WebDAV and CalDAV.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::chars::{is_char, is_ncname};

/// `DAV:`, the namespace of WebDAV (RFC 4918).
pub const DAV: &str = "DAV:";
/// The namespace of CalDAV (RFC 4791).
pub const CALDAV: &str = "urn:ietf:params:xml:ns:caldav";
/// The namespace of the CalendarServer extensions, such as `getctag`.
pub const CS: &str = "http://calendarserver.org/ns/";
/// Apple's namespace, of `calendar-color` and `calendar-order`.
pub const APPLE: &str = "http://apple.com/ns/ical/";
/// The namespace that the prefix `xml` is bound to.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of namespace declarations; no element or attribute has it.
pub(crate) const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// An expanded name: namespace and local part. The prefix it was sent with means nothing.
///
/// Every `Name` can be written as XML: the local part is an NCName, the namespace holds only XML characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    ns: Namespace,
    local: Cow<'static, str>,
}

/// A namespace name. The names of one document share it, so that a long one declared once and used a thousand
/// times is still there once.
#[derive(Clone)]
pub(crate) enum Namespace {
    Fixed(&'static str),
    Shared(Arc<str>),
}

impl Name {
    /// A name in any namespace; an empty `ns` means "in no namespace". `None` if XML cannot express it.
    #[must_use]
    pub fn new(ns: &str, local: &str) -> Option<Self> {
        let expressible = is_ncname(local) && ns != XMLNS && ns.chars().all(is_char);
        expressible.then(|| Self { ns: Namespace::of(ns), local: Cow::Owned(local.to_owned()) })
    }

    /// A name of which a parser has checked both parts.
    pub(crate) fn checked(ns: Namespace, local: &str) -> Self {
        Self { ns, local: Cow::Owned(local.to_owned()) }
    }

    /// A name of the `DAV:` namespace. `local` is an NCName of our own source code. To lend a name for long,
    /// keep it in a `static`.
    #[must_use]
    pub const fn dav(local: &'static str) -> Self {
        Self::fixed(DAV, local)
    }

    /// A name of the CalDAV namespace. `local` is an NCName of our own source code.
    #[must_use]
    pub const fn caldav(local: &'static str) -> Self {
        Self::fixed(CALDAV, local)
    }

    /// A name of the CalendarServer namespace. `local` is an NCName of our own source code.
    #[must_use]
    pub const fn cs(local: &'static str) -> Self {
        Self::fixed(CS, local)
    }

    /// A name of Apple's namespace. `local` is an NCName of our own source code.
    #[must_use]
    pub const fn apple(local: &'static str) -> Self {
        Self::fixed(APPLE, local)
    }

    pub(crate) const fn fixed(ns: &'static str, local: &'static str) -> Self {
        Self { ns: Namespace::Fixed(ns), local: Cow::Borrowed(local) }
    }

    /// The namespace; empty for a name in no namespace.
    #[must_use]
    pub fn ns(&self) -> &str {
        self.ns.as_str()
    }

    /// The local part.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// Whether this is the name `local` of the namespace `ns`.
    #[must_use]
    pub fn is(&self, ns: &str, local: &str) -> bool {
        self.local == local && self.ns() == ns
    }
}

/// Clark notation, `{DAV:}prop`.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}{}", self.ns(), self.local)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Namespace {
    pub(crate) fn of(ns: &str) -> Self {
        let known = [DAV, CALDAV, CS, APPLE, XML, ""].into_iter().find(|known| *known == ns);
        known.map_or_else(|| Self::Shared(Arc::from(ns)), Self::Fixed)
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Fixed(ns) => ns,
            Self::Shared(ns) => ns,
        }
    }
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Namespace {}

impl PartialOrd for Namespace {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Namespace {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Namespace {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_xml_cannot_express_is_not_made() {
        for (ns, local) in [
            ("DAV:", ""),
            ("DAV:", "a:b"),
            ("DAV:", "a b"),
            ("DAV:", "1a"),
            ("DAV:", "a>"),
            ("\u{1}", "a"),
            ("http://www.w3.org/2000/xmlns/", "a"),
        ] {
            assert_eq!(Name::new(ns, local), None, "{ns:?} {local:?}");
        }
    }

    #[test]
    fn a_name_shows_in_clark_notation_and_compares_by_both_parts() {
        let name = Name::new("DAV:", "prop").unwrap();
        assert_eq!(name, Name::dav("prop"));
        assert_ne!(name, Name::caldav("prop"));
        assert_ne!(name, Name::new("", "prop").unwrap());
        assert_eq!(name.to_string(), "{DAV:}prop");
    }
}
