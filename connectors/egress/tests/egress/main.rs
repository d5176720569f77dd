//! The client and the tokens, against servers on loopback addresses. Nothing goes to a real network: other addresses are
//! given by a resolver of the test, and refused.
#![allow(clippy::unwrap_used, clippy::panic)]

mod any;
mod bounds;
mod guarded;
mod oauth;
mod pace;
mod service;
mod sign_in;
mod support;
