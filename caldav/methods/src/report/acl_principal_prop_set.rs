//! acl-principal-prop-set (RFC 3744 section 9.2): who is named in the access control list of a resource.

use std::sync::Arc;

use almanac_backend::{Access, Login};
use almanac_davxml::{Name, PropRequest};

use super::principals;
use crate::error::{Missing, Reply, Violation};
use crate::props::{View, shares};
use crate::request::Request;
use crate::resource::Loaded;
use crate::service::Context;
use crate::target::Target;

/// Answers with the owner and those that the resource is shared with, each once.
///
/// # Errors
/// `need-privileges` without `DAV:read-acl`, which only the owner has.
pub(super) async fn run(cx: &Arc<Context>, request: &Request, found: &Loaded, props: &PropRequest) -> Reply {
    let resource = found.resource();
    let view = View::new(&request.caller, &cx.settings, resource);
    if view.access() != Access::Owner {
        return Err(Violation::NeedPrivileges(missing(&request.target)).into());
    }
    let mut named: Vec<&Login> = resource.owner().into_iter().collect();
    for share in shares(&view) {
        if !named.contains(&&share.login) {
            named.push(&share.login);
        }
    }
    let mut principals = Vec::with_capacity(named.len());
    for login in named {
        principals.extend(cx.backend.principal(&request.caller, login).await?);
    }
    principals::answer(cx, request, props, principals).await
}

fn missing(target: &Target) -> Option<Missing> {
    let collection = match target {
        Target::Collection(at) => at.clone(),
        Target::Object(at) => at.collection.clone(),
        _ => return None,
    };
    Some(Missing { collection, privilege: Name::dav("read-acl") })
}
