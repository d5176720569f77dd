//! The only place that speaks HTTP: one request, in its turn, with a token that is renewed once if it is refused.

use std::sync::Arc;

use almanac_base::{Clock, Secret};
use almanac_contract::{ConnectorError, ErrorKind};
use almanac_egress::oauth::Account;
use almanac_egress::throttle::{Pace, asked_wait};
use almanac_egress::{Client, Request, Target};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, IF_MATCH};
use http::{HeaderValue, Method, StatusCode};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answers::{self, About, Effect, Refused};
use crate::limits::ANSWER_BYTES_MAX;

/// One request to the API.
pub(crate) struct Call<'a> {
    pub(crate) operation: &'static str,
    pub(crate) about: About,
    pub(crate) method: Method,
    /// What the log calls it.
    pub(crate) route: &'static str,
    /// The segments behind the base, not encoded.
    pub(crate) path: Vec<&'a str>,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) if_match: Option<&'a str>,
    pub(crate) body: Option<Value>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        operation: &'static str,
        about: About,
        method: Method,
        route: &'static str,
        path: Vec<&'a str>,
    ) -> Self {
        Self { operation, about, method, route, path, query: Vec::new(), if_match: None, body: None }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    fn effect(&self) -> Effect {
        if self.method == Method::GET { Effect::Reads } else { Effect::Writes }
    }
}

/// An answer with a body that was read to its end.
struct Reply {
    status: StatusCode,
    body: Bytes,
    retry_after: Option<SignedDuration>,
}

pub(crate) struct Calls {
    pub(crate) client: Arc<Client>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) account: Arc<Account>,
    pub(crate) api: Target,
}

impl Calls {
    /// Makes a call and reads what it answers.
    pub(crate) async fn read<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, ConnectorError> {
        let body = self.done(call).await?;
        serde_json::from_slice(&body).map_err(|_| {
            // Its message quotes the text: it is not kept. A write was done all the same.
            let kind = match call.effect() {
                Effect::Reads => ErrorKind::Malformed,
                Effect::Writes => ErrorKind::Unclear,
            };
            ConnectorError::new(kind, call.operation)
        })
    }

    /// Makes a call whose answer is its success alone.
    pub(crate) async fn done(&self, call: &Call<'_>) -> Result<Bytes, ConnectorError> {
        let operation = call.operation;
        let token = self.account.access_token().await.map_err(|e| answers::no_token(e, operation))?;
        let mut reply = self.send(call, &token).await?;
        if reply.status == StatusCode::UNAUTHORIZED {
            let renewed = self.account.access_token_after(&token).await;
            let renewed = renewed.map_err(|e| answers::no_token(e, operation))?;
            reply = self.send(call, &renewed).await?;
        }
        if reply.status.is_success() {
            return Ok(reply.body);
        }
        let refused = Refused { status: reply.status, body: &reply.body, retry_after: reply.retry_after };
        Err(answers::error(&refused, call.about, call.effect(), operation))
    }

    async fn send(&self, call: &Call<'_>, token: &Secret) -> Result<Reply, ConnectorError> {
        let target = self.target(call)?;
        let mut request = Request::new(call.method.clone(), target, call.route).bearer(token);
        request.answer_bytes_max = ANSWER_BYTES_MAX;
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(etag) = call.if_match {
            let etag = HeaderValue::from_str(etag);
            let malformed = |_| ConnectorError::new(ErrorKind::Malformed, call.operation);
            request.headers.insert(IF_MATCH, etag.map_err(malformed)?);
        }
        if let Some(body) = &call.body {
            request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            request.body = body.to_string().into();
        }
        let turn = self.pace.turn().await;
        let no_answer = |error| answers::no_answer(error, call.effect(), call.operation);
        let answer = self.client.send(request).await.map_err(no_answer)?;
        let retry_after = asked_wait(&answer.headers, self.clock.now());
        let status = answer.status;
        let body = answer.body.whole().await.map_err(no_answer)?;
        drop(turn);
        Ok(Reply { status, body, retry_after })
    }

    fn target(&self, call: &Call<'_>) -> Result<Target, ConnectorError> {
        let malformed = || ConnectorError::new(ErrorKind::Malformed, call.operation);
        let mut url = self.api.url().clone();
        // Such a segment would climb to another resource.
        if call.path.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(malformed());
        }
        url.path_segments_mut().map_err(|()| malformed())?.pop_if_empty().extend(&call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        Target::parse(url.as_str()).map_err(|_| malformed())
    }
}
