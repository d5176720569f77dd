//! How fast one account may ask, at most, and how much at the same time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use almanac_base::Clock;
use jiff::SignedDuration;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::TokenBucket;

/// Lets the requests of one account through, in turn. All who act for the account share one.
pub struct Pace {
    clock: Arc<dyn Clock>,
    bucket: Mutex<TokenBucket>,
    places: Semaphore,
}

impl Pace {
    /// `burst` requests at once after a pause, then `per_minute`, and no more than `at_once` at the same time.
    /// Each counts as 1 at least.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, burst: u32, per_minute: u32, at_once: u32) -> Self {
        let interval = SignedDuration::from_nanos(60_000_000_000 / i64::from(per_minute.max(1)));
        let places = usize::try_from(at_once.max(1)).unwrap_or(1);
        Self {
            clock,
            bucket: Mutex::new(TokenBucket::new(burst, interval)),
            places: Semaphore::new(places.min(Semaphore::MAX_PERMITS)),
        }
    }

    /// Waits until a request may be made. What is returned is held until its answer has been read.
    pub async fn turn(&self) -> Turn<'_> {
        let place = self.places.acquire().await.ok(); // it is never closed
        loop {
            let taken = {
                let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
                bucket.take(self.clock.now())
            };
            match taken {
                Ok(()) => return Turn(place),
                Err(wait) => tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()).await,
            }
        }
    }
}

/// The right to one request.
#[must_use]
pub struct Turn<'a>(#[expect(dead_code, reason = "held for its end")] Option<SemaphorePermit<'a>>);

#[cfg(test)]
mod tests {
    use almanac_base::ManualClock;
    use futures_util::FutureExt as _;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn no_more_than_its_places_are_taken_at_once() {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let pace = Pace::new(clock, 10, 600, 2);
        let first = pace.turn().now_or_never().unwrap();
        let _second = pace.turn().now_or_never().unwrap();
        assert!(pace.turn().now_or_never().is_none());
        drop(first);
        assert!(pace.turn().now_or_never().is_some());
    }

    #[tokio::test]
    async fn after_the_burst_requests_come_at_the_rate() {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let pace = Pace::new(Arc::clone(&clock) as _, 1, 60, 4);
        drop(pace.turn().await);
        assert!(pace.turn().now_or_never().is_none());
        clock.advance(SignedDuration::from_secs(1));
        assert!(pace.turn().now_or_never().is_some());
    }
}
