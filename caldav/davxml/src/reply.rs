//! Reading a multistatus that a server sent us.

use almanac_base::Redacted;

use crate::names::DAV;
use crate::status::parse_status;
use crate::{Element, Limits, Name, XmlError, grammar, parse};

/// A multistatus as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultistatusReply {
    /// The responses in document order.
    pub responses: Vec<ResponseElement>,
    /// The new token, if it answers a sync-collection.
    pub sync_token: Option<String>,
}

/// One `DAV:response`: either a status of its own, or properties with theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseElement {
    /// The resources it is about, as sent; at least one.
    pub hrefs: Vec<Redacted<String>>,
    /// The status of the resources themselves.
    pub status: Option<u16>,
    /// The properties by status.
    pub propstats: Vec<PropStatElement>,
    /// The violated condition.
    pub error: Option<Name>,
}

/// One `DAV:propstat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropStatElement {
    /// The status of these properties.
    pub status: u16,
    /// The property elements, each with the `xml:lang` that was in scope.
    pub props: Vec<Element>,
    /// The violated condition.
    pub error: Option<Name>,
}

impl ResponseElement {
    /// The property of this name that came with a 2xx status.
    #[must_use]
    pub fn prop(&self, ns: &str, local: &str) -> Option<&Element> {
        let found = self.propstats.iter().filter(|propstat| (200..300).contains(&propstat.status));
        found.flat_map(|propstat| &propstat.props).find(|prop| prop.is(ns, local))
    }
}

/// Reads a multistatus body.
///
/// # Errors
/// Those of [`parse()`]; `UnexpectedRoot` if it is not a `DAV:multistatus`, `Invalid` if a response names no
/// resource or a status line is not one.
pub fn parse_multistatus(body: &[u8], limits: &Limits) -> Result<MultistatusReply, XmlError> {
    let tree = parse(body, limits)?;
    let root = grammar::root(tree.as_ref(), DAV, "multistatus")?;
    let responses = root.children_named(DAV, "response").map(|child| response(child, root.lang()));
    Ok(MultistatusReply {
        responses: responses.collect::<Result<_, _>>()?,
        sync_token: root.child(DAV, "sync-token").map(Element::text_trimmed),
    })
}

/// Reads a `DAV:error` body: the violated conditions, of which a server should name one.
///
/// # Errors
/// Those of [`parse()`]; `UnexpectedRoot` if it is not a `DAV:error`.
pub fn parse_error(body: &[u8], limits: &Limits) -> Result<Vec<Name>, XmlError> {
    let tree = parse(body, limits)?;
    grammar::child_names(grammar::root(tree.as_ref(), DAV, "error")?)
}

fn response(element: &Element, lang: Option<&str>) -> Result<ResponseElement, XmlError> {
    let lang = element.lang().or(lang);
    let hrefs: Vec<_> =
        element.children_named(DAV, "href").map(|href| Redacted::new(href.text_trimmed())).collect();
    if hrefs.is_empty() {
        return Err(XmlError::Invalid("a response without href"));
    }
    let propstats = element.children_named(DAV, "propstat").map(|child| propstat(child, lang));
    Ok(ResponseElement {
        hrefs,
        status: element.child(DAV, "status").map(status).transpose()?,
        propstats: propstats.collect::<Result<_, _>>()?,
        error: error(element),
    })
}

fn propstat(element: &Element, lang: Option<&str>) -> Result<PropStatElement, XmlError> {
    Ok(PropStatElement {
        status: status(element.child(DAV, "status").ok_or(XmlError::Invalid("a propstat without status"))?)?,
        props: grammar::properties(element, lang),
        error: error(element),
    })
}

fn status(element: &Element) -> Result<u16, XmlError> {
    parse_status(&element.text()).ok_or(XmlError::Invalid("a status line"))
}

fn error(element: &Element) -> Option<Name> {
    element.child(DAV, "error").and_then(|error| error.elements().next()).map(|first| first.name.clone())
}
