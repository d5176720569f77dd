//! Sends a request to checked addresses only, within bounds of time and size.
//!
//! HTTP/1.1 by hyper's own connection, driven by whoever waits for the answer: there is no task in the background, giving
//! a request up drops its connection, and it is always known whether any octet of a request was written.
//! No proxy, no cookies, no compression, no second resolution.

mod body;
mod dial;
mod error;
mod line;
mod pool;
mod redirect;
mod request;
mod wire;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tracing::debug;

pub use self::body::AnswerBody;
use self::body::Deadline;
pub use self::error::{EgressError, Kind, Sent};
use self::line::{Failure, Line};
use self::pool::Pool;
use self::redirect::Next;
pub use self::request::{Redirects, Request, Timeouts};
use crate::config::{EgressConfig, SetupError, tls};
use crate::guard::{Guard, Target};

/// Asks for the addresses of a host name.
pub type Resolver = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("almanac/", env!("CARGO_PKG_VERSION")));
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// The client. It is shared by all accounts; what belongs to one of them is in its requests.
pub struct Client {
    guard: Guard,
    tls: TlsConnector,
    resolver: Resolver,
    pool: Arc<Pool>,
}

/// The head of an answer, with its body still to be read.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// What answered: the request's target, or where redirects led.
    pub target: Target,
    /// The body.
    pub body: AnswerBody,
}

impl Client {
    /// A client that asks the operating system for addresses.
    ///
    /// # Errors
    /// If the allow-list or a file of certificate authorities cannot be read.
    pub fn new(config: &EgressConfig) -> Result<Self, SetupError> {
        Self::with_resolver(config, Arc::new(|host| Box::pin(dial::system(host))))
    }

    /// A client that asks `resolver` for addresses instead.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_resolver(config: &EgressConfig, resolver: Resolver) -> Result<Self, SetupError> {
        Ok(Self {
            guard: Guard::new(&config.allow)?,
            tls: tls(config.ca_file.as_deref())?.into(),
            resolver,
            pool: Arc::default(),
        })
    }

    /// Sends a request and waits for the head of the answer, whatever its status.
    ///
    /// # Errors
    /// [`EgressError::sent`] says whether the server may have got the request.
    pub async fn send(&self, mut request: Request) -> Result<Answer, EgressError> {
        let whole = Instant::now() + request.timeouts.whole;
        let mut followed = 0;
        loop {
            let begun = Instant::now();
            let outcome = self.exchange(&request, whole).await;
            let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let (method, route) = (request.method.as_str(), request.route);
            let (response, line) = match outcome {
                Ok(exchanged) => exchanged,
                Err(error) => {
                    debug!(method, route, outcome = %error.kind, elapsed_ms, "no answer from outside");
                    return Err(error);
                }
            };
            let (head, incoming) = response.into_parts();
            debug!(method, route, status = head.status.as_u16(), elapsed_ms, "request to the outside");
            let refused = |refusal| EgressError::new(Kind::Refused(refusal), &request.target);
            match redirect::next(&request, head.status, head.headers.get(LOCATION), followed)
                .map_err(refused)?
            {
                Next::Follow(target) => {
                    if !target.same_origin(&request.target) {
                        redirect::forget_secrets(&mut request.headers);
                    }
                    request.target = target;
                    followed += 1;
                }
                Next::Answer => {
                    if head.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != IDENTITY) {
                        // Not asked for; unpacking it would need a bound of its own.
                        return Err(EgressError::new(Kind::Protocol(Sent::Maybe), &request.target));
                    }
                    let deadline = Deadline { idle: request.timeouts.idle, whole };
                    let target = request.target;
                    let body = AnswerBody::new(incoming, line, request.answer_bytes_max, deadline, &target)
                        .returning_to(&self.pool);
                    return Ok(Answer { status: head.status, headers: head.headers, target, body });
                }
            }
        }
    }

    /// One request on one connection: an open one if there is, else a new one.
    async fn exchange(
        &self,
        request: &Request,
        whole: Instant,
    ) -> Result<(http::Response<Incoming>, Line), EgressError> {
        let target = &request.target;
        if let Some(mut line) = self.pool.take(target) {
            match line.exchange(prepare(request)?, head_by(request, whole)).await {
                Ok(response) => return Ok((response, line)),
                // The server had closed it meanwhile. To send again is safe if nothing was sent or the method is safe.
                Err(Failure::Closed(..)) if !line.has_written() || request.is_safe() => {}
                Err(failure) => return Err(failure.told(target, line.sent())),
            }
        }
        let connect_by = whole.min(Instant::now() + request.timeouts.connect);
        let mut line = self.dial(target, connect_by).await?;
        match line.exchange(prepare(request)?, head_by(request, whole)).await {
            Ok(response) => Ok((response, line)),
            Err(failure) => Err(failure.told(target, line.sent())),
        }
    }
}

fn head_by(request: &Request, whole: Instant) -> Instant {
    whole.min(Instant::now() + request.timeouts.head)
}

/// The request as it is written.
fn prepare(request: &Request) -> Result<http::Request<Full<bytes::Bytes>>, EgressError> {
    let target = &request.target;
    let protocol = || EgressError::new(Kind::Protocol(Sent::No), target);
    let path = target.path_and_query().map_err(|refusal| EgressError::new(Kind::Refused(refusal), target))?;
    let mut prepared = http::Request::new(Full::new(request.body.clone()));
    *prepared.method_mut() = request.method.clone();
    *prepared.uri_mut() = path.into();
    let mut headers = request.headers.clone();
    headers.remove(CONTENT_LENGTH); // hyper's to say
    headers.insert(HOST, target.authority().try_into().map_err(|_| protocol())?);
    headers.insert(ACCEPT_ENCODING, IDENTITY);
    headers.entry(USER_AGENT).or_insert(AGENT);
    *prepared.headers_mut() = headers;
    Ok(prepared)
}
