//! The end of a sign-in: the redirect, from a browser on this host or pasted by a person.

use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use almanac_base::Secret;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout, timeout_at};
use url::{Url, form_urlencoded};

use super::RedirectError;
use crate::limits::{REDIRECT_QUERY_BYTES_MAX, SIGN_IN_CONNECTION_TIME, SIGN_IN_CONNECTIONS_MAX};

/// What a redirect brings: it is exchanged for tokens once.
#[derive(Debug, Clone)]
pub struct Code(pub(super) Secret);

/// Reads the redirect of the sign-in that has `state`: its whole URL, or its query alone.
///
/// # Errors
/// [`RedirectError::State`] before anything else: what does not belong to this sign-in says nothing.
pub fn parse_redirect(text: &str, state: &Secret) -> Result<Code, RedirectError> {
    let text = text.trim();
    if text.len() > REDIRECT_QUERY_BYTES_MAX {
        return Err(RedirectError::NoCode);
    }
    let url = Url::parse(text).ok();
    let query = match &url {
        Some(url) => url.query().unwrap_or_default(),
        None => text.strip_prefix('?').unwrap_or(text),
    };
    let of = |name: &str| {
        let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(n, _)| n == name).map(|(_, v)| v);
        let first = values.next();
        if values.next().is_some() { Err(RedirectError::NoCode) } else { Ok(first) }
    };
    let given = of("state").map_err(|_| RedirectError::State)?.unwrap_or_default();
    if !same(given.as_bytes(), state.expose().as_bytes()) {
        return Err(RedirectError::State);
    }
    match of("error")?.as_deref() {
        Some("access_denied") => return Err(RedirectError::Denied),
        Some(_) => return Err(RedirectError::Failed),
        None => {}
    }
    let code = of("code")?.filter(|code| !code.is_empty()).ok_or(RedirectError::NoCode)?;
    Ok(Code(Secret::new(code.into_owned())))
}

/// Compares in a time that depends on the lengths only.
fn same(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
    a.len() == b.len() && std::hint::black_box(differences) == 0
}

/// A port of this host to which a browser is sent back (RFC 8252 section 7.3).
#[derive(Debug)]
pub struct Loopback {
    listener: TcpListener,
    port: u16,
}

impl Loopback {
    /// Opens a port that the system chooses, on 127.0.0.1 only.
    ///
    /// # Errors
    /// [`RedirectError::Listen`].
    pub async fn open() -> Result<Self, RedirectError> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|_| RedirectError::Listen)?;
        let port = listener.local_addr().map_err(|_| RedirectError::Listen)?.port();
        Ok(Self { listener, port })
    }

    /// The port. Vendors that know installed applications take every port of a registered loopback redirect.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The redirect to ask for: `http://127.0.0.1:{port}/`.
    #[must_use]
    pub fn redirect(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Waits for the redirect of the sign-in that has `state`, and tells the browser that it came.
    ///
    /// What else connects (a browser's spare connection, its wish for an icon, another program with another state) is
    /// answered and passed over.
    ///
    /// # Errors
    /// [`RedirectError::TimedOut`] after `patience`; what the redirect itself says.
    pub async fn accept(self, state: &Secret, patience: Duration) -> Result<Code, RedirectError> {
        let by = Instant::now() + patience;
        for _ in 0..SIGN_IN_CONNECTIONS_MAX {
            let accepted =
                timeout_at(by, self.listener.accept()).await.map_err(|_| RedirectError::TimedOut)?;
            let (stream, _) = accepted.map_err(|_| RedirectError::Listen)?;
            match serve(stream, state).await {
                None | Some(Err(RedirectError::State)) => {}
                Some(outcome) => return outcome,
            }
        }
        Err(RedirectError::TimedOut)
    }
}

/// Answers one request; what the redirect says, if it was one.
async fn serve(stream: TcpStream, state: &Secret) -> Option<Result<Code, RedirectError>> {
    let outcome = Mutex::new(None);
    let service = service_fn(|request: http::Request<Incoming>| {
        let query = request.uri().query().unwrap_or_default();
        let is_redirect = request.method() == Method::GET && request.uri().path() == "/" && !query.is_empty();
        let found = is_redirect.then(|| parse_redirect(query, state));
        let answer = page(found.as_ref());
        *outcome.lock().unwrap_or_else(PoisonError::into_inner) = found;
        async move { Ok::<_, std::convert::Infallible>(answer) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    let connection = builder.keep_alive(false).serve_connection(TokioIo::new(stream), service);
    // What was found counts even if the browser does not wait for the page.
    let _ = timeout(SIGN_IN_CONNECTION_TIME, connection).await;
    outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn page(found: Option<&Result<Code, RedirectError>>) -> Response<Full<Bytes>> {
    let (status, text) = match found {
        Some(Ok(_)) => (StatusCode::OK, "Signed in. You can close this window."),
        Some(Err(RedirectError::Denied | RedirectError::Failed)) => {
            (StatusCode::OK, "Not signed in. You can close this window.")
        }
        Some(Err(_)) => (StatusCode::BAD_REQUEST, "This does not belong to the sign-in under way."),
        None => (StatusCode::NOT_FOUND, "Nothing here."),
    };
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_counts_only_with_its_state() {
        #[rustfmt::skip]
        let table: &[(&str, Result<&str, RedirectError>)] = &[
            ("code=abc&state=s1",                                  Ok("abc")),
            ("?state=s1&code=4%2F0a+b&scope=x",                    Ok("4/0a b")),
            (" http://127.0.0.1:1234/?state=s1&code=abc#\n",       Ok("abc")),
            ("code=abc",                                           Err(RedirectError::State)),
            ("code=abc&state=",                                    Err(RedirectError::State)),
            ("code=abc&state=s2",                                  Err(RedirectError::State)),
            ("code=abc&state=s1s1",                                Err(RedirectError::State)),
            ("code=abc&state=s1&state=s1",                         Err(RedirectError::State)),
            ("error=access_denied&state=s2",                       Err(RedirectError::State)),
            ("error=access_denied&state=s1",                       Err(RedirectError::Denied)),
            ("error=server_error&state=s1&code=abc",               Err(RedirectError::Failed)),
            ("state=s1",                                           Err(RedirectError::NoCode)),
            ("state=s1&code=",                                     Err(RedirectError::NoCode)),
            ("state=s1&code=a&code=b",                             Err(RedirectError::NoCode)),
            ("",                                                   Err(RedirectError::State)),
        ];
        for (text, expected) in table {
            let found =
                parse_redirect(text, &Secret::new("s1".into())).map(|code| code.0.expose().to_owned());
            assert_eq!(found, expected.map(str::to_owned), "{text}");
        }
        let long = format!("state=s1&code={}", "x".repeat(17_000));
        assert_eq!(parse_redirect(&long, &Secret::new("s1".into())).unwrap_err(), RedirectError::NoCode);
    }
}
