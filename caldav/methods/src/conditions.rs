//! Conditional headers: `If-Match`, `If-None-Match`, `If-Unmodified-Since`, `If-Modified-Since` (RFC 9110
//! section 13) and `If` (RFC 4918 section 10.4).
//!
//! For a write they become a [`WriteGuard`], which the commit decides. Before the commit, by what is there now, is
//! decided what they say of other resources than the target, and of the sync token of any collection.

use almanac_backend::guard::Present;
use almanac_backend::{Access, Condition, ETag, SyncToken, WriteGuard};
use http::{HeaderMap, HeaderName, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::error::Failure;
use crate::if_header::{self, List, State};
use crate::limits::ETAGS_MAX;
use crate::request::Request;
use crate::service::Context;
use crate::target::Target;

/// What a read is to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fresh {
    /// The representation.
    Send,
    /// 304: the client has it.
    NotModified,
}

/// What the headers demand of the target when the write happens.
pub(crate) async fn guard(cx: &Context, request: &Request) -> Result<WriteGuard, Failure> {
    let mut conditions = Vec::new();
    match tags(&request.headers, &header::IF_MATCH)? {
        Some(Tags::Any) => conditions.push(Condition::Exists),
        Some(Tags::List(tags)) => conditions.push(Condition::MatchesAny(strong(tags))),
        None => conditions.extend(unmodified_since(cx, request).await?),
    }
    match tags(&request.headers, &header::IF_NONE_MATCH)? {
        Some(Tags::Any) => conditions.push(Condition::Absent),
        Some(Tags::List(tags)) => conditions.push(Condition::MatchesNone(opaque(tags))),
        None => {}
    }
    conditions.extend(if_condition(cx, request).await?);
    Ok(WriteGuard { conditions })
}

/// Refuses a method that reads if its `If` header does not hold now (RFC 4918 section 10.4). The headers of RFC
/// 9110 are of a representation, which only GET and HEAD have.
pub(crate) async fn require_if(cx: &Context, request: &Request) -> Result<(), Failure> {
    let Some(condition) = if_condition(cx, request).await? else { return Ok(()) };
    let current = etag_of(cx, request, &request.target).await?;
    if condition.holds(current.as_ref()) { Ok(()) } else { Err(Failure::PreconditionFailed) }
}

/// What a read of a resource with this ETag and modification time is to answer (RFC 9110 section 13.2.2).
pub(crate) async fn fresh(
    cx: &Context,
    request: &Request,
    etag: &ETag,
    modified: Option<Timestamp>,
) -> Result<Fresh, Failure> {
    let matched = match tags(&request.headers, &header::IF_MATCH)? {
        Some(Tags::Any) => true,
        Some(Tags::List(tags)) => strong(tags).contains(etag),
        None => since(&request.headers, &header::IF_UNMODIFIED_SINCE)
            .zip(modified)
            .is_none_or(|(since, modified)| modified.as_second() <= since),
    };
    let holds = if_condition(cx, request).await?.is_none_or(|condition| condition.holds(Some(etag)));
    if !matched || !holds {
        return Err(Failure::PreconditionFailed);
    }
    let same = match tags(&request.headers, &header::IF_NONE_MATCH)? {
        Some(Tags::Any) => true,
        Some(Tags::List(tags)) => opaque(tags).contains(etag),
        None => since(&request.headers, &header::IF_MODIFIED_SINCE)
            .zip(modified)
            .is_some_and(|(since, modified)| modified.as_second() <= since),
    };
    Ok(if same { Fresh::NotModified } else { Fresh::Send })
}

