//! For whom a request is meant: one host, said once (RFC 9112 section 3.2).

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Request, Version, header};

/// What is wrong with the framing: answered with 400, and the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Refuses a request that two readers could send to two hosts.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Malformed> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(Malformed);
    }
    let host = first.map(authority).transpose()?;
    match (host, request.uri().authority()) {
        (_, Some(inner)) if inner.as_str().contains('@') => Err(Malformed),
        (Some(outer), Some(inner)) if !outer.as_str().eq_ignore_ascii_case(inner.as_str()) => Err(Malformed),
        (None, None) if request.version() == Version::HTTP_11 => Err(Malformed),
        _ => Ok(()),
    }
}

fn authority(host: &HeaderValue) -> Result<Authority, Malformed> {
    let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()).ok_or(Malformed)?;
    if host.as_str().contains('@') { Err(Malformed) } else { Ok(host) }
}

/// Makes `host` the one that the client asked for: a trusted proxy said so.
pub(crate) fn set_host(uri: &mut http::Uri, headers: &mut HeaderMap, host: &str) {
    if let Ok(value) = HeaderValue::from_str(host) {
        headers.insert(header::HOST, value);
    }
    if uri.authority().is_some() {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        if let Ok(path) = path.parse() {
            *uri = path;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(version: Version, uri: &str, hosts: &[&str]) -> Request<()> {
        let mut request = Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_request_names_its_host_exactly_once() {
        let (h10, h11, h2) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        let rows: [(&str, Request<()>, bool); 11] = [
            ("plain", request(h11, "/", &["a.example"]), true),
            ("with a port", request(h11, "/", &["[::1]:8008"]), true),
            ("no host", request(h11, "/", &[]), false),
            ("no host, as old clients", request(h10, "/", &[]), true),
            ("two hosts", request(h11, "/", &["a.example", "a.example"]), false),
            ("not a host", request(h11, "/", &["a b"]), false),
            ("a path in it", request(h11, "/", &["a.example/x"]), false),
            ("a user in it", request(h11, "/", &["u@a.example"]), false),
            ("absolute, the same", request(h11, "http://a.example/", &["A.example"]), true),
            ("absolute, another", request(h11, "http://b.example/", &["a.example"]), false),
            ("http/2", request(h2, "https://a.example/", &[]), true),
        ];
        for (name, request, allowed) in rows {
            assert_eq!(check(&request).is_ok(), allowed, "{name}");
        }
    }

    #[test]
    fn a_proxys_word_replaces_the_host_of_either_form() {
        for uri in ["/x?y", "http://inner/x?y"] {
            let (mut parts, ()) = request(Version::HTTP_11, uri, &["inner"]).into_parts();
            set_host(&mut parts.uri, &mut parts.headers, "cal.example.org");
            assert_eq!(parts.headers[header::HOST], "cal.example.org");
            assert_eq!(parts.uri.to_string(), "/x?y");
        }
    }
}
