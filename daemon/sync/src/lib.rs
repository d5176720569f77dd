//! Keeping a collection and a vendor's calendar equal: what to do, decided in pure code.
//!
//! It must not know HTTP, the store's engine or any vendor. Start with [`merge`](mod@merge).
#![warn(missing_docs)]

pub mod merge;

pub use merge::{Conflict, Merged, Side, merge};
