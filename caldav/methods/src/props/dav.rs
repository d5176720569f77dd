//! Properties of WebDAV itself and of its extensions.

use std::borrow::Cow;

use almanac_backend::{CollectionKind, ETag};
use almanac_davxml::{Fragment, Name, Value};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::resource::{Resource, View};
use super::table::{Found, ROWS};
use crate::{options, post, report};

/// The media type of calendar data (RFC 5545 section 8.1).
pub(crate) const TEXT_CALENDAR: &str = "text/calendar; charset=utf-8";

/// RFC 4331 section 4.
pub(super) fn quota_used<'a>(view: &View<'a>) -> Found<'a> {
    view.quota.map(|quota| Value::Text(quota.used_bytes.to_string().into())).into()
}

/// RFC 4331 section 3. Where no disk sets a bound there is no such property.
pub(super) fn quota_available<'a>(view: &View<'a>) -> Found<'a> {
    let bounded = view.quota.filter(|quota| quota.available_bytes < u64::MAX);
    bounded.map(|quota| Value::Text(quota.available_bytes.to_string().into())).into()
}

pub(super) fn empty<'a>(_: &View<'a>) -> Found<'a> {
    Found::Is(Value::Empty)
}

pub(super) fn resource_type<'a>(view: &View<'a>) -> Found<'a> {
    let mut xml = Fragment::new();
    match view.resource {
        Resource::Object(..) => return Found::Is(Value::Empty),
        Resource::Principal(_) => xml.empty(&Name::dav("principal")),
        Resource::Root | Resource::Principals | Resource::Homes | Resource::Home(_) => {
            xml.empty(&Name::dav("collection"));
        }
        Resource::Collection(_, collection) => {
            xml.empty(&Name::dav("collection"));
            if collection.kind == CollectionKind::Calendar {
                xml.empty(&Name::caldav("calendar"));
            }
        }
    }
    Found::Is(Value::Xml(xml))
}

pub(super) fn display_name<'a>(view: &View<'a>) -> Found<'a> {
    let name = match view.resource {
        Resource::Principal(principal) => Some(principal.display_name.as_str()),
        Resource::Collection(_, collection) => collection.display_name.as_deref(),
        _ => None,
    };
    name.map(|name| Value::Text(Cow::Borrowed(name))).into()
}

pub(super) fn creation_date<'a>(view: &View<'a>) -> Found<'a> {
    let created = match view.resource {
        Resource::Collection(_, collection) => collection.created,
        Resource::Object(_, entry) => entry.created,
        _ => return Found::Absent,
    };
    let seconds = Timestamp::from_second(created.as_second()).unwrap_or(created);
    text(seconds.to_string())
}

pub(super) fn last_modified<'a>(view: &View<'a>) -> Found<'a> {
    let Resource::Object(_, entry) = view.resource else { return Found::Absent };
    // Fails only for years that RFC 9110 cannot write.
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&entry.modified).ok();
    date.map(|date| Value::Text(Cow::Owned(date))).into()
}

pub(super) fn content_length<'a>(view: &View<'a>) -> Found<'a> {
    let Resource::Object(_, entry) = view.resource else { return Found::Absent };
    text(entry.bytes.to_string())
}

pub(super) fn content_type<'a>(view: &View<'a>) -> Found<'a> {
    match view.resource {
        Resource::Object(_, entry) => text(format!("{TEXT_CALENDAR}; component={}", entry.kind.as_str())),
        Resource::Collection(..) => Found::Is(Value::Text(Cow::Borrowed(TEXT_CALENDAR))),
        _ => Found::Absent,
    }
}

pub(super) fn etag<'a>(view: &View<'a>) -> Found<'a> {
    match view.resource {
        Resource::Object(_, entry) => text(quoted(&entry.etag)),
        _ => view.readable_collection().map(|c| Value::Text(Cow::Owned(format!("\"{}\"", c.tag)))).into(),
    }
}

pub(super) fn ctag<'a>(view: &View<'a>) -> Found<'a> {
    view.readable_collection().map(|c| Value::Text(Cow::Borrowed(c.tag.as_str()))).into()
}

pub(super) fn sync_token<'a>(view: &View<'a>) -> Found<'a> {
    view.readable_collection().map(|c| Value::Text(Cow::Borrowed(c.sync_token.as_str()))).into()
}

pub(super) fn add_member<'a>(view: &View<'a>) -> Found<'a> {
    let Resource::Collection(at, _) = view.resource else { return Found::Absent };
    Found::Is(Value::Href(Cow::Owned(post::add_member_href(at))))
}

pub(super) fn supported_report_set<'a>(view: &View<'a>) -> Found<'a> {
    let mut xml = Fragment::new();
    for name in report::offered(view.resource.kind(), view.access()) {
        xml.element(&Name::dav("supported-report"), |xml| {
            xml.element(&Name::dav("report"), |xml| xml.empty(name));
        });
    }
    Found::Is(Value::Xml(xml))
}

/// RFC 3253 section 3.1.3.
pub(super) fn supported_methods<'a>(view: &View<'a>) -> Found<'a> {
    let mut xml = Fragment::new();
    for method in options::allow_on(view.resource.kind()).split(", ") {
        xml.empty_with(&Name::dav("supported-method"), &[("name", method)]);
    }
    Found::Is(Value::Xml(xml))
}

/// RFC 3253 section 3.1.4: the names of the live properties that this kind of resource can have.
pub(super) fn supported_live_properties<'a>(view: &View<'a>) -> Found<'a> {
    let kind = view.resource.kind();
    let mut xml = Fragment::new();
    for row in ROWS.iter().filter(|row| row.on.meets(kind)) {
        xml.element(&Name::dav("supported-live-property"), |xml| {
            xml.element(&Name::dav("prop"), |xml| xml.empty(&row.name));
        });
    }
    Found::Is(Value::Xml(xml))
}

/// An ETag as headers and properties show it.
pub(crate) fn quoted(etag: &ETag) -> String {
    format!("\"{}\"", etag.as_str())
}

fn text<'a>(text: String) -> Found<'a> {
    Found::Is(Value::Text(Cow::Owned(text)))
}
