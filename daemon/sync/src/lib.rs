//! Keeping a collection and a vendor's calendar equal: what to do, decided in pure code.
//!
//! It must not know HTTP, the store's engine or any vendor. Start with [`decide`](mod@decide) for one object, then
//! [`merge`](mod@merge) for how two versions of it become one.
#![warn(missing_docs)]

pub mod decide;
pub mod merge;

pub use decide::{Action, Decision, Extras, Known, Mode, Outcome, Policy, View, decide, needs_approval};
pub use merge::{Conflict, Merged, Side, merge};
