//! One request, one answer.

use almanac_simulator::{Exchange, Reply, Vendor};
use http::StatusCode;

use super::xml::{etag, found, multistatus, refused, text};
use super::{HOME, LOGIN, Object, PASSWORD, PRINCIPAL, Server, checked, guests, rewritten};

/// What a path leads to.
pub(super) enum Where<'a> {
    Root,
    Principal,
    Home,
    Calendar(&'a str),
    Object(&'a str, &'a str),
    Nowhere,
}

pub(super) fn empty(status: StatusCode) -> Reply {
    Reply::new(status, "")
}

/// Whether the request has the password; else what it gets.
pub(super) fn unauthorized(request: &Exchange) -> Option<Reply> {
    let right = format!("Basic {}", base64(format!("{LOGIN}:{PASSWORD}").as_bytes()));
    if request.header("authorization") == Some(&right) {
        return None;
    }
    // As iCloud says it.
    Some(empty(StatusCode::UNAUTHORIZED).with("www-authenticate", "x-mobileme-authtoken realm=\"MMCalDav\""))
}

fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in octets.chunks(3) {
        let bits = chunk
            .iter()
            .enumerate()
            .fold(0_u32, |bits, (at, octet)| bits | u32::from(*octet) << (16 - 8 * at));
        for place in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * place)) as usize & 63).copied().unwrap_or(b'A');
            out.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    out
}

impl Vendor for Server {
    fn answer(&mut self, request: &Exchange) -> Reply {
        if let Some(reply) = unauthorized(request) {
            return reply;
        }
        if request.path == "/.well-known/caldav" {
            return empty(StatusCode::MOVED_PERMANENTLY).with("location", "/");
        }
        // The other spelling that `href` writes.
        let path = request.path.replace("/%63alendars/", "/calendars/");
        match (request.method.as_str(), self.place(&path)) {
            (_, Where::Nowhere) => empty(StatusCode::NOT_FOUND),
            ("OPTIONS", _) => self.options(),
            ("PROPFIND", place) => self.propfind(&place, request),
            ("REPORT", Where::Calendar(calendar)) => self.report(calendar, request),
            ("GET", Where::Object(calendar, name)) => self.get(calendar, name),
            ("PUT", Where::Object(calendar, name)) => self.write(calendar, name, request),
            ("DELETE", Where::Object(calendar, name)) => self.delete(calendar, name, request),
            _ => empty(StatusCode::METHOD_NOT_ALLOWED),
        }
    }
}

