//! The bodies of our own requests to other servers.

use crate::{Fragment, Name, document};

/// The body of a PROPFIND for these properties.
#[must_use]
pub fn ask_properties(names: &[Name]) -> Vec<u8> {
    document(&Name::dav("propfind"), |xml| properties(xml, names))
}

/// The body of a sync-collection for the members of one collection (RFC 6578). No token: everything.
#[must_use]
pub fn ask_changes(token: Option<&str>, names: &[Name]) -> Vec<u8> {
    document(&Name::dav("sync-collection"), |xml| {
        match token {
            Some(token) => xml.text_element(&Name::dav("sync-token"), token),
            None => xml.empty(&Name::dav("sync-token")),
        }
        xml.text_element(&Name::dav("sync-level"), "1");
        properties(xml, names);
    })
}

/// The body of a calendar-multiget (RFC 4791 section 7.9). `hrefs` are percent-encoded already; one at least.
#[must_use]
pub fn ask_objects<'a>(hrefs: impl IntoIterator<Item = &'a str>, names: &[Name]) -> Vec<u8> {
    document(&Name::caldav("calendar-multiget"), |xml| {
        properties(xml, names);
        for href in hrefs {
            xml.href(href);
        }
    })
}

/// The body of a calendar-query for the objects whose components of this kind have this UID (RFC 4791 section 7.8.6). A
/// text-match finds parts of texts, so the answer may hold others.
#[must_use]
pub fn ask_uid(component: &str, uid: &str, names: &[Name]) -> Vec<u8> {
    let comp_filter = Name::caldav("comp-filter");
    document(&Name::caldav("calendar-query"), |xml| {
        properties(xml, names);
        xml.element(&Name::caldav("filter"), |xml| {
            xml.element_with(&comp_filter, &[("name", "VCALENDAR")], |xml| {
                xml.element_with(&comp_filter, &[("name", component)], |xml| {
                    xml.element_with(&Name::caldav("prop-filter"), &[("name", "UID")], |xml| {
                        let exactly = [("collation", "i;octet")];
                        xml.element_with(&Name::caldav("text-match"), &exactly, |xml| xml.text(uid));
                    });
                });
            });
        });
    })
}

fn properties(xml: &mut Fragment, names: &[Name]) {
    xml.element(&Name::dav("prop"), |xml| names.iter().for_each(|name| xml.empty(name)));
}