/// The content of `If-Match` or `If-None-Match`.
enum Tags {
    Any,
    List(Vec<(Strength, ETag)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strength {
    Strong,
    Weak,
}

/// `If-Match` compares strongly: a weak tag matches nothing (RFC 9110 section 13.1.1).
fn strong(tags: Vec<(Strength, ETag)>) -> Vec<ETag> {
    tags.into_iter().filter(|(strength, _)| *strength == Strength::Strong).map(|(_, tag)| tag).collect()
}

/// `If-None-Match` compares weakly.
fn opaque(tags: Vec<(Strength, ETag)>) -> Vec<ETag> {
    tags.into_iter().map(|(_, tag)| tag).collect()
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Failure> {
    let mut list = Vec::new();
    let mut there = false;
    for value in headers.get_all(name) {
        there = true;
        let mut rest = value.to_str().map_err(|_| BAD_TAGS)?.trim();
        if rest == "*" {
            return Ok(Some(Tags::Any));
        }
        while !rest.is_empty() {
            let (tag, after) = entity_tag(rest).ok_or(BAD_TAGS)?;
            list.push(tag);
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(next) => next.trim_start(),
                None if after.is_empty() => after,
                None => return Err(BAD_TAGS),
            };
        }
        if list.len() > ETAGS_MAX {
            return Err(Failure::BadRequest("too many entity tags"));
        }
    }
    match (there, list.is_empty()) {
        (false, _) => Ok(None),
        (true, true) => Err(BAD_TAGS),
        (true, false) => Ok(Some(Tags::List(list))),
    }
}

const BAD_TAGS: Failure = Failure::BadRequest("a conditional header holds no entity tags");

/// `[W/]"..."` at the start of `text`, and what follows it.
fn entity_tag(text: &str) -> Option<((Strength, ETag), &str)> {
    let (strength, quoted) = match text.strip_prefix("W/") {
        Some(rest) => (Strength::Weak, rest),
        None => (Strength::Strong, text),
    };
    let (tag, rest) = quoted.strip_prefix('"')?.split_once('"')?;
    (!tag.contains(' ')).then(|| ((strength, ETag::from_opaque(tag)), rest))
}

/// The second that a date header names. One that cannot be read is ignored (RFC 9110 section 13.1.4).
fn since(headers: &HeaderMap, name: &HeaderName) -> Option<i64> {
    let text = headers.get(name)?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(text).ok().map(|at| at.as_second())
}

/// `If-Unmodified-Since` as a condition that a commit can decide: the target still has the ETag that it has
/// now, provided that this one is old enough.
async fn unmodified_since(cx: &Context, request: &Request) -> Result<Option<Condition>, Failure> {
    let (Some(since), Target::Object(at)) =
        (since(&request.headers, &header::IF_UNMODIFIED_SINCE), &request.target)
    else {
        return Ok(None);
    };
    match cx.backend.object(&request.caller, at).await? {
        Some(object) if object.modified.as_second() > since => Err(Failure::PreconditionFailed),
        Some(object) => Ok(Some(Condition::MatchesAny(vec![object.etag]))),
        None => Ok(None),
    }
}

/// The `If` header as a condition on the target; `None` if there is none, or if what it says holds already.
async fn if_condition(cx: &Context, request: &Request) -> Result<Option<Condition>, Failure> {
    let Some(lists) = if_header::read(&request.headers)? else { return Ok(None) };
    let mut open = Vec::new();
    for list in &lists {
        let named = list.resource.map(|href| request.hosts.target(href));
        let about = match named {
            None => About::Target(token_of(cx, request, list, &request.target).await?),
            Some(Ok(target)) if target == request.target => {
                About::Target(token_of(cx, request, list, &target).await?)
            }
            Some(Ok(target)) => {
                let token = token_of(cx, request, list, &target).await?;
                About::Other(etag_of(cx, request, &target).await?, token)
            }
            Some(Err(_)) => About::Other(None, None),
        };
        match judge(list, &about) {
            Verdict::Holds => return Ok(None),
            Verdict::Fails => {}
            Verdict::Open(terms) => open.push(terms),
        }
    }
    Ok(Some(if open.is_empty() { Condition::Never } else { Condition::AnyList(open) }))
}

/// What a list of the `If` header speaks of.
enum About {
    /// The target of the request: its ETag is the commit's to compare. If it is a collection, it has this sync
    /// token now.
    Target(Option<SyncToken>),
    /// Another resource, which has this ETag and sync token now, or does not exist.
    Other(Option<ETag>, Option<SyncToken>),
}

enum Verdict {
    Holds,
    Fails,
    /// It depends on the ETag of the target when the write happens.
    Open(Vec<(Present, ETag)>),
}

/// Judges the terms of a list as far as they can be judged now. A sync token is judged here, before the commit: a
/// change of another member between the two is not noticed (the target's own is, by its ETag).
fn judge(list: &List<'_>, about: &About) -> Verdict {
    let mut open = Vec::new();
    for (wanted, state) in &list.terms {
        let found = match (state, about) {
            // There are no locks: a token that matches is a sync token (RFC 6578 section 5).
            (State::Token(token), About::Target(current) | About::Other(_, current)) => {
                current.as_ref().is_some_and(|current| current.as_str() == *token)
            }
            (State::WeakTag, _) => false,
            (State::Tag(tag), About::Other(current, _)) => current.as_ref() == Some(tag),
            (State::Tag(tag), About::Target(_)) => {
                open.push((*wanted, tag.clone()));
                continue;
            }
        };
        if found != (*wanted == Present::Yes) {
            return Verdict::Fails;
        }
    }
    if open.is_empty() { Verdict::Holds } else { Verdict::Open(open) }
}

/// The sync token that a collection has now, if the list asks for one and the caller may see it (RFC 6578
/// section 5).
async fn token_of(
    cx: &Context,
    request: &Request,
    list: &List<'_>,
    target: &Target,
) -> Result<Option<SyncToken>, Failure> {
    let asked = list.terms.iter().any(|(_, state)| matches!(state, State::Token(_)));
    let (true, Target::Collection(at)) = (asked, target) else { return Ok(None) };
    let found = cx.backend.collection(&request.caller, at).await?;
    Ok(found.filter(|found| found.access >= Access::Read).map(|found| found.sync_token))
}

/// The ETag that a resource has now.
async fn etag_of(cx: &Context, request: &Request, target: &Target) -> Result<Option<ETag>, Failure> {
    Ok(match target {
        Target::Object(at) => cx.backend.object(&request.caller, at).await?.map(|object| object.etag),
        Target::Collection(at) => {
            cx.backend.collection(&request.caller, at).await?.map(|found| ETag::from_opaque(&found.tag))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(header::IF_MATCH, value.parse().unwrap())]);
        match tags(&headers, &header::IF_MATCH) {
            Ok(Some(Tags::Any)) => Some("*".to_owned()),
            Ok(Some(Tags::List(list))) => {
                let show = |(strength, tag): &(Strength, ETag)| format!("{strength:?} {}", tag.as_str());
                Some(list.iter().map(show).collect::<Vec<_>>().join(", "))
            }
            Ok(None) => panic!("the header is there"),
            Err(_) => None,
        }
    }

    #[test]
    fn entity_tags_are_read_by_their_grammar() {
        let rows = [
            ("*", Some("*")),
            ("\"a\"", Some("Strong a")),
            ("\"a\" , W/\"b\",\"c,d\"", Some("Strong a, Weak b, Strong c,d")),
            ("\"a\",", Some("Strong a")),
            ("\"\"", Some("Strong ")),
            ("", None),
            ("a", None),
            ("\"a", None),
            ("\"a\" \"b\"", None),
            ("\"a\", *", None),
            ("w/\"a\"", None),
            ("\"a b\"", None),
        ];
        for (value, expected) in rows {
            assert_eq!(read(value).as_deref(), expected, "{value}");
        }
        assert_eq!(read(&["\"a\""; ETAGS_MAX + 1].join(",")), None);
    }
}
