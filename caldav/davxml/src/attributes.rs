//! Attributes of a tag as written. quick-xml's own iterator takes `a="1"b="2"` and `<` in a value.

use crate::chars::is_space;
use crate::reference::normalize_attribute;
use crate::{Limits, XmlError};

/// The attributes of a tag in document order: names as written, values normalised. `raw` is what stands
/// between the tag's name and its end.
pub(crate) fn scan<'t>(raw: &'t str, limits: &Limits) -> Result<Vec<(&'t str, String)>, XmlError> {
    let mut found: Vec<(&'t str, String)> = Vec::new();
    let mut rest = raw;
    loop {
        let next = rest.trim_start_matches(is_space);
        if next.is_empty() {
            return Ok(found);
        }
        if next.len() == rest.len() {
            return Err(XmlError::Malformed("no space before an attribute"));
        }
        if found.len() == limits.attributes_max {
            return Err(XmlError::Limit("attributes of an element"));
        }
        let (name, after) = next.split_once('=').ok_or(XmlError::Malformed("an attribute without value"))?;
        let name = name.trim_end_matches(is_space);
        if name.len() > limits.name_bytes_max {
            return Err(XmlError::Limit("octets of a name"));
        }
        let (value, after) = quoted(after.trim_start_matches(is_space))?;
        if value.contains('<') {
            return Err(XmlError::Malformed("a `<` in an attribute"));
        }
        if found.iter().any(|(other, _)| *other == name) {
            return Err(XmlError::Malformed("an attribute twice"));
        }
        found.push((name, normalize_attribute(value)?));
        rest = after;
    }
}

/// Splits a quoted value from what follows its closing quote.
fn quoted(text: &str) -> Result<(&str, &str), XmlError> {
    let parts = match text.strip_prefix('"') {
        Some(rest) => rest.split_once('"'),
        None => text.strip_prefix('\'').and_then(|rest| rest.split_once('\'')),
    };
    parts.ok_or(XmlError::Malformed("an attribute without quotes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_taken_in_both_quotes_and_with_any_white_space() {
        let found = scan(" a=\"1\"\n\tb = '\"2\"' c=\"\" ", &Limits::request()).unwrap();
        let expected = [("a", "1"), ("b", "\"2\""), ("c", "")];
        assert!(found.iter().map(|(n, v)| (*n, v.as_str())).eq(expected), "{found:?}");
    }

    #[test]
    fn ill_formed_attributes_are_refused() {
        for raw in [
            " a",
            " a=",
            " a=b",
            " a=\"1",
            " a='1\"",
            " a=\"1\"b=\"2\"",
            "a=\"1\"",
            " a=\"<\"",
            " a=\"&x;\"",
            " a=\"1\" a=\"1\"",
            " /",
        ] {
            assert!(matches!(scan(raw, &Limits::request()), Err(XmlError::Malformed(_))), "{raw}");
        }
    }
}
