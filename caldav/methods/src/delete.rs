//! DELETE of an object or of a collection with all its members (RFC 4918 section 9.6).

use std::sync::Arc;

use almanac_backend::{CollectionPath, ETag};
use http::StatusCode;

use crate::conditions::guard;
use crate::error::{Failure, Reply};
use crate::header::Depth;
use crate::request::Request;
use crate::response;
use crate::service::Context;
use crate::target::Target;

/// Answers DELETE.
pub(crate) async fn run(cx: &Arc<Context>, request: Request) -> Reply {
    match &request.target {
        Target::Object(at) => {
            let guard = guard(cx, &request).await?;
            let deleted = cx.backend.delete_object(&request.caller, at, &guard).await;
            deleted.map_err(|error| Failure::from(error).needing(&at.collection, "unbind"))?;
        }
        Target::Collection(at) => {
            // "A client MUST NOT submit a Depth header with a DELETE on a collection with any value but infinity."
            if !matches!(request.depth()?, None | Some(Depth::Infinity)) {
                return Err(Failure::BadRequest("a collection is deleted with Depth: infinity only"));
            }
            let guard = guard(cx, &request).await?;
            let deleted = cx.backend.delete_collection(&request.caller, at, &guard).await;
            deleted.map_err(|error| Failure::from(error).needing(at, "unbind"))?;
        }
        _ => return Err(Failure::NotFound),
    }
    Ok(response::empty(StatusCode::NO_CONTENT))
}

/// Judges the precondition headers of MKCOL, MKCALENDAR and POST, and of COPY and MOVE of a collection, on the
/// collection at `at`, whose ETag is its tag. They are decided before the commit, by the present state: a change
/// between this and the commit is not noticed. (Those of a DELETE and a PROPPATCH are decided by the commit.)
pub(crate) async fn check_collection(
    cx: &Context,
    request: &Request,
    at: &CollectionPath,
) -> Result<(), Failure> {
    let guard = guard(cx, request).await?;
    if guard.conditions.is_empty() {
        return Ok(());
    }
    let found = cx.backend.collection(&request.caller, at).await?;
    let tag = found.map(|collection| ETag::from_opaque(&collection.tag));
    if guard.holds(tag.as_ref()) { Ok(()) } else { Err(Failure::PreconditionFailed) }
}
