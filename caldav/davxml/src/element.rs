//! The bounded tree that every body is first read to.

use std::fmt;

use crate::chars::is_space;
use crate::names::{Name, XML};

/// An element with its attributes (namespace declarations resolved away) and children, in document order.
///
/// Comments and processing instructions are gone, character data is one [`Node::Text`] between two elements.
/// `Debug` shows the shape only, because text and attributes may be patient data.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    /// The expanded name.
    pub name: Name,
    /// Attributes with their normalised values.
    pub attributes: Vec<(Name, String)>,
    /// Elements and character data.
    pub children: Vec<Node>,
}

/// A child of an [`Element`].
#[derive(Clone, PartialEq, Eq)]
pub enum Node {
    /// A child element.
    Element(Element),
    /// Character data, not empty; references are resolved, line ends are LF unless escaped by the sender.
    Text(String),
}

impl Element {
    /// An element without attributes and children.
    #[must_use]
    pub fn new(name: Name) -> Self {
        Self { name, attributes: Vec::new(), children: Vec::new() }
    }

    /// Whether the name is `local` of namespace `ns`.
    #[must_use]
    pub fn is(&self, ns: &str, local: &str) -> bool {
        self.name.is(ns, local)
    }

    /// The child elements in document order.
    pub fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first child element of this name.
    #[must_use]
    pub fn child(&self, ns: &str, local: &str) -> Option<&Self> {
        self.elements().find(|element| element.is(ns, local))
    }

    /// All child elements of this name, in document order.
    pub fn children_named(&self, ns: &str, local: &str) -> impl Iterator<Item = &Self> {
        self.elements().filter(move |element| element.is(ns, local))
    }

    /// The value of the attribute `local` in no namespace.
    #[must_use]
    pub fn attribute(&self, local: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name.is("", local)).map(|(_, value)| value.as_str())
    }

    /// The language that this element itself states (`xml:lang`).
    #[must_use]
    pub fn lang(&self) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name.is(XML, "lang")).map(|(_, value)| value.as_str())
    }

    /// The character data directly in this element, as sent.
    #[must_use]
    pub fn text(&self) -> String {
        let mut all = String::new();
        for node in &self.children {
            if let Node::Text(text) = node {
                all.push_str(text);
            }
        }
        all
    }

    /// [`text`](Self::text) without the white space around it, which pretty-printing clients add.
    #[must_use]
    pub fn text_trimmed(&self) -> String {
        let mut text = self.text();
        text.truncate(text.trim_end_matches(is_space).len());
        let lead = text.len() - text.trim_start_matches(is_space).len();
        text.drain(..lead);
        text
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Element({} @{} ", self.name, self.attributes.len())?;
        f.debug_list().entries(&self.children).finish()?;
        f.write_str(")")
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(element) => element.fmt(f),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
        }
    }
}
