//! Requests as the simulator reads them, and answers as Google writes them.

use almanac_simulator::{Exchange, Reply};
use http::{Method, StatusCode};
use serde_json::{Value, json as value};

/// A request to the calendar API.
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Value,
    pub(super) if_match: Option<String>,
}

impl Ask {
    /// `None` if the body is no JSON.
    pub(super) fn read(request: &Exchange, path: &str) -> Option<Self> {
        let decode = |text: &str| -> String {
            // A form decodes a plus sign as a space; in a path it is one.
            let text = format!("x={}", text.replace('+', "%2B"));
            url::form_urlencoded::parse(text.as_bytes()).map(|(_, value)| value.into_owned()).collect()
        };
        let query = url::form_urlencoded::parse(request.query.as_bytes());
        let body = match request.body.as_ref() {
            [] => Value::Null,
            body => serde_json::from_slice(body).ok()?,
        };
        Some(Self {
            method: request.method.clone(),
            path: path.split('/').map(decode).collect(),
            query: query.map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
            body,
            if_match: request.header("if-match").map(str::to_owned),
        })
    }

    /// What other devices of the person do, without a condition.
    pub(super) fn device(body: Value) -> Self {
        let query = vec![("sendUpdates".to_owned(), "none".to_owned())];
        Self { method: Method::POST, path: Vec::new(), query, body, if_match: None }
    }

    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// A refusal as Google words it.
#[must_use]
pub fn refusal(status: u16, reason: &str) -> Reply {
    json(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), &problem(status, reason))
}

pub(super) fn problem(code: u16, reason: &str) -> Value {
    let message = format!("{reason}: Jane Roe, 1 Main Street"); // Google quotes what it was sent
    let domain = if reason.contains("Exceeded") { "usageLimits" } else { "global" };
    value!({
        "error": {
            "errors": [{ "domain": domain, "reason": reason, "message": message }],
            "code": code,
            "message": message,
        }
    })
}

pub(super) fn not_found() -> Reply {
    refusal(404, "notFound")
}

pub(super) fn json(status: StatusCode, body: &Value) -> Reply {
    Reply::new(status, body.to_string()).with("content-type", "application/json; charset=UTF-8")
}

pub(super) fn ok(body: &Value) -> Reply {
    json(StatusCode::OK, body)
}
