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
        Err(error) => {
            let needs = Needs { act, to_move: Access::ReadWrite, from: &from.collection, to: &to.collection };
            Err(needs.told_in(cx, request, error.into()).await)
        }
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
        Err(error) => {
            let needs = Needs { act, to_move: Access::Owner, from, to };
            Err(needs.told_in(cx, request, error.into()).await)
        }
    }
}

/// What a COPY or MOVE needs (RFC 3744 appendix B).
struct Needs<'a> {
    act: Act,
    /// The least access to the source that a MOVE takes.
    to_move: Access,
    from: &'a CollectionPath,
    to: &'a CollectionPath,
}

impl Needs<'_> {
    /// The failure with the privilege that is missing: that at the source, else that at the destination.
    async fn told_in(&self, cx: &Context, request: &Request, failure: Failure) -> Failure {
        if !matches!(failure, Failure::Violated(Violation::NeedPrivileges(None))) {
            return failure;
        }
        let source = cx.backend.collection(&request.caller, self.from).await.ok().flatten();
        match source.map(|source| source.access) {
            Some(access) if access < Access::Read => failure.needing(self.from, "read"),
            Some(access) if self.act == Act::Move && access < self.to_move => {
                failure.needing(self.from, "unbind")
            }
            _ => failure.needing(self.to, "bind"),
        }
    }
}
