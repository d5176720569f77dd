//! Which redirects are followed. Pure.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::request::{Redirects, Request};
use crate::guard::{Refusal, Target};
use crate::limits::REDIRECTS_MAX;

/// What an answer means for the request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is the caller's.
    Answer,
    /// The same request, elsewhere.
    Follow(Target),
}

/// What to do with an answer after `followed` redirects.
pub(super) fn next(
    request: &Request,
    status: StatusCode,
    location: Option<&HeaderValue>,
    followed: usize,
) -> Result<Next, Refusal> {
    let follows = match status.as_u16() {
        301..=303 => matches!(request.method, Method::GET | Method::HEAD),
        307 | 308 => matches!(request.method.as_str(), "GET" | "HEAD" | "PROPFIND" | "REPORT"),
        _ => false,
    };
    let Some(location) = location.filter(|_| follows && request.redirects == Redirects::Follow) else {
        return Ok(Next::Answer);
    };
    if followed >= REDIRECTS_MAX {
        return Err(Refusal::TooManyRedirects);
    }
    // Servers send raw UTF-8 here, which `to_str` would not give.
    let location = std::str::from_utf8(location.as_bytes()).map_err(|_| Refusal::Unreadable)?;
    request.target.join(location).map(Next::Follow)
}

/// Takes out what only the first origin may see.
pub(super) fn forget_secrets(headers: &mut HeaderMap) {
    headers.remove(AUTHORIZATION);
    let secret = headers.iter().filter(|(_, value)| value.is_sensitive());
    let names: Vec<_> = secret.map(|(name, _)| name.clone()).collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Text = Option<&'static str>;
    type Row = (&'static str, Redirects, u16, Text, usize, Result<Text, Refusal>);

    #[test]
    fn redirects_are_followed_by_method_and_status() {
        use Redirects::{Follow, Return};
        #[rustfmt::skip]
        let table: &[Row] = &[
            ("GET",      Follow, 301, Some("/b"),             0, Ok(Some("https://a.test/b"))),
            ("GET",      Follow, 302, Some("https://b.test/"), 4, Ok(Some("https://b.test/"))),
            ("HEAD",     Follow, 303, Some("/b"),             0, Ok(Some("https://a.test/b"))),
            ("GET",      Follow, 308, Some("?q=ü"),           0, Ok(Some("https://a.test/a?q=%C3%BC"))),
            ("PROPFIND", Follow, 307, Some("/b"),             0, Ok(Some("https://a.test/b"))),
            ("REPORT",   Follow, 308, Some("/b"),             0, Ok(Some("https://a.test/b"))),
            ("PROPFIND", Follow, 301, Some("/b"),             0, Ok(None)),
            ("REPORT",   Follow, 302, Some("/b"),             0, Ok(None)),
            ("POST",     Follow, 307, Some("/b"),             0, Ok(None)),
            ("PUT",      Follow, 308, Some("/b"),             0, Ok(None)),
            ("DELETE",   Follow, 301, Some("/b"),             0, Ok(None)),
            ("GET",      Return, 301, Some("/b"),             0, Ok(None)),
            ("GET",      Follow, 300, Some("/b"),             0, Ok(None)),
            ("GET",      Follow, 304, Some("/b"),             0, Ok(None)),
            ("GET",      Follow, 200, Some("/b"),             0, Ok(None)),
            ("GET",      Follow, 301, None,                   0, Ok(None)),
            ("GET",      Follow, 301, Some("/b"),             5, Err(Refusal::TooManyRedirects)),
            ("GET",      Follow, 301, Some("http://a.test/"), 0, Err(Refusal::Downgrade)),
            ("GET",      Follow, 301, Some("file:///etc/x"),  0, Err(Refusal::Scheme)),
        ];
        for (method, redirects, status, location, followed, expected) in table {
            let target = Target::parse("https://a.test/a").unwrap();
            let mut request = Request::new(method.parse().unwrap(), target, "/a");
            request.redirects = *redirects;
            let location = location.map(|text| HeaderValue::from_bytes(text.as_bytes()).unwrap());
            let found = next(&request, StatusCode::from_u16(*status).unwrap(), location.as_ref(), *followed);
            let found = found.map(|next| match next {
                Next::Answer => None,
                Next::Follow(target) => Some(target.url().to_string()),
            });
            assert_eq!(found, expected.map(|url| url.map(str::to_owned)), "{method} {status} {location:?}");
        }
    }

    #[test]
    fn authorization_and_sensitive_fields_stay_behind() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "Bearer x".parse().unwrap());
        headers.insert("depth", "1".parse().unwrap());
        let mut key: HeaderValue = "k".parse().unwrap();
        key.set_sensitive(true);
        headers.insert("x-key", key);
        forget_secrets(&mut headers);
        assert_eq!(headers.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["depth"]);
    }
}
