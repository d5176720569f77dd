//! The table of live properties: name, where, whether in allprop, how PROPPATCH treats it, value.

use almanac_davxml::{Name, Value};

use super::patch::{self, Patch};
use super::resource::{On, View};
use super::{acl, caldav, dav, principal};

/// One live property.
pub(crate) struct Row {
    pub(crate) name: Name,
    /// The kinds of resources that can have it.
    pub(crate) on: On,
    pub(crate) allprop: Allprop,
    pub(crate) patch: Patch,
    pub(crate) value: for<'a> fn(&View<'a>) -> Found<'a>,
}

/// Whether allprop returns the property (RFC 4918 section 9.1; RFC 3744 and RFC 4791 want theirs left out).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allprop {
    Usual,
    OnRequest,
}

/// What a property is on one resource.
pub(crate) enum Found<'a> {
    /// It has this value.
    Is(Value<'a>),
    /// The resource has no such property.
    Absent,
    /// The caller may not see it.
    Denied,
}

impl<'a> From<Option<Value<'a>>> for Found<'a> {
    fn from(value: Option<Value<'a>>) -> Self {
        value.map_or(Self::Absent, Self::Is)
    }
}

const fn row(
    name: Name,
    on: On,
    allprop: Allprop,
    patch: Patch,
    value: for<'a> fn(&View<'a>) -> Found<'a>,
) -> Row {
    Row { name, on, allprop, patch, value }
}

/// The live property of this name.
pub(crate) fn row_of(name: &Name) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == *name)
}

use Allprop::{OnRequest, Usual};
use Patch::Protected;

const IN_HOME: On = On::HOME.or(On::COLLECTION).or(On::OBJECT);
const MEMBER: On = On::COLLECTION.or(On::OBJECT);
const OWNED: On = IN_HOME.or(On::PRINCIPAL);

