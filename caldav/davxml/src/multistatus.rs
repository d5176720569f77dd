//! Writing a multistatus (RFC 4918 section 13), piece by piece.

use crate::Name;
use crate::fragment::Fragment;
use crate::status::reason;
use crate::value::{PropStat, PropValue, Value};

/// A multistatus body under construction.
///
/// Everything is appended to one buffer. The caller drains it with [`take`](Self::take) whenever
/// [`len`](Self::len) is large enough to send, so a body of any size needs bounded memory.
#[derive(Debug)]
pub struct Multistatus {
    xml: Fragment,
}

impl Multistatus {
    /// A multistatus without a response yet.
    #[must_use]
    pub fn new() -> Self {
        Self { xml: Fragment::open_document("D:multistatus") }
    }

    /// Appends a response with properties. `href` is percent-encoded already.
    ///
    /// Without any propstat an empty one of status 200 is written, because the grammar requires one.
    pub fn response_props(&mut self, href: &str, propstats: &[PropStat<'_>]) {
        self.xml.response_props(href, propstats);
    }

    /// Appends a response without properties: a deleted member (404), a refused one, a result that was cut
    /// short (507 for the request URI). `href` is percent-encoded already.
    pub fn response_status(
        &mut self,
        href: &str,
        status: u16,
        error: Option<&Name>,
        description: Option<&'static str>,
    ) {
        self.xml.raw("<D:response>");
        self.xml.href(href);
        self.xml.status(status);
        self.xml.error(error);
        self.xml.description(description);
        self.xml.raw("</D:response>\n");
    }

    /// Octets that wait to be taken.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.xml.len()
    }

    /// Whether no octet waits to be taken.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.xml.is_empty()
    }

    /// Takes out the octets written so far; the next ones continue them.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        self.xml.take()
    }

    /// Ends the body, with the `DAV:sync-token` of a sync-collection, and returns the octets not yet taken.
    #[must_use]
    pub fn finish(mut self, sync_token: Option<&str>) -> Vec<u8> {
        if let Some(token) = sync_token {
            self.xml.text_element(&Name::dav("sync-token"), token);
        }
        self.xml.raw("</D:multistatus>\n");
        self.xml.into_bytes()
    }
}

impl Default for Multistatus {
    fn default() -> Self {
        Self::new()
    }
}

impl Fragment {
    /// Appends a `DAV:response` with properties, as expand-property nests it in a property. See
    /// [`Multistatus::response_props`].
    pub fn response_props(&mut self, href: &str, propstats: &[PropStat<'_>]) {
        self.raw("<D:response>");
        self.href(href);
        self.propstats(propstats);
        self.raw("</D:response>\n");
    }

    /// Appends the propstats, at least an empty one.
    pub(crate) fn propstats(&mut self, propstats: &[PropStat<'_>]) {
        if propstats.is_empty() {
            self.propstat(&PropStat::new(200, Vec::new()));
        }
        for propstat in propstats {
            self.propstat(propstat);
        }
    }

    fn propstat(&mut self, propstat: &PropStat<'_>) {
        self.raw("<D:propstat><D:prop>");
        for prop in &propstat.props {
            self.prop(prop);
        }
        self.raw("</D:prop>");
        self.status(propstat.status);
        self.error(propstat.error.as_deref());
        self.description(propstat.description);
        self.raw("</D:propstat>");
    }

    /// Appends one property element.
    pub fn prop(&mut self, prop: &PropValue<'_>) {
        let name = &*prop.name;
        match &prop.value {
            Value::Empty => self.empty(name),
            Value::Text(text) => self.text_element(name, text),
            Value::Href(href) => self.element(name, |xml| xml.href(href)),
            Value::Hrefs(hrefs) => self.element(name, |xml| hrefs.iter().for_each(|href| xml.href(href))),
            Value::Xml(content) => self.element(name, |xml| xml.fragment(content)),
            Value::Data(octets) => match std::str::from_utf8(octets) {
                Ok(text) => self.text_element(name, text), // nearly always, and several times faster
                Err(_) => self.text_element(name, &String::from_utf8_lossy(octets)),
            },
            Value::Element(xml) => self.raw(xml),
        }
    }

    fn status(&mut self, status: u16) {
        self.raw("<D:status>HTTP/1.1 ");
        self.digits(status);
        self.raw(" ");
        self.raw(reason(status));
        self.raw("</D:status>");
    }

    fn error(&mut self, condition: Option<&Name>) {
        if let Some(condition) = condition {
            self.raw("<D:error>");
            self.empty(condition);
            self.raw("</D:error>");
        }
    }

    fn description(&mut self, description: Option<&'static str>) {
        if let Some(description) = description {
            self.text_element(&Name::dav("responsedescription"), description);
        }
    }
}
