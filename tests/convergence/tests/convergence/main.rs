//! Two-way synchronisation as a whole: the store, links and vendors in one process.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod basics;
mod boundaries;
mod crash;
mod histories;
mod memory;
mod world;
