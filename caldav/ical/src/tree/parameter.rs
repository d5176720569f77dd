//! Parameters of a property (RFC 5545 section 3.2), their quotes and the encoding of RFC 6868.

use std::fmt;

use crate::Invalid;

/// A parameter with all its values, without quotes and RFC 6868 encoding.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameter {
    name: Box<str>,
    values: Vec<Box<str>>,
}

impl Parameter {
    /// The name as sent; compare with [`Parameter::is`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is the parameter of that name; letters compare without case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The values in order; empty for a parameter without `=`, as in vCalendar 1.0.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &str> {
        self.values.iter().map(AsRef::as_ref)
    }

    /// The first value.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.values.first().map(AsRef::as_ref)
    }
}

/// Shows no value: values are patient data.
impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameter({} values)", self.values.len())
    }
}

/// Reads the parameters at the start of `rest`, which begins with `;` or `:`, and returns them with what follows the
/// colon. Values are counted against `values_max`.
pub(super) fn parse_parameters(mut rest: &str, values_max: usize) -> Result<(Vec<Parameter>, &str), Invalid> {
    let mut parameters = Vec::new();
    let mut budget = values_max;
    loop {
        if let Some(value) = rest.strip_prefix(':') {
            return Ok((parameters, value));
        }
        let after = rest.strip_prefix(';').ok_or(Invalid::Data("a line without a colon"))?;
        let name_end = super::property::name_end(after);
        let (name, mut tail) = after.split_at(name_end);
        if name.is_empty() {
            return Err(Invalid::Data("a parameter without a name"));
        }
        let mut values = Vec::new();
        budget = spend(budget)?;
        while let Some(value) = tail.strip_prefix(if values.is_empty() { '=' } else { ',' }) {
            if !values.is_empty() {
                budget = spend(budget)?;
            }
            let (value, next) = parse_value(value)?;
            values.push(value);
            tail = next;
        }
        parameters.push(Parameter { name: name.into(), values });
        rest = tail;
    }
}

fn spend(budget: usize) -> Result<usize, Invalid> {
    budget.checked_sub(1).ok_or(Invalid::Data("more parameters than the limit"))
}

/// Reads one value up to `,`, `;` or `:`. A quote counts at the start only: some exports write `CN=Ann "Bo" Doe`.
fn parse_value(text: &str) -> Result<(Box<str>, &str), Invalid> {
    let (quoted, rest) = match text.strip_prefix('"') {
        Some(inner) => inner.split_once('"').ok_or(Invalid::Data("a quote that is not closed"))?,
        None => ("", text),
    };
    let end = rest.find([',', ';', ':']).ok_or(Invalid::Data("a line without a colon"))?;
    let (plain, rest) = rest.split_at(end);
    match (quoted, plain) {
        ("", value) | (value, "") => Ok((decode(value), rest)),
        _ => Ok((decode(&format!("{quoted}{plain}")), rest)),
    }
}

/// RFC 6868 section 3.1: `^n`, `^'` and `^^`; any other circumflex stands for itself.
fn decode(value: &str) -> Box<str> {
    if !value.contains('^') {
        return value.into();
    }
    let mut out = String::with_capacity(value.len());
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        let decoded = match (character, characters.peek()) {
            ('^', Some('n')) => '\n',
            ('^', Some('\'')) => '"',
            ('^', Some('^')) => '^',
            _ => {
                out.push(character);
                continue;
            }
        };
        characters.next();
        out.push(decoded);
    }
    out.into()
}

/// Writes `;NAME=value`, quoted where needed. Control characters other than TAB and line feed cannot be written and are
/// left out.
pub(super) fn write_parameter(name: &str, values: &[&str], out: &mut String) {
    out.push(';');
    out.push_str(name);
    for (at, value) in values.iter().enumerate() {
        out.push(if at == 0 { '=' } else { ',' });
        let quoted = value.contains([',', ';', ':']);
        if quoted {
            out.push('"');
        }
        for character in value.chars() {
            match character {
                '\n' => out.push_str("^n"),
                '"' => out.push_str("^'"),
                '^' => out.push_str("^^"),
                _ if crate::value::is_writable(character) => out.push(character),
                _ => {}
            }
        }
        if quoted {
            out.push('"');
        }
    }
}
