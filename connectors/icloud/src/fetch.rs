//! How objects are now: many in one request, and one by one what that leaves open.

use std::collections::BTreeMap;

use almanac_contract::{Changed, ConnectorError, ErrorKind, Reason, RemoteId, RemoteVersion};
use almanac_davxml::{ask_objects, ask_properties};
use almanac_ical::CalendarObject;

use crate::calls::{Ask, Calls, Got};
use crate::failure::{About, unknown_report};
use crate::href::{Listed, Place, same};
use crate::limits::{OBJECT_BYTES_MAX, OBJECTS_BYTES_MAX, OBJECTS_PER_REQUEST_MAX};
use crate::map::{self, Who};
use crate::wire;

const OPERATION: &str = "read objects";
const ROUTE: &str = "/{home}/{calendar}/{object}";

/// An object as it was read, octet by octet.
pub(crate) struct Current {
    pub(crate) version: RemoteVersion,
    pub(crate) octets: Vec<u8>,
}

/// How these objects are: one line for each.
pub(crate) async fn fetch(
    calls: &Calls,
    place: &Place,
    ids: &[RemoteId],
    who: Who<'_>,
) -> Result<Vec<Changed>, ConnectorError> {
    let mut lines: BTreeMap<&RemoteId, Changed> = BTreeMap::new();
    for chunk in ids.chunks(OBJECTS_PER_REQUEST_MAX) {
        for (at, line) in together(calls, place, chunk, who).await? {
            lines.insert(at, line);
        }
        // An object without an answer is asked for by itself: that it was left out does not say that it is gone.
        let mut gone = false;
        for id in chunk {
            if !lines.contains_key(id) {
                let line = alone(calls, place, id, who).await?;
                gone |= matches!(line, Changed::Gone(_));
                lines.insert(id, line);
            }
        }
        if gone {
            exists(calls, place).await?;
        }
    }
    Ok(lines.into_values().collect())
}

/// Where a whole calendar is gone, so are its objects; that is not to be taken for their deletion.
async fn exists(calls: &Calls, place: &Place) -> Result<(), ConnectorError> {
    let ask = Ask::new("PROPFIND", place.target().clone(), "/{home}/{calendar}", About::Calendar, OPERATION);
    calls.ask_many(ask.xml(0, ask_properties(wire::OF_CALENDAR))).await.map(drop)
}

/// Those of the objects that one request tells of.
async fn together<'a>(
    calls: &Calls,
    place: &Place,
    ids: &'a [RemoteId],
    who: Who<'_>,
) -> Result<Vec<(&'a RemoteId, Changed)>, ConnectorError> {
    let none = Vec::new();
    // What lies on another host, this calendar cannot be asked for.
    let here: Vec<&RemoteId> = ids.iter().filter(|id| id.0.starts_with('/')).collect();
    if here.is_empty() {
        return Ok(none);
    }
    let body = ask_objects(here.iter().map(|id| id.0.as_str()), wire::OF_OBJECTS);
    let ask = Ask::new("REPORT", place.target().clone(), "/{home}/{calendar}", About::Calendar, OPERATION);
    let got = match calls.ask(ask.xml(1, body).taking(OBJECTS_BYTES_MAX)).await {
        Ok(got) if got.status.as_u16() == 207 => got,
        Ok(got) if unknown_report(&got) => return Ok(none),
        Ok(got) => return Err(calls.failed(&got, About::Calendar, OPERATION)),
        // Too large together.
        Err(error) if error.kind == ErrorKind::Malformed => return Ok(none),
        Err(error) => return Err(error),
    };
    // One object that is no text spoils the answer for all; by themselves the others can be read.
    let Ok(reply) = wire::read(&got.body) else { return Ok(none) };
    let mut lines = Vec::new();
    for response in &reply.responses {
        for href in &response.hrefs {
            let Listed::Member(listed) = place.listed(href.expose()) else { continue };
            let Some(id) = asked(&here, &listed) else { continue };
            match (response.status, wire::version(response), wire::data(response)) {
                (Some(404 | 410), ..) => lines.push((id, Changed::Gone(id.clone()))),
                (_, Some(version), Some(data)) => {
                    lines.push((id, map::object(id.clone(), version, data.as_bytes(), who)));
                }
                _ => {}
            }
        }
    }
    Ok(lines)
}

/// The id that was asked for with this href, however it is spelt in the answer.
fn asked<'a>(ids: &[&'a RemoteId], listed: &RemoteId) -> Option<&'a RemoteId> {
    let exact = ids.iter().find(|id| ***id == *listed);
    exact.or_else(|| ids.iter().find(|id| same(&id.0, &listed.0))).copied()
}

/// One object, by itself.
async fn alone(calls: &Calls, place: &Place, id: &RemoteId, who: Who<'_>) -> Result<Changed, ConnectorError> {
    match get(calls, place, id, OPERATION).await {
        Ok(Some(current)) => Ok(map::object(id.clone(), current.version, &current.octets, who)),
        Ok(None) => Ok(Changed::Gone(id.clone())),
        Err(error) if error.kind == ErrorKind::Malformed => {
            let reason = "the server gives it without an entity tag, larger than can be kept, or not where it is listed";
            Ok(Changed::Unreadable(id.clone(), Reason(reason)))
        }
        Err(error) => Err(error),
    }
}

/// The octets of an object; `None`: it is gone.
pub(crate) async fn get(
    calls: &Calls,
    place: &Place,
    id: &RemoteId,
    operation: &'static str,
) -> Result<Option<Current>, ConnectorError> {
    let malformed = || ConnectorError::new(ErrorKind::Malformed, operation);
    let target = place.member(id).map_err(|refusal| malformed().because(refusal))?;
    let ask = Ask::new("GET", target, ROUTE, About::Object, operation).with("accept", "text/calendar");
    let got: Got = calls.ask(ask.taking(OBJECT_BYTES_MAX)).await?;
    match got.status.as_u16() {
        200 => {
            let version = got.header("etag").map(wire::version_of).ok_or_else(malformed)?;
            Ok(Some(Current { version, octets: got.body.to_vec() }))
        }
        404 | 410 => Ok(None),
        _ => Err(calls.failed(&got, About::Object, operation)),
    }
}

impl Current {
    /// The object, if it is one.
    pub(crate) fn object(&self) -> Option<CalendarObject> {
        CalendarObject::parse(&self.octets, &almanac_ical::Limits::default()).ok()
    }
}
