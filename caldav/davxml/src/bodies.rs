//! The bodies of answers that are not a multistatus.

use crate::{Fragment, Name, PropStat, document};

/// A `DAV:error` with exactly one element: the violated condition, with `content` in it (RFC 4918 section 16).
#[must_use]
pub fn error_body(condition: &Name, content: Option<&Fragment>) -> Vec<u8> {
    document(&Name::dav("error"), |xml| match content {
        Some(content) => xml.element(condition, |xml| xml.fragment(content)),
        None => xml.empty(condition),
    })
}

/// The body of a refused (or, with 200, done) extended MKCOL (RFC 5689 section 5.2).
#[must_use]
pub fn mkcol_response(propstats: &[PropStat<'_>]) -> Vec<u8> {
    document(&Name::dav("mkcol-response"), |xml| xml.propstats(propstats))
}

/// The body of a refused (or, with 200, done) MKCALENDAR (RFC 4791 section 9.3).
#[must_use]
pub fn mkcalendar_response(propstats: &[PropStat<'_>]) -> Vec<u8> {
    document(&Name::caldav("mkcalendar-response"), |xml| xml.propstats(propstats))
}

/// The answer to a principal-search-property-set: searchable properties, each with an English description
/// (RFC 3744 section 9.5).
#[must_use]
pub fn principal_search_property_set(properties: &[(&Name, &str)]) -> Vec<u8> {
    document(&Name::dav("principal-search-property-set"), |xml| {
        for (name, description) in properties {
            xml.element(&Name::dav("principal-search-property"), |xml| {
                xml.element(&Name::dav("prop"), |xml| xml.empty(name));
                let language = [("xml:lang", "en")];
                xml.element_with(&Name::dav("description"), &language, |xml| xml.text(description));
            });
        }
    })
}
