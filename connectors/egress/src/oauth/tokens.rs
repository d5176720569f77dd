//! Tokens as an account has them.

use almanac_base::Secret;
use jiff::{SignedDuration, Timestamp};
use oauth2::TokenResponse as _;
use oauth2::basic::BasicTokenResponse;

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
}

impl Tokens {
    /// What a server answered at `now`; what it leaves out stays as in `before`.
    pub(super) fn from_answer(answer: &BasicTokenResponse, before: Option<&Self>, now: Timestamp) -> Self {
        let life = answer.expires_in().and_then(|life| SignedDuration::try_from(life).ok());
        let life = life.unwrap_or(TOKEN_LIFE_DEFAULT).min(TOKEN_LIFE_MAX);
        let refresh = answer.refresh_token().map(|token| Secret::new(token.secret().clone()));
        let scopes = answer.scopes().map(|scopes| scopes.iter().map(|scope| scope.to_string()).collect());
        Self {
            access: Secret::new(answer.access_token().secret().clone()),
            refresh: refresh.or_else(|| before?.refresh.clone()),
            expires_at: now.saturating_add(life).unwrap_or(now),
            scopes: scopes.or_else(|| before?.scopes.clone()),
        }
    }

    /// Whether the access token lives long enough for another request.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.expires_at.duration_since(now) > TOKEN_MARGIN
    }
}
