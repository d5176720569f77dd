//! Properties of principals, and of the way to them.

use std::borrow::Cow;

use almanac_backend::Principal;
use almanac_davxml::{Fragment, Name, Value};

use super::resource::{Resource, View};
use super::table::Found;
use crate::target;

pub(super) fn current_user_principal<'a>(view: &View<'a>) -> Found<'a> {
    href(view.caller_href())
}

pub(super) fn principal_url<'a>(view: &View<'a>) -> Found<'a> {
    of(view, |principal| Value::Href(Cow::Owned(target::principal_href(&principal.login))))
}

pub(super) fn calendar_home_set<'a>(view: &View<'a>) -> Found<'a> {
    of(view, |principal| Value::Href(Cow::Owned(target::home_href(&principal.login))))
}

pub(super) fn calendar_user_address_set<'a>(view: &View<'a>) -> Found<'a> {
    of(view, |principal| Value::Hrefs(addresses(principal).into_iter().map(Cow::Owned).collect()))
}

pub(super) fn calendar_user_type<'a>(view: &View<'a>) -> Found<'a> {
    of(view, |_| Value::Text(Cow::Borrowed("INDIVIDUAL")))
}

pub(super) fn email_address_set<'a>(view: &View<'a>) -> Found<'a> {
    of(view, |principal| {
        let mut xml = Fragment::new();
        if !principal.email.is_empty() {
            xml.text_element(&Name::cs("email-address"), &principal.email);
        }
        Value::Xml(xml)
    })
}

/// The calendar user addresses of a principal (RFC 4791 section 6.2.2), the mail address first: clients
/// write the first one into ORGANIZER.
pub(crate) fn addresses(principal: &Principal) -> Vec<String> {
    let mut all = Vec::with_capacity(2);
    if !principal.email.is_empty() {
        all.push(format!("mailto:{}", principal.email));
    }
    all.push(target::principal_href(&principal.login));
    all
}

fn of<'a>(view: &View<'a>, value: impl FnOnce(&'a Principal) -> Value<'a>) -> Found<'a> {
    match view.resource {
        Resource::Principal(principal) => Found::Is(value(principal)),
        _ => Found::Absent,
    }
}

fn href<'a>(href: String) -> Found<'a> {
    Found::Is(Value::Href(Cow::Owned(href)))
}
