//! PUT: stores a calendar object resource as sent (RFC 4791 section 5.3.2).

use std::sync::Arc;

use almanac_backend::{ObjectPath, PutOutcome};
use almanac_ical::CalendarObject;
use http::{HeaderMap, Response, StatusCode, header};

use crate::conditions::guard;
use crate::error::{Failure, Reply, Violation};
use crate::get::representation;
use crate::header::{media_type, preference_applied};
use crate::props::quoted;
use crate::request::Request;
use crate::service::Context;
use crate::target::{Target, object_href};
use crate::{Body, Settings, response};

/// Answers PUT.
pub(crate) async fn run(cx: &Arc<Context>, request: Request) -> Reply {
    let Target::Object(at) = &request.target else { return Err(Failure::NotFound) };
    let object = calendar_object(&cx.settings, &request)?;
    let guard = guard(cx, &request).await?;
    let outcome = match cx.backend.put_object(&request.caller, at, &object, &guard).await {
        Ok(outcome) => outcome,
        Err(error) => return Err(refused(cx, &request, at, error.into()).await),
    };
    let mut response = written(&outcome);
    if request.prefer().representation() {
        prefer_representation(cx, &request, at, &mut response).await?;
    }
    Ok(response)
}

/// The body of a PUT or POST as a calendar object, or the precondition that it violates.
pub(crate) fn calendar_object(settings: &Settings, request: &Request) -> Result<CalendarObject, Failure> {
    // A part is not the whole: storing it would lose the rest (RFC 9110 section 14.5).
    if request.headers.contains_key(header::CONTENT_RANGE) {
        return Err(Failure::BadRequest("an object is sent whole, without Content-Range"));
    }
    if !is_calendar(&request.headers) {
        return Err(Violation::SupportedCalendarData.into());
    }
    Ok(CalendarObject::parse(&request.body, &settings.ical)?)
}

/// Whether the headers let the body be iCalendar 2.0 in UTF-8. Clients without a notion of media types send
/// none or `application/octet-stream` (cadaver 0.26, curl); the parser judges those.
fn is_calendar(headers: &HeaderMap) -> bool {
    let Some(media) = media_type(headers) else { return true };
    let essence = matches!(media.essence.as_str(), "text/calendar" | "application/octet-stream");
    let charset =
        media.charset.is_none_or(|charset| matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii"));
    essence && charset && media.version.is_none_or(|version| version == "2.0")
}

/// 201 or 204, with the ETag of what is there now if it is what was sent.
pub(crate) fn written(outcome: &PutOutcome) -> Response<Body> {
    let (status, etag) = match outcome {
        PutOutcome::Created(etag) => (StatusCode::CREATED, etag),
        PutOutcome::Replaced(etag) => (StatusCode::NO_CONTENT, etag),
    };
    let mut response = response::empty(status);
    if let Some(etag) = etag {
        response::set(response.headers_mut(), header::ETAG, &quoted(etag));
    }
    response
}

/// Puts what is stored now into the answer to a write (RFC 7240 section 4.2, `return=representation`).
pub(crate) async fn prefer_representation(
    cx: &Context,
    request: &Request,
    at: &ObjectPath,
    response: &mut Response<Body>,
) -> Result<(), Failure> {
    let Some(current) = current(cx, request, at).await? else { return Ok(()) };
    let status = if response.status() == StatusCode::CREATED { StatusCode::CREATED } else { StatusCode::OK };
    *response = current;
    *response.status_mut() = status;
    Ok(())
}

/// A client that lost a race, and prefers it, is told what won (RFC 8144 section 3.2).
async fn refused(cx: &Context, request: &Request, at: &ObjectPath, failure: Failure) -> Failure {
    match failure {
        // The home or the collection is absent: so is the parent of the object.
        Failure::NotFound => Failure::ParentMissing,
        Failure::PreconditionFailed if request.prefer().representation() => {
            match current(cx, request, at).await {
                Ok(Some(current)) => Failure::PreconditionFailedWith(Box::new(current)),
                _ => Failure::PreconditionFailed,
            }
        }
        failure if failure.is_missing_privilege() => {
            // A new member needs another privilege than a new content (RFC 3744 appendix B). Whether the object is
            // there is told to who may read it only.
            let exists = matches!(cx.backend.object(&request.caller, at).await, Ok(Some(_)));
            failure.needing(&at.collection, if exists { "write-content" } else { "bind" })
        }
        other => other,
    }
}

async fn current(
    cx: &Context,
    request: &Request,
    at: &ObjectPath,
) -> Result<Option<Response<Body>>, Failure> {
    let Some(object) = cx.backend.object(&request.caller, at).await? else { return Ok(None) };
    let mut response = representation(&object, request.zones());
    response::set(response.headers_mut(), header::CONTENT_LOCATION, &object_href(at));
    preference_applied(response.headers_mut(), "return=representation");
    Ok(Some(response))
}
