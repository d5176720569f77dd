//! The built daemon with accounts at vendors: real CalDAV servers, and simulators of the others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod both_ways;
mod feed;
mod hooks;
mod operator;
mod pauses;
mod played;
mod practice;
mod real;
mod servers;
mod signing_in;
