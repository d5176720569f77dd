//! Pieces of XML that callers compose: the content of a property, of an error, of a whole document.

use crate::escape::{push_escaped_attr, push_escaped_text};
use crate::names::{APPLE, CALDAV, CS, DAV, Name, XML};

/// The start of every document we write; [`known_prefix`] gives the prefixes declared here.
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const NAMESPACES: &str = " xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" \
     xmlns:CS=\"http://calendarserver.org/ns/\" xmlns:A=\"http://apple.com/ns/ical/\"";

/// Well-formed element content, written in order. Whatever is passed in is escaped.
///
/// It uses the prefixes that the root of each of our documents declares, so it means something only in such
/// a document: [`Value::Xml`](crate::Value::Xml), [`error_body`](crate::error_body), [`document`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fragment {
    out: String,
}

impl Fragment {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { out: String::new() }
    }

    /// Appends `<name/>`.
    pub fn empty(&mut self, name: &Name) {
        self.empty_with(name, &[]);
    }

    /// Appends `<name attributes/>`. Attribute names are NCNames of our own source code, or `xml:lang`.
    pub fn empty_with(&mut self, name: &Name, attributes: &[(&'static str, &str)]) {
        self.start(name, attributes);
        self.out.push_str("/>");
    }

    /// Appends `<name>text</name>`.
    pub fn text_element(&mut self, name: &Name, text: &str) {
        self.element(name, |content| content.text(text));
    }

    /// Appends `<D:href>href</D:href>`; `href` is percent-encoded already.
    pub fn href(&mut self, href: &str) {
        self.out.push_str("<D:href>");
        self.text(href);
        self.out.push_str("</D:href>");
    }

    /// Appends an element with what `content` appends in it.
    pub fn element(&mut self, name: &Name, content: impl FnOnce(&mut Self)) {
        self.element_with(name, &[], content);
    }

    /// Appends an element with attributes and with what `content` appends in it. Attribute names are NCNames
    /// of our own source code, or `xml:lang`.
    pub fn element_with(
        &mut self,
        name: &Name,
        attributes: &[(&'static str, &str)],
        content: impl FnOnce(&mut Self),
    ) {
        self.start(name, attributes);
        self.out.push('>');
        content(self);
        self.out.push_str("</");
        self.tag_name(name);
        self.out.push('>');
    }

    /// Appends character data.
    pub fn text(&mut self, text: &str) {
        push_escaped_text(&mut self.out, text);
    }

    /// Appends what another fragment holds.
    pub fn fragment(&mut self, other: &Self) {
        self.out.push_str(&other.out);
    }

    /// Octets written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Appends XML that is already serialised.
    pub(crate) fn raw(&mut self, xml: &str) {
        self.out.push_str(xml);
    }

    /// Appends a status, three digits; the hot path needs no formatting machinery for it.
    pub(crate) fn digits(&mut self, status: u16) {
        for divisor in [100, 10, 1] {
            let digit = u8::try_from(status / divisor % 10).unwrap_or(0);
            self.out.push(char::from(b'0' + digit));
        }
    }

    /// Takes out what was written and leaves room for about as much.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let room = String::with_capacity(self.out.len());
        std::mem::replace(&mut self.out, room).into_bytes()
    }

    /// Opens the root element of a document. The caller appends its content and its end tag.
    pub(crate) fn open_document(root_tag: &str) -> Self {
        let mut out = String::with_capacity(1024);
        for part in [DECLARATION, "<", root_tag, NAMESPACES, ">"] {
            out.push_str(part);
        }
        Self { out }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    /// Appends a start tag without its `>`.
    fn start(&mut self, name: &Name, attributes: &[(&'static str, &str)]) {
        self.out.push('<');
        self.tag_name(name);
        if known_prefix(name.ns()).is_none() {
            self.out.push_str(" xmlns:x=\"");
            push_escaped_attr(&mut self.out, name.ns());
            self.out.push('"');
        }
        for (attribute, value) in attributes {
            self.out.push(' ');
            self.out.push_str(attribute);
            self.out.push_str("=\"");
            push_escaped_attr(&mut self.out, value);
            self.out.push('"');
        }
    }

    fn tag_name(&mut self, name: &Name) {
        self.out.push_str(known_prefix(name.ns()).unwrap_or("x:"));
        self.out.push_str(name.local());
    }
}

/// `Debug` shows the size only: the content may be patient data.
impl std::fmt::Debug for Fragment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fragment({} bytes)", self.out.len())
    }
}

/// Writes a whole document: `root` with what `content` appends in it.
#[must_use]
pub fn document(root: &Name, content: impl FnOnce(&mut Fragment)) -> Vec<u8> {
    let mut tag = Fragment::new();
    tag.tag_name(root);
    let mut xml = match known_prefix(root.ns()) {
        Some(_) => Fragment::open_document(&tag.out),
        None => {
            let mut declared = tag.clone();
            declared.raw(" xmlns:x=\"");
            push_escaped_attr(&mut declared.out, root.ns());
            declared.raw("\"");
            Fragment::open_document(&declared.out)
        }
    };
    content(&mut xml);
    xml.raw("</");
    xml.fragment(&tag);
    xml.raw(">\n");
    xml.into_bytes()
}

/// The prefix, with its colon, of a namespace that every document declares. No document has a default
/// namespace, so a name in no namespace needs no prefix.
pub(crate) fn known_prefix(ns: &str) -> Option<&'static str> {
    match ns {
        DAV => Some("D:"),
        CALDAV => Some("C:"),
        CS => Some("CS:"),
        APPLE => Some("A:"),
        XML => Some("xml:"),
        "" => Some(""),
        _ => None,
    }
}

/// The same namespaces, for text that must stand alone.
pub(crate) const KNOWN_NAMESPACES: [(&str, &str); 4] = [("D", DAV), ("C", CALDAV), ("CS", CS), ("A", APPLE)];
