//! A body to its tree. quick-xml cuts the text into events. It lets pass a second root, text outside of the root,
//! open elements, undeclared prefixes, control characters and more, so well-formedness is checked here.

use quick_xml::Reader;
use quick_xml::errors::SyntaxError;
use quick_xml::events::Event;

use crate::attributes::scan;
use crate::chars::{is_ncname, is_space};
use crate::decode::{Encoding, decode};
use crate::element::{Element, Node};
use crate::names::XML;
use crate::namespaces::{Declared, DefaultNs, Scopes};
use crate::reference::resolve;
use crate::{Limits, XmlError};

/// Reads a body to a tree. `None` if there is no body, that is, not one octet.
///
/// Costs no more than the `limits`: nothing is expanded, fetched or read twice.
///
/// # Errors
/// `TooLarge`; `Malformed` if the octets are not text that XML allows; then `Malformed`, `Doctype` or `Limit` for
/// the first rule that the body breaks, in document order.
pub fn parse(body: &[u8], limits: &Limits) -> Result<Option<Element>, XmlError> {
    if body.is_empty() {
        return Ok(None);
    }
    if body.len() > limits.body_bytes_max {
        return Err(XmlError::TooLarge);
    }
    let (text, encoding) = decode(body)?;
    let mut reader = Reader::from_str(&text);
    reader.config_mut().enable_all_checks(true);
    let mut tree = Tree::new(limits);
    loop {
        let at = reader.buffer_position();
        match reader.read_event().map_err(|error| refuse(&error))? {
            Event::Start(tag) => tree.open(tag.name().as_ref(), tag.attributes_raw())?,
            Event::Empty(tag) => {
                tree.open(tag.name().as_ref(), tag.attributes_raw())?;
                tree.close()?;
            }
            Event::End(_) => tree.close()?,
            Event::Text(text) if text.contains("]]>") => {
                return Err(XmlError::Malformed("a `]]>` outside of CDATA"));
            }
            Event::Text(text) => tree.text(&text)?,
            Event::CData(text) => tree.character_data(&text)?,
            Event::GeneralRef(name) => {
                tree.character_data(resolve(&name)?.encode_utf8(&mut [0; 4]))?;
            }
            Event::Decl(declaration) if at == 0 => check_declaration(&declaration, encoding, limits)?,
            Event::Decl(_) => return Err(XmlError::Malformed("an XML declaration inside of the document")),
            Event::PI(instruction) => check_instruction(instruction.target())?,
            Event::Comment(_) => {}
            Event::DocType(_) => return Err(XmlError::Doctype),
            Event::Eof => return tree.finish().map(Some),
        }
    }
}

/// The tree as far as it is read.
struct Tree<'l> {
    limits: &'l Limits,
    scopes: Scopes,
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl<'l> Tree<'l> {
    const fn new(limits: &'l Limits) -> Self {
        let scopes = Scopes::new(limits.namespaces_max);
        Self { limits, scopes, open: Vec::new(), root: None, elements: 0 }
    }

    fn open(&mut self, name: &str, attributes: &str) -> Result<(), XmlError> {
        if self.root.is_some() {
            return Err(XmlError::Malformed("a second root element"));
        }
        if self.elements == self.limits.elements_max {
            return Err(XmlError::Limit("elements"));
        }
        if self.open.len() == self.limits.depth_max {
            return Err(XmlError::Limit("depth"));
        }
        self.check_name(name)?;
        let attributes = scan(attributes, self.limits)?;
        let depth = self.open.len() + 1;
        for (attribute, value) in &attributes {
            if let Some(declared) = Declared::by(attribute) {
                self.check_name(value)?;
                self.scopes.declare(declared, value, depth)?;
            }
        }
        let mut element = Element::new(self.scopes.resolve(name, DefaultNs::Applies)?);
        for (attribute, value) in attributes {
            if Declared::by(attribute).is_none() {
                self.attribute(&mut element, attribute, value)?;
            }
        }
        self.elements += 1;
        self.open.push(element);
        Ok(())
    }

    fn attribute(&self, element: &mut Element, written: &str, value: String) -> Result<(), XmlError> {
        let name = self.scopes.resolve(written, DefaultNs::Ignored)?;
        if element.attributes.iter().any(|(other, _)| *other == name) {
            return Err(XmlError::Malformed("an attribute twice"));
        }
        if name.is(XML, "lang") {
            // It is copied to every property in its scope, so it must not be long.
            self.check_name(&value)?;
        }
        element.attributes.push((name, value));
        Ok(())
    }

    const fn check_name(&self, name: &str) -> Result<(), XmlError> {
        if name.len() > self.limits.name_bytes_max {
            return Err(XmlError::Limit("octets of a name"));
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), XmlError> {
        let element = self.open.pop().ok_or(XmlError::Malformed("an end tag without start"))?;
        self.scopes.leave(self.open.len());
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None => self.root = Some(element),
        }
        Ok(())
    }

    /// Text between markup: outside of the root only white space.
    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        if self.open.is_empty() && text.chars().all(is_space) {
            return Ok(());
        }
        self.character_data(text)
    }

    /// Appends to the text that the open element ends with, so that references and CDATA leave no seam.
    fn character_data(&mut self, text: &str) -> Result<(), XmlError> {
        let parent = self.open.last_mut().ok_or(XmlError::Malformed("text outside of the root element"))?;
        match parent.children.last_mut() {
            Some(Node::Text(before)) => before.push_str(text),
            _ if text.is_empty() => {}
            _ => parent.children.push(Node::Text(text.to_owned())),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element, XmlError> {
        if !self.open.is_empty() {
            return Err(XmlError::Malformed("an element that is not closed"));
        }
        self.root.ok_or(XmlError::Malformed("no root element"))
    }
}

/// `<?xml version="1.0" encoding="..." standalone="..."?>`, in this order.
fn check_declaration(declaration: &str, encoding: Encoding, limits: &Limits) -> Result<(), XmlError> {
    let raw = declaration.strip_prefix("xml").unwrap_or_default();
    let mut parts = scan(raw, limits)?.into_iter().peekable();
    let version = parts.next_if(|(name, value)| *name == "version" && is_version(value));
    if let Some((_, label)) = parts.next_if(|(name, _)| *name == "encoding")
        && !encoding.is_called(&label)
    {
        return Err(XmlError::Malformed("an encoding that is not the one of the body"));
    }
    parts.next_if(|(name, value)| *name == "standalone" && matches!(value.as_str(), "yes" | "no"));
    match (version, parts.next()) {
        (Some(_), None) => Ok(()),
        _ => Err(XmlError::Malformed("a bad XML declaration")),
    }
}

/// Any 1.x is read as 1.0 (XML 1.0 section 2.8).
fn is_version(value: &str) -> bool {
    value
        .strip_prefix("1.")
        .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Processing instructions are skipped, if their target is a name other than `xml`.
fn check_instruction(target: &str) -> Result<(), XmlError> {
    if is_ncname(target) && !target.eq_ignore_ascii_case("xml") {
        return Ok(());
    }
    Err(XmlError::Malformed("a bad processing instruction"))
}

/// quick-xml's error without its text, which quotes the body.
fn refuse(error: &quick_xml::Error) -> XmlError {
    match error {
        quick_xml::Error::Syntax(SyntaxError::UnclosedDoctype) => XmlError::Doctype,
        quick_xml::Error::Syntax(_) => XmlError::Malformed("markup that does not end"),
        quick_xml::Error::IllFormed(_) => XmlError::Malformed("tags, comments or references do not match"),
        _ => XmlError::Malformed("unreadable"),
    }
}
