//! Recurrence rules: reading them, and expanding them in wall-clock time.
//!
//! [`Rule::parse`] reads the text, [`Expander`] gives the occurrences between two wall times. It goes straight to the
//! period of the first of them, so that the cost does not depend on how long ago the series began; every period and
//! every occurrence is taken from a [`Budget`], and running out is [`Truncated`], never a shorter answer.
//!
//! Zones do not occur here: an occurrence is a time on the wall, and [`crate::series`] maps it to an instant last.
//! RFC 5545 section 3.3.10; of RFC 7529 only what it shares with it.

mod budget;
mod expand;
mod parse;
mod period;
mod plan;
mod rule;
mod times;
mod wall;

pub use budget::{Budget, Truncated};
pub use expand::{Expander, Occurrences};
pub use parse::RuleError;
pub use rule::{Freq, Rule, Until};
