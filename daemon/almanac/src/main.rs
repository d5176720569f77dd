//! `almanac`: the daemon and its command line in one program. It wires the parts and has no rules of its own.
//!
//! Start with `serve.rs` for what starts in which order, `connection/mod.rs` for the way of a request from its
//! socket to `almanac_methods`, `commands/mod.rs` for what an operator can ask for.
//!
//! RFC 9112 and RFC 9113 (HTTP/1.1, HTTP/2) by hyper; RFC 7239 (Forwarded) in `forwarded.rs`.

mod as_owner;
mod caps;
mod cli;
mod commands;
mod config;
mod connection;
mod control;
mod daemon;
mod demo;
mod docs;
mod doctor;
mod failure;
mod feeds;
mod forwarded;
mod front;
mod handed;
mod invoke;
mod journal;
mod lan;
mod limits;
mod listen;
mod management;
mod metrics;
mod new_file;
mod output;
mod reload;
mod route;
mod serve;
mod status;
mod steady;
mod supervisor;
mod systemd;
mod telemetry;
mod tls;
mod vendors;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

/// glibc's allocator takes a third of the time of a listing, and keeps what a burst of requests once needed.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    telemetry::keep_panics_silent();
    // An error means that a provider is installed already: there is only this one to choose from.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = cli::Cli::parse();
    match as_owner::keep_private().and_then(|()| invoke::invoke(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "{failure}");
            failure.exit.into()
        }
    }
}
