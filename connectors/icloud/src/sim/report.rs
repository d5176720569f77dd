//! The reports: what changed, many objects, the object with a UID.

use almanac_davxml::{CompRule, Limits, PropRule, Report, parse, parse_report};
use almanac_simulator::{Exchange, Reply};
use http::StatusCode;

use super::answer::empty;
use super::xml::{etag, found, multistatus, refused, status, text};
use super::{Calendar, Object, Server};

impl Calendar {
    /// The number of the last change.
    pub(super) fn last_change(&self) -> u64 {
        let members = self.members.values().map(|object| object.version);
        members.chain(self.gone.values().copied()).chain([self.known_since]).max().unwrap_or_default()
    }
}

impl Server {
    pub(super) fn report(&self, calendar: &str, request: &Exchange) -> Reply {
        let limits = Limits::request();
        let tree = parse(&request.body, &limits);
        match tree.and_then(|tree| parse_report(tree.as_ref(), &limits)) {
            Ok(Report::SyncCollection(sync)) if self.habits.sync => {
                self.changes_since(calendar, sync.token.as_deref())
            }
            Ok(Report::CalendarMultiget(multiget)) => {
                let hrefs: Vec<&str> = multiget.hrefs.iter().map(|href| href.expose().as_str()).collect();
                self.multiget(calendar, &hrefs)
            }
            Ok(Report::CalendarQuery(query)) => self.with_uid(calendar, uid_of(&query.filter.comp.rule)),
            Ok(_) => refused(StatusCode::FORBIDDEN, "D:supported-report", ""),
            Err(_) => empty(StatusCode::BAD_REQUEST),
        }
    }

    /// Tokens are numbers of changes, dressed as the URIs that servers make of them: how far was told, and when.
    fn changes_since(&self, name: &str, token: Option<&str>) -> Reply {
        let Some(calendar) = self.calendars.get(name) else { return empty(StatusCode::NOT_FOUND) };
        let prefix = format!("https://caldav.example/{name}/sync?");
        let since = match token {
            None => 0,
            Some(token) => match token.strip_prefix(&prefix).and_then(numbers) {
                Some((told, given)) if given >= calendar.known_since => told,
                _ => return refused(StatusCode::FORBIDDEN, "D:valid-sync-token", ""),
            },
        };
        let gone = calendar.gone.iter().filter(|_| token.is_some()).map(|(name, at)| (*at, name, None));
        let there = calendar.members.iter().map(|(name, object)| (object.version, name, Some(object)));
        let mut lines: Vec<(u64, &String, Option<&Object>)> =
            there.chain(gone).filter(|(at, ..)| *at > since).collect();
        lines.sort_unstable_by_key(|(at, ..)| *at);
        let all = lines.len();
        lines.truncate(self.habits.page.unwrap_or(usize::MAX));
        let mut content = String::new();
        let mut reached = calendar.last_change().max(since);
        for (_, member, object) in &lines {
            let href = self.href(&format!("{}{member}", Self::path(name)));
            match object {
                None => content.push_str(&status(&href, "404 Not Found", &self.habits)),
                Some(object) => {
                    let etag = format!(
                        "<D:getetag>{}</D:getetag><D:resourcetype/>",
                        text(&etag(object), &self.habits)
                    );
                    content.push_str(&found(&href, &etag, &self.habits));
                }
            }
        }
        if lines.len() < all {
            content.push_str(&status(
                &self.href(&Self::path(name)),
                "507 Insufficient Storage",
                &self.habits,
            ));
            reached = lines.last().map_or(reached, |(at, ..)| *at);
        }
        let given = calendar.last_change();
        let token = text(&format!("{prefix}{reached}.{given}"), &self.habits);
        content.push_str(&format!("<D:sync-token>{token}</D:sync-token>"));
        multistatus(&content, &self.habits)
    }

    fn multiget(&self, name: &str, hrefs: &[&str]) -> Reply {
        let mut content = String::new();
        for (at, href) in hrefs.iter().enumerate() {
            if self.habits.forgets.is_some_and(|every| at % every == every - 1) {
                continue;
            }
            let member = href.replace("/%63alendars/", "/calendars/");
            let member = member.strip_prefix(&Self::path(name)).unwrap_or_default();
            let path = self.href(&format!("{}{member}", Self::path(name)));
            match self.calendars.get(name).and_then(|calendar| calendar.members.get(member)) {
                None => content.push_str(&status(&path, "404 Not Found", &self.habits)),
                Some(object) => content.push_str(&self.whole(&path, object)),
            }
        }
        multistatus(&content, &self.habits)
    }

    fn whole(&self, href: &str, object: &Object) -> String {
        let properties = format!(
            "<D:getetag>{}</D:getetag><C:calendar-data>{}</C:calendar-data>",
            text(&etag(object), &self.habits),
            text(&String::from_utf8_lossy(&object.octets), &self.habits)
        );
        found(href, &properties, &self.habits)
    }

    fn with_uid(&self, name: &str, uid: Option<&str>) -> Reply {
        // iCloud refuses a query that does not name a component.
        let Some(uid) = uid else { return refused(StatusCode::FORBIDDEN, "C:valid-filter", "") };
        let members = self.calendars.get(name).into_iter().flat_map(|calendar| &calendar.members);
        let matching = members.filter(|(_, object)| object.uid.as_ref().is_some_and(|own| own.contains(uid)));
        let content: String = matching
            .map(|(member, object)| self.whole(&self.href(&format!("{}{member}", Self::path(name))), object))
            .collect();
        multistatus(&content, &self.habits)
    }
}

fn numbers(text: &str) -> Option<(u64, u64)> {
    let (told, given) = text.split_once('.')?;
    Some((told.parse().ok()?, given.parse().ok()?))
}

/// The UID that a filter asks for.
fn uid_of(rule: &CompRule) -> Option<&str> {
    let CompRule::Defined { comps, .. } = rule else { return None };
    let CompRule::Defined { props, .. } = &comps.first()?.rule else { return None };
    match &props.iter().find(|prop| prop.name == "UID")?.rule {
        PropRule::Defined { text_match: Some(text), .. } => Some(text.text.expose()),
        _ => None,
    }
}