impl Server {
    fn place<'a>(&self, path: &'a str) -> Where<'a> {
        match path {
            "/" => return Where::Root,
            PRINCIPAL => return Where::Principal,
            HOME => return Where::Home,
            _ => {}
        }
        match path.strip_prefix(HOME).and_then(|rest| rest.split_once('/')) {
            Some((calendar, _)) if !self.calendars.contains_key(calendar) => Where::Nowhere,
            Some((calendar, "")) => Where::Calendar(calendar),
            Some((calendar, name)) if !name.contains('/') => Where::Object(calendar, name),
            _ => Where::Nowhere,
        }
    }

    fn options(&self) -> Reply {
        let features = if self.habits.schedules {
            "1, 3, access-control, calendar-access, calendar-schedule, calendar-auto-schedule"
        } else {
            "1, 3, access-control, calendar-access"
        };
        empty(StatusCode::OK).with("dav", features)
    }

    /// The href of something: a path, or a URL in another spelling.
    pub(super) fn href(&self, path: &str) -> String {
        if self.habits.odd && !self.host.is_empty() {
            return format!("http://{}{}", self.host, path.replace("/calendars/", "/%63alendars/"));
        }
        path.to_owned()
    }

    fn propfind(&self, place: &Where<'_>, request: &Exchange) -> Reply {
        let habits = &self.habits;
        let deep = request.header("depth") == Some("1");
        let mut content = String::new();
        match place {
            Where::Root | Where::Principal => {
                let home = if matches!(place, Where::Principal) {
                    format!(
                        "<C:calendar-home-set><D:href>{HOME}</D:href></C:calendar-home-set><C:calendar-user-address-set>\
                         <D:href>mailto:{LOGIN}</D:href><D:href>{PRINCIPAL}</D:href></C:calendar-user-address-set>"
                    )
                } else {
                    String::new()
                };
                let principal = format!(
                    "<D:current-user-principal><D:href>{PRINCIPAL}</D:href></D:current-user-principal>{home}"
                );
                content.push_str(&found(&request.path, &principal, habits));
            }
            Where::Home => {
                content.push_str(&found(HOME, "<D:resourcetype><D:collection/></D:resourcetype>", habits));
                let inbox = "<D:resourcetype><D:collection/><C:schedule-inbox/></D:resourcetype>";
                content.push_str(&found(&format!("{HOME}inbox/"), inbox, habits));
                let calendars = self.calendars.keys().filter(|_| deep);
                for calendar in calendars {
                    content.push_str(&found(
                        &self.href(&Self::path(calendar)),
                        &self.about(calendar),
                        habits,
                    ));
                }
            }
            Where::Calendar(calendar) => {
                content.push_str(&found(&self.href(&Self::path(calendar)), &self.about(calendar), habits));
                let members = self.calendars.get(*calendar).filter(|_| deep);
                for (name, object) in members.iter().flat_map(|calendar| &calendar.members) {
                    let href = self.href(&format!("{}{name}", Self::path(calendar)));
                    let etag =
                        format!("<D:getetag>{}</D:getetag><D:resourcetype/>", text(&etag(object), habits));
                    content.push_str(&found(&href, &etag, habits));
                }
            }
            Where::Object(..) | Where::Nowhere => return empty(StatusCode::NOT_FOUND),
        }
        multistatus(&content, habits)
    }

    /// The properties of a calendar.
    fn about(&self, calendar: &str) -> String {
        let sync = if self.habits.sync {
            "<D:supported-report><D:report><D:sync-collection/></D:report></D:supported-report>"
        } else {
            ""
        };
        let changes = self.calendars.get(calendar).map(super::Calendar::last_change).unwrap_or_default();
        format!(
            "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype><D:displayname>{}</D:displayname>\
             <D:current-user-privilege-set><D:privilege><D:read/></D:privilege><D:privilege><D:write/></D:privilege>\
             </D:current-user-privilege-set><D:supported-report-set><D:supported-report><D:report>\
             <C:calendar-multiget/></D:report></D:supported-report>{sync}</D:supported-report-set>\
             <C:supported-calendar-component-set><C:comp name=\"VEVENT\"/></C:supported-calendar-component-set>\
             <S:getctag>\"c{changes}\"</S:getctag>",
            text(calendar, &self.habits)
        )
    }

    fn object(&self, calendar: &str, name: &str) -> Option<&Object> {
        self.calendars.get(calendar)?.members.get(name)
    }

    fn get(&self, calendar: &str, name: &str) -> Reply {
        match self.object(calendar, name) {
            None => empty(StatusCode::NOT_FOUND),
            Some(object) => Reply::new(StatusCode::OK, object.octets.clone())
                .with("etag", &etag(object))
                .with("content-type", "text/calendar; charset=utf-8"),
        }
    }

    /// Whether the preconditions of a write hold.
    fn allowed(&self, calendar: &str, name: &str, request: &Exchange) -> bool {
        let there = self.object(calendar, name).map(etag);
        let matches = request.header("if-match").is_none_or(|wanted| there.as_deref() == Some(wanted));
        let absent = request.header("if-none-match").is_none_or(|_| there.is_none());
        matches && absent
    }

    fn write(&mut self, calendar: &str, name: &str, request: &Exchange) -> Reply {
        if !self.allowed(calendar, name, request) {
            return empty(StatusCode::PRECONDITION_FAILED);
        }
        let object = match checked(&request.body, self.habits.wants_zones) {
            Ok(object) => object,
            Err(condition) => return refused(StatusCode::FORBIDDEN, &format!("C:{condition}"), ""),
        };
        if let Some(owner) = self.owner_of(calendar, object.uid(), name) {
            let href = format!("<D:href>{}{owner}</D:href>", Self::path(calendar));
            return refused(StatusCode::CONFLICT, "C:no-uid-conflict", &href);
        }
        if self.habits.schedules {
            self.mail(calendar, name, guests(&object));
        }
        let created = self.object(calendar, name).is_none();
        let status = if created { StatusCode::CREATED } else { StatusCode::NO_CONTENT };
        if self.habits.rewrites {
            self.put(calendar, name, &rewritten(&object));
            return empty(status);
        }
        self.put(calendar, name, &request.body);
        let etag = self.object(calendar, name).map(etag).unwrap_or_default();
        empty(status).with("etag", &etag)
    }

    fn mail(&mut self, calendar: &str, name: &str, guests: usize) {
        self.mails.send(&format!("{}{name}", Self::path(calendar)), guests);
    }

    fn delete(&mut self, calendar: &str, name: &str, request: &Exchange) -> Reply {
        let Some(object) = self.object(calendar, name) else { return empty(StatusCode::NOT_FOUND) };
        let guests = super::CalendarObject::parse_stored(&object.octets).map(|object| guests(&object));
        if !self.allowed(calendar, name, request) {
            return empty(StatusCode::PRECONDITION_FAILED);
        }
        if self.habits.schedules {
            self.mail(calendar, name, guests.unwrap_or_default());
        }
        self.remove(calendar, name);
        empty(StatusCode::NO_CONTENT)
    }
}
