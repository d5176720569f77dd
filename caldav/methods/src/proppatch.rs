//! PROPPATCH: all changes in document order, or none (RFC 4918 section 9.2).

use std::collections::BTreeSet;
use std::sync::Arc;

use almanac_davxml::{Multistatus, Name, PropPatchOp, PropStat, PropValue, Value, parse_proppatch};
use http::StatusCode;

use crate::delete::check_collection;
use crate::error::{Failure, Reply, Violation};
use crate::header::preference_applied;
use crate::mkcol::{Verdict, propstats};
use crate::props::{PropRule, change_of, removal_of};
use crate::request::Request;
use crate::resource::{Loaded, load};
use crate::response;
use crate::service::Context;

/// Answers PROPPATCH. Only collections have properties that a client sets.
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
            (PropRule::Change(steps), Loaded::Collection(..)) => {
                changes.extend(steps);
                Verdict::Dependent
            }
            (PropRule::Invalid(failure), Loaded::Collection(..)) => Verdict::Refused(failure),
            _ => Verdict::Refused(Violation::CannotModifyProtectedProperty.into()),
        };
        refused |= matches!(verdict, Verdict::Refused(_));
        verdicts.push((name.clone(), verdict));
    }
    if refused {
        return Ok(multistatus(&request, &propstats(&verdicts)));
    }
    if let Loaded::Collection(at, _) = &loaded {
        check_collection(cx, &request, at).await?;
        let changed = cx.backend.change_properties(&request.caller, at, &changes).await;
        changed.map_err(|error| Failure::from(error).needing(at, "write-properties"))?;
    }
    if request.prefer().minimal() {
        let mut response = response::empty(StatusCode::OK);
        preference_applied(response.headers_mut(), "return=minimal");
        return Ok(response);
    }
    Ok(multistatus(&request, &[done(&verdicts)]))
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
