//! principal-property-search and principal-search-property-set (RFC 3744 sections 9.4 and 9.5).

use std::sync::Arc;

use almanac_backend::Principal;
use almanac_davxml::{
    MatchKind, Name, PrincipalPropertySearch, PropertySearch, Test, principal_search_property_set,
};
use http::{Response, StatusCode};

use super::principals;
use crate::Body;
use crate::error::Reply;
use crate::filter::casemap;
use crate::props::addresses;
use crate::request::Request;
use crate::response;
use crate::service::Context;

/// A property to search by, with a description for people.
struct Searchable(Name, &'static str, fn(&Principal) -> Vec<String>);

static SEARCHABLE: [Searchable; 4] = [
    Searchable(Name::dav("displayname"), "Name", |principal| vec![principal.display_name.clone()]),
    Searchable(Name::cs("email-address-set"), "Mail address", |principal| vec![principal.email.clone()]),
    Searchable(Name::caldav("calendar-user-address-set"), "Calendar user address", addresses),
    Searchable(Name::caldav("calendar-user-type"), "Type of calendar user", |_| {
        vec!["INDIVIDUAL".to_owned()]
    }),
];

/// Answers a principal-property-search among the principals that the caller may know of. Whether it is sent
/// to the principals or to the root, or asks for `DAV:principal-collection-set`, there is one place to look.
///
/// # Errors
/// What the backend reports.
pub(super) async fn run(cx: &Arc<Context>, request: &Request, search: &PrincipalPropertySearch) -> Reply {
    let mut found = cx.backend.principals(&request.caller).await?;
    found.retain(|principal| matches(search, principal));
    principals::answer(cx, request, &search.props, found).await
}

/// Answers a principal-search-property-set.
pub(super) fn searchable() -> Response<Body> {
    let properties = SEARCHABLE.each_ref().map(|Searchable(name, description, _)| (name, *description));
    response::xml(StatusCode::OK, principal_search_property_set(&properties))
}

fn matches(search: &PrincipalPropertySearch, principal: &Principal) -> bool {
    let mut each = search.searches.iter().map(|search| fulfils(search, principal));
    match search.test {
        Test::AllOf => each.all(|holds| holds),
        Test::AnyOf => each.any(|holds| holds),
    }
}

/// Whether the text is in each of the properties; a property that cannot be searched holds nothing.
fn fulfils(search: &PropertySearch, principal: &Principal) -> bool {
    let wanted = casemap(search.text.expose());
    search.props.iter().all(|property| {
        let row = SEARCHABLE.iter().find(|row| row.0 == *property);
        row.is_some_and(|row| row.2(principal).iter().any(|value| holds(search.kind, value, &wanted)))
    })
}

fn holds(kind: MatchKind, value: &str, wanted: &str) -> bool {
    let value = casemap(value);
    match kind {
        MatchKind::Contains => value.contains(wanted),
        MatchKind::Equals => value == wanted,
        MatchKind::StartsWith => value.starts_with(wanted),
        MatchKind::EndsWith => value.ends_with(wanted),
    }
}
