//! COPY and MOVE (RFC 4918 sections 9.8 and 9.9) of objects and of collections.

use std::sync::Arc;

use almanac_backend::types::CopyMembers;
use almanac_backend::{Access, CollectionPath, ObjectPath, PutOutcome};

use crate::conditions::guard;
use crate::delete::check_collection;
use crate::error::{Failure, Reply, Violation};
use crate::header::Depth;
use crate::put::written;
use crate::request::Request;
use crate::resource;
use crate::service::Context;
use crate::target::Target;

/// Which of the two methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Copy,
    Move,
}

/// Answers COPY and MOVE. The precondition headers are of the source; those of an object are decided by the commit,
/// those of a collection before it, by its present state (`check_collection`). Whether something is at the
/// destination (`Overwrite`) is decided by the commit.
pub(crate) async fn run(cx: &Arc<Context>, request: Request, act: Act) -> Reply {
    let destination = request.destination()?;
    if destination == request.target {
        return Err(Failure::Forbidden("source and destination are the same"));
    }
    if std::mem::discriminant(&request.target) != std::mem::discriminant(&destination) {
        resource::load(cx, &request.caller, &request.target).await?; // what is missing is 404, wherever it was to go
    }
    let outcome = match (&request.target, &destination) {
        (Target::Object(from), Target::Object(to)) => object(cx, &request, act, from, to).await?,
        (Target::Collection(from), Target::Collection(to)) => collection(cx, &request, act, from, to).await?,
        (_, Target::BelowObject) => return Err(Failure::ParentMissing),
        // A calendar in a calendar (RFC 4791 section 4.2), or a collection where none can be made.
        (Target::Collection(_), _) => return Err(Violation::CalendarCollectionLocationOk.into()),
        _ => return Err(Failure::Forbidden("an object lives in a calendar collection only")),
    };
    Ok(written(&outcome))
}

async fn object(
    cx: &Context,
    request: &Request,
    act: Act,
    from: &ObjectPath,
    to: &ObjectPath,
) -> Result<PutOutcome, Failure> {
    let overwrite = request.overwrite()?;
    let guard = guard(cx, request).await?;
    let outcome = match act {
        Act::Copy => cx.backend.copy_object(&request.caller, from, to, &guard, overwrite).await,
        Act::Move => cx.backend.move_object(&request.caller, from, to, &guard, overwrite).await,
    };
    match outcome {
        Ok(outcome) => Ok(outcome),
        Err(error) => Err(object_refused(cx, request, act, from, to, error.into()).await),
    }
}

async fn collection(
    cx: &Context,
    request: &Request,
    act: Act,
    from: &CollectionPath,
    to: &CollectionPath,
) -> Result<PutOutcome, Failure> {
    let overwrite = request.overwrite()?;
    let members = match (act, request.depth()?) {
        (_, None | Some(Depth::Infinity)) => CopyMembers::All,
        (Act::Copy, Some(Depth::Zero)) => CopyMembers::None,
        _ => return Err(Failure::BadRequest("the Depth header does not fit the method")),
    };
    check_collection(cx, request, from).await?;
    let outcome = match act {
        Act::Copy => cx.backend.copy_collection(&request.caller, from, to, members, overwrite).await,
        Act::Move => cx.backend.rename_collection(&request.caller, from, to, overwrite).await,
    };
    match outcome {
        Ok(outcome) => Ok(outcome),
        Err(error) => Err(collection_refused(cx, request, act, from, to, error.into()).await),
    }
}

/// The failure with the privilege that is missing: that at the source, else that at the destination (RFC 3744
/// appendix B).
async fn object_refused(
    cx: &Context,
    request: &Request,
    act: Act,
    from: &ObjectPath,
    to: &ObjectPath,
    failure: Failure,
) -> Failure {
    if !failure.is_missing_privilege() {
        return failure;
    }
    match (act, access_to(cx, request, &from.collection).await) {
        (Act::Copy, Some(access)) if access < Access::Read => failure.needing(&from.collection, "read"),
        (Act::Move, Some(access)) if access < Access::ReadWrite => {
            failure.needing(&from.collection, "unbind")
        }
        // To copy over what is there gives it new content; to move there takes it away first.
        (Act::Copy, _) if matches!(cx.backend.object(&request.caller, to).await, Ok(Some(_))) => {
            failure.needing(&to.collection, "write-content")
        }
        _ => failure.needing(&to.collection, "bind"),
    }
}

/// As `object_refused`. A sharee may give a share another name in their own home, and in no other.
async fn collection_refused(
    cx: &Context,
    request: &Request,
    act: Act,
    from: &CollectionPath,
    to: &CollectionPath,
    failure: Failure,
) -> Failure {
    if !failure.is_missing_privilege() {
        return failure;
    }
    match act {
        Act::Copy if access_to(cx, request, from).await.is_some_and(|access| access < Access::Read) => {
            failure.needing(from, "read")
        }
        Act::Move if from.home != request.caller.login => failure.needing(from, "unbind"),
        _ => failure.needing(to, "bind"),
    }
}

/// `None` if the collection is not one that the caller may know of.
async fn access_to(cx: &Context, request: &Request, at: &CollectionPath) -> Option<Access> {
    cx.backend.collection(&request.caller, at).await.ok().flatten().map(|collection| collection.access)
}
