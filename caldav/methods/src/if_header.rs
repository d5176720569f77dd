//! The grammar of the `If` header (RFC 4918 section 10.4.2). What it means is said in `conditions.rs`.

use almanac_backend::ETag;
use almanac_backend::guard::Present;
use http::{HeaderMap, HeaderName};

use crate::error::Failure;
use crate::header::single;
use crate::limits::IF_TERMS_MAX;

/// One parenthesised list: all its terms must hold of its resource.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct List<'a> {
    /// The resource tag; `None`: the target of the request.
    pub(crate) resource: Option<&'a str>,
    pub(crate) terms: Vec<(Present, State<'a>)>,
}

/// What a term compares the resource with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum State<'a> {
    Tag(ETag),
    WeakTag,
    /// A state token: a lock's, or the sync token of a collection (RFC 6578 section 5).
    Token(&'a str),
}

/// The lists of the `If` header, one of which must hold; `None` if there is no such header.
pub(crate) fn read(headers: &HeaderMap) -> Result<Option<Vec<List<'_>>>, Failure> {
    let Some(text) = single(headers, &HeaderName::from_static("if"))? else { return Ok(None) };
    let mut cursor = Cursor { rest: text, terms_left: IF_TERMS_MAX };
    cursor.lists().map(Some).ok_or(Failure::BadRequest("the If header is against its grammar"))
}

struct Cursor<'a> {
    rest: &'a str,
    terms_left: usize,
}

impl<'a> Cursor<'a> {
    fn lists(&mut self) -> Option<Vec<List<'a>>> {
        let mut lists = Vec::new();
        let mut resource = None;
        // Tagged and untagged lists do not mix; a tag needs at least one list.
        let mut tag_open = false;
        while !self.at_end() {
            if self.take('<') {
                if tag_open || (resource.is_none() && !lists.is_empty()) {
                    return None;
                }
                resource = Some(self.until('>')?);
                tag_open = true;
            } else {
                lists.push(List { resource, terms: self.list()? });
                tag_open = false;
            }
        }
        (!lists.is_empty() && !tag_open).then_some(lists)
    }

    fn list(&mut self) -> Option<Vec<(Present, State<'a>)>> {
        self.take('(').then_some(())?;
        let mut terms = Vec::new();
        while !self.take(')') {
            self.terms_left = self.terms_left.checked_sub(1)?;
            let wanted = if self.take_not() { Present::No } else { Present::Yes };
            terms.push((wanted, self.state()?));
        }
        (!terms.is_empty()).then_some(terms)
    }

    fn state(&mut self) -> Option<State<'a>> {
        if self.take('<') {
            let token = self.until('>')?;
            return token.contains(':').then_some(State::Token(token));
        }
        self.take('[').then_some(())?;
        let weak = self.rest.starts_with("W/");
        self.rest = self.rest.strip_prefix("W/").unwrap_or(self.rest);
        let (tag, rest) = self.rest.strip_prefix('"')?.split_once('"')?;
        self.rest = rest.strip_prefix(']')?;
        Some(if weak { State::WeakTag } else { State::Tag(ETag::from_opaque(tag)) })
    }

    fn take_not(&mut self) -> bool {
        self.skip_space();
        match self.rest.get(..3) {
            Some(word) if word.eq_ignore_ascii_case("not") => {
                self.rest = self.rest.get(3..).unwrap_or("");
                self.skip_space();
                true
            }
            _ => false,
        }
    }

    fn take(&mut self, c: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn until(&mut self, end: char) -> Option<&'a str> {
        let (text, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        (!text.is_empty() && !text.contains([' ', '<', '('])).then_some(text)
    }

    fn at_end(&mut self) -> bool {
        self.skip_space();
        self.rest.is_empty()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter a term: t(ag), w(eak), l(ock), upper case for `Not`.
    fn shape(value: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(HeaderName::from_static("if"), value.parse().unwrap())]);
        let lists = read(&headers).ok()?.expect("the header is there");
        let show = |list: &List<'_>| {
            let terms = list.terms.iter().map(|(wanted, state)| {
                let letter = match state {
                    State::Tag(_) => 't',
                    State::WeakTag => 'w',
                    State::Token(_) => 'l',
                };
                if *wanted == Present::No { letter.to_ascii_uppercase() } else { letter }
            });
            format!("{}({})", list.resource.unwrap_or(""), terms.collect::<String>())
        };
        Some(lists.iter().map(show).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn lists_are_read_by_the_grammar_of_rfc_4918() {
        let rows = [
            ("([\"a\"])", Some("(t)")),
            ("(<urn:x:1> [\"a\"]) ([\"b\"])", Some("(lt) (t)")),
            ("(Not <urn:x:1> <urn:x:2>)", Some("(Ll)")),
            ("(<urn:x:1>) (Not <DAV:no-lock>)", Some("(l) (L)")),
            ("([W/\"a\"])", Some("(w)")),
            ("(not[\"a\"])", Some("(T)")),
            ("</a> ([\"a\"]) ([\"b\"]) <http://h/b> (<urn:x:1>)", Some("/a(t) /a(t) http://h/b(l)")),
            ("  ( [\"a\"]\t)  ", Some("(t)")),
            ("([\"a]b)\"])", Some("(t)")),
            ("", None),
            ("()", None),
            ("(", None),
            ("([\"a\"]", None),
            ("([a])", None),
            ("([\"a\"] ])", None),
            ("(Not)", None),
            ("(Not Not [\"a\"])", None),
            ("(<a>)", None),
            ("(<>)", None),
            ("[\"a\"]", None),
            ("</a>", None),
            ("</a> </b> ([\"a\"])", None),
            ("([\"a\"]) </a> ([\"b\"])", None),
            ("</a ([\"a\"])", None),
            ("([\"a\"]) x", None),
        ];
        for (value, expected) in rows {
            assert_eq!(shape(value).as_deref(), expected, "{value}");
        }
        assert!(shape(&"([\"a\"])".repeat(IF_TERMS_MAX)).is_some());
        assert!(shape(&"([\"a\"])".repeat(IF_TERMS_MAX + 1)).is_none());
    }
}
