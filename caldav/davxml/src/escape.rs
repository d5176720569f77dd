//! Escaping for output, so that a parser reads back exactly what was meant.

/// What stands for a character that XML cannot hold.
const REPLACEMENT: &str = "\u{FFFD}";

/// Appends `text` as character data.
///
/// CR is written as `&#13;`, else a parser would fold CRLF to LF (XML 1.0 section 2.11) and calendar data
/// would change. Characters outside of XML become U+FFFD.
pub fn push_escaped_text(out: &mut String, text: &str) {
    push_escaped(out, text, &IN_TEXT, |byte| match byte {
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"), // only `]]>` needs it, yet so nothing has to look back
        b'&' => Some("&amp;"),
        b'\r' => Some("&#13;"),
        b'\t' | b'\n' => None,
        0..b' ' => Some(REPLACEMENT),
        _ => None,
    });
}

/// Appends `text` as the value of an attribute in double quotes.
///
/// TAB, LF and CR are written as references, else a parser would read spaces (XML 1.0 section 3.3.3).
pub fn push_escaped_attr(out: &mut String, text: &str) {
    push_escaped(out, text, &IN_ATTRIBUTE, |byte| match byte {
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'&' => Some("&amp;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#9;"),
        b'\n' => Some("&#10;"),
        b'\r' => Some("&#13;"),
        0..b' ' => Some(REPLACEMENT),
        _ => None,
    });
}

/// The bytes to look at more closely. A look-up for each byte of an answer is what escaping costs.
type Suspects = [bool; 256];
static IN_TEXT: Suspects = const { suspects(b"<>&\xEF", b"\t\n") };
static IN_ATTRIBUTE: Suspects = const { suspects(b"<>&\"\xEF", b"") };

/// `marks` and all control characters but those in `except`.
#[expect(
    clippy::indexing_slicing,
    reason = "run by the compiler only: a panic would be an error of the build"
)]
const fn suspects(marks: &[u8], except: &[u8]) -> Suspects {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte < 0x20;
        byte += 1;
    }
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    at = 0;
    while at < except.len() {
        table[except[at] as usize] = false;
        at += 1;
    }
    table
}

/// Copies runs that need nothing at once; only ASCII bytes and U+FFFE, U+FFFF are ever replaced.
fn push_escaped(
    out: &mut String,
    text: &str,
    suspects: &Suspects,
    replacement: impl Fn(u8) -> Option<&'static str>,
) {
    let bytes = text.as_bytes();
    let suspect = |byte: &u8| suspects.get(usize::from(*byte)).copied().unwrap_or(true);
    let (mut copied, mut looked) = (0, 0);
    while let Some(found) = bytes.get(looked..).and_then(|rest| rest.iter().position(suspect)) {
        let at = looked + found;
        let byte = bytes.get(at).copied().unwrap_or_default();
        looked = at + 1;
        let (instead, len) = match replacement(byte) {
            Some(instead) => (instead, 1),
            None if byte == 0xEF && is_non_character(bytes, at) => (REPLACEMENT, 3),
            None => continue,
        };
        out.push_str(text.get(copied..at).unwrap_or_default());
        out.push_str(instead);
        copied = at + len;
        looked = copied;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
}

/// U+FFFE and U+FFFF are EF BF BE and EF BF BF in UTF-8.
fn is_non_character(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at..), Some([0xEF, 0xBF, 0xBE | 0xBF, ..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_line_ends_and_loses_only_what_xml_cannot_hold() {
        for (text, written) in [
            ("", ""),
            ("plain", "plain"),
            ("a<b>&c]]>\"'", "a&lt;b&gt;&amp;c]]&gt;\"'"),
            ("BEGIN:VEVENT\r\n X\n\tY", "BEGIN:VEVENT&#13;\n X\n\tY"),
            ("a\0b\u{1}\u{1F}\u{7F}", "a\u{FFFD}b\u{FFFD}\u{FFFD}\u{7F}"),
            ("\u{FFFE}x\u{FFFF}\u{FFFD}ﬀ日", "\u{FFFD}x\u{FFFD}\u{FFFD}ﬀ日"),
        ] {
            let mut out = String::from(">");
            push_escaped_text(&mut out, text);
            assert_eq!(out.strip_prefix('>'), Some(written), "{text:?}");
        }
    }

    #[test]
    fn an_attribute_keeps_quotes_and_white_space() {
        let mut out = String::new();
        push_escaped_attr(&mut out, "a \"b\" 'c'\t\r\n<&>\u{2}");
        assert_eq!(out, "a &quot;b&quot; 'c'&#9;&#13;&#10;&lt;&amp;&gt;\u{FFFD}");
    }
}
