//! GET and HEAD: an object as it was sent, a calendar as one iCalendar stream (RFC 4791 section 5.3.4 and
//! appendix), a line of text for the rest.

use std::sync::Arc;

use almanac_backend::{
    Caller, Collection, CollectionKind, CollectionPath, ETag, ObjectName, Select, StoredObject,
};
use almanac_ical::merge::Merger;
use almanac_ical::{CalendarObject, Limits, tree};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::batch::batch;
use crate::calendar_data::{StandardZones, is_standard_zone};
use crate::conditions::{Fresh, fresh};
use crate::error::Reply;
use crate::limits::{PAGE_ENTRIES, PIECE_BYTES};
use crate::props::{TEXT_CALENDAR, quoted};
use crate::request::Request;
use crate::resource::{Loaded, load, require_read};
use crate::response::{self, Pieces};
use crate::service::Context;
use crate::stream::started;
use crate::{Body, BoxError};

/// Answers GET; HEAD is the same, and the service leaves the body out.
pub(crate) async fn run(cx: &Arc<Context>, request: Request) -> Reply {
    match load(cx, &request.caller, &request.target).await? {
        Loaded::Object(_, _, found) => {
            let (_, object) = *found;
            let fresh = fresh(cx, &request, &object.etag, Some(object.modified)).await?;
            Ok(match fresh {
                Fresh::NotModified => not_modified(&object.etag, Some(object.modified)),
                Fresh::Send if request.zones() == StandardZones::LeaveOut => without_zones(object),
                Fresh::Send => representation(&object),
            })
        }
        Loaded::Collection(at, collection) if collection.kind == CollectionKind::Calendar => {
            require_read(&at, &collection)?;
            // A change while the calendar is written out gives the collection another tag: whoever compares
            // this one later is sent the calendar anew.
            let etag = ETag::from_opaque(&collection.tag);
            if fresh(cx, &request, &etag, None).await? == Fresh::NotModified {
                return Ok(not_modified(&etag, None));
            }
            whole_calendar(cx, request, at, &collection, &etag).await
        }
        _ => Ok(response::text(
            StatusCode::OK,
            "This is a CalDAV server. Give its address to a calendar program.",
        )),
    }
}

/// 200 with an object: ETag and octets of one record.
pub(crate) fn representation(object: &StoredObject) -> Response<Body> {
    let mut response = response::with_body(StatusCode::OK, None, response::full(object.body.clone()));
    let headers = response.headers_mut();
    let content_type = format!("{TEXT_CALENDAR}; component={}", object.kind.as_str());
    response::set(headers, header::CONTENT_TYPE, &content_type);
    as_attachment(headers);
    validators(headers, &object.etag, Some(object.modified));
    headers.insert(header::VARY, HeaderValue::from_static("CalDAV-Timezones"));
    response
}

/// The object without the definitions of time zones that everybody knows (RFC 7809 section 7.1).
fn without_zones(mut object: StoredObject) -> Response<Body> {
    if let Ok(mut calendar) = tree::read(&object.body, &Limits::STORED) {
        calendar.retain_components(|component| !is_standard_zone(component));
        object.body = calendar.to_text().into();
    }
    let mut response = representation(&object);
    // Not the octets that the strong tag is of.
    response::set(response.headers_mut(), header::ETAG, &format!("W/{}", quoted(&object.etag)));
    response
}

fn not_modified(etag: &ETag, modified: Option<Timestamp>) -> Response<Body> {
    let mut response = response::empty(StatusCode::NOT_MODIFIED);
    validators(response.headers_mut(), etag, modified);
    response
}

fn validators(headers: &mut HeaderMap, etag: &ETag, modified: Option<Timestamp>) {
    response::set(headers, header::ETAG, &quoted(etag));
    if let Some(date) = modified.and_then(|at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()) {
        response::set(headers, header::LAST_MODIFIED, &date);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
}

/// A browser is to save what somebody else put into a calendar, not to show it.
fn as_attachment(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
}

async fn whole_calendar(
    cx: &Arc<Context>,
    request: Request,
    at: CollectionPath,
    collection: &Collection,
    etag: &ETag,
) -> Reply {
    let head = request.method == Method::HEAD;
    let name = collection.display_name.clone();
    let (cx, caller) = (Arc::clone(cx), request.caller);
    let body =
        response::streamed(
            move |pieces| async move { write_calendar(&cx, &caller, &at, name, &pieces).await },
        );
    let body = if head { body } else { started(body).await? };
    let mut response = response::with_body(StatusCode::OK, Some(TEXT_CALENDAR), body);
    as_attachment(response.headers_mut());
    validators(response.headers_mut(), etag, None);
    Ok(response)
}

/// Writes all members as one VCALENDAR. What is held in memory is a page of names and a batch of bodies.
async fn write_calendar(
    cx: &Context,
    caller: &Caller,
    at: &CollectionPath,
    name: Option<String>,
    pieces: &Pieces,
) -> Result<(), BoxError> {
    let mut merger = Merger::new();
    let mut out = String::new();
    merger.open(name.as_deref(), &mut out);
    let mut after: Option<ObjectName> = None;
    loop {
        let page = cx.backend.list(caller, at, &Select::default(), after.as_ref(), PAGE_ENTRIES).await?;
        let mut rest = page.entries.as_slice();
        while !rest.is_empty() {
            let (first, others) = batch(rest);
            let names: Vec<ObjectName> = first.iter().map(|entry| entry.name.clone()).collect();
            // A member that is gone meanwhile is not missed.
            for object in cx.backend.objects(caller, at, &names).await?.into_iter().flatten() {
                let stored = CalendarObject::parse_stored(&object.body)?;
                merger.push(stored.calendar(), &mut out);
                if out.len() >= PIECE_BYTES {
                    pieces.send(std::mem::take(&mut out)).await?;
                }
            }
            rest = others;
        }
        after = page.entries.last().map(|entry| entry.name.clone());
        if !page.more || after.is_none() {
            break;
        }
    }
    merger.close(&mut out);
    pieces.send(out).await
}
