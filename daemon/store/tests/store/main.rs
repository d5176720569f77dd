//! The sealed store as its users see it, and as somebody with its files in hand does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod backup;
mod canary;
mod common;
mod creation;
mod engines;
mod epochs;
mod fixture;
mod history;
mod key_sources;
mod keyfile;
mod layer;
mod mark;
mod moments;
mod records;
mod refusals;
mod root_install;
mod root_rotation;
mod rotation;
mod tamper;
mod tenants;
mod upkeep;
mod verify;
