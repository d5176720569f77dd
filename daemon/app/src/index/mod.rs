//! What listings, time-range queries and syncs read instead of the objects: one index per collection in memory.
//!
//! An index is built from the sealed summaries and brought forward in the order of the change log, after a
//! change is durable. It can be dropped at any time. Start with [`cache`].

pub(crate) mod cache;
pub(crate) mod members;
pub(crate) mod slot;
mod spans;

pub(crate) use cache::{IndexCache, Indexed};
pub(crate) use members::Members;
pub(crate) use slot::Slot;
