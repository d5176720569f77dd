//! Starts the built daemon and speaks to it as a client would: raw HTTP over a socket, and its own command line.
//!
//! It must not know any crate of the daemon: everything it asserts is what a stranger sees from outside, and the XML
//! reader here is a second one, so that the server's writer is not tested with its own parser.
//!
//! Start reading at [`Daemon`]. [`Client`] sends requests, [`Response`] and [`Multistatus`] read the answers,
//! [`ics`] has invented calendar objects. Every daemon carries a canary ([`canary`]): marked patient data that must
//! never appear in a log line, a metric or a file of the store; the check runs when the daemon is dropped.
//!
//! RFC 9112 (the messages), RFC 4918 section 14 (multistatus).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a helper of tests fails by panicking"
)]

mod base64;
pub mod canary;
mod client;
mod daemon;
pub mod ics;
mod logs;
mod person;
mod random;
mod ready;
mod response;
mod wire;
pub mod xml;

/// Says why a test cannot run here. Where all tests have to run (`ALMANAC_ALL_TESTS` is set), that is a failure.
///
/// # Panics
/// There.
pub fn cannot_run(why: &str) {
    assert!(
        std::env::var_os("ALMANAC_ALL_TESTS").is_none(),
        "all tests are to run, and this one cannot: {why}"
    );
    eprintln!("not run: {why}");
}

pub use client::{Client, NAMESPACES, Request, prop};
pub use daemon::{Cli, Daemon, Options, TENANT, binary, send_signal};
pub use logs::Logs;
pub use person::Person;
pub use random::Random;
pub use response::Response;
pub use rustix::process::Signal;
pub use wire::{Address, Wire};
pub use xml::{Element, Multistatus};
