//! The token endpoint.

use std::collections::BTreeSet;

use almanac_simulator::{Exchange, Reply};
use http::StatusCode;
use serde_json::{Value, json};

use super::GoogleSim;
use super::reply::json as reply;

/// The tokens of the account.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The refresh token that works.
    pub refresh: String,
    /// Whether each renewal gives a new refresh token, and ends the old one.
    pub rotates: bool,
    /// Whether the person has taken back what was granted: `invalid_grant`.
    pub revoked: bool,
    /// How long a refresh token lives on, in seconds, where the application is in testing.
    pub refresh_life: Option<i64>,
    /// How often access tokens were given out.
    pub given: u32,
    access: BTreeSet<String>,
}

impl Default for Tokens {
    fn default() -> Self {
        let refresh = "refresh-0".to_owned();
        Self {
            refresh,
            rotates: false,
            revoked: false,
            refresh_life: None,
            given: 0,
            access: BTreeSet::new(),
        }
    }
}

impl Tokens {
    /// Ends all access tokens before their time.
    pub fn end_access(&mut self) {
        self.access.clear();
    }

    pub(super) fn lets_in(&self, authorization: Option<&str>) -> bool {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
        token.is_some_and(|token| self.access.contains(token))
    }

    fn give(&mut self) -> Value {
        self.given += 1;
        let access = format!("access-{}", self.given);
        self.access.insert(access.clone());
        let scope = "https://www.googleapis.com/auth/calendar.events \
                     https://www.googleapis.com/auth/calendar.calendarlist.readonly";
        let mut answer =
            json!({ "access_token": access, "expires_in": 3_599, "token_type": "Bearer", "scope": scope });
        if let (Some(life), Some(answer)) = (self.refresh_life, answer.as_object_mut()) {
            answer.insert("refresh_token_expires_in".into(), json!(life));
        }
        answer
    }
}

impl GoogleSim {
    pub(super) fn token(&mut self, request: &Exchange) -> Reply {
        let form: Vec<(String, String)> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let value =
            |name: &str| form.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let refused = |error: &str| reply(StatusCode::BAD_REQUEST, &json!({ "error": error }));
        if self.tokens.revoked {
            return refused("invalid_grant");
        }
        let with_refresh = match value("grant_type") {
            Some("refresh_token") if value("refresh_token") != Some(&self.tokens.refresh) => {
                return refused("invalid_grant");
            }
            Some("refresh_token") => self.tokens.rotates,
            Some("authorization_code") if value("code") != Some(CODE) || value("code_verifier").is_none() => {
                return refused("invalid_grant");
            }
            Some("authorization_code") => true,
            Some("urn:ietf:params:oauth:grant-type:jwt-bearer") if value("assertion").is_some() => false,
            _ => return refused("unsupported_grant_type"),
        };
        let mut answer = self.tokens.give();
        if with_refresh {
            self.tokens.refresh = format!("refresh-{}", self.tokens.given);
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("refresh_token".into(), json!(self.tokens.refresh));
            }
        }
        reply(StatusCode::OK, &answer)
    }
}

const CODE: &str = "code-of-the-simulator";

/// Sends the browser back with a code.
pub(super) fn authorize(request: &Exchange) -> Reply {
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(request.query.as_bytes()).into_owned().collect();
    let value = |name: &str| query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let Some(mut to) = value("redirect_uri").and_then(|to| url::Url::parse(to).ok()) else {
        return Reply::new(StatusCode::BAD_REQUEST, "redirect_uri");
    };
    to.query_pairs_mut().append_pair("code", CODE).append_pair("state", value("state").unwrap_or_default());
    Reply::new(StatusCode::FOUND, "").with("location", to.as_str())
}
