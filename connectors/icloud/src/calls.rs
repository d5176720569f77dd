//! The only HTTP: one request, one answer.

use std::sync::Arc;

use almanac_base::Clock;
use almanac_contract::{ConnectorError, ErrorKind};
use almanac_egress::throttle::Pace;
use almanac_egress::{Client, Request, Target};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;

use crate::auth::Credentials;
use crate::failure::{About, Foreign, failed, unanswered};
use crate::limits::ANSWER_BYTES_MAX;

/// A way to the server.
pub(crate) struct Calls {
    pub(crate) client: Arc<Client>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) credentials: Credentials,
}

/// What is asked.
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) target: Target,
    pub(crate) route: &'static str,
    pub(crate) about: About,
    pub(crate) operation: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    answer_bytes_max: usize,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) target: Target,
}

impl Ask {
    pub(crate) fn new(
        method: &'static str,
        target: Target,
        route: &'static str,
        about: About,
        operation: &'static str,
    ) -> Self {
        let (headers, body) = (Vec::new(), Vec::new());
        Self { method, target, route, about, operation, headers, body, answer_bytes_max: ANSWER_BYTES_MAX }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With XML, for the resource itself (depth 0) or what is in it as well (1).
    pub(crate) fn xml(self, depth: u8, body: Vec<u8>) -> Self {
        Self { body, ..self }
            .with("content-type", "application/xml; charset=utf-8")
            .with("depth", &depth.to_string())
    }

    pub(crate) fn calendar(self, body: &[u8]) -> Self {
        Self { body: body.to_vec(), ..self }.with("content-type", "text/calendar; charset=utf-8")
    }

    pub(crate) fn taking(self, answer_bytes_max: usize) -> Self {
        Self { answer_bytes_max, ..self }
    }

    fn request(self) -> Result<Request, ConnectorError> {
        let bad = || ConnectorError::new(ErrorKind::Malformed, self.operation);
        let method = Method::from_bytes(self.method.as_bytes()).map_err(|error| bad().because(error))?;
        let mut request = Request::new(method, self.target, self.route);
        for (name, value) in &self.headers {
            let value = HeaderValue::from_str(value).map_err(|error| bad().because(error))?;
            request.headers.insert(HeaderName::from_static(name), value);
        }
        request.body = self.body.into();
        request.answer_bytes_max = self.answer_bytes_max;
        Ok(request)
    }
}

impl Calls {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Asks, and gives the answer whatever its status.
    ///
    /// # Errors
    /// There is none, or the password must not go there.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Got, ConnectorError> {
        let (about, operation) = (ask.about, ask.operation);
        let signed = self.credentials.sign(ask.request()?);
        let request =
            signed.ok_or_else(|| ConnectorError::new(ErrorKind::Forbidden, operation).because(Foreign))?;
        let _turn = self.pace.turn().await;
        let answer = self.client.send(request).await.map_err(|error| unanswered(error, about, operation))?;
        let (status, headers, target) = (answer.status, answer.headers, answer.target);
        let body = match answer.body.whole().await {
            Ok(body) => body,
            // The status says what became of a write.
            Err(_) if about == About::Write => Bytes::new(),
            Err(error) => return Err(unanswered(error, about, operation)),
        };
        Ok(Got { status, headers, body, target })
    }

    /// Asks for a multistatus.
    ///
    /// # Errors
    /// The answer is none.
    pub(crate) async fn ask_many(&self, ask: Ask) -> Result<Got, ConnectorError> {
        let (about, operation) = (ask.about, ask.operation);
        let got = self.ask(ask).await?;
        if got.status == StatusCode::MULTI_STATUS {
            Ok(got)
        } else {
            Err(self.failed(&got, about, operation))
        }
    }

    pub(crate) fn failed(&self, got: &Got, about: About, operation: &'static str) -> ConnectorError {
        failed(got, about, operation, self.now())
    }
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[cfg(test)]
    pub(crate) fn example(status: u16, body: &str, wait: Option<&str>) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(wait) = wait {
            headers.insert("retry-after", wait.parse().unwrap());
        }
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.to_owned().into(),
            target: Target::parse("https://example.org/").unwrap(),
        }
    }
}
