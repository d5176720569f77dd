//! PROPPATCH: all changes in document order, or none (RFC 4918 section 9.2).

use std::collections::BTreeSet;
use std::sync::Arc;

use almanac_backend::{Access, Collection, PropertyChange};
use almanac_davxml::{Multistatus, Name, PropPatchOp, PropStat, PropValue, Value, parse_proppatch};
use http::StatusCode;

use crate::conditions::guard;
use crate::error::{Failure, Reply, Violation};
use crate::header::preference_applied;
use crate::mkcol::{Verdict, propstats};
use crate::props::{PropRule, change_of, removal_of};
use crate::request::Request;
use crate::resource::{Loaded, load};
use crate::response;
use crate::service::Context;

/// Answers PROPPATCH. Collections have properties that a client sets, and objects such as are kept as sent. What is
/// wrong with a property is told in its propstat, what is wrong with the whole request by the status.
pub(crate) async fn run(cx: &Arc<Context>, request: Request) -> Reply {
    let body = request.xml(&cx.settings)?;
    let ops = parse_proppatch(body.as_ref())?;
    let loaded = load(cx, &request.caller, &request.target).await?;
    let mut changes = Vec::new();
    let mut verdicts = Vec::new();
    let mut refused = false;
    for op in &ops {
        let (name, rule) = match op {
            PropPatchOp::Set(element) => (&element.name, change_of(element)),
            PropPatchOp::Remove(name) => (name, removal_of(name)),
        };
        let verdict = match (rule, &loaded) {
            (PropRule::Change(steps), Loaded::Collection(_, collection))
                if may_change(collection, &steps) =>
            {
                changes.extend(steps);
                Verdict::Dependent
            }
            (PropRule::Invalid(failure), Loaded::Collection(..)) => Verdict::Refused(failure),
            // An object's live properties are the server's; what is kept as sent is kept here too.
            (PropRule::Change(steps), Loaded::Object(..)) if steps.iter().all(is_dead) => {
                changes.extend(steps);
                Verdict::Dependent
            }
            _ => Verdict::Refused(Violation::CannotModifyProtectedProperty.into()),
        };
        refused |= matches!(verdict, Verdict::Refused(_));
        verdicts.push((name.clone(), verdict));
    }
    if refused {
        return Ok(multistatus(&request, &propstats(&verdicts)));
    }
    let guard = guard(cx, &request).await?;
    let (at, changed) = match &loaded {
        Loaded::Collection(at, _) => {
            (at, cx.backend.change_properties(&request.caller, at, &changes, &guard).await)
        }
        Loaded::Object(at, ..) => {
            let changed = cx.backend.change_object_properties(&request.caller, at, &changes, &guard).await;
            (&at.collection, changed)
        }
        // Everything was refused above, or nothing was asked for.
        _ => return Ok(multistatus(&request, &[done(&verdicts)])),
    };
    match changed.map_err(Failure::from) {
        // "507: the server did not have sufficient space to record the property" (RFC 4918 section 9.2.1)
        Err(Failure::Violated(full @ Violation::QuotaNotExceeded)) => {
            for (_, verdict) in &mut verdicts {
                *verdict = Verdict::Refused(full.clone().into());
            }
            return Ok(multistatus(&request, &propstats(&verdicts)));
        }
        changed => changed.map_err(|failure| failure.needing(at, "write-properties"))?,
    }
    if request.prefer().minimal() {
        let mut response = response::empty(StatusCode::OK);
        preference_applied(response.headers_mut(), "return=minimal");
        return Ok(response);
    }
    Ok(multistatus(&request, &[done(&verdicts)]))
}

/// On a share the display name and what is kept as sent are the sharee's own, whatever the share lets them see; the
/// rest is the owner's.
fn may_change(collection: &Collection, steps: &[PropertyChange]) -> bool {
    let is_own = |step: &PropertyChange| is_dead(step) || matches!(step, PropertyChange::DisplayName(_));
    collection.access == Access::Owner || steps.iter().all(is_own)
}

fn is_dead(change: &PropertyChange) -> bool {
    matches!(change, PropertyChange::SetDead(_) | PropertyChange::RemoveDead(..))
}

fn done(verdicts: &[(Name, Verdict)]) -> PropStat<'_> {
    let names: BTreeSet<&Name> = verdicts.iter().map(|(name, _)| name).collect();
    let props = names.into_iter().map(|name| PropValue::new(name, Value::Empty)).collect();
    PropStat::new(StatusCode::OK.as_u16(), props)
}

fn multistatus(request: &Request, propstats: &[PropStat<'_>]) -> http::Response<crate::Body> {
    let mut body = Multistatus::new();
    body.response_props(&request.target.href(), propstats);
    response::xml(StatusCode::MULTI_STATUS, body.finish(None))
}
