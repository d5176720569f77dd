//! MKCALENDAR (RFC 4791 section 5.3.1) and MKCOL, plain (RFC 4918 section 9.3) and extended (RFC 5689).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use almanac_backend::{CollectionKind, CollectionPath, NewCollection, PropertyChange};
use almanac_davxml::names::{CALDAV, DAV};
use almanac_davxml::{
    Element, MakeCollection, Name, PropStat, PropValue, Value, XmlError, mkcalendar_response, mkcol_response,
    parse_mkcalendar, parse_mkcol,
};
use almanac_ical::ComponentKind;
use http::{HeaderValue, StatusCode, header};

use crate::delete::check_collection;
use crate::error::{Failure, Reply, Violation};
use crate::header::preference_applied;
use crate::props::{PropRule, change_of, component_set};
use crate::request::Request;
use crate::service::Context;
use crate::target::Target;
use crate::{options, resource, response};

/// Which of the two methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Mkcol,
    Mkcalendar,
}

/// Answers MKCOL and MKCALENDAR. Whether the name is free is decided by the commit; precondition headers are
/// decided before it, by the present state (`check_collection`).
///
/// # Errors
/// Where something is already: 405 for MKCOL (RFC 4918 section 9.3.1), `resource-must-be-null` for MKCALENDAR.
/// Where nothing is and no collection can be: `calendar-collection-location-ok`. 409 where the parent is missing.
pub(crate) async fn run(cx: &Arc<Context>, request: Request, act: Act) -> Reply {
    let Target::Collection(at) = &request.target else {
        return Err(no_place(cx, &request, act).await);
    };
    let wish = read(cx, &request, act)?;
    let kind = match act {
        Act::Mkcalendar => CollectionKind::Calendar,
        Act::Mkcol => kind_of(&wish.resourcetype).ok_or_else(|| bad_resourcetype(&wish))?,
    };
    let new = new_collection(kind, &wish.set, act)?;
    check_collection(cx, &request, at).await?;
    let made = cx.backend.create_collection(&request.caller, at, new).await;
    made.map_err(|error| refused(error.into(), &request.target, at, act))?;
    let mut response = response::empty(StatusCode::CREATED);
    // "The response MUST include a Cache-Control:no-cache header" (RFC 4791 section 5.3.1).
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if request.prefer().minimal() {
        preference_applied(response.headers_mut(), "return=minimal");
    }
    Ok(response)
}

/// Why nothing is made at a target that is no place for a collection.
async fn no_place(cx: &Context, request: &Request, act: Act) -> Failure {
    match resource::load(cx, &request.caller, &request.target).await {
        Ok(_) if act == Act::Mkcol => Failure::Exists(options::allow(&request.target)),
        Ok(_) => Violation::ResourceMustBeNull.into(),
        Err(Failure::NotFound | Failure::Violated(Violation::NeedPrivileges(_))) => {
            let Target::Object(at) = &request.target else {
                return Violation::CalendarCollectionLocationOk.into();
            };
            match cx.backend.collection(&request.caller, &at.collection).await {
                Ok(Some(_)) => Violation::CalendarCollectionLocationOk.into(),
                Ok(None) => Failure::ParentMissing,
                Err(error) => error.into(),
            }
        }
        Err(failure) => failure,
    }
}

fn read(cx: &Context, request: &Request, act: Act) -> Result<MakeCollection, Failure> {
    let body = request.xml(&cx.settings)?;
    let wish = match act {
        Act::Mkcol => parse_mkcol(body.as_ref()),
        Act::Mkcalendar => parse_mkcalendar(body.as_ref()),
    };
    wish.map_err(|error| match error {
        // "If a server receives a MKCOL request with a body that it does not support, 415" (RFC 4918 9.3).
        XmlError::UnexpectedRoot if act == Act::Mkcol => {
            Failure::MediaType("the body of a MKCOL is a DAV:mkcol element")
        }
        other => other.into(),
    })
}

/// What resource types make: none a plain collection (RFC 5689 section 3 wants `DAV:collection` in all others).
fn kind_of(types: &[Name]) -> Option<CollectionKind> {
    let has = |ns: &str, local: &str| types.iter().any(|name| name.is(ns, local));
    let known = |name: &Name| name.is(DAV, "collection") || name.is(CALDAV, "calendar");
    match (types.is_empty(), has(DAV, "collection") && types.iter().all(known), has(CALDAV, "calendar")) {
        (true, ..) | (_, true, false) => Some(CollectionKind::Plain),
        (_, true, true) => Some(CollectionKind::Calendar),
        _ => None,
    }
}

