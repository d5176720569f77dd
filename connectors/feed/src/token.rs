//! What a delta token of a feed holds: what to ask with, and what the last reading was like. Pure.

use std::collections::BTreeSet;

use almanac_contract::DeltaToken;
use serde::{Deserialize, Serialize};

use crate::limits::{REGENERATED_MIN, SKETCH_MAX, TOKEN_BYTES_MAX, VALIDATOR_BYTES_MAX};
use crate::map::{Fact, Rule};

/// What the last reading was like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    version: u8,
    /// The entity tag that came with it.
    pub(crate) etag: Option<String>,
    /// When it was last modified, as it came.
    pub(crate) modified: Option<String>,
    /// The names and versions of its objects, hashed.
    pub(crate) state: String,
    /// Whether its objects are told apart by content.
    by_content: bool,
    /// By what it is recognised.
    pub(crate) sketch: Sketch,
}

/// A part of the UIDs and of the contents of a reading, by which two readings are compared. Each is the smallest hashes
/// of the whole: what two such parts share is a sample of what the readings share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sketch {
    uids: BTreeSet<u64>,
    contents: BTreeSet<u64>,
}

impl Seen {
    pub(crate) fn new(
        etag: Option<String>,
        modified: Option<String>,
        state: String,
        rule: Rule,
        sketch: Sketch,
    ) -> Self {
        let short = |text: &String| text.len() <= VALIDATOR_BYTES_MAX;
        Self {
            version: 1,
            etag: etag.filter(short),
            modified: modified.filter(short),
            state,
            by_content: rule == Rule::Content,
            sketch,
        }
    }

    pub(crate) fn rule(&self) -> Rule {
        if self.by_content { Rule::Content } else { Rule::Uid }
    }

    pub(crate) fn read(token: &DeltaToken) -> Option<Self> {
        if token.0.len() > TOKEN_BYTES_MAX {
            return None;
        }
        serde_json::from_str(&token.0).ok().filter(|seen: &Self| seen.version == 1)
    }

    pub(crate) fn write(&self) -> Option<DeltaToken> {
        serde_json::to_string(self).ok().map(DeltaToken)
    }
}

/// How sure two readings have to be of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Apart {
    /// One right after the other: nobody has changed anything meanwhile.
    AtOnce,
    /// With all that people did in between.
    Later,
}

impl Sketch {
    pub(crate) fn of(facts: &[Fact]) -> Self {
        let number = |mark: &[u8; 16]| u64::from_be_bytes(mark.first_chunk().copied().unwrap_or_default());
        Self {
            uids: smallest(facts.iter().filter_map(|fact| fact.uid.as_ref()).map(number)),
            contents: smallest(facts.iter().map(|fact| number(&fact.content))),
        }
    }

    /// Whether `self`, read after `before`, has new UIDs for the same objects: not one UID is as before, and half of the
    /// contents are.
    pub(crate) fn has_regenerated(&self, before: &Self, apart: Apart) -> bool {
        let least = match apart {
            Apart::AtOnce => 1,
            Apart::Later => REGENERATED_MIN,
        };
        let fewest = self.contents.len().min(before.contents.len());
        let shared = self.contents.intersection(&before.contents).count();
        !self.uids.is_empty()
            && !before.uids.is_empty()
            && self.uids.is_disjoint(&before.uids)
            && shared >= least
            && shared * 2 >= fewest
    }
}

fn smallest(hashes: impl Iterator<Item = u64>) -> BTreeSet<u64> {
    let mut kept = BTreeSet::new();
    for hash in hashes {
        kept.insert(hash);
        if kept.len() > SKETCH_MAX {
            kept.pop_last();
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(uids: impl Iterator<Item = u64>, contents: impl Iterator<Item = u64>) -> Sketch {
        // A hash is spread, and so are these.
        let spread = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Sketch { uids: smallest(uids.map(spread)), contents: smallest(contents.map(spread)) }
    }

    #[test]
    fn regenerated_are_uids_of_which_none_is_left_for_contents_that_are() {
        let before = sketch(0..5_000, 10_000..15_000);
        for (what, now, expected) in [
            ("nothing", before.clone(), false),
            ("all UIDs", sketch(20_000..25_000, 10_000..15_000), true),
            ("all UIDs, and some contents", sketch(20_000..25_000, 10_500..15_500), true),
            ("everything: another calendar", sketch(20_000..25_000, 30_000..35_000), false),
            ("half of the UIDs", sketch(2_500..7_500, 10_000..15_000), false),
            ("all UIDs, to none", sketch(0..0, 10_000..15_000), false),
        ] {
            assert_eq!(now.has_regenerated(&before, Apart::Later), expected, "{what} changed");
        }
        let (one, other) = (sketch(0..1, 5..6), sketch(1..2, 5..6));
        assert!(other.has_regenerated(&one, Apart::AtOnce));
        assert!(!other.has_regenerated(&one, Apart::Later), "one object may be another one");
    }

    #[test]
    fn a_token_is_short_and_reads_back_and_foreign_ones_do_not() {
        let etag = Some("\"e\"".to_owned());
        let sketch = sketch(0..5_000, 0..5_000);
        let seen = Seen::new(etag.clone(), Some("x".repeat(5_000)), "s".to_owned(), Rule::Content, sketch);
        let token = seen.write().unwrap();
        assert!(token.0.len() < 2_048, "{}", token.0.len());
        assert_eq!(Seen::read(&token), Some(seen.clone()));
        assert_eq!((seen.rule(), seen.etag, seen.modified), (Rule::Content, etag, None));
        let later = token.0.replace("\"version\":1", "\"version\":2");
        for text in [String::new(), "{}".to_owned(), later, "x".repeat(100_000)] {
            assert_eq!(Seen::read(&DeltaToken(text)), None);
        }
    }
}
