//! OPTIONS, and which methods each kind of resource takes.

use http::{HeaderValue, Method, Response, StatusCode, header};

use crate::error::Failure;
use crate::props::On;
use crate::target::Target;
use crate::{Body, response};

/// RFC 4918 section 10.1. Absent on purpose: `calendar-auto-schedule`, since nothing is delivered to attendees; and
/// `calendar-no-timezone`, although all else that RFC 7809 asks of a server is done, because "a CalDAV server
/// supporting this specification MUST have one or more associated time zone distribution services" (section
/// 3.1.2). There is none, and the field would tell clients to leave out and to stop asking for definitions that
/// they are then to fetch from it (section 4).
const DAV: HeaderValue = HeaderValue::from_static("1, 3, access-control, calendar-access, extended-mkcol");

const ALLOW_FIXED: &str = "OPTIONS, GET, HEAD, PROPFIND, PROPPATCH, REPORT";
const ALLOW_COLLECTION: &str =
    "OPTIONS, GET, HEAD, POST, DELETE, COPY, MOVE, MKCOL, MKCALENDAR, PROPFIND, PROPPATCH, REPORT";
const ALLOW_OBJECT: &str = "OPTIONS, GET, HEAD, PUT, DELETE, COPY, MOVE, PROPFIND, PROPPATCH, REPORT";

/// The methods that `target` takes, as an `Allow` header.
pub(crate) fn allow(target: &Target) -> &'static str {
    match target {
        Target::Collection(_) => allow_on(On::COLLECTION),
        Target::Object(_) => allow_on(On::OBJECT),
        _ => allow_on(On::ROOT),
    }
}

/// The methods that a resource of this kind takes, as an `Allow` header.
pub(crate) fn allow_on(kind: On) -> &'static str {
    if kind.meets(On::COLLECTION) {
        ALLOW_COLLECTION
    } else if kind.meets(On::OBJECT) {
        ALLOW_OBJECT
    } else {
        ALLOW_FIXED
    }
}

/// Answers OPTIONS.
pub(crate) fn run(target: &Target) -> Response<Body> {
    let mut response = response::empty(StatusCode::OK);
    response.headers_mut().insert("dav", DAV);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow(target)));
    response
}

/// Refuses what need not be looked at further: a method that the resource does not take, a path that leads
/// nowhere.
pub(crate) fn check(method: &Method, target: &Target) -> Result<(), Failure> {
    let makes_collection = matches!(method.as_str(), "MKCOL" | "MKCALENDAR");
    match target {
        Target::BelowObject if makes_collection || method == Method::PUT => Err(Failure::ParentMissing),
        // `mkcol.rs` says why no collection can be made there.
        _ if makes_collection => Ok(()),
        Target::BelowObject | Target::Nowhere => Err(Failure::NotFound),
        _ if allow(target).split(", ").any(|allowed| allowed == method.as_str()) => Ok(()),
        _ => Err(Failure::MethodNotAllowed(allow(target))),
    }
}

/// The name of the method for logs; what a client made up is not repeated.
pub(crate) fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 15] = [
        "OPTIONS",
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "DELETE",
        "COPY",
        "MOVE",
        "MKCOL",
        "MKCALENDAR",
        "PROPFIND",
        "PROPPATCH",
        "REPORT",
        "LOCK",
        "UNLOCK",
    ];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}
