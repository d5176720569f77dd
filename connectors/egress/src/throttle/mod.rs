//! How fast requests go out, and how long they wait: pure state machines that are told the time.
//!
//! They belong to one account each; nobody waits because of another's quota.

mod bucket;
mod pace;
mod retry_after;

pub use bucket::TokenBucket;
pub use pace::{Pace, Turn};
pub use retry_after::{asked_wait, retry_after};
