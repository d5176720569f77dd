//! How fast requests go out, and how long they wait: pure state machines that are told the time.
//!
//! They belong to one account each; nobody waits because of another's quota.

mod backoff;
mod breaker;
mod bucket;
mod pace;
mod retry_after;

pub use backoff::Backoff;
pub use breaker::{Admission, Breaker};
pub use bucket::TokenBucket;
pub use pace::{Pace, Turn};
pub use retry_after::retry_after;

/// A random number for [`Backoff::delay`].
///
/// If the system has none to give, it is the largest: the longest wait.
#[must_use]
pub fn draw() -> u64 {
    let mut bytes = [0; 8];
    let filled = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes);
    filled.map_or(u64::MAX, |()| u64::from_ne_bytes(bytes))
}
