//! Tokens as an account has them.

use almanac_base::Secret;
use jiff::{SignedDuration, Timestamp};
use oauth2::basic::BasicTokenType;
use oauth2::{ExtraTokenFields, StandardTokenResponse, TokenResponse as _};
use serde::{Deserialize, Serialize};

use crate::limits::{TOKEN_LIFE_DEFAULT, TOKEN_LIFE_MAX, TOKEN_MARGIN};

/// What lets an account in. `Debug` shows no token.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// For requests.
    pub access: Secret,
    /// For the next access token.
    pub refresh: Option<Secret>,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// What was granted, if the server says; a person may have granted less than was asked for.
    pub scopes: Option<Vec<String>>,
    /// When the refresh token ends, if the server says: then a person has to sign in again.
    pub sign_in_ends: Option<Timestamp>,
}

/// What a token endpoint answers.
pub(super) type TokenAnswer = StandardTokenResponse<RefreshLife, BasicTokenType>;

/// What Google and Entra External ID tell beside RFC 6749, if a grant is for a time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct RefreshLife {
    /// How long the refresh token lives on, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token_expires_in: Option<serde_json::Value>,
}

impl RefreshLife {
    /// In whatever way it is written: nothing about it may cost the answer's tokens.
    fn seconds(&self) -> Option<i64> {
        let value = self.refresh_token_expires_in.as_ref()?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }
}

impl ExtraTokenFields for RefreshLife {}

impl Tokens {
    /// What a server answered at `now`; what it leaves out stays as in `before`.
    pub(super) fn from_answer(answer: &TokenAnswer, before: Option<&Self>, now: Timestamp) -> Self {
        let life = answer.expires_in().and_then(|life| SignedDuration::try_from(life).ok());
        let life = life.unwrap_or(TOKEN_LIFE_DEFAULT).min(TOKEN_LIFE_MAX);
        let refresh = answer.refresh_token().map(|token| Secret::new(token.secret().clone()));
        let scopes = answer.scopes().map(|scopes| scopes.iter().map(|scope| scope.to_string()).collect());
        let refresh_life = answer.extra_fields().seconds().map(SignedDuration::from_secs);
        let sign_in_ends = refresh_life.and_then(|life| now.saturating_add(life).ok());
        // A new refresh token has a life of its own.
        let before_ends = before.filter(|_| refresh.is_none()).and_then(|before| before.sign_in_ends);
        Self {
            access: Secret::new(answer.access_token().secret().clone()),
            refresh: refresh.or_else(|| before?.refresh.clone()),
            expires_at: now.saturating_add(life).unwrap_or(now),
            scopes: scopes.or_else(|| before?.scopes.clone()),
            sign_in_ends: sign_in_ends.or(before_ends),
        }
    }

    /// Whether the access token lives long enough for another request.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.expires_at.duration_since(now) > TOKEN_MARGIN
    }
}
