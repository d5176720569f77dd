//! Keeping a collection and a vendor's calendar equal.
//!
//! Pure: [`decide`](mod@decide) what to do about one object, [`merge`](mod@merge) how two versions of it become one.
//! Around it: [`LinkRun`] looks at both sides of a link, takes a step for each object that may have changed (`step.rs`), and
//! sends what waits to the vendor (`send.rs`). Everything it knows is in the store's records, so it can be cut off anywhere.
//!
//! It must not know HTTP, the store's engine or any vendor. Start with [`LinkRun::run`].
#![warn(missing_docs)]

mod answer;
mod backoff;
mod breaker;
pub mod decide;
mod limits;
mod listing;
pub mod merge;
mod names;
mod privacy;
mod purge;
mod report;
mod run;
mod send;
mod step;
mod turns;

pub use answer::{Answer, answer};
pub use backoff::Backoff;
pub use breaker::{Admission, Breaker};
pub use decide::{Action, Decision, Extras, Known, Mode, Outcome, Policy, View, decide, needs_approval};
pub use merge::{Conflict, Merged, Side, merge};
pub use purge::{Purged, purge};
pub use report::{Counts, Report, Stop};
pub use run::{Execution, LinkRun, Scope, Setup};
