//! The secret of an account, as it is kept in the store, and tokens that are kept before they are used.

use std::error::Error;
use std::sync::{Arc, Mutex};

use almanac_app::App;
use almanac_base::{AccountId, Secret};
use almanac_egress::oauth::{TokenKeeper, Tokens};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::lock;
use crate::failure::Failure;

/// What an account signs in with.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Secrets {
    /// A password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
    /// The URL of a feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// The secret of the application at the vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) access_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
    /// RFC 3339, or seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Instant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scopes: Option<Vec<String>>,
    /// When the refresh token itself ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sign_in_ends: Option<Instant>,
    /// The vendor's JSON file of a service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service_account: Option<serde_json::Value>,
}

/// An instant as programs write it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Instant {
    Text(String),
    Seconds(i64),
}

impl Instant {
    fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Seconds(second) => Timestamp::from_second(*second).ok(),
        }
    }
}

impl Secrets {
    /// Reads what was kept, or what a person gave.
    ///
    /// # Errors
    /// It is not such JSON. The text is not told.
    pub(crate) fn parse(secret: &Secret) -> Result<Self, Failure> {
        serde_json::from_str(secret.expose()).map_err(|_| {
            Failure::failed(
                "the secret of the account cannot be read",
                "give JSON with access_token, refresh_token and expires_at",
            )
        })
    }

    pub(crate) fn to_secret(&self) -> Secret {
        Secret::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// The tokens, if there are any.
    pub(crate) fn tokens(&self) -> Option<Tokens> {
        let access = self.access_token.clone().unwrap_or_default();
        if access.is_empty() && self.refresh_token.is_none() {
            return None;
        }
        Some(Tokens {
            access: Secret::new(access),
            refresh: self.refresh_token.clone().map(Secret::new),
            // One that says nothing is renewed at once.
            expires_at: self.expires_at.as_ref().and_then(Instant::at).unwrap_or(Timestamp::UNIX_EPOCH),
            scopes: self.scopes.clone(),
            sign_in_ends: self.sign_in_ends.as_ref().and_then(Instant::at),
        })
    }

    /// What `new` has, and of the rest what there was.
    pub(crate) fn or(&self, new: &Self) -> Self {
        Self {
            password: new.password.clone().or(self.password.clone()),
            url: new.url.clone().or(self.url.clone()),
            client_secret: new.client_secret.clone().or(self.client_secret.clone()),
            access_token: new.access_token.clone().or(self.access_token.clone()),
            refresh_token: new.refresh_token.clone().or(self.refresh_token.clone()),
            expires_at: new.expires_at.clone().or(self.expires_at.clone()),
            scopes: new.scopes.clone().or(self.scopes.clone()),
            // It is about the refresh token that is with it.
            sign_in_ends: match new.refresh_token {
                Some(_) => new.sign_in_ends.clone(),
                None => self.sign_in_ends.clone(),
            },
            service_account: new.service_account.clone().or(self.service_account.clone()),
        }
    }

    /// The same with other tokens.
    pub(crate) fn with_tokens(mut self, tokens: &Tokens) -> Self {
        self.access_token = Some(tokens.access.expose().to_owned());
        self.refresh_token = tokens.refresh.as_ref().map(|token| token.expose().to_owned());
        self.expires_at = Some(Instant::Text(tokens.expires_at.to_string()));
        self.scopes.clone_from(&tokens.scopes);
        self.sign_in_ends = tokens.sign_in_ends.map(|at| Instant::Text(at.to_string()));
        self
    }
}

/// Wiped when dropped, as far as its parts let us.
impl Drop for Secrets {
    fn drop(&mut self) {
        for text in [
            &mut self.password,
            &mut self.url,
            &mut self.client_secret,
            &mut self.access_token,
            &mut self.refresh_token,
        ] {
            drop(Zeroizing::new(text.take().unwrap_or_default()));
        }
    }
}

/// Keeps an account's tokens in the store.
pub(crate) struct Keeper {
    app: Arc<App>,
    account: AccountId,
    /// The refresh token as this keeper knows it. If another is kept, somebody has signed in since: that one is newer
    /// than whatever comes here.
    known: Mutex<Option<String>>,
}

impl Keeper {
    pub(crate) fn new(app: Arc<App>, account: AccountId, known: Option<String>) -> Self {
        Self { app, account, known: Mutex::new(known) }
    }
}

#[async_trait]
impl TokenKeeper for Keeper {
    async fn keep(&self, tokens: &Tokens) -> Result<(), Arc<dyn Error + Send + Sync>> {
        let kept: Result<(), Failure> = async {
            let before = self.app.account_secret(self.account).await?;
            let secrets = before.as_ref().map(Secrets::parse).transpose()?.unwrap_or_default();
            let known = lock(&self.known).clone();
            if secrets.refresh_token.is_some() && secrets.refresh_token != known {
                return Err(Failure::failed(
                    "somebody has signed in anew meanwhile",
                    "nothing is to be done",
                ));
            }
            let secrets = secrets.with_tokens(tokens);
            let (kept, secret) = (secrets.refresh_token.clone(), secrets.to_secret());
            self.app.keep_account_secret(self.account, &secret).await?;
            *lock(&self.known) = kept;
            Ok(())
        }
        .await;
        kept.map_err(|failure| Arc::from(Box::<dyn Error + Send + Sync>::from(failure.what)))
    }
}
