//! POST to a collection: adds a member under a name that the server picks (RFC 5995).

use std::sync::Arc;

use almanac_backend::{CollectionPath, Condition, ObjectName, ObjectPath, WriteGuard};
use almanac_base::IdGen;
use http::header;

use crate::delete::check_collection;
use crate::error::{Failure, Reply};
use crate::put::{calendar_object, prefer_representation, written};
use crate::request::Request;
use crate::response;
use crate::service::Context;
use crate::target::{Target, collection_href, object_href};

/// The add-member URI of a collection. It is the collection's own, as RFC 5995 section 3.1 allows.
pub(crate) fn add_member_href(at: &CollectionPath) -> String {
    collection_href(at)
}

/// Answers POST. Precondition headers are of the collection, which is the target, and are decided before the
/// commit; the name is new in any case.
pub(crate) async fn run(cx: &Arc<Context>, request: Request) -> Reply {
    let Target::Collection(collection) = &request.target else { return Err(Failure::NotFound) };
    let object = calendar_object(&cx.settings, &request)?;
    match check_collection(cx, &request, collection).await {
        // What would fail without the headers too is told as it is (RFC 9110 section 13.2.1).
        Err(Failure::PreconditionFailed)
            if cx.backend.collection(&request.caller, collection).await?.is_none() =>
        {
            return Err(Failure::NotFound);
        }
        checked => checked?,
    }
    let fresh = u128::from_be_bytes(IdGen::new(Arc::clone(&cx.clock)).fresh());
    let name = ObjectName::new(&format!("{fresh:032x}.ics")).map_err(|_| Failure::NotFound)?;
    let at = ObjectPath { collection: collection.clone(), name };
    let guard = WriteGuard::one(Condition::Absent);
    let outcome = cx.backend.put_object(&request.caller, &at, &object, &guard).await.map_err(|error| {
        match Failure::from(error) {
            // The collection is the target here, not the parent of the target.
            Failure::ParentMissing => Failure::NotFound,
            other => other.needing(collection, "bind"),
        }
    })?;
    let mut response = written(&outcome);
    if request.prefer().representation() {
        prefer_representation(cx, &request, &at, &mut response).await?;
    }
    response::set(response.headers_mut(), header::LOCATION, &object_href(&at));
    Ok(response)
}
