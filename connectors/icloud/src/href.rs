//! What a server lists, as ids and as targets. Pure.
//!
//! An id is what the server listed, never made anew and never encoded anew: the path where it is of the host of its
//! collection, else the whole URL. Only the part before the last segment is spelt as the collection's own, since servers
//! spell it differently from one answer to the next (`@` and `%40`, with and without a host).

use almanac_contract::{CalendarId, RemoteId};
use almanac_egress::{Refusal, Target};

/// A collection: a calendar, or what calendars are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    target: Target,
}

/// What an href is to the collection in whose listing it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// The collection itself.
    Itself,
    /// An object in it.
    Member(RemoteId),
    /// A collection in it, or nothing that can be asked for.
    Other,
}

impl Place {
    /// The collection at `target`, which ends in a slash.
    pub(crate) fn new(target: Target) -> Self {
        let url = target.url();
        match url.path().ends_with('/') {
            true => Self { target },
            false => Self { target: target.join(&format!("{}/", url.path())).unwrap_or(target) },
        }
    }

    /// The calendar of this id, in a home.
    pub(crate) fn of(id: &CalendarId, home: &Target) -> Result<Self, Refusal> {
        resolve(&id.0, home).map(Self::new)
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The id of this calendar, which is listed in `home`.
    pub(crate) fn calendar_id(&self, home: &Target) -> CalendarId {
        CalendarId(spelled(&self.target, home))
    }

    /// What an href means here.
    pub(crate) fn listed(&self, href: &str) -> Listed {
        let Ok(target) = self.target.join(href) else { return Listed::Other };
        let own = self.target.url().path();
        let path = target.url().path();
        if target.same_origin(&self.target) && same(own.trim_end_matches('/'), path.trim_end_matches('/')) {
            return Listed::Itself;
        }
        let Some((folder, name)) = path.rsplit_once('/').filter(|(_, name)| !name.is_empty()) else {
            return Listed::Other;
        };
        let inside = target.same_origin(&self.target)
            && target.url().query().is_none()
            && same(folder, own.trim_end_matches('/'));
        Listed::Member(RemoteId(if inside { format!("{own}{name}") } else { spelled(&target, &self.target) }))
    }

    /// An object that does not exist yet.
    pub(crate) fn new_member(&self, name: &str) -> RemoteId {
        RemoteId(format!("{}{name}", self.target.url().path()))
    }

    /// Where an object is.
    pub(crate) fn member(&self, id: &RemoteId) -> Result<Target, Refusal> {
        resolve(&id.0, &self.target)
    }
}

/// The path alone where both are of one host.
fn spelled(target: &Target, at: &Target) -> String {
    let url = target.url();
    if !target.same_origin(at) {
        return url.as_str().to_owned();
    }
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

fn resolve(id: &str, at: &Target) -> Result<Target, Refusal> {
    // Two slashes would begin a host.
    if id.starts_with("//") { Err(Refusal::Unreadable) } else { at.join(id) }
}

/// Whether two paths are the same, however they are encoded.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one == other || decoded(one) == decoded(other)
}

fn decoded(path: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        // The digits are looked at before: the standard library takes `+1` for a number.
        let pair = after.get(..2).filter(|pair| *first == b'%' && pair.iter().all(u8::is_ascii_hexdigit));
        let pair = pair.and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(octet) => {
                octets.push(octet);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                octets.push(*first);
                rest = after;
            }
        }
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_same_however_they_are_encoded() {
        assert!(same("/a%40b/%C3%A9.ics", "/a@b/\u{e9}.ics") && same("/%7e", "/~"));
        assert!(!same("/%+1", "/\u{1}") && !same("/%4", "/@") && !same("/a", "/b"));
    }

    #[test]
    fn an_href_is_kept_as_it_was_listed() {
        let place = Place::new(Target::parse("https://p01.example.org/a%40b/work").unwrap());
        let member = |id: &str| Listed::Member(RemoteId(id.to_owned()));
        #[rustfmt::skip]
        let table = [
            ("/a%40b/work/x.ics",                        member("/a%40b/work/x.ics")),
            ("/a@b/work/x.ics",                          member("/a%40b/work/x.ics")),
            ("x.ics",                                    member("/a%40b/work/x.ics")),
            ("https://p01.example.org/a%40b/work/x.ics", member("/a%40b/work/x.ics")),
            ("https://p01.example.org:443/a@b/work/x",   member("/a%40b/work/x")),
            ("/a%40b/work/%C3%BC%2f~%7e.ics",            member("/a%40b/work/%C3%BC%2f~%7e.ics")),
            ("https://p02.example.org/a/work/x.ics",     member("https://p02.example.org/a/work/x.ics")),
            ("/elsewhere/x.ics",                         member("/elsewhere/x.ics")),
            ("/a%40b/work/x.ics?v=1",                    member("/a%40b/work/x.ics?v=1")),
            ("/a@b/work/",                               Listed::Itself),
            ("/a@b/work",                                Listed::Itself),
            ("https://p01.example.org/a%40b/work/",      Listed::Itself),
            ("/a%40b/work/deeper/",                      Listed::Other),
            ("ftp://p01.example.org/x",                  Listed::Other),
            ("http://p01.example.org/a%40b/work/x.ics",  Listed::Other),
        ];
        for (href, expected) in table {
            assert_eq!(place.listed(href), expected, "{href}");
        }
        for href in ["/a%40b/work/x.ics", "https://p02.example.org/a/work/x.ics", "/elsewhere/x.ics?y"] {
            let Listed::Member(id) = place.listed(href) else { panic!("{href}") };
            let url = place.member(&id).unwrap().url().to_string();
            assert!(url.ends_with(href), "{href} {url}");
        }
        assert!(place.member(&RemoteId("//evil.test/x".to_owned())).is_err());
    }

    #[test]
    fn a_calendar_is_the_same_after_its_account_moved_to_another_host() {
        let home = |host: &str| Target::parse(&format!("https://{host}/1/calendars/")).unwrap();
        let id =
            Place::new(home("p01.example.org").join("work/").unwrap()).calendar_id(&home("p01.example.org"));
        assert_eq!(id, CalendarId("/1/calendars/work/".to_owned()));
        let place = Place::of(&id, &home("p02.example.org")).unwrap();
        assert_eq!(place.target().url().as_str(), "https://p02.example.org/1/calendars/work/");
    }
}
