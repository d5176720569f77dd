//! Reading the server's XML as a client does; names are shown with the usual prefixes (`D:`, `C:`, `CS:`, `A:`).

use quick_xml::escape::{resolve_xml_entity, unescape};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// An element and what is in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Element {
    /// `D:` for `DAV:`, `C:` for CalDAV, `CS:`, `A:`; any other name is `{namespace}local`.
    pub name: String,
    /// Attributes by their name as written.
    pub attributes: Vec<(String, String)>,
    /// Child elements in their order.
    pub children: Vec<Element>,
    /// All character data directly in it.
    pub text: String,
}

impl Element {
    /// Reads one document.
    ///
    /// # Errors
    /// A description of why it is not well-formed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = NsReader::from_str(text);
        reader.config_mut().check_end_names = true;
        reader.config_mut().expand_empty_elements = true;
        let mut open = vec![Element::default()];
        loop {
            match reader.read_event().map_err(|e| e.to_string())? {
                Event::Start(start) => {
                    let element = Self::open(&reader, &start)?;
                    open.push(element);
                }
                Event::End(_) => {
                    let closed = open.pop().ok_or("an end without a start")?;
                    open.last_mut().ok_or("an end too many")?.children.push(closed);
                }
                Event::Text(t) => top(&mut open)?.push_str(&t.xml10_content()),
                Event::CData(t) => top(&mut open)?.push_str(&t.xml10_content()),
                Event::GeneralRef(r) => {
                    let resolved = match r.resolve_char_ref().map_err(|e| e.to_string())? {
                        Some(c) => c.to_string(),
                        None => resolve_xml_entity(&r).ok_or("an unknown entity")?.to_owned(),
                    };
                    top(&mut open)?.push_str(&resolved);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let mut document = open.pop().filter(|_| open.is_empty()).ok_or("an element is not closed")?;
        match document.children.len() {
            1 => Ok(document.children.remove(0)),
            n => Err(format!("{n} root elements")),
        }
    }

    fn open(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Self, String> {
        let (namespace, local) = reader.resolver().resolve_element(start.name());
        let local = local.as_ref();
        let name = match namespace {
            ResolveResult::Bound(ns) => qualified(ns.as_ref(), local),
            ResolveResult::Unbound => format!("{{}}{local}"),
            ResolveResult::Unknown(prefix) => return Err(format!("an undeclared prefix {prefix:?}")),
        };
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|e| e.to_string())?;
            let key = attribute.key.as_ref().to_owned();
            let value = unescape(&attribute.value).map_err(|e| e.to_string())?.into_owned();
            if !key.starts_with("xmlns") {
                attributes.push((key, value));
            }
        }
        Ok(Self { name, attributes, ..Self::default() })
    }

    /// The first child with this name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    /// The names of the children.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.children.iter().map(|c| c.name.as_str()).collect()
    }

    /// The value of an attribute by its name as written.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The texts of all `DAV:href` elements anywhere below.
    #[must_use]
    pub fn hrefs(&self) -> Vec<&str> {
        self.descendants("D:href").into_iter().map(|e| e.text.trim()).collect()
    }

    /// All elements of this name anywhere below, in document order.
    #[must_use]
    pub fn descendants(&self, name: &str) -> Vec<&Element> {
        let mut found = Vec::new();
        for child in &self.children {
            if child.name == name {
                found.push(child);
            }
            found.extend(child.descendants(name));
        }
        found
    }
}

fn top(open: &mut [Element]) -> Result<&mut String, String> {
    open.last_mut().map(|e| &mut e.text).ok_or_else(|| "text outside the root".into())
}

fn qualified(namespace: &str, local: &str) -> String {
    match namespace {
        "DAV:" => format!("D:{local}"),
        "urn:ietf:params:xml:ns:caldav" => format!("C:{local}"),
        "http://calendarserver.org/ns/" => format!("CS:{local}"),
        "http://apple.com/ns/ical/" => format!("A:{local}"),
        other => format!("{{{other}}}{local}"),
    }
}

/// A `DAV:multistatus` body (RFC 4918 section 14.16).
#[derive(Debug, Clone, PartialEq)]
pub struct Multistatus {
    /// One per `DAV:response`, in their order.
    pub entries: Vec<Entry>,
    /// The `DAV:sync-token`, if one is given.
    pub sync_token: Option<String>,
}

/// One `DAV:response`.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Whom it is about, as written.
    pub href: String,
    /// The status of the whole resource, if no property statuses are given.
    pub status: Option<u16>,
    /// The precondition in a `DAV:error`, if there is one.
    pub error: Option<String>,
    /// Properties by status.
    pub propstats: Vec<(u16, Vec<Element>)>,
}

