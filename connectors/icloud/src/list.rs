//! What changed in a calendar: sync-collection (RFC 6578) where the server has it, else everything with versions,
//! asked for only if the calendar's tag is another one.

use almanac_contract::{
    ChangePage, Changed, ConnectorError, Coverage, DeltaToken, ErrorKind, Next, PageToken,
};
use almanac_davxml::{ResponseElement, ask_changes, ask_properties};

use crate::calls::{Ask, Calls, Got};
use crate::failure::{About, token_expired, unknown_report};
use crate::href::{Listed, Place};
use crate::limits::LISTING_BYTES_MAX;
use crate::wire;

const OPERATION: &str = "list changes";
const ROUTE: &str = "/{home}/{calendar}";

/// Where a listing ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// At this sync-token.
    Sync(String),
    /// When the calendar had this tag.
    Tag(String),
}

impl Cursor {
    /// As a token of this calendar: a token of another one would not tell what is missing here.
    pub(crate) fn write(&self, place: &Place) -> String {
        let (kind, text) = match self {
            Self::Sync(text) => ("sync", text),
            Self::Tag(text) => ("tag", text),
        };
        format!("{kind} {} {text}", place.target().url().path())
    }

    /// `None`: it is none of this calendar.
    pub(crate) fn read(token: &str, place: &Place) -> Option<Self> {
        let (kind, rest) = token.split_once(' ')?;
        let text = rest.strip_prefix(place.target().url().path())?.strip_prefix(' ')?.to_owned();
        match kind {
            "sync" => Some(Self::Sync(text)),
            "tag" => Some(Self::Tag(text)),
            _ => None,
        }
    }
}

/// A page, and whether the server tells changes.
pub(crate) struct Page {
    pub(crate) page: ChangePage,
    pub(crate) deltas: bool,
}

/// The next page of what changed.
pub(crate) async fn changes(
    calls: &Calls,
    place: &Place,
    since: Option<&DeltaToken>,
    page: Option<&PageToken>,
) -> Result<Page, ConnectorError> {
    let expired = || ConnectorError::new(ErrorKind::DeltaExpired, OPERATION);
    let read = |token: &str| Cursor::read(token, place).ok_or_else(expired);
    let since = since.map(|token| read(&token.0)).transpose()?;
    let page = page.map(|token| read(&token.0)).transpose()?;
    let coverage = if since.is_some() { Coverage::Changes } else { Coverage::Everything };
    match page.or(since) {
        Some(Cursor::Tag(tag)) => tagged(calls, place, Some(tag)).await,
        Some(Cursor::Sync(token)) => {
            let got = sync(calls, place, Some(&token)).await?;
            if got.status.as_u16() == 207 {
                return synced(&got, place, Some(&token), coverage);
            }
            if token_expired(&got) {
                Err(expired())
            } else {
                Err(calls.failed(&got, About::Calendar, OPERATION))
            }
        }
        None => {
            let got = sync(calls, place, None).await?;
            match got.status.as_u16() {
                207 => synced(&got, place, None, coverage),
                // What else the server has against us, it says again.
                _ if unknown_report(&got) => tagged(calls, place, None).await,
                _ => Err(calls.failed(&got, About::Calendar, OPERATION)),
            }
        }
    }
}

async fn sync(calls: &Calls, place: &Place, token: Option<&str>) -> Result<Got, ConnectorError> {
    let ask = Ask::new("REPORT", place.target().clone(), ROUTE, About::Calendar, OPERATION);
    calls.ask(ask.xml(0, ask_changes(token, wire::OF_MEMBERS)).taking(LISTING_BYTES_MAX)).await
}

fn malformed() -> ConnectorError {
    ConnectorError::new(ErrorKind::Malformed, OPERATION)
}

