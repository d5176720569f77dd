//! The connector against its simulator in all its habits, and against real servers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

mod account;
mod fixed_point;
mod promises;
mod real;
mod servers;
mod updates;