impl Multistatus {
    /// Reads a body.
    ///
    /// # Panics
    /// If it is not a multistatus, or a response has neither a status nor properties, or both.
    #[must_use]
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let root = Element::parse(text).unwrap_or_else(|e| panic!("not well-formed ({e}): {text}"));
        assert_eq!(root.name, "D:multistatus");
        let entries = root.children.iter().filter(|c| c.name == "D:response").map(Entry::read).collect();
        Self { entries, sync_token: root.child("D:sync-token").map(|t| t.text.clone()) }
    }

    /// All hrefs, sorted.
    #[must_use]
    pub fn hrefs(&self) -> Vec<&str> {
        let mut all: Vec<_> = self.entries.iter().map(|e| e.href.as_str()).collect();
        all.sort_unstable();
        all
    }

    /// The last segments of the hrefs of members, sorted; collections (with a slash at the end) left out.
    #[must_use]
    pub fn members(&self) -> Vec<&str> {
        let mut all: Vec<_> =
            self.entries.iter().filter_map(|e| e.href.rsplit('/').next()).filter(|n| !n.is_empty()).collect();
        all.sort_unstable();
        all
    }

    /// The response about `href`.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[must_use]
    #[track_caller]
    pub fn entry(&self, href: &str) -> &Entry {
        let found: Vec<_> = self.entries.iter().filter(|e| e.href == href).collect();
        assert_eq!(found.len(), 1, "responses about {href} among {:?}", self.hrefs());
        found[0]
    }

    /// The only response.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[must_use]
    #[track_caller]
    pub fn only(&self) -> &Entry {
        assert_eq!(self.entries.len(), 1, "{:?}", self.hrefs());
        &self.entries[0]
    }
}

impl Entry {
    fn read(response: &Element) -> Self {
        let href = response.child("D:href").expect("a response has an href").text.clone();
        let status = response.child("D:status").map(|s| code(&s.text));
        let propstats: Vec<_> = response
            .children
            .iter()
            .filter(|c| c.name == "D:propstat")
            .map(|p| {
                let status = p.child("D:status").expect("a propstat has a status");
                (code(&status.text), p.child("D:prop").expect("a propstat has a prop").children.clone())
            })
            .collect();
        assert!(status.is_some() == propstats.is_empty(), "{href}: a status or properties, not both or none");
        let error =
            response.child("D:error").map(|e| e.children.first().expect("an error says why").name.clone());
        Self { href, status, error, propstats }
    }

    /// The property, if its status is 200.
    #[must_use]
    pub fn prop(&self, name: &str) -> Option<&Element> {
        self.props(200).iter().find(|p| p.name == name)
    }

    /// The text of a property whose status is 200.
    ///
    /// # Panics
    /// If it is not there.
    #[must_use]
    #[track_caller]
    pub fn text(&self, name: &str) -> &str {
        &self.prop(name).unwrap_or_else(|| panic!("{name} of {}: {:?}", self.href, self.propstats)).text
    }

    /// The properties with this status.
    #[must_use]
    pub fn props(&self, status: u16) -> &[Element] {
        self.propstats.iter().find(|(s, _)| *s == status).map_or(&[], |(_, props)| props)
    }

    /// The status that a property got.
    ///
    /// # Panics
    /// If it is not there at all.
    #[must_use]
    #[track_caller]
    pub fn prop_status(&self, name: &str) -> u16 {
        let found = self.propstats.iter().find(|(_, props)| props.iter().any(|p| p.name == name));
        found.unwrap_or_else(|| panic!("{name} of {}: {:?}", self.href, self.propstats)).0
    }
}

fn code(line: &str) -> u16 {
    let code = line.trim().strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    code.and_then(|c| c.parse().ok()).unwrap_or_else(|| panic!("a status line {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_multistatus_is_read_with_any_prefixes() {
        let m = Multistatus::parse(
            r#"<?xml version="1.0"?><x:multistatus xmlns:x="DAV:" xmlns:k="urn:ietf:params:xml:ns:caldav">
               <x:response><x:href>/a&amp;b/</x:href><x:propstat><x:prop><k:calendar-data>A&#13;
B</k:calendar-data></x:prop><x:status>HTTP/1.1 200 OK</x:status></x:propstat></x:response>
               <x:response><x:href>/gone</x:href><x:status>HTTP/1.1 404 Not Found</x:status></x:response>
               <x:sync-token>urn:t</x:sync-token></x:multistatus>"#,
        );
        assert_eq!(m.entry("/a&b/").text("C:calendar-data"), "A\r\nB");
        assert_eq!(m.entry("/gone").status, Some(404));
        assert_eq!(m.sync_token.as_deref(), Some("urn:t"));
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for bad in ["<a>", "<a/><b/>", "<p:a/>", "<a></b>", ""] {
            assert!(Element::parse(bad).is_err(), "{bad}");
        }
    }
}