/// The answer to a sync-collection.
fn synced(got: &Got, place: &Place, sent: Option<&str>, coverage: Coverage) -> Result<Page, ConnectorError> {
    let reply = wire::read(&got.body).map_err(|error| malformed().because(error))?;
    let token = reply.sync_token.filter(|token| !token.is_empty()).ok_or_else(malformed)?;
    let (mut changes, mut truncated) = (Vec::new(), false);
    for response in &reply.responses {
        for href in &response.hrefs {
            match (place.listed(href.expose()), response.status) {
                // RFC 6578 section 3.6: the rest is asked for with the token of this answer.
                (Listed::Itself, Some(507)) => truncated = true,
                (Listed::Member(id), Some(404 | 410)) => changes.push(Changed::Gone(id)),
                (Listed::Member(id), _) => changes.extend(member(id, response)),
                (Listed::Itself | Listed::Other, _) => {}
            }
        }
    }
    let text = Cursor::Sync(token.clone()).write(place);
    let next = match truncated {
        // It would never end.
        true if sent == Some(token.as_str()) => return Err(malformed()),
        true => Next::Page(PageToken(text)),
        false => Next::Done(DeltaToken(text)),
    };
    Ok(Page { page: ChangePage { changes, coverage, next }, deltas: true })
}

/// The line of a member that is there, if it is an object.
fn member(id: almanac_contract::RemoteId, response: &ResponseElement) -> Option<Changed> {
    (wire::kind(response) == wire::Type::Plain).then(|| Changed::Touched(id, wire::version(response)))
}

/// Everything, if the calendar does not have this tag any more.
async fn tagged(calls: &Calls, place: &Place, known: Option<String>) -> Result<Page, ConnectorError> {
    let ask = |route| Ask::new("PROPFIND", place.target().clone(), route, About::Calendar, OPERATION);
    // The tag first: what changes while we list is listed again.
    let got = calls.ask_many(ask(ROUTE).xml(0, ask_properties(wire::OF_CALENDAR))).await?;
    let reply = wire::read(&got.body).map_err(|error| malformed().because(error))?;
    let tag = reply.responses.first().and_then(wire::collection_tag).unwrap_or_default();
    let done = |changes, coverage| {
        let next = Next::Done(DeltaToken(Cursor::Tag(tag.clone()).write(place)));
        Page { page: ChangePage { changes, coverage, next }, deltas: false }
    };
    if !tag.is_empty() && known.as_ref() == Some(&tag) {
        return Ok(done(Vec::new(), Coverage::Changes));
    }
    let ask = ask("/{home}/{calendar}/*").xml(1, ask_properties(wire::OF_MEMBERS)).taking(LISTING_BYTES_MAX);
    let got = calls.ask_many(ask).await?;
    let reply = wire::read(&got.body).map_err(|error| malformed().because(error))?;
    let mut changes = Vec::new();
    for response in &reply.responses {
        for href in &response.hrefs {
            match (place.listed(href.expose()), response.status) {
                // A listing that was cut short is no listing of everything.
                (Listed::Itself, Some(507)) => return Err(malformed()),
                (Listed::Member(_), Some(404 | 410)) | (Listed::Itself | Listed::Other, _) => {}
                (Listed::Member(id), _) => changes.extend(member(id, response)),
            }
        }
    }
    Ok(done(changes, Coverage::Everything))
}

#[cfg(test)]
mod tests {
    use almanac_egress::Target;

    use super::*;

    #[test]
    fn pitfall_8_a_token_is_one_of_its_calendar_only() {
        let place = |path: &str| Place::new(Target::parse(&format!("https://a.test{path}")).unwrap());
        for cursor in [Cursor::Sync("https://a.test/t?1 2".into()), Cursor::Tag("\"9\"".into())] {
            let token = cursor.write(&place("/1/work/"));
            assert_eq!(Cursor::read(&token, &place("/1/work/")), Some(cursor));
            assert_eq!(Cursor::read(&token, &place("/1/home/")), None);
        }
        for token in ["", "sync", "sync /1/work/", "other /1/work/ x", "sync /1/work/x y"] {
            assert_eq!(Cursor::read(token, &place("/1/work/")), None, "{token}");
        }
    }
}
