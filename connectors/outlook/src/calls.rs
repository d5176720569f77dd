//! The only HTTP: requests to Graph, one at a time or in batches.

use std::sync::Arc;

use almanac_base::{Clock, Secret};
use almanac_contract::{ConnectorError, ErrorKind};
use almanac_egress::oauth::Account;
use almanac_egress::throttle::{Pace, asked_wait, retry_after};
use almanac_egress::{Client, Request, Target};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, IF_MATCH};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::Mailbox;
use crate::error::{self, About};
use crate::limits::{ANSWER_BYTES_MAX, BATCH_MAX, PAGE_EVENTS, PAGES_MAX};
use crate::shown::Removed;
use crate::wire::{Batch, Failure, Inner, Page};

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What every request asks for: none of it is kept in links or between requests.
pub(crate) fn prefer() -> String {
    format!(
        "IdType=\"ImmutableId\", outlook.timezone=\"UTC\", outlook.body-content-type=\"text\", odata.maxpagesize={PAGE_EVENTS}"
    )
}

/// One account, and the way to it.
pub(crate) struct Graph {
    pub(crate) client: Arc<Client>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) account: Arc<Account>,
    pub(crate) base: Target,
    pub(crate) mailbox: Mailbox,
    pub(crate) removed: Removed,
}

/// A request.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// From the base on, with its query; or a link of Graph's own.
    pub(crate) at: At<'a>,
    /// What the log calls it.
    pub(crate) route: &'static str,
    /// What an error calls it.
    pub(crate) operation: &'static str,
    pub(crate) about: About,
    pub(crate) if_match: Option<&'a str>,
    pub(crate) body: Option<Value>,
}

pub(crate) enum At<'a> {
    Path(String),
    /// Followed as it is.
    Link(&'a str),
}

impl<'a> Call<'a> {
    pub(crate) fn get(path: String, route: &'static str, operation: &'static str, about: About) -> Self {
        Self { method: Method::GET, at: At::Path(path), route, operation, about, if_match: None, body: None }
    }

    pub(crate) fn link(link: &'a str, route: &'static str, operation: &'static str, about: About) -> Self {
        let at = At::Link(link);
        Self { method: Method::GET, at, route, operation, about, if_match: None, body: None }
    }
}

impl Graph {
    /// The path of the mailbox, or of something in it.
    pub(crate) fn path(&self, segments: &[&str]) -> String {
        let mut path = match &self.mailbox {
            Mailbox::SignedIn => "/me".to_owned(),
            Mailbox::User(id) => format!("/users/{}", encoded(id, "")),
        };
        for segment in segments {
            path.push('/');
            path.push_str(&encoded(segment, ""));
        }
        path
    }

