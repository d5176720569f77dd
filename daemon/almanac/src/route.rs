//! What the log may know of a request line: a template instead of the path, a known method or none.

/// The path with its names replaced. It shows how many segments there were, never what they said.
pub(crate) fn template(path: &str) -> &'static str {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let (first, second, more) = (segments.next(), segments.next(), segments.count());
    match (first, second, more) {
        (None, ..) => "/",
        (Some("dav"), None, _) => "/dav/",
        (Some("dav"), Some("principals"), 0) => "/dav/principals/",
        (Some("dav"), Some("principals"), 1) => "/dav/principals/{principal}/",
        (Some("dav"), Some("calendars"), 0) => "/dav/calendars/",
        (Some("dav"), Some("calendars"), 1) => "/dav/calendars/{principal}/",
        (Some("dav"), Some("calendars"), 2) => "/dav/calendars/{principal}/{collection}/",
        (Some("dav"), Some("calendars"), 3) => "/dav/calendars/{principal}/{collection}/{object}",
        (Some("hooks"), Some("google"), 0) => "/hooks/google",
        (Some("hooks"), Some("graph"), 0) => "/hooks/graph",
        (Some("feeds"), Some(_), 0) => "/feeds/{feed}",
        (Some(".well-known"), Some("caldav"), 0) => "/.well-known/caldav",
        _ => "{other}",
    }
}

const METHODS: [&str; 20] = [
    "ACL",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LOCK",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PUT",
    "REPORT",
    "SEARCH",
    "TRACE",
    "UNLOCK",
];

/// The method if it is one that anybody knows: others are whatever a client wrote.
pub(crate) fn method(method: &http::Method) -> &'static str {
    METHODS.iter().find(|known| **known == method.as_str()).unwrap_or(&"OTHER")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_a_path_reaches_the_template() {
        for (path, expected) in [
            ("/", "/"),
            ("", "/"),
            ("*", "{other}"),
            ("/dav", "/dav/"),
            ("/dav/principals/erika/", "/dav/principals/{principal}/"),
            ("/dav/calendars/erika", "/dav/calendars/{principal}/"),
            ("/dav/calendars/erika/calendar/", "/dav/calendars/{principal}/{collection}/"),
            ("/dav/calendars/erika/calendar/x.ics", "/dav/calendars/{principal}/{collection}/{object}"),
            ("/dav/calendars/erika/calendar/x/y", "{other}"),
            ("/.well-known/caldav", "/.well-known/caldav"),
            ("/feeds/abc.ics", "/feeds/{feed}"),
            ("/feeds/", "{other}"),
            ("/hooks/google", "/hooks/google"),
            ("/hooks/graph/", "/hooks/graph"),
            ("/hooks/erika", "{other}"),
            ("/feeds/abc/d.ics", "{other}"),
            ("/erika", "{other}"),
        ] {
            assert_eq!(template(path), expected, "{path}");
        }
    }

    #[test]
    fn an_invented_method_is_not_repeated() {
        assert_eq!(method(&http::Method::from_bytes(b"ERIKA").unwrap()), "OTHER");
        assert_eq!(method(&http::Method::from_bytes(b"MKCALENDAR").unwrap()), "MKCALENDAR");
    }
}
