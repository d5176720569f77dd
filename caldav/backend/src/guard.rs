//! Preconditions that travel with a write and are decided by its commit.

use crate::types::ETag;

/// What must hold of the target when the write happens. The default guards nothing: "write whatever is there".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteGuard {
    /// All of them must hold.
    pub conditions: Vec<Condition>,
}

/// One condition on the current state of a resource (RFC 9110 section 13.1, RFC 4918 section 10.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It exists (`If-Match: *`).
    Exists,
    /// It does not exist (`If-None-Match: *`).
    Absent,
    /// It exists with one of these ETags (`If-Match`).
    MatchesAny(Vec<ETag>),
    /// It is absent or has none of these ETags (`If-None-Match`).
    MatchesNone(Vec<ETag>),
    /// The `If` header: one of these lists holds, and in it every term: (wanted, ETag).
    /// A term with `wanted == Present::No` is a `Not`.
    AnyList(Vec<Vec<(Present, ETag)>>),
    /// Never holds (an `If` header that names a lock token: there are no locks).
    Never,
}

/// Whether an ETag in an `If` list must match or must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Present {
    /// It must match.
    Yes,
    /// It must not match (`Not`).
    No,
}

impl WriteGuard {
    /// A guard of one condition.
    #[must_use]
    pub fn one(condition: Condition) -> Self {
        Self { conditions: vec![condition] }
    }

    /// Whether all conditions hold of a resource whose ETag is `current` (`None`: it does not exist).
    #[must_use]
    pub fn holds(&self, current: Option<&ETag>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(current))
    }
}

impl Condition {
    /// Whether the condition holds of a resource whose ETag is `current` (`None`: it does not exist).
    #[must_use]
    pub fn holds(&self, current: Option<&ETag>) -> bool {
        match self {
            Self::Exists => current.is_some(),
            Self::Absent => current.is_none(),
            Self::MatchesAny(etags) => current.is_some_and(|etag| etags.contains(etag)),
            Self::MatchesNone(etags) => current.is_none_or(|etag| !etags.contains(etag)),
            Self::AnyList(lists) => lists.iter().any(|list| {
                list.iter().all(|(wanted, etag)| (current == Some(etag)) == (*wanted == Present::Yes))
            }),
            Self::Never => false,
        }
    }
}

/// The `Overwrite` header (RFC 4918 section 10.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// `T`: replace what is at the destination.
    Replace,
    /// `F`: fail with 412 if something is there.
    Refuse,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(n: u8) -> ETag {
        ETag::from_version([n; 16])
    }

    #[test]
    fn each_condition_holds_exactly_where_its_header_says() {
        let (one, two) = (tag(1), tag(2));
        let rows: [(&str, Condition, [bool; 3]); 7] = [
            // on: absent, ETag 1, ETag 2
            ("If-Match: *", Condition::Exists, [false, true, true]),
            ("If-None-Match: *", Condition::Absent, [true, false, false]),
            ("If-Match: 1", Condition::MatchesAny(vec![one.clone()]), [false, true, false]),
            ("If-None-Match: 1", Condition::MatchesNone(vec![one.clone()]), [true, false, true]),
            (
                "If: (Not [1])",
                Condition::AnyList(vec![vec![(Present::No, one.clone())]]),
                [true, false, true],
            ),
            (
                "If: ([1]) ([2])",
                Condition::AnyList(vec![
                    vec![(Present::Yes, one.clone())],
                    vec![(Present::Yes, two.clone())],
                ]),
                [false, true, true],
            ),
            ("If: (<lock>)", Condition::Never, [false, false, false]),
        ];
        for (header, condition, expected) in rows {
            let found = [None, Some(&one), Some(&two)].map(|current| condition.holds(current));
            assert_eq!(found, expected, "{header}");
        }
    }
}