fn bad_resourcetype(wish: &MakeCollection) -> Failure {
    let types = Name::dav("resourcetype");
    let others = wish.set.iter().map(|element| (element.name.clone(), Verdict::Dependent));
    let verdicts: Vec<_> = std::iter::once((types, Verdict::Refused(Violation::ValidResourceType.into())))
        .chain(others)
        .collect();
    Failure::PropertiesRefused(mkcol_response(&propstats(&verdicts)))
}

/// All properties, or the answer that says which of them cannot be set (RFC 5689 section 3).
fn new_collection(kind: CollectionKind, set: &[Element], act: Act) -> Result<NewCollection, Failure> {
    let mut new = NewCollection { kind, components: BTreeSet::new(), properties: Vec::new() };
    let mut verdicts = Vec::new();
    let mut refused = false;
    for element in set {
        let verdict = match rule(kind, element) {
            Ok(Wish::Components(kinds)) => {
                new.components = kinds;
                Verdict::Dependent
            }
            Ok(Wish::Changes(changes)) => {
                new.properties.extend(changes);
                Verdict::Dependent
            }
            Err(failure) => {
                refused = true;
                Verdict::Refused(failure)
            }
        };
        verdicts.push((element.name.clone(), verdict));
    }
    if !refused {
        return Ok(new);
    }
    let write = if act == Act::Mkcol { mkcol_response } else { mkcalendar_response };
    Err(Failure::PropertiesRefused(write(&propstats(&verdicts))))
}

enum Wish {
    Components(BTreeSet<ComponentKind>),
    Changes(Vec<PropertyChange>),
}

fn rule(kind: CollectionKind, element: &Element) -> Result<Wish, Failure> {
    if kind == CollectionKind::Calendar && element.is(CALDAV, "supported-calendar-component-set") {
        return component_set(element).map(Wish::Components);
    }
    match change_of(element) {
        PropRule::Change(changes) => Ok(Wish::Changes(changes)),
        PropRule::Protected => Err(Violation::CannotModifyProtectedProperty.into()),
        PropRule::Invalid(failure) => Err(failure),
    }
}

/// What becomes of one property when not all can be set.
pub(crate) enum Verdict {
    /// It is the reason, or one of the reasons.
    Refused(Failure),
    /// 424: it fails because another one does.
    Dependent,
}

/// The propstats of a refused request: one for each reason, one for the rest. A property is named once.
pub(crate) fn propstats(verdicts: &[(Name, Verdict)]) -> Vec<PropStat<'_>> {
    let mut propstats: Vec<PropStat<'_>> = Vec::new();
    let mut told = BTreeSet::new();
    // A reason outranks the 424 of another step for the same property.
    let (refused, dependent): (Vec<_>, Vec<_>) =
        verdicts.iter().partition(|(_, verdict)| matches!(verdict, Verdict::Refused(_)));
    for (name, verdict) in refused.into_iter().chain(dependent) {
        if !told.insert(name) {
            continue;
        }
        let (status, condition) = match verdict {
            Verdict::Refused(failure) => (failure.status().as_u16(), failure.condition()),
            Verdict::Dependent => (StatusCode::FAILED_DEPENDENCY.as_u16(), None),
        };
        let value = PropValue::new(name, Value::Empty);
        match propstats
            .iter_mut()
            .find(|known| known.status == status && known.error.as_deref() == condition.as_ref())
        {
            Some(known) => known.props.push(value),
            None => {
                let mut propstat = PropStat::new(status, vec![value]);
                propstat.error = condition.map(Cow::Owned);
                propstats.push(propstat);
            }
        }
    }
    propstats
}

fn refused(failure: Failure, target: &Target, at: &CollectionPath, act: Act) -> Failure {
    match failure {
        Failure::NotFound => Failure::ParentMissing,
        // "MKCOL can only be executed on an unmapped URL": 405 (RFC 4918 section 9.3.1).
        Failure::Violated(Violation::ResourceMustBeNull) if act == Act::Mkcol => {
            Failure::Exists(options::allow(target))
        }
        other => other.needing(at, "bind"),
    }
}
