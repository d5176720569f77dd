//! What a server answers, as values. Pure.

use almanac_contract::{CalendarAccess, RemoteVersion};
use almanac_davxml::names::{CALDAV, CS, DAV};
use almanac_davxml::{
    Element, Limits, MultistatusReply, Name, ResponseElement, XmlError, parse_error, parse_multistatus,
};

/// What is asked of a principal, or of whatever discovery begins with.
pub(crate) const OF_ACCOUNT: &[Name] = &[
    Name::dav("current-user-principal"),
    Name::dav("resourcetype"),
    Name::caldav("calendar-home-set"),
    Name::caldav("calendar-user-address-set"),
];

/// What is asked of a home and all that is in it.
pub(crate) const OF_HOME: &[Name] = &[
    Name::dav("resourcetype"),
    Name::dav("displayname"),
    Name::dav("current-user-privilege-set"),
    Name::dav("supported-report-set"),
    Name::caldav("supported-calendar-component-set"),
    Name::caldav("schedule-default-calendar-URL"),
];

/// What is asked of objects in a listing.
pub(crate) const OF_MEMBERS: &[Name] = &[Name::dav("getetag"), Name::dav("resourcetype")];

/// What is asked of objects that are fetched.
pub(crate) const OF_OBJECTS: &[Name] = &[Name::dav("getetag"), Name::caldav("calendar-data")];

/// What is asked of a calendar to see whether anything in it changed.
pub(crate) const OF_CALENDAR: &[Name] = &[Name::cs("getctag"), Name::dav("sync-token")];

/// A multistatus.
pub(crate) fn read(body: &[u8]) -> Result<MultistatusReply, XmlError> {
    parse_multistatus(body, &Limits::reply())
}

/// The conditions that an answer says are broken; none if it says nothing.
pub(crate) fn conditions(body: &[u8]) -> Vec<Name> {
    parse_error(body, &Limits::request()).unwrap_or_default()
}

/// The href in the condition `no-uid-conflict`: the object that has the UID already.
pub(crate) fn uid_owner(body: &[u8]) -> Option<String> {
    let tree = almanac_davxml::parse(body, &Limits::request()).ok()??;
    let condition = tree.child(CALDAV, "no-uid-conflict")?;
    condition.child(DAV, "href").map(Element::text_trimmed).filter(|href| !href.is_empty())
}

/// The hrefs in a property.
pub(crate) fn hrefs(response: &ResponseElement, ns: &str, local: &str) -> Vec<String> {
    let property = response.prop(ns, local);
    property.iter().flat_map(|p| p.children_named(DAV, "href")).map(Element::text_trimmed).collect()
}

/// The text of a property, if there is any.
pub(crate) fn text(response: &ResponseElement, ns: &str, local: &str) -> Option<String> {
    response.prop(ns, local).map(Element::text_trimmed).filter(|text| !text.is_empty())
}

/// The version of an object.
pub(crate) fn version(response: &ResponseElement) -> Option<RemoteVersion> {
    text(response, DAV, "getetag").map(|etag| version_of(&etag))
}

/// An entity tag as a version. A tag is marked as weak by proxies that pack answers; what it names is the same.
pub(crate) fn version_of(etag: &str) -> RemoteVersion {
    let etag = etag.trim();
    RemoteVersion(etag.strip_prefix("W/").unwrap_or(etag).to_owned())
}

/// The iCalendar text of an object. Not trimmed: it is content.
pub(crate) fn data(response: &ResponseElement) -> Option<String> {
    response.prop(CALDAV, "calendar-data").map(Element::text).filter(|text| !text.trim().is_empty())
}

/// What a resource is, by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// A calendar.
    Calendar,
    /// Another collection: an inbox, a trash, a home.
    Collection,
    /// Anything else, such as an object.
    Plain,
}

/// What a resource is.
pub(crate) fn kind(response: &ResponseElement) -> Type {
    let Some(types) = response.prop(DAV, "resourcetype") else { return Type::Plain };
    // A calendar that waits in Nextcloud's trash is a calendar still.
    let deleted = types.elements().any(|kind| kind.name.local() == "deleted-calendar");
    if types.child(CALDAV, "calendar").is_some() && !deleted {
        Type::Calendar
    } else if types.elements().next().is_some() {
        Type::Collection
    } else {
        Type::Plain
    }
}

/// Whether a calendar takes events. One that does not say takes everything.
pub(crate) fn takes_events(response: &ResponseElement) -> bool {
    let Some(set) = response.prop(CALDAV, "supported-calendar-component-set") else { return true };
    let mut names = set.children_named(CALDAV, "comp").filter_map(|comp| comp.attribute("name")).peekable();
    names.peek().is_none() || names.any(|name| name.eq_ignore_ascii_case("VEVENT"))
}

