//! A property: a name, parameters and a raw value.

use std::fmt;

use super::line::ContentLine;
use super::parameter::{Parameter, parse_parameters, write_parameter};
use crate::lines::{Line, LineEnd, Lines};
use crate::{Invalid, Limits, value};

/// A property, as its content line and the parts of it.
///
/// Two properties are equal if their unfolded content lines are.
#[derive(Clone)]
pub struct Property {
    line: ContentLine,
    name_end: usize,
    value_start: usize,
    params: Vec<Parameter>,
}

impl PartialEq for Property {
    fn eq(&self, other: &Property) -> bool {
        self.line == other.line && self.name_end == other.name_end && self.value_start == other.value_start
    }
}

impl Eq for Property {}

/// Where the name at the start of `text` ends. `_` and `.` are no part of RFC 5545 names, but occur in X-names.
pub(super) fn name_end(text: &str) -> usize {
    let is_name = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    text.bytes().position(|octet| !is_name(&octet)).unwrap_or(text.len())
}

impl Property {
    /// A property without parameters; `value` is written as it is, so TEXT goes through
    /// [`escape_text`](crate::value::escape_text) first (or use [`Property::text_of`]).
    ///
    /// `name` is the caller's own, of letters, digits and `-`. Control characters cannot be part of a line and are left
    /// out of `value`, so that no value can begin a line.
    #[must_use]
    pub fn new(name: &str, value: &str) -> Property {
        Property::from_parts(name.to_owned(), name.len(), Vec::new(), value)
    }

    /// Reads one content line, with parameters; folds and a line end are allowed.
    ///
    /// # Errors
    /// `Data` or `TooLarge` if it is no content line, or more than one.
    pub fn parse(line: &str, limits: &Limits) -> Result<Property, Invalid> {
        let mut lines = Lines::new(line.as_bytes(), limits);
        let first = lines.next_line()?.ok_or(Invalid::Data("a line without a name"))?;
        if lines.next_line()?.is_some() {
            return Err(Invalid::Data("more than one line"));
        }
        let property = Property::from_line(first, limits.params_max)?;
        Ok(Property::from_head(property.head().to_owned(), property.value()))
    }

    /// A property whose value is TEXT: `text` is escaped.
    #[must_use]
    pub fn text_of(name: &str, text: &str) -> Property {
        Property::new(name, &value::escape_text(text))
    }

    /// The same property with one more parameter.
    #[must_use]
    pub fn with_param(self, name: &str, value: &str) -> Property {
        let value_text = self.value().to_owned();
        let mut head = self.head().to_owned();
        write_parameter(name, &[value], &mut head);
        Property::from_head(head, &value_text)
    }

    /// The same name and parameters, as sent, with another raw value.
    #[must_use]
    pub fn with_value(&self, value: &str) -> Property {
        Property::from_parts(self.head().to_owned(), self.name_end, self.params.clone(), value)
    }

    /// The same property without the parameters of that name.
    #[must_use]
    pub fn without_param(&self, name: &str) -> Property {
        self.keeping_params(|param| !param.is(name))
    }

    /// The same property with only the parameters for which `keep` holds; they are written anew.
    #[must_use]
    pub fn keeping_params(&self, keep: impl Fn(&Parameter) -> bool) -> Property {
        if self.params.iter().all(&keep) {
            return self.clone();
        }
        let mut head = self.name().to_owned();
        for param in self.params.iter().filter(|param| keep(param)) {
            write_parameter(param.name(), &param.values().collect::<Vec<_>>(), &mut head);
        }
        Property::from_head(head, self.value())
    }

    /// The name as sent; compare with [`Property::is`].
    #[must_use]
    pub fn name(&self) -> &str {
        self.line.text().get(..self.name_end).unwrap_or_default()
    }

    /// Whether this is a property of that name; letters compare without case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }

    /// The raw value: escaped as sent, unfolded.
    #[must_use]
    pub fn value(&self) -> &str {
        self.line.text().get(self.value_start..).unwrap_or_default()
    }

    /// The value read as TEXT, without escapes.
    #[must_use]
    pub fn text(&self) -> String {
        value::unescape_text(self.value())
    }

    /// The first value of the first parameter of that name, without quotes and RFC 6868 encoding.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|param| param.is(name)).and_then(Parameter::value)
    }

    /// All parameters, in order.
    #[must_use]
    pub fn params(&self) -> &[Parameter] {
        &self.params
    }

    /// The content line as [`Component::to_text`](super::Component::to_text) writes it, line end included.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = Vec::new();
        self.line.write_text(&mut out);
        super::write::into_text(out)
    }

    pub(super) fn from_line(line: Line<'_>, params_max: usize) -> Result<Property, Invalid> {
        let name_end = name_end(&line.text);
        if name_end == 0 {
            return Err(Invalid::Data("a line without a name"));
        }
        let rest = line.text.get(name_end..).unwrap_or_default();
        let (params, value) = parse_parameters(rest, params_max)?;
        let value_start = line.text.len() - value.len();
        Ok(Property { line: ContentLine::from_line(line), name_end, value_start, params })
    }

    pub(super) fn line(&self) -> &ContentLine {
        &self.line
    }

    pub(crate) fn set_line_end(&mut self, end: LineEnd) {
        self.line.set_end(end);
    }

    /// Name and parameters as in the line, without the colon.
    fn head(&self) -> &str {
        self.line.text().get(..self.value_start.saturating_sub(1)).unwrap_or_default()
    }

    fn from_head(head: String, value: &str) -> Property {
        let name_end = name_end(&head);
        let with_colon = format!("{}:", head.get(name_end..).unwrap_or_default());
        let params = parse_parameters(&with_colon, usize::MAX).map(|(params, _)| params).unwrap_or_default();
        Property::from_parts(head, name_end, params, value)
    }

    fn from_parts(head: String, name_end: usize, params: Vec<Parameter>, value: &str) -> Property {
        let value_start = head.len() + 1;
        let mut text = head;
        text.push(':');
        text.extend(value.chars().filter(|&character| value::is_writable(character)));
        Property { line: ContentLine::new(text), name_end, value_start, params }
    }
}

/// Shows the length only: names may be X-names and values are patient data.
impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Property({} bytes)", self.line.text().len())
    }
}
