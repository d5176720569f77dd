//! The connector against the simulator of Graph.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod auth;
mod contract;
mod crossing;
mod deleted;
mod errors;
mod hidden;
mod history;
mod listing;
mod marks;
mod parts;
mod series;
mod watch;
mod writing;
