//! What is asked, and within which bounds.

use std::fmt;
use std::time::Duration;

use almanac_base::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use zeroize::Zeroizing;

use crate::guard::Target;

/// Whether redirects of a safe request are followed. Those of others never are: the caller gets the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirects {
    /// The caller gets the redirect as an answer.
    Return,
    /// GET and HEAD follow 301, 302, 303, 307 and 308; PROPFIND and REPORT 307 and 308. Each target is checked.
    Follow,
}

/// How long each part may take. The first that is over ends the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Resolving, connecting and the TLS handshake. Default 10 s.
    pub connect: Duration,
    /// From the connection to the head of the answer. Default 30 s.
    pub head: Duration,
    /// Between two pieces of the body. Default 20 s.
    pub idle: Duration,
    /// All of it, with redirects and body. Default 2 min.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let (connect, head) = (Duration::from_secs(10), Duration::from_secs(30));
        Self { connect, head, idle: Duration::from_secs(20), whole: Duration::from_secs(120) }
    }
}

/// A request to the outside.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub target: Target,
    /// What the log calls it: a template such as `/calendars/{calendar}/events`, never the path itself.
    pub route: &'static str,
    /// Header fields. Values marked sensitive, and `Authorization`, stay with the origin of `target`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What the body of the answer may have. Default 1 MiB.
    pub answer_bytes_max: usize,
    /// Default: returned.
    pub redirects: Redirects,
    /// How long it may take.
    pub timeouts: Timeouts,
}

impl Request {
    /// A request without body and header fields.
    #[must_use]
    pub fn new(method: Method, target: Target, route: &'static str) -> Self {
        Self {
            method,
            target,
            route,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            answer_bytes_max: 1024 * 1024,
            redirects: Redirects::Return,
            timeouts: Timeouts::default(),
        }
    }

    /// With an access token (RFC 6750). A token that no header can carry is left out, and the server says 401.
    #[must_use]
    pub fn bearer(self, token: &Secret) -> Self {
        self.authorization(&Zeroizing::new(format!("Bearer {}", token.expose())))
    }

    /// With a name and a password (RFC 7617).
    #[must_use]
    pub fn basic(self, name: &str, password: &Secret) -> Self {
        let pair = Zeroizing::new(format!("{name}:{}", password.expose()));
        let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
        self.authorization(&Zeroizing::new(format!("Basic {}", encoded.as_str())))
    }

    fn authorization(mut self, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.insert(AUTHORIZATION, value);
        }
        self
    }

    /// Whether it changes nothing, so that sending it twice is the same as once (RFC 9110 section 9.2.1).
    pub(crate) fn is_safe(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "PROPFIND" | "REPORT")
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {} {} bytes)", self.method, self.route, self.body.len())
    }
}
