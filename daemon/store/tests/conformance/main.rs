//! What every engine promises, run on every engine through the trait alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod commits;
mod engines;
mod gate;
mod log;
mod model;
mod scans;
mod views;
