//! The connector against its simulator in all its habits, and against real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod account;
mod promises;
mod real;
mod servers;
