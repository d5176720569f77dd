//! Two-way synchronisation as a whole: the store, links and vendors in one process.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod basics;
mod histories;
mod memory;
mod world;
