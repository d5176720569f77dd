//! The one guarded HTTP client: everything Almanac sends to the outside goes through it.
//!
//! It decides where a request may go ([`Guard`]), connects to the addresses it has checked and to no others
//! ([`Client`]), waits as long as a vendor asks for ([`throttle`]) and holds the tokens of a signed-in account
//! ([`oauth`]). [`dns`] asks where a domain has a service. It knows no vendor, no calendar and no store. Start with [`guard`], then `client/mod.rs`.
//!
//! RFC 9110 (HTTP), 9112 (HTTP/1.1), 6890 (special addresses), 6749, 7523, 7636 and 8252 (OAuth 2.0 for installed
//! applications and service accounts).
#![warn(missing_docs)]

pub mod client;
pub mod config;
pub mod dns;
pub mod guard;
mod limits;
pub mod oauth;
pub mod throttle;

pub use client::{Answer, AnswerBody, Client, EgressError, Kind, Redirects, Request, Sent, Timeouts};
pub use config::{EgressConfig, SetupError};
pub use guard::{Guard, Refusal, Target};
