//! REPORT (RFC 3253 section 3.6): one file for each report, and the table of which resource has which.

mod acl_principal_prop_set;
mod calendar_multiget;
mod calendar_query;
mod expand_property;
mod free_busy_query;
mod members;
mod principal_match;
mod principal_property_search;
mod principals;
mod sync_collection;
mod zone;

use std::sync::Arc;

use almanac_backend::Access;
use almanac_davxml::{Name, Report, parse_report};

use crate::conditions::require_if;
use crate::error::{Reply, Violation};
use crate::props::{On, WITH_ACL};
use crate::request::Request;
use crate::resource;
use crate::service::Context;

const TREE: On = On::ROOT.or(On::PRINCIPALS);
const MATCHED: On = TREE.or(On::PRINCIPAL).or(On::HOMES).or(On::HOME).or(On::CALENDAR);

/// Every report, the kinds of resources that have it, and the least access that it takes
/// (`DAV:supported-report-set`).
static REPORTS: [(Name, On, Access); 9] = [
    (Name::caldav("calendar-query"), On::CALENDAR.or(On::OBJECT), Access::Read),
    (Name::caldav("calendar-multiget"), On::CALENDAR.or(On::OBJECT), Access::Read),
    (Name::caldav("free-busy-query"), On::CALENDAR, Access::FreeBusy),
    (Name::dav("sync-collection"), On::CALENDAR, Access::Read),
    (Name::dav("expand-property"), On::ALL, Access::FreeBusy),
    (Name::dav("principal-property-search"), TREE, Access::Read),
    (Name::dav("principal-search-property-set"), TREE, Access::Read),
    (Name::dav("principal-match"), MATCHED, Access::Read),
    (Name::dav("acl-principal-prop-set"), WITH_ACL, Access::Owner),
];

/// The reports that a resource of this kind has. Who may not ask for one of them is told which privilege is
/// missing.
fn supported(kind: On) -> impl Iterator<Item = &'static Name> {
    offered(kind, Access::Owner)
}

/// Those that a caller with this access can ask for.
pub(crate) fn offered(kind: On, access: Access) -> impl Iterator<Item = &'static Name> {
    REPORTS.iter().filter(move |(_, on, least)| on.meets(kind) && access >= *least).map(|(name, ..)| name)
}

/// Answers a REPORT.
///
/// # Errors
/// 404 for a missing resource, `supported-report` for a report that it does not have, and what the report
/// itself refuses.
pub(crate) async fn run(cx: &Arc<Context>, request: Request) -> Reply {
    let report = parse_report(request.xml(&cx.settings)?.as_ref(), &cx.settings.xml)?;
    let found = resource::load(cx, &request.caller, &request.target).await?;
    require_if(cx, &request).await?;
    let name = name_of(&report);
    if !supported(found.resource().kind()).any(|known| *known == name) {
        return Err(Violation::SupportedReport.into());
    }
    match report {
        Report::CalendarQuery(query) => calendar_query::run(cx, &request, found, query).await,
        Report::CalendarMultiget(multiget) => calendar_multiget::run(cx, request, found, multiget).await,
        Report::FreeBusyQuery(range) => free_busy_query::run(cx, &request, found, &range).await,
        Report::SyncCollection(sync) => sync_collection::run(cx, &request, found, sync).await,
        Report::ExpandProperty(props) => expand_property::run(cx, request, found, &props).await,
        Report::PrincipalPropertySearch(search) => {
            principal_property_search::run(cx, &request, &search).await
        }
        Report::PrincipalSearchPropertySet => Ok(principal_property_search::searchable()),
        Report::PrincipalMatch(wanted) => principal_match::run(cx, &request, found, &wanted).await,
        Report::AclPrincipalPropSet(props) => acl_principal_prop_set::run(cx, &request, &found, &props).await,
        Report::Other(_) => Err(Violation::SupportedReport.into()),
    }
}

fn name_of(report: &Report) -> Name {
    match report {
        Report::CalendarQuery(_) => Name::caldav("calendar-query"),
        Report::CalendarMultiget(_) => Name::caldav("calendar-multiget"),
        Report::FreeBusyQuery(_) => Name::caldav("free-busy-query"),
        Report::SyncCollection(_) => Name::dav("sync-collection"),
        Report::ExpandProperty(_) => Name::dav("expand-property"),
        Report::PrincipalPropertySearch(_) => Name::dav("principal-property-search"),
        Report::PrincipalSearchPropertySet => Name::dav("principal-search-property-set"),
        Report::PrincipalMatch(_) => Name::dav("principal-match"),
        Report::AclPrincipalPropSet(_) => Name::dav("acl-principal-prop-set"),
        Report::Other(name) => name.clone(),
    }
}
