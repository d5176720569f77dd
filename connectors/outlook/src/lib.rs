//! Microsoft 365 and Outlook.com calendars through Microsoft Graph v1.0.
//!
//! A series with all its changed and cancelled instances is one object: whatever member of it changes, it is read and
//! written as a whole. It must not know storage, the sync engine or any other vendor. Start with [`Outlook`], then
//! `map/mod.rs` (events and forms) and `push.rs`. The quirks of Graph are in the README.
#![warn(missing_docs)]

pub mod auth;
mod calls;
mod changes;
mod config;
mod connector;
mod error;
mod fetch;
mod history;
mod limits;
mod map;
mod marks;
mod pending;
mod push;
mod series;
mod shown;
#[cfg(feature = "sim")]
#[expect(
    clippy::indexing_slicing,
    reason = "JSON lacks nothing but gives null; what is written to are literals"
)]
pub mod sim;
mod version;
mod watch;
mod wire;

pub use config::{API_URL, Mailbox, Setup};
pub use connector::{Outlook, PACE};
