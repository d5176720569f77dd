//! The connector and the simulator, through the connector's public edge.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod access;
mod channels;
mod contract;
mod faults;
mod listing;
mod random;
mod series;
mod suite;
mod support;
mod writing;
