//! Why there is no token.

use std::error::Error;
use std::sync::Arc;

use jiff::SignedDuration;

use crate::client::EgressError;
use crate::guard::Refusal;

/// Why there is no access token. Only [`OauthError::NeedsSignIn`] is the end of an account's tokens.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OauthError {
    /// The refresh token is dead (`invalid_grant`), or there is none: a person has to sign in again.
    #[error("renew the access token: the account has to sign in again")]
    NeedsSignIn,
    /// The server refuses the client, the scope or the like; the tokens are not dead. What it says is one of the codes of
    /// RFC 6749, or `other`.
    #[error("get an access token: the server says {0}; check the client's id, secret and permissions")]
    Refused(&'static str),
    /// The server cannot answer at present; it may have said how long to wait.
    #[error("get an access token: the server is busy or out of order")]
    Temporary {
        /// What `Retry-After` asks for.
        retry_after: Option<SignedDuration>,
    },
    /// There was no answer.
    #[error("get an access token")]
    Egress(#[source] EgressError),
    /// The answer is no token.
    #[error("get an access token: the answer is not understood")]
    Answer,
    /// A URL of the application cannot be used.
    #[error("get an access token: {0}")]
    Address(Refusal),
    /// The new tokens could not be stored; they are tried again before anything is asked of the server.
    #[error("store the new tokens")]
    Keep(#[source] Arc<dyn Error + Send + Sync>),
    /// The key of the service account cannot sign.
    #[error("sign the assertion of the service account")]
    Sign,
}

/// Why a redirect gives no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// It does not belong to this sign-in.
    #[error("read the redirect: it does not belong to this sign-in; begin again")]
    State,
    /// The person, or the administrator's policy, said no.
    #[error("sign in: access was denied")]
    Denied,
    /// The server names another error.
    #[error("sign in: the server reports an error")]
    Failed,
    /// It has no code, or something twice.
    #[error("read the redirect: it carries no code; copy the whole URL")]
    NoCode,
    /// Nothing came in time.
    #[error("wait for the browser: nothing came back; begin again, or paste the URL")]
    TimedOut,
    /// The loopback port failed.
    #[error("wait for the browser on a loopback port")]
    Listen,
}