/// Not here, on purpose: `max-instances` and `max-attendees-per-instance`, because our bounds are on the
/// density of a rule and on all properties of an object, so no number for them would be true; nor
/// `timezone-service-set`, because there is no such service (RFC 7809 section 5.1).
#[rustfmt::skip]
pub(crate) static ROWS: &[Row] = &[
    // RFC 4918 section 15
    row(Name::dav("resourcetype"), On::ALL, Usual, Protected, dav::resource_type),
    row(Name::dav("displayname"), On::COLLECTION.or(On::PRINCIPAL), Usual, patch::DISPLAY_NAME, dav::display_name),
    row(Name::dav("creationdate"), MEMBER, Usual, Protected, dav::creation_date),
    row(Name::dav("getcontentlength"), On::OBJECT, Usual, Protected, dav::content_length),
    row(Name::dav("getcontenttype"), On::CALENDAR.or(On::OBJECT), Usual, Protected, dav::content_type),
    row(Name::dav("getetag"), MEMBER, Usual, Protected, dav::etag),
    row(Name::dav("getlastmodified"), On::OBJECT, Usual, Protected, dav::last_modified),
    row(Name::dav("lockdiscovery"), On::ALL, Usual, Protected, dav::empty),
    row(Name::dav("supportedlock"), On::ALL, Usual, Protected, dav::empty),
    // RFC 4331 section 3: the room is the home's, whichever of its collections is asked
    row(Name::dav("quota-used-bytes"), On::HOME.or(On::COLLECTION), OnRequest, Protected, dav::quota_used),
    row(Name::dav("quota-available-bytes"), On::HOME.or(On::COLLECTION), OnRequest, Protected, dav::quota_available),
    // RFC 3253 sections 3.1.3 to 3.1.5, RFC 5995 section 3.2.1, RFC 6578 section 4
    row(Name::dav("supported-method-set"), On::ALL, OnRequest, Protected, dav::supported_methods),
    row(Name::dav("supported-report-set"), On::ALL, OnRequest, Protected, dav::supported_report_set),
    row(Name::dav("supported-live-property-set"), On::ALL, OnRequest, Protected, dav::supported_live_properties),
    row(Name::dav("add-member"), On::CALENDAR, OnRequest, Protected, dav::add_member),
    row(Name::dav("sync-token"), On::CALENDAR, OnRequest, Protected, dav::sync_token),
    row(Name::cs("getctag"), On::CALENDAR, OnRequest, Protected, dav::ctag),
    // RFC 3744 sections 4 and 5, RFC 5397
    row(Name::dav("current-user-principal"), On::ALL, OnRequest, Protected, principal::current_user_principal),
    row(Name::dav("principal-collection-set"), On::ALL, OnRequest, Protected, acl::principal_collection_set),
    row(Name::dav("owner"), OWNED, OnRequest, Protected, acl::owner),
    row(Name::dav("supported-privilege-set"), On::ALL, OnRequest, Protected, acl::supported_privilege_set),
    row(Name::dav("current-user-privilege-set"), On::ALL, OnRequest, Protected, acl::current_user_privilege_set),
    row(Name::dav("acl"), IN_HOME, OnRequest, Protected, acl::acl),
    row(Name::dav("acl-restrictions"), IN_HOME, OnRequest, Protected, acl::acl_restrictions),
    row(Name::dav("inherited-acl-set"), IN_HOME, OnRequest, Protected, dav::empty),
    row(Name::dav("principal-URL"), On::PRINCIPAL, OnRequest, Protected, principal::principal_url),
    row(Name::dav("alternate-URI-set"), On::PRINCIPAL, OnRequest, Protected, dav::empty),
    row(Name::dav("group-member-set"), On::PRINCIPAL, OnRequest, Protected, dav::empty),
    row(Name::dav("group-membership"), On::PRINCIPAL, OnRequest, Protected, dav::empty),
    // RFC 4791 section 6.2, RFC 6638 section 2.4, CalendarServer
    row(Name::caldav("calendar-home-set"), On::PRINCIPAL, OnRequest, Protected, principal::calendar_home_set),
    row(Name::caldav("calendar-user-address-set"), On::PRINCIPAL, OnRequest, Protected, principal::calendar_user_address_set),
    row(Name::caldav("calendar-user-type"), On::PRINCIPAL, OnRequest, Protected, principal::calendar_user_type),
    row(Name::cs("email-address-set"), On::PRINCIPAL, OnRequest, Protected, principal::email_address_set),
    // RFC 4791 sections 5.2 and 7.5.1, RFC 6638 section 9.1, RFC 7809 section 5.2
    row(Name::caldav("calendar-description"), On::CALENDAR, OnRequest, patch::DESCRIPTION, caldav::description),
    row(Name::caldav("calendar-timezone"), On::CALENDAR, OnRequest, patch::TIMEZONE, caldav::timezone),
    row(Name::caldav("calendar-timezone-id"), On::CALENDAR, OnRequest, patch::TIMEZONE_ID, caldav::timezone_id),
    row(Name::caldav("supported-calendar-component-set"), On::CALENDAR, OnRequest, Protected, caldav::component_set),
    row(Name::caldav("supported-calendar-component-sets"), On::HOME, OnRequest, Protected, caldav::component_sets),
    row(Name::caldav("supported-calendar-data"), On::CALENDAR, OnRequest, Protected, caldav::calendar_data),
    row(Name::caldav("max-resource-size"), On::CALENDAR, OnRequest, Protected, caldav::max_resource_size),
    row(Name::caldav("min-date-time"), On::CALENDAR, OnRequest, Protected, caldav::min_date_time),
    row(Name::caldav("max-date-time"), On::CALENDAR, OnRequest, Protected, caldav::max_date_time),
    row(Name::caldav("supported-collation-set"), On::CALENDAR, OnRequest, Protected, caldav::collation_set),
    row(Name::caldav("schedule-calendar-transp"), On::CALENDAR, OnRequest, patch::TRANSPARENCY, caldav::transparency),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_live_property_has_one_row() {
        for (index, row) in ROWS.iter().enumerate() {
            let first = ROWS.iter().position(|other| other.name == row.name);
            assert_eq!(first, Some(index), "{}", row.name);
        }
    }

    #[test]
    fn allprop_holds_the_properties_of_rfc_4918_alone() {
        let usual: Vec<&str> =
            ROWS.iter().filter(|row| row.allprop == Usual).map(|row| row.name.local()).collect();
        assert_eq!(
            usual,
            [
                "resourcetype",
                "displayname",
                "creationdate",
                "getcontentlength",
                "getcontenttype",
                "getetag",
                "getlastmodified",
                "lockdiscovery",
                "supportedlock",
            ]
        );
    }
}
