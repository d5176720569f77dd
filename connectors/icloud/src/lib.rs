//! iCloud and every other CalDAV server, as a connector.
//!
//! It must not know the store, the sync engine or another vendor. [`CalDav`] finds an account by discovery, lists what
//! changed, reads and writes whole calendar objects. What a server is told of and what it tells goes through
//! `almanac-davxml` and `almanac-ical`, the same that serve our own clients.
//!
//! Start with `connector.rs`, then `discover.rs`, `list.rs`, `fetch.rs`, `push.rs`; `map.rs` has what is special about objects,
//! `failure.rs` what a status means. RFC 4791 (CalDAV), 6578 (sync-collection), 6764 (discovery), 6638 (scheduling: only
//! that there is none), 5397, 7617.
#![warn(missing_docs)]

mod auth;
mod calendars;
mod calls;
mod config;
mod connector;
mod discover;
mod failure;
mod fetch;
mod href;
mod limits;
mod list;
mod map;
mod push;
#[cfg(feature = "sim")]
pub mod sim;
mod wire;

pub use config::{PRESETS, Preset, Scheduling, Setup, preset};
pub use connector::{CalDav, Probe};
pub use failure::Foreign;

/// How fast an account may ask. Apple names no figures; this is what a few devices of one person ask for.
pub const PACE: almanac_contract::Pace = almanac_contract::Pace { burst: 60, per_minute: 300, at_once: 4 };
