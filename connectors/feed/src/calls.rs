//! The only HTTP of this connector: one GET.

use almanac_contract::{ConnectorError, ErrorKind, Reason, Retry};
use almanac_egress::throttle::asked_wait;
use almanac_egress::{Answer, EgressError, Kind, Redirects, Request};
use bytes::Bytes;
use http::header::{ACCEPT, ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::config::Setup;
use crate::limits::BODY_BYTES_MAX;

/// What was last seen, to be asked with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Validators {
    pub(crate) etag: Option<String>,
    pub(crate) modified: Option<String>,
}

impl Validators {
    fn is_empty(&self) -> bool {
        self.etag.is_none() && self.modified.is_none()
    }
}

/// An answer.
pub(crate) enum Got {
    /// The text, and what to ask with the next time.
    Text(Bytes, Validators),
    /// It is as it was.
    Same,
}

/// Asks for the feed. What was seen makes it conditional.
pub(crate) async fn get(
    setup: &Setup,
    operation: &'static str,
    seen: &Validators,
) -> Result<Got, ConnectorError> {
    let mut request = Request::new(Method::GET, setup.url.clone(), "/{feed}");
    request.answer_bytes_max = BODY_BYTES_MAX;
    request.redirects = Redirects::Follow;
    request.headers.insert(ACCEPT, HeaderValue::from_static("text/calendar, */*;q=0.1"));
    for (name, value) in [(IF_NONE_MATCH, &seen.etag), (IF_MODIFIED_SINCE, &seen.modified)] {
        if let Some(value) = value.as_ref().and_then(|value| HeaderValue::from_str(value).ok()) {
            request.headers.insert(name, value);
        }
    }
    if let Some((name, password)) = &setup.credentials {
        request = request.basic(name, password);
    }
    let _turn = setup.pace.turn().await;
    let answer = setup.client.send(request).await.map_err(|error| no_answer(operation, error))?;
    match answer.status {
        StatusCode::OK => {
            let seen = Validators {
                etag: text(&answer.headers, &ETAG),
                modified: text(&answer.headers, &LAST_MODIFIED),
            };
            let body = answer.body.whole().await.map_err(|error| no_answer(operation, error))?;
            Ok(Got::Text(body, seen))
        }
        StatusCode::NOT_MODIFIED if !seen.is_empty() => Ok(Got::Same),
        _ => Err(refused(setup, operation, &answer)),
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// An answer that is no calendar says nothing about what is in it.
fn refused(setup: &Setup, operation: &'static str, answer: &Answer) -> ConnectorError {
    let kind = match answer.status.as_u16() {
        // Whoever gave a name and a password can give better ones; a secret URL that is not good any more is no URL.
        401 if setup.credentials.is_some() => ErrorKind::NeedsSignIn,
        401 | 403 | 404 | 410 => ErrorKind::CalendarGone,
        408 | 500..=599 => ErrorKind::Unavailable,
        429 => ErrorKind::Throttled,
        _ => ErrorKind::Malformed,
    };
    let error = ConnectorError::new(kind, operation);
    let wait = asked_wait(&answer.headers, setup.clock.now());
    match wait.filter(|_| error.retry == Retry::Backoff) {
        Some(wait) => error.after(wait),
        None => error,
    }
}

fn no_answer(operation: &'static str, error: EgressError) -> ConnectorError {
    let kind = match error.kind {
        Kind::Refused(_) => ErrorKind::Forbidden,
        Kind::TooLarge => ErrorKind::Refused(Reason("the feed is larger than 32 MiB")),
        _ => ErrorKind::Unavailable,
    };
    ConnectorError::new(kind, operation).because(error)
}
