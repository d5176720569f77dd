//! Entity and character references. Only the five predefined entities exist, so nothing ever expands.

use crate::XmlError;
use crate::chars::{is_char, is_space};

/// The character that `&name;` stands for.
pub(crate) fn resolve(name: &str) -> Result<char, XmlError> {
    match name {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => match name.strip_prefix('#') {
            Some(number) => character(number).ok_or(XmlError::Malformed("a bad character reference")),
            None => Err(XmlError::Malformed("an entity that is not declared")),
        },
    }
}

fn character(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // `from_str_radix` alone would take a sign.
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let code = u32::from_str_radix(digits, radix).ok()?;
    char::from_u32(code).filter(|c| is_char(*c))
}

/// An attribute value after normalisation (XML 1.0 section 3.3.3): white space is a space, references are
/// resolved.
pub(crate) fn normalize_attribute(raw: &str) -> Result<String, XmlError> {
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        push_literal(before, &mut value);
        let (name, after) = after.split_once(';').ok_or(XmlError::Malformed("a lone ampersand"))?;
        value.push(resolve(name)?);
        rest = after;
    }
    push_literal(rest, &mut value);
    Ok(value)
}

fn push_literal(text: &str, value: &mut String) {
    value.extend(text.chars().map(|c| if is_space(c) { ' ' } else { c }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_five_entities_and_characters_of_xml_resolve() {
        for (name, character) in [
            ("amp", Some('&')),
            ("#65", Some('A')),
            ("#x41", Some('A')),
            ("#x1F4C5", Some('📅')),
            ("#13", Some('\r')),
            ("#0", None),
            ("#1", None),
            ("#xFFFE", None),
            ("#xD800", None),
            ("#x110000", None),
            ("#99999999999999999999", None),
            ("#+65", None),
            ("#x+41", None),
            ("#X41", None),
            ("#", None),
            ("#x", None),
            ("nbsp", None),
            ("AMP", None),
            ("", None),
            (" amp", None),
        ] {
            assert_eq!(resolve(name).ok(), character, "{name:?}");
        }
    }

    #[test]
    fn white_space_in_an_attribute_becomes_spaces_unless_it_is_referenced() {
        assert_eq!(normalize_attribute("a\tb\nc&#10;d&amp;e").unwrap(), "a b c\nd&e");
        for raw in ["&", "a & b", "&amp", "&nbsp;", "a&;"] {
            assert!(normalize_attribute(raw).is_err(), "{raw}");
        }
    }
}
