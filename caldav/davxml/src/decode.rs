//! Octets to text: encoding, line ends, characters (XML 1.0 sections 2.2, 2.11, 4.3.3, appendix F).

use std::borrow::Cow;

use crate::XmlError;
use crate::chars::is_char;

/// The encodings that every XML processor has to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16,
}

impl Encoding {
    /// Whether a declaration with this label tells the truth.
    pub(crate) fn is_called(self, label: &str) -> bool {
        let labels: &[&str] = match self {
            Self::Utf8 => &["UTF-8", "UTF8", "US-ASCII"],
            Self::Utf16 => &["UTF-16", "UTF-16LE", "UTF-16BE"],
        };
        labels.iter().any(|known| known.eq_ignore_ascii_case(label))
    }
}

/// The document as text without byte order mark, all line ends LF, every character one that XML allows.
///
/// UTF-16 is read, not refused, so that a DOCTYPE cannot hide in it.
pub(crate) fn decode(body: &[u8]) -> Result<(Cow<'_, str>, Encoding), XmlError> {
    let (text, encoding) = match body {
        [0xEF, 0xBB, 0xBF, rest @ ..] => (utf8(rest)?, Encoding::Utf8),
        [0xFF, 0xFE, rest @ ..] => (utf16(rest, u16::from_le_bytes)?, Encoding::Utf16),
        [0xFE, 0xFF, rest @ ..] => (utf16(rest, u16::from_be_bytes)?, Encoding::Utf16),
        [b'<', 0, ..] => (utf16(body, u16::from_le_bytes)?, Encoding::Utf16),
        [0, b'<', ..] => (utf16(body, u16::from_be_bytes)?, Encoding::Utf16),
        _ => (utf8(body)?, Encoding::Utf8),
    };
    if !text.chars().all(is_char) {
        return Err(XmlError::Malformed("a character that XML does not allow"));
    }
    Ok((unify_line_ends(text), encoding))
}

fn utf8(octets: &[u8]) -> Result<Cow<'_, str>, XmlError> {
    std::str::from_utf8(octets).map(Cow::Borrowed).map_err(|_| XmlError::Malformed("not UTF-8"))
}

fn utf16(octets: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, str>, XmlError> {
    let (pairs, rest) = octets.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(XmlError::Malformed("not UTF-16"));
    }
    let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect();
    text.map(Cow::Owned).map_err(|_| XmlError::Malformed("not UTF-16"))
}

fn unify_line_ends(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains('\r') {
        return text;
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}
