//! OAuth 2.0 as a client that people install (RFC 8252) or an administrator trusts (RFC 7523, client credentials).
//!
//! Signing in: [`Application::begin`] gives the URL to open, a [`Loopback`] or a pasted URL gives the [`Code`],
//! [`Application::finish`] the [`Tokens`]. From then on an [`Account`] gives access tokens. A rotated refresh token is
//! with the [`TokenKeeper`] before the access token that came with it is used.

mod account;
mod application;
mod error;
mod loopback;
mod service;
mod tokens;
mod transport;

pub use account::{Account, TokenKeeper};
pub use application::{Application, SignIn};
pub use error::{OauthError, RedirectError};
pub use loopback::{Code, Loopback, parse_redirect};
pub use service::{Credentials, KeyError, ServiceAccount};
pub use tokens::Tokens;
