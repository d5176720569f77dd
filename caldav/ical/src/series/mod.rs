//! When the components of a calendar object resource happen.
//!
//! [`Series::read`] takes what decides times out of a tree (a whole object or its skeleton); everything else answers for
//! a [`Window`] and a [`Budget`]. Instances are made by [`visit`](self) only: DTSTART, RRULEs, RDATEs, less EXDATEs and
//! EXRULEs, with overrides in their places. A component that the others do not explain stands alone; nothing is left
//! out.
//!
//! RFC 5545 section 3.8.5, RFC 4791 sections 7.10, 9.6.5 to 9.6.7 and 9.9.

mod alarm;
mod bounds;
mod busy;
mod expand;
mod instances;
mod length;
mod limit;
mod marks;
mod overlap;
mod part;
mod read;
mod rules;
mod time;
mod visit;

use part::Part;

pub use crate::recur::{Budget, Truncated};
pub use bounds::{Bounds, Floating};
pub use busy::{Busy, BusyKind, merge_busy};
pub use expand::expand;
pub use instances::Instance;
pub use limit::{limit_freebusy_set, limit_recurrence_set};
pub use time::{CalTime, Window};

/// The times of all components of one calendar object resource.
#[derive(Debug)]
pub struct Series {
    parts: Vec<Part>,
}
