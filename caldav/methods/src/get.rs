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
use crate::conditions::{Fresh, fresh, require_if};
use crate::error::{Failure, Reply};
use crate::limits::{PAGE_ENTRIES, PIECE_BYTES};
use crate::props::{TEXT_CALENDAR, quoted};
use crate::request::Request;
use crate::resource::{Loaded, load, require_read};
use crate::response::{self, Pieces};
use crate::service::Context;
use crate::stream::started;
use crate::target::Target;
use crate::zones::{Definitions, StandardZones};
use crate::{Body, BoxError};

/// Answers GET; HEAD is the same, and the service leaves the body out.
pub(crate) async fn run(cx: &Arc<Context>, request: Request) -> Reply {
    if let Target::Object(at) = &request.target {
        // Without its collection, of which nothing is told.
        let object = cx.backend.object(&request.caller, at).await.map_err(Failure::from);
        let object =
            object.map_err(|failure| failure.needing(&at.collection, "read"))?.ok_or(Failure::NotFound)?;
        let fresh = fresh(cx, &request, &object.etag, Some(object.modified)).await?;
        let whole = representation(&object, request.zones());
        return Ok(if fresh == Fresh::NotModified { not_modified(&whole) } else { whole });
    }
    match load(cx, &request.caller, &request.target).await? {
        Loaded::Collection(at, collection) if collection.kind == CollectionKind::Calendar => {
            require_read(&at, &collection)?;
            // A change while the calendar is written out gives the collection another tag: whoever compares
            // this one later is sent the calendar anew.
            let etag = ETag::from_opaque(&collection.tag);
            let fresh = fresh(cx, &request, &etag, None).await?;
            let whole = whole_calendar(cx, request, at, &collection, &etag, fresh).await?;
            Ok(if fresh == Fresh::NotModified { not_modified(&whole) } else { whole })
        }
        _ => {
            require_if(cx, &request).await?;
            let sentence = "This is a CalDAV server. Give its address to a calendar program.";
            Ok(response::text(StatusCode::OK, sentence))
        }
    }
}

/// 200 with an object, its ETag and octets of one record, and with the definitions of time zones that the client
/// wants (RFC 7809 section 3.1.3). The ETag is the strong one in any case: "a strong entity tag on all calendar object
/// resources" (RFC 4791 section 5.3.4) is what a client edits by, and `Vary` tells a cache of the difference.
pub(crate) fn representation(object: &StoredObject, zones: StandardZones) -> Response<Body> {
    let mut definitions = Definitions::new(zones);
    let parsed = if definitions.as_stored() { None } else { Some(tree::read(&object.body, &Limits::STORED)) };
    let zoned = parsed.and_then(|calendar| definitions.changed(&calendar.ok()?));
    let octets = zoned.map_or_else(|| object.body.clone(), |calendar| calendar.to_text().into());
    let mut response = response::with_body(StatusCode::OK, None, response::full(octets));
    let headers = response.headers_mut();
    let content_type = format!("{TEXT_CALENDAR}; component={}", object.kind.as_str());
    response::set(headers, header::CONTENT_TYPE, &content_type);
    as_attachment(headers);
    validators(headers, &quoted(&object.etag), Some(object.modified));
    response
}

/// 304: of the headers of the whole answer those that RFC 9110 section 15.4.5 wants.
fn not_modified(whole: &Response<Body>) -> Response<Body> {
    let mut response = response::empty(StatusCode::NOT_MODIFIED);
    for name in [header::ETAG, header::LAST_MODIFIED, header::CACHE_CONTROL, header::VARY] {
        if let Some(value) = whole.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn validators(headers: &mut HeaderMap, etag: &str, modified: Option<Timestamp>) {
    response::set(headers, header::ETAG, etag);
    if let Some(date) = modified.and_then(|at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()) {
        response::set(headers, header::LAST_MODIFIED, &date);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("CalDAV-Timezones"));
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
    fresh: Fresh,
) -> Reply {
    let unread = request.method == Method::HEAD || fresh == Fresh::NotModified;
    let zones = request.zones();
    let export = Export { cx: Arc::clone(cx), caller: request.caller, at, zones };
    let name = collection.display_name.clone();
    let body = response::streamed(move |pieces| async move { export.write(name, &pieces).await });
    let body = if unread { body } else { started(body).await? };
    let mut response = response::with_body(StatusCode::OK, Some(TEXT_CALENDAR), body);
    as_attachment(response.headers_mut());
    let strength = if zones == StandardZones::AsStored { "" } else { "W/" };
    validators(response.headers_mut(), &format!("{strength}{}", quoted(etag)), None);
    Ok(response)
}

/// A calendar on its way out as one VCALENDAR.
struct Export {
    cx: Arc<Context>,
    caller: Caller,
    at: CollectionPath,
    zones: StandardZones,
}

impl Export {
    /// Writes all members. What is held in memory is a page of names and a batch of bodies.
    async fn write(&self, name: Option<String>, pieces: &Pieces) -> Result<(), BoxError> {
        let Self { cx, caller, at, zones } = self;
        let mut definitions = Definitions::shared(*zones);
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
                    let zoned = definitions.changed(stored.calendar());
                    merger.push(zoned.as_ref().unwrap_or(stored.calendar()), &mut out);
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
}
