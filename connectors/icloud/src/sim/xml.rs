//! Bodies, written by hand.

use almanac_simulator::Reply;
use http::StatusCode;

use super::{Habits, Object};

/// A text in XML.
pub(super) fn text(text: &str, habits: &Habits) -> String {
    if habits.odd && !text.contains("]]>") {
        return format!("<![CDATA[{text}]]>");
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('\r', "&#13;")
}

/// A response with properties, written with the prefixes `D:` and `C:`.
pub(super) fn found(href: &str, properties: &str, habits: &Habits) -> String {
    format!(
        "<D:response><D:href>{}</D:href><D:propstat><D:prop>{properties}</D:prop><D:status>HTTP/1.1 200 OK</D:status>\
         </D:propstat></D:response>",
        text(href, habits)
    )
}

/// A response with a status.
pub(super) fn status(href: &str, line: &str, habits: &Habits) -> String {
    format!(
        "<D:response><D:href>{}</D:href><D:status>HTTP/1.1 {line}</D:status></D:response>",
        text(href, habits)
    )
}

/// The entity tag of an object, as a property and as a field.
pub(super) fn etag(object: &Object) -> String {
    format!("\"v{}\"", object.version)
}

/// A multistatus of these responses and what follows them.
pub(super) fn multistatus(content: &str, habits: &Habits) -> Reply {
    let mut body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<D:multistatus xmlns:D=\"DAV:\" \
         xmlns:C=\"urn:ietf:params:xml:ns:caldav\" xmlns:S=\"http://calendarserver.org/ns/\">{content}</D:multistatus>"
    );
    if habits.odd {
        for (usual, odd) in [("D", "x0"), ("C", "zz9"), ("S", "_")] {
            for (from, to) in [("<", "<"), ("</", "</"), (" xmlns:", " xmlns:")] {
                let end = if from == " xmlns:" { "=" } else { ":" };
                body = body.replace(&format!("{from}{usual}{end}"), &format!("{to}{odd}{end}"));
            }
        }
    }
    Reply::new(StatusCode::MULTI_STATUS, body).with("content-type", "application/xml; charset=utf-8")
}

/// A refusal that names the condition, such as `C:valid-calendar-data`.
pub(super) fn refused(status: StatusCode, condition: &str, content: &str) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><D:error xmlns:D=\"DAV:\" \
         xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><{condition}>{content}</{condition}></D:error>"
    );
    Reply::new(status, body).with("content-type", "application/xml; charset=utf-8")
}
