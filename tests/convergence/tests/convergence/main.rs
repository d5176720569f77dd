//! Two-way synchronisation as a whole: the store, links and vendors in one process.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod answers;
mod basics;
mod boundaries;
mod caldav;
mod commits;
mod crash;
mod edits;
mod figures;
mod google;
mod histories;
mod loopback;
mod memory;
mod outlook;
mod past;
mod purge;
mod sim;
mod vendor;
mod world;
