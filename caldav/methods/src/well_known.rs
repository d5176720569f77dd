//! `/.well-known/caldav` (RFC 6764 section 5), and by which names clients know this server.

use std::sync::Arc;

use http::request::Parts;
use http::{Response, StatusCode, Uri, header};

use crate::target::Hosts;
use crate::{Body, Edge, Settings, response};

/// Whether the path is the well-known one.
pub(crate) fn is(path: &str) -> bool {
    path.strip_suffix('/').unwrap_or(path) == "/.well-known/caldav"
}

/// Sends every method on to `/dav/`. A host that no listener has is not repeated: the location is a path then.
pub(crate) fn redirect(settings: &Settings, parts: &Parts, edge: &Edge) -> Response<Body> {
    let own = |host: &&str| edge.listener_hosts.iter().any(|own| own.eq_ignore_ascii_case(host));
    let base = match &settings.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => requested_host(parts)
            .filter(own)
            .map_or(String::new(), |host| format!("{}://{host}", edge.scheme)),
    };
    let mut response = response::empty(StatusCode::MOVED_PERMANENTLY);
    response::set(response.headers_mut(), header::LOCATION, &format!("{base}/dav/"));
    response
}

/// The authorities that mean this server in a Destination or an href: the one the client asked for, the
/// public one, the listeners'.
pub(crate) fn hosts(public: &Arc<[String]>, parts: &Parts, edge: &Edge) -> Hosts {
    Hosts {
        requested: requested_host(parts).map(Into::into),
        own: [Arc::clone(public), Arc::clone(&edge.listener_hosts)],
    }
}

/// The authority of the public URL, if there is one.
pub(crate) fn public_host(settings: &Settings) -> Arc<[String]> {
    let url = settings.public_url.as_deref().and_then(|url| url.parse::<Uri>().ok());
    url.as_ref().and_then(Uri::authority).map(|authority| authority.as_str().to_owned()).into_iter().collect()
}

/// The authority of the request: of its URI (HTTP/2), else of its one `Host` header.
fn requested_host(parts: &Parts) -> Option<&str> {
    if let Some(authority) = parts.uri.authority() {
        return Some(authority.as_str());
    }
    let mut values = parts.headers.get_all(header::HOST).iter();
    match (values.next(), values.next()) {
        (Some(host), None) => host.to_str().ok().map(str::trim),
        _ => None,
    }
}