/// What the account may do with a calendar. A server that does not say will say no to a write.
pub(crate) fn access(response: &ResponseElement) -> CalendarAccess {
    let Some(set) = response.prop(DAV, "current-user-privilege-set") else { return CalendarAccess::Write };
    let granted = |ns: &str, local: &str| {
        set.children_named(DAV, "privilege").any(|privilege| privilege.child(ns, local).is_some())
    };
    let all = granted(DAV, "all") || granted(DAV, "write");
    if all || (granted(DAV, "write-content") && granted(DAV, "bind")) {
        CalendarAccess::Write
    } else if granted(DAV, "read") {
        CalendarAccess::Read
    } else {
        CalendarAccess::FreeBusy
    }
}

/// Whether a calendar tells changes since a token; `None` if it does not say what it can.
pub(crate) fn tells_changes(response: &ResponseElement) -> Option<bool> {
    let set = response.prop(DAV, "supported-report-set")?;
    let reports = set.children_named(DAV, "supported-report");
    let mut reports = reports.filter_map(|supported| supported.child(DAV, "report")).peekable();
    reports.peek()?;
    Some(reports.any(|report| report.child(DAV, "sync-collection").is_some()))
}

/// A mark that changes whenever anything in a calendar does.
pub(crate) fn collection_tag(response: &ResponseElement) -> Option<String> {
    text(response, CS, "getctag").or_else(|| text(response, DAV, "sync-token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALENDAR: &str = "<x0:multistatus xmlns:x0='DAV:' xmlns:zz='urn:ietf:params:xml:ns:caldav'>\
        <x0:response><x0:href><![CDATA[/1/work/]]></x0:href><x0:propstat><x0:prop>\
        <x0:resourcetype><x0:collection/><zz:calendar/></x0:resourcetype>\
        <x0:displayname><![CDATA[Work & Play]]></x0:displayname>\
        <x0:current-user-privilege-set><x0:privilege><x0:read/></x0:privilege></x0:current-user-privilege-set>\
        <zz:supported-calendar-component-set><zz:comp name='VTODO'/></zz:supported-calendar-component-set>\
        <x0:supported-report-set><x0:supported-report><x0:report><zz:calendar-query/></x0:report></x0:supported-report></x0:supported-report-set>\
        <x0:getetag>W/\"1\"</x0:getetag><zz:calendar-data><![CDATA[BEGIN:VCALENDAR\r\n]]></zz:calendar-data>\
        </x0:prop><x0:status>HTTP/1.1 200 OK</x0:status></x0:propstat></x0:response></x0:multistatus>";

    #[test]
    fn cdata_and_odd_prefixes_are_read() {
        let reply = read(CALENDAR.as_bytes()).unwrap();
        let [response] = &reply.responses[..] else { panic!() };
        assert_eq!(response.hrefs[0].expose(), "/1/work/");
        assert_eq!(kind(response), Type::Calendar);
        assert_eq!(text(response, DAV, "displayname").as_deref(), Some("Work & Play"));
        assert_eq!(access(response), CalendarAccess::Read);
        assert!(!takes_events(response));
        assert_eq!(tells_changes(response), Some(false));
        assert_eq!(version(response), Some(RemoteVersion("\"1\"".to_owned())));
        assert_eq!(data(response).as_deref(), Some("BEGIN:VCALENDAR\n"));
    }

    #[test]
    fn a_calendar_in_the_trash_is_none() {
        let trashed = CALENDAR.replace(
            "<zz:calendar/>",
            "<zz:calendar/><n:deleted-calendar xmlns:n='http://nextcloud.com/ns'/>",
        );
        assert_eq!(kind(&read(trashed.as_bytes()).unwrap().responses[0]), Type::Collection);
    }

    #[test]
    fn what_a_server_does_not_say_is_not_taken_for_a_no() {
        let body = "<multistatus xmlns='DAV:'><response><href>/a</href><propstat><prop/><status>HTTP/1.1 200 OK</status>\
            </propstat></response></multistatus>";
        let reply = read(body.as_bytes()).unwrap();
        let [response] = &reply.responses[..] else { panic!() };
        assert_eq!((access(response), takes_events(response)), (CalendarAccess::Write, true));
        assert_eq!(tells_changes(response), None);
    }

    #[test]
    fn the_object_that_has_a_uid_already_is_named() {
        let body = "<D:error xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'><C:no-uid-conflict><D:href>/a/b.ics\
            </D:href></C:no-uid-conflict></D:error>";
        assert_eq!(uid_owner(body.as_bytes()).as_deref(), Some("/a/b.ics"));
        assert_eq!(conditions(body.as_bytes()), [Name::caldav("no-uid-conflict")]);
        assert_eq!(uid_owner(b"<html>"), None);
    }
}
