//! The requests of the workloads, the same for every server.

use crate::data::{Data, Month, stamp};
use crate::http::{Endpoint, Request};

const NAMESPACES: &str = "xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"";
const ICS: (&str, &str) = ("Content-Type", "text/calendar; charset=utf-8");
const XML: (&str, &str) = ("Content-Type", "application/xml; charset=utf-8");

impl Endpoint {
    pub(crate) fn get(&self, n: usize) -> Request {
        self.request("GET", &self.path(&Data::name(n)), &[], "")
    }

    pub(crate) fn delete(&self, n: usize) -> Request {
        self.request("DELETE", &self.path(&Data::name(n)), &[], "")
    }

    /// Creates an object.
    pub(crate) fn create(&self, n: usize) -> Request {
        let headers = [ICS, ("If-None-Match", "*")];
        self.request("PUT", &self.path(&Data::name(n)), &headers, &Data::event(n, 0))
    }

    /// Replaces an object, whatever is there.
    pub(crate) fn replace(&self, n: usize, revision: usize) -> Request {
        self.request("PUT", &self.path(&Data::name(n)), &[ICS], &Data::event(n, revision))
    }

    /// Replaces the object that has this ETag.
    pub(crate) fn update(&self, n: usize, revision: usize, etag: &str) -> Request {
        let headers = [ICS, ("If-Match", etag)];
        self.request("PUT", &self.path(&Data::name(n)), &headers, &Data::event(n, revision))
    }

    pub(crate) fn listing(&self) -> Request {
        let body =
            format!("<D:propfind {NAMESPACES}><D:prop><D:getetag/><D:getcontenttype/></D:prop></D:propfind>");
        self.request("PROPFIND", &self.calendar, &[XML, ("Depth", "1")], &body)
    }

    pub(crate) fn month(&self, month: &Month) -> Request {
        let inside = format!(
            "<D:prop><D:getetag/><C:calendar-data/></D:prop>\
             <C:filter><C:comp-filter name=\"VCALENDAR\"><C:comp-filter name=\"VEVENT\">\
             <C:time-range {}/></C:comp-filter></C:comp-filter></C:filter>",
            range(month)
        );
        self.report("C:calendar-query", &inside, "1")
    }

    pub(crate) fn multiget(&self, objects: &[usize]) -> Request {
        let hrefs: String =
            objects.iter().map(|n| format!("<D:href>{}</D:href>", self.path(&Data::name(*n)))).collect();
        let inside = format!("<D:prop><D:getetag/><C:calendar-data/></D:prop>{hrefs}");
        self.report("C:calendar-multiget", &inside, "1")
    }

    /// What changed since `token`; everything, if it is empty.
    pub(crate) fn sync(&self, token: &str) -> Request {
        let inside = format!(
            "<D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop>"
        );
        self.report("D:sync-collection", &inside, "0")
    }

    pub(crate) fn free_busy(&self, month: &Month) -> Request {
        self.report("C:free-busy-query", &format!("<C:time-range {}/>", range(month)), "1")
    }

    fn report(&self, name: &str, inside: &str, depth: &str) -> Request {
        let body = format!("<{name} {NAMESPACES}>{inside}</{name}>");
        self.request("REPORT", &self.calendar, &[XML, ("Depth", depth)], &body)
    }
}

fn range(month: &Month) -> String {
    format!("start=\"{}\" end=\"{}\"", stamp(month.start), stamp(month.end))
}
