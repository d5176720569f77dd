//! Writing a parsed element again, so that it means the same anywhere.

use std::collections::BTreeMap;

use crate::element::{Element, Node};
use crate::escape::{push_escaped_attr, push_escaped_text};
use crate::fragment::{KNOWN_NAMESPACES, known_prefix};
use crate::names::Name;

/// Namespaces with the prefixes chosen for them.
type Prefixes<'a> = BTreeMap<&'a str, String>;

impl Element {
    /// The element as text that stands alone: it declares every namespace it uses and no default namespace.
    /// The prefixes are ours; everything else that the tree holds is kept (RFC 4918 section 4.3).
    ///
    /// All declarations are on the element itself: reading it again may need [`Limits::reply`].
    ///
    /// [`Limits::reply`]: crate::Limits::reply
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut prefixes = Prefixes::new();
        collect(self, &mut prefixes);
        let mut out = String::new();
        write(self, &prefixes, true, &mut out);
        out
    }
}

/// Gives each namespace of the tree a prefix.
fn collect<'a>(element: &'a Element, prefixes: &mut Prefixes<'a>) {
    let names = std::iter::once(&element.name).chain(element.attributes.iter().map(|(name, _)| name));
    for ns in names.map(Name::ns) {
        let known = KNOWN_NAMESPACES.iter().find(|(_, known)| *known == ns);
        // The empty namespace and that of `xml:` have no declaration.
        if known.is_none() && known_prefix(ns).is_some() {
            continue;
        }
        let next = prefixes.len();
        prefixes.entry(ns).or_insert_with(|| match known {
            Some((prefix, _)) => (*prefix).to_owned(),
            None => format!("n{next}"),
        });
    }
    for child in element.elements() {
        collect(child, prefixes);
    }
}

fn write(element: &Element, prefixes: &Prefixes<'_>, declare: bool, out: &mut String) {
    out.push('<');
    push_name(&element.name, prefixes, out);
    if declare {
        for (ns, prefix) in prefixes {
            out.push_str(" xmlns:");
            out.push_str(prefix);
            push_quoted(ns, out);
        }
    }
    for (name, value) in &element.attributes {
        out.push(' ');
        push_name(name, prefixes, out);
        push_quoted(value, out);
    }
    if element.children.is_empty() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    for child in &element.children {
        match child {
            Node::Element(child) => write(child, prefixes, false, out),
            Node::Text(text) => push_escaped_text(out, text),
        }
    }
    out.push_str("</");
    push_name(&element.name, prefixes, out);
    out.push('>');
}

fn push_name(name: &Name, prefixes: &Prefixes<'_>, out: &mut String) {
    match prefixes.get(name.ns()) {
        Some(prefix) => {
            out.push_str(prefix);
            out.push(':');
        }
        None => out.push_str(known_prefix(name.ns()).unwrap_or_default()),
    }
    out.push_str(name.local());
}

fn push_quoted(value: &str, out: &mut String) {
    out.push_str("=\"");
    push_escaped_attr(out, value);
    out.push('"');
}
