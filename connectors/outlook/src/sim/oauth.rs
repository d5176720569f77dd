//! The token endpoint: refresh tokens that are given out anew, and applications that act for themselves.

use almanac_simulator::{Exchange, Reply};
use jiff::SignedDuration;
use serde_json::json;

use super::{Graph, Query, reply};

impl Graph {
    pub(super) fn token(&mut self, request: &Exchange) -> Reply {
        let form = Query::parse(std::str::from_utf8(&request.body).unwrap_or_default());
        let refused = |code: &str| reply(400, &json!({ "error": code, "error_description": "AADSTS70000" }));
        if form.get("client_id") != Some(self.client_id.as_str()) {
            return refused("unauthorized_client");
        }
        let person = match form.get("grant_type") {
            // "Refresh tokens replace themselves with a fresh token upon every use. The Microsoft identity platform doesn't
            // revoke old refresh tokens when used to fetch new access tokens."
            Some("refresh_token")
                if self.granted.iter().any(|token| form.get("refresh_token") == Some(token)) =>
            {
                true
            }
            Some("authorization_code") if form.get("code") == Some("good-code") => true,
            Some("refresh_token" | "authorization_code") => return refused("invalid_grant"),
            Some("client_credentials") => {
                if form.get("client_secret") != Some(self.client_secret.as_str()) {
                    return reply(401, &json!({ "error": "invalid_client" }));
                }
                if form.get("scope") != Some("https://graph.microsoft.com/.default") {
                    return refused("invalid_scope");
                }
                false
            }
            _ => return refused("unsupported_grant_type"),
        };
        let number = self.next();
        let access = format!("access-{number}");
        let until = self.now.saturating_add(SignedDuration::from_hours(1)).unwrap_or(self.now);
        self.access = vec![(access.clone(), until)];
        let mut answer = json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": access });
        if person {
            answer["refresh_token"] = json!(self.grant());
            answer["scope"] = json!("https://graph.microsoft.com/Calendars.ReadWrite offline_access");
        }
        reply(200, &answer)
    }
}
