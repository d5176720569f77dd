//! The whole daemon on a loopback port: raw requests, expected responses. One module per RFC section or topic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use almanac_harness::{Client, Daemon, Person};

mod add_member;
mod attacks;
mod authentication;
mod backup;
mod bad_calendar_data;
mod bad_hrefs;
mod bad_xml;
mod calendar_data;
mod calendar_query;
mod canary;
mod cli;
mod client_habits;
mod collections;
mod concurrency;
mod copy_move;
mod discovery;
mod disk_full;
mod doctor;
mod feeds;
mod framing;
mod free_busy;
mod http2;
mod isolation;
mod journal;
mod keys;
mod listeners;
mod logs;
mod management;
mod multiget;
mod mutations;
mod objects;
mod options;
mod preconditions;
mod prefer;
mod principals;
mod process;
mod profile;
mod propfind;
mod proppatch;
mod proxies;
mod refusals;
mod reload;
mod restart;
mod rfc4791_appendix_b;
mod root_key;
mod sharing;
mod slow_clients;
mod sync_collection;
mod systemd;
mod tenants;
mod time_zones;
mod trash;

/// A daemon with one person, Erika.
fn erika() -> (Daemon, Person, Client) {
    let daemon = Daemon::start();
    let erika = daemon.person("erika");
    let client = daemon.client(&erika);
    (daemon, erika, client)
}

/// Every method that the server knows, and two that it does not.
const METHODS: [&str; 15] = [
    "OPTIONS",
    "GET",
    "HEAD",
    "PUT",
    "DELETE",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "MKCALENDAR",
    "MKCOL",
    "COPY",
    "MOVE",
    "REPORT",
    "LOCK",
    "BREW",
];
