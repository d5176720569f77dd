//! Properties on their way out.

use std::borrow::Cow;
use std::fmt;

use crate::{Fragment, Name};

/// The properties of one resource that share a status: a `DAV:propstat`.
#[derive(Debug, Clone)]
pub struct PropStat<'a> {
    /// The HTTP status, 200 for found, 404 for absent.
    pub status: u16,
    /// The properties; may be empty.
    pub props: Vec<PropValue<'a>>,
    /// The violated pre- or postcondition (`DAV:error`), for a refused PROPPATCH.
    pub error: Option<Cow<'a, Name>>,
    /// A sentence for people (`DAV:responsedescription`).
    pub description: Option<&'static str>,
}

impl<'a> PropStat<'a> {
    /// A propstat without error and description.
    #[must_use]
    pub const fn new(status: u16, props: Vec<PropValue<'a>>) -> Self {
        Self { status, props, error: None, description: None }
    }
}

/// A property to write.
#[derive(Debug, Clone)]
pub struct PropValue<'a> {
    /// Its name.
    pub name: Cow<'a, Name>,
    /// Its content.
    pub value: Value<'a>,
}

impl<'a> PropValue<'a> {
    /// A property with this content.
    #[must_use]
    pub const fn new(name: &'a Name, value: Value<'a>) -> Self {
        Self { name: Cow::Borrowed(name), value }
    }
}

/// The content of a property. Everything is escaped when written.
#[derive(Clone)]
pub enum Value<'a> {
    /// No content; also for names in a propname answer or a 404 propstat.
    Empty,
    /// Text.
    Text(Cow<'a, str>),
    /// One `DAV:href`; already percent-encoded.
    Href(Cow<'a, str>),
    /// Several `DAV:href`, already percent-encoded; may be none.
    Hrefs(Vec<Cow<'a, str>>),
    /// Elements.
    Xml(Fragment),
    /// The octets of a calendar object. What XML cannot hold becomes U+FFFD, CR is kept.
    Data(Cow<'a, [u8]>),
    /// The whole property element, name and all, as [`Element::to_xml`](crate::Element::to_xml) wrote it: a
    /// dead property. It is copied as it is.
    Element(Cow<'a, str>),
}

/// `Debug` shows the kind and size only: values are patient data.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Href(_) => f.write_str("Href"),
            Self::Hrefs(hrefs) => write!(f, "Hrefs({})", hrefs.len()),
            Self::Xml(xml) => write!(f, "Xml({xml:?})"),
            Self::Data(octets) => write!(f, "Data({} bytes)", octets.len()),
            Self::Element(xml) => write!(f, "Element({} bytes)", xml.len()),
        }
    }
}