    /// Makes a request and reads its answer as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, ConnectorError> {
        let operation = call.operation;
        let body = self.call(call).await?;
        serde_json::from_slice(&body).map_err(|_| ConnectorError::new(ErrorKind::Malformed, operation))
    }

    /// All pages of a list that ends soon.
    pub(crate) async fn all<T: DeserializeOwned>(
        &self,
        first: String,
        route: &'static str,
        operation: &'static str,
        about: About,
    ) -> Result<Vec<T>, ConnectorError> {
        let mut page: Page<T> = self.json(Call::get(first, route, operation, about)).await?;
        let mut all = std::mem::take(&mut page.value);
        for _ in 1..PAGES_MAX {
            let Some(next) = page.next.take() else { return Ok(all) };
            page = self.json(Call::link(&next, route, operation, about)).await?;
            all.append(&mut page.value);
        }
        // An incomplete list would be taken for a complete one.
        if page.next.is_some() { Err(ConnectorError::new(ErrorKind::Malformed, operation)) } else { Ok(all) }
    }

    /// Makes a request, once more with a new token if the old one is refused; the body of a good answer.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Bytes, ConnectorError> {
        let target = self.target(&call)?;
        let token = self.account.access_token().await.map_err(|e| error::token(e, call.operation))?;
        let answer = self.send(&call, &target, &token).await?;
        if answer.0 != StatusCode::UNAUTHORIZED {
            return self.judged(&call, answer);
        }
        let token =
            self.account.access_token_after(&token).await.map_err(|e| error::token(e, call.operation))?;
        let answer = self.send(&call, &target, &token).await?;
        self.judged(&call, answer)
    }

    /// Reads at most 20 things with one request; the answers in the order of the paths.
    pub(crate) async fn batch(
        &self,
        paths: &[String],
        route: &'static str,
        operation: &'static str,
    ) -> Result<Vec<Inner>, ConnectorError> {
        let malformed = || ConnectorError::new(ErrorKind::Malformed, operation);
        let paths = paths.get(..paths.len().min(BATCH_MAX)).unwrap_or_default();
        let requests: Vec<Value> = paths
            .iter()
            .enumerate()
            .map(|(n, path)| {
                json!({ "id": n.to_string(), "method": "GET", "url": path, "headers": { "Prefer": prefer() } })
            })
            .collect();
        let call = Call {
            method: Method::POST,
            at: At::Path("/$batch".to_owned()),
            route,
            operation,
            about: About::Reading,
            if_match: None,
            body: Some(json!({ "requests": requests })),
        };
        // Each counts for the quota; the batch itself takes the last turn.
        for _ in 1..paths.len() {
            drop(self.pace.turn().await);
        }
        let mut answer: Batch = self.json(call).await?;
        let mut ordered = Vec::with_capacity(paths.len());
        for n in 0..paths.len() {
            let name = n.to_string();
            let at = answer.responses.iter().position(|inner| inner.id == name).ok_or_else(malformed)?;
            ordered.push(answer.responses.swap_remove(at));
        }
        Ok(ordered)
    }

    /// What an answer within a batch says; `None`: it is not there.
    pub(crate) fn inner<T: DeserializeOwned>(
        &self,
        inner: Inner,
        operation: &'static str,
    ) -> Result<Option<T>, ConnectorError> {
        let status = StatusCode::from_u16(inner.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_success() {
            return serde_json::from_value(inner.body)
                .map(Some)
                .map_err(|_| ConnectorError::new(ErrorKind::Malformed, operation));
        }
        let code = serde_json::from_value::<Failure>(inner.body).unwrap_or_default().error.code;
        let headers = inner.headers.unwrap_or_default();
        let asked = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
        let asked = asked.map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let wait = asked.and_then(|value| retry_after(&value, self.clock.now()));
        match error::of(status, &code, About::Event, wait, operation) {
            error if error.kind == ErrorKind::Gone => Ok(None),
            error => Err(error),
        }
    }

    fn target(&self, call: &Call<'_>) -> Result<Target, ConnectorError> {
        let malformed = || ConnectorError::new(ErrorKind::Malformed, call.operation);
        match &call.at {
            At::Path(path) => {
                let base = self.base.url().as_str().trim_end_matches('/');
                Target::parse(&format!("{base}{path}")).map_err(|refusal| malformed().because(refusal))
            }
            At::Link(link) => {
                let target = Target::parse(link).map_err(|refusal| malformed().because(refusal))?;
                // The token goes to no other place than the one it is for.
                if target.same_origin(&self.base) { Ok(target) } else { Err(malformed()) }
            }
        }
    }

    async fn send(
        &self,
        call: &Call<'_>,
        target: &Target,
        token: &Secret,
    ) -> Result<(StatusCode, Option<SignedDuration>, Bytes), ConnectorError> {
        let mut request = Request::new(call.method.clone(), target.clone(), call.route).bearer(token);
        request.answer_bytes_max = ANSWER_BYTES_MAX;
        if let Ok(prefer) = HeaderValue::from_str(&prefer()) {
            request.headers.insert(PREFER, prefer);
        }
        if let Some(tag) = call.if_match {
            let tag = HeaderValue::from_str(tag)
                .map_err(|_| ConnectorError::new(ErrorKind::Conflict, call.operation))?;
            request.headers.insert(IF_MATCH, tag);
        }
        if let Some(body) = &call.body {
            request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            request.body = body.to_string().into();
        }
        let failed = |error| error::no_answer(error, call.writes(), call.operation);
        let _turn = self.pace.turn().await;
        let answer = self.client.send(request).await.map_err(failed)?;
        let wait = asked_wait(&answer.headers, self.clock.now());
        let status = answer.status;
        let body = answer.body.whole().await.map_err(failed)?;
        Ok((status, wait, body))
    }

    fn judged(
        &self,
        call: &Call<'_>,
        (status, wait, body): (StatusCode, Option<SignedDuration>, Bytes),
    ) -> Result<Bytes, ConnectorError> {
        if status.is_success() {
            return Ok(body);
        }
        let code = serde_json::from_slice::<Failure>(&body).unwrap_or_default().error.code;
        let mut error = error::of(status, &code, call.about, wait, call.operation);
        // A gateway that gave up does not know whether what stands behind it did what was asked.
        if call.writes() && matches!(status.as_u16(), 500 | 502 | 504) {
            error.kind = ErrorKind::Unclear;
        }
        Err(error)
    }
}

impl Call<'_> {
    fn writes(&self) -> bool {
        self.method != Method::GET && self.about != About::Reading
    }
}

/// A query of a URL: `name=value` with `&` between.
pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value, "$'(),:/"))).collect();
    pairs.join("&")
}

/// A segment of a path.
pub(crate) fn segment(text: &str) -> String {
    encoded(text, "")
}

/// Percent-encoded, but for letters, digits, `-._~` and what is named.
fn encoded(text: &str, plain: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        let character = char::from(octet);
        if character.is_ascii_alphanumeric() || "-._~".contains(character) || plain.contains(character) {
            out.push(character);
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
    out
}
