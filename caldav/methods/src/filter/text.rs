//! Collations: how text-match compares (RFC 4791 section 7.5, RFC 4790, RFC 5051).

use almanac_davxml::{Collation, TextMatch};
use unicode_normalization::UnicodeNormalization;

/// Whether `value` fulfils the test: holds the text, or does not if the test is negated.
pub(super) fn fulfils(wanted: &TextMatch, value: &str) -> bool {
    contains(wanted.collation, value, wanted.text.expose()) != wanted.negate
}

/// Whether `value` has the substring `text` under the collation. Everything has the empty one.
fn contains(collation: Collation, value: &str, text: &str) -> bool {
    match collation {
        Collation::Octet => value.contains(text),
        Collation::AsciiCasemap => value.to_ascii_lowercase().contains(&text.to_ascii_lowercase()),
        Collation::UnicodeCasemap => casemap(value).contains(&casemap(text)),
    }
}

/// `i;unicode-casemap`: each character to its title case by the simple mapping, then decomposed. The upper
/// case stands for the title case: they differ for four digraphs only, which decompose to the same letters
/// but for their case, and here both sides of a comparison go the same way.
pub(crate) fn casemap(text: &str) -> String {
    text.chars().map(simple_upper).nfkd().collect()
}

/// The upper case of `c` if that is one character, else `c` (`ß` stays itself).
fn simple_upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_collation_folds_exactly_what_its_registration_says() {
        use Collation::{AsciiCasemap, Octet, UnicodeCasemap};
        // value, text, and whether octet, ascii-casemap, unicode-casemap find it
        let rows = [
            ("Meeting", "eet", [true, true, true]),
            ("Meeting", "MEET", [false, true, true]),
            ("Größe", "GRÖSS", [false, false, false]),
            ("Größe", "gRÖß", [false, false, true]),
            ("Größe", "Grö", [true, true, true]),
            ("Gro\u{308}ße", "Größe", [false, false, true]),
            ("ﬁn", "FIN", [false, false, false]),
            ("ﬁn", "fin", [false, false, false]),
            ("ＡＢＣ", "ABC", [false, false, true]),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ", [false, false, true]),
            ("", "", [true, true, true]),
            ("", "a", [false, false, false]),
        ];
        for (value, text, expected) in rows {
            let found =
                [Octet, AsciiCasemap, UnicodeCasemap].map(|collation| contains(collation, value, text));
            assert_eq!(found, expected, "{value} {text}");
        }
    }
}
