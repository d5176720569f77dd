//! The connector and the simulator, through the connector's public edge.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod suite;
mod support;
