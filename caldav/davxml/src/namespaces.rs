//! Namespace declarations in scope (Namespaces in XML 1.0). Unlike quick-xml's resolver this one normalises
//! declared values, and an undeclared prefix is an error.

use crate::XmlError;
use crate::chars::is_ncname;
use crate::names::{Name, Namespace, XML, XMLNS};

/// The declarations of all open elements.
pub(crate) struct Scopes {
    /// Prefix (empty: the default namespace), namespace, depth of the declaring element.
    bindings: Vec<(String, Namespace, usize)>,
    max: usize,
}

/// What a namespace declaration declares.
#[derive(Clone, Copy)]
pub(crate) enum Declared<'a> {
    /// `xmlns="..."`
    Default,
    /// `xmlns:prefix="..."`
    Prefix(&'a str),
}

impl<'a> Declared<'a> {
    /// The declaration that an attribute of this name is, if it is one.
    pub(crate) fn by(attribute: &'a str) -> Option<Self> {
        match attribute.strip_prefix("xmlns") {
            Some("") => Some(Self::Default),
            Some(rest) => rest.strip_prefix(':').map(Self::Prefix),
            None => None,
        }
    }
}

impl Scopes {
    pub(crate) const fn new(max: usize) -> Self {
        Self { bindings: Vec::new(), max }
    }

    /// Takes a declaration of the element at `depth`.
    pub(crate) fn declare(&mut self, declared: Declared<'_>, ns: &str, depth: usize) -> Result<(), XmlError> {
        let (prefix, possible) = match declared {
            Declared::Default => ("", true),
            Declared::Prefix(prefix) => (prefix, is_ncname(prefix) && !ns.is_empty()),
        };
        if !possible || prefix == "xmlns" || ns == XMLNS || (prefix == "xml") != (ns == XML) {
            return Err(XmlError::Malformed("a bad namespace declaration"));
        }
        if self.bindings.len() == self.max {
            return Err(XmlError::Limit("namespace declarations"));
        }
        self.bindings.push((prefix.to_owned(), Namespace::of(ns), depth));
        Ok(())
    }

    /// Forgets the declarations of elements deeper than `depth`.
    pub(crate) fn leave(&mut self, depth: usize) {
        while self.bindings.last().is_some_and(|(_, _, declared)| *declared > depth) {
            self.bindings.pop();
        }
    }

    /// The expanded name of an element or attribute as written.
    pub(crate) fn resolve(&self, written: &str, default: DefaultNs) -> Result<Name, XmlError> {
        let (prefix, local) = written.split_once(':').unwrap_or(("", written));
        if !is_ncname(local) || (written.contains(':') && !is_ncname(prefix)) {
            return Err(XmlError::Malformed("a bad name"));
        }
        if prefix.is_empty() && default == DefaultNs::Ignored {
            return Ok(Name::checked(Namespace::Fixed(""), local));
        }
        let bound = self.bindings.iter().rev().find(|(declared, _, _)| declared == prefix);
        let ns = match (bound, prefix) {
            (Some((_, ns, _)), _) => ns.clone(),
            (None, "") => Namespace::Fixed(""),
            (None, "xml") => Namespace::Fixed(XML),
            (None, _) => return Err(XmlError::Malformed("a prefix that is not declared")),
        };
        Ok(Name::checked(ns, local))
    }
}

/// Whether the default namespace applies: to elements it does, to attributes not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum DefaultNs {
    Applies,
    Ignored,
}
