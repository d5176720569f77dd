//! Multistatus answers as values, and the requests that ask for them.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use almanac_davxml::{Element, Limits, Name, names, parse};
use http::StatusCode;

use crate::support::Answer;

/// A multistatus, read.
#[derive(Debug)]
pub struct Multistatus {
    pub responses: Vec<Response>,
    pub token: Option<String>,
}

/// One response in it.
#[derive(Debug)]
pub struct Response {
    pub href: String,
    /// Of a response without properties.
    pub status: Option<u16>,
    /// The element in the `DAV:error` of a response without properties.
    pub error: Option<Name>,
    /// Each property with the status of its propstat.
    pub props: Vec<(u16, Element)>,
}

impl Multistatus {
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, StatusCode::MULTI_STATUS, "{}", answer.text());
        assert_eq!(answer.header("content-type"), "application/xml; charset=utf-8");
        let root = parse(&answer.octets, &Limits::reply()).expect("well-formed").expect("not empty");
        assert!(root.is(names::DAV, "multistatus"));
        Self {
            responses: root.children_named(names::DAV, "response").map(Response::read).collect(),
            token: root.child(names::DAV, "sync-token").map(Element::text),
        }
    }

    pub fn hrefs(&self) -> Vec<&str> {
        self.responses.iter().map(|response| response.href.as_str()).collect()
    }

    /// The one response for `href`.
    pub fn at(&self, href: &str) -> &Response {
        let mut found = self.responses.iter().filter(|response| response.href == href);
        let (Some(response), None) = (found.next(), found.next()) else {
            panic!("not one response for {href}")
        };
        response
    }

    /// The last segments of the hrefs, in order.
    pub fn members(&self) -> Vec<&str> {
        self.responses.iter().map(|response| response.href.rsplit('/').next().unwrap()).collect()
    }
}

impl Response {
    /// Reads a `DAV:response`.
    pub fn read(element: &Element) -> Self {
        let mut props = Vec::new();
        for propstat in element.children_named(names::DAV, "propstat") {
            let status = status(propstat).expect("a propstat has a status");
            let prop = propstat.child(names::DAV, "prop").expect("a propstat has a prop");
            props.extend(prop.elements().map(|element| (status, element.clone())));
        }
        Self {
            href: element.child(names::DAV, "href").expect("a response has an href").text(),
            status: status(element),
            error: element
                .child(names::DAV, "error")
                .and_then(|error| error.elements().next().map(|condition| condition.name.clone())),
            props,
        }
    }

    /// The property of status 200 with this local name.
    pub fn prop(&self, local: &str) -> &Element {
        let found = self.props.iter().find(|(status, prop)| *status == 200 && prop.name.local() == local);
        &found.unwrap_or_else(|| panic!("{} has no {local}: {:?}", self.href, self.names(200))).1
    }

    pub fn text(&self, local: &str) -> String {
        self.prop(local).text()
    }

    /// The local names of the properties with this status, in order.
    pub fn names(&self, status: u16) -> Vec<&str> {
        self.props.iter().filter(|(it, _)| *it == status).map(|(_, prop)| prop.name.local()).collect()
    }

    /// The hrefs in a property.
    pub fn hrefs_in(&self, local: &str) -> Vec<String> {
        self.prop(local).children_named(names::DAV, "href").map(Element::text).collect()
    }

    /// The local names of the elements in a property.
    pub fn elements_in(&self, local: &str) -> Vec<String> {
        self.prop(local).elements().map(|element| element.name.local().to_owned()).collect()
    }

    /// The local names two levels down: the privileges of a set, the reports of a set.
    pub fn leaves_of(&self, local: &str) -> Vec<String> {
        fn collect(element: &Element, leaves: &mut Vec<String>) {
            if element.elements().next().is_none() {
                leaves.push(element.name.local().to_owned());
            }
            element.elements().for_each(|inner| collect(inner, leaves));
        }
        let mut leaves = Vec::new();
        self.prop(local).elements().for_each(|element| collect(element, &mut leaves));
        leaves
    }
}

fn status(element: &Element) -> Option<u16> {
    let line = element.child(names::DAV, "status")?.text();
    line.split(' ').nth(1)?.parse().ok()
}

/// The namespace declarations of the requests below.
pub const XMLNS: &str = "xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav' \
     xmlns:CS='http://calendarserver.org/ns/' xmlns:A='http://apple.com/ns/ical/'";

/// A PROPFIND body for these properties, named with the prefixes D, C, CS and A.
pub fn propfind(props: &[&str]) -> String {
    format!("<D:propfind {XMLNS}>{}</D:propfind>", prop(props))
}

/// A `DAV:prop` of these properties.
pub fn prop(props: &[&str]) -> String {
    let all: String = props.iter().map(|name| format!("<{name}/>")).collect();
    format!("<D:prop>{all}</D:prop>")
}

/// A report body: `root` with what is in it.
pub fn report(root: &str, content: &str) -> String {
    format!("<?xml version='1.0' encoding='utf-8'?><{root} {XMLNS}>{content}</{root}>")
}

/// A calendar-query with this `DAV:prop` and this content of the VCALENDAR filter.
pub fn query(prop: &str, filters: &str) -> String {
    let filter = format!("<C:filter><C:comp-filter name='VCALENDAR'>{filters}</C:comp-filter></C:filter>");
    report("C:calendar-query", &format!("{prop}{filter}"))
}
