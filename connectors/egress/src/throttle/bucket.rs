//! A token bucket, kept as one instant: when it will be full again.

use jiff::{SignedDuration, Timestamp};

/// Lets `burst` requests go at once, and one more each `interval`.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    interval: SignedDuration,
    /// How long it takes to fill.
    depth: SignedDuration,
    full_at: Timestamp,
}

impl TokenBucket {
    /// A full bucket. A `burst` of 0 counts as 1, a negative `interval` as none.
    #[must_use]
    pub fn new(burst: u32, interval: SignedDuration) -> Self {
        let interval = interval.max(SignedDuration::ZERO);
        let tokens = i32::try_from(burst.max(1)).unwrap_or(i32::MAX);
        Self { interval, depth: interval.saturating_mul(tokens), full_at: Timestamp::MIN }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// How long to wait before one is there, at most the interval. Nothing was taken.
    pub fn take(&mut self, now: Timestamp) -> Result<(), SignedDuration> {
        // A clock that was set back does not make anybody wait for the old time to come again.
        let missing = self.missing(now);
        let after = missing.saturating_add(self.interval);
        if after > self.depth {
            self.full_at = now.saturating_add(missing).unwrap_or(now);
            return Err(after.saturating_sub(self.depth));
        }
        self.full_at = now.saturating_add(after).unwrap_or(now);
        Ok(())
    }

    /// How long the bucket has to be filled until it is full.
    fn missing(&self, now: Timestamp) -> SignedDuration {
        self.full_at.duration_since(now).clamp(SignedDuration::ZERO, self.depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_at_the_rate_after_the_burst() {
        let mut bucket = TokenBucket::new(3, SignedDuration::from_millis(100));
        #[rustfmt::skip]
        let table: &[(i64, Result<(), i64>)] = &[
            (0, Ok(())), (0, Ok(())), (0, Ok(())), (0, Err(100)), (40, Err(60)), (100, Ok(())), (100, Err(100)),
            (250, Ok(())), (250, Err(50)), (10_000, Ok(())), (10_000, Ok(())), (10_000, Ok(())), (10_000, Err(100)),
            (-50_000, Err(100)), (-49_900, Ok(())), // the clock was set back: an empty bucket, no more
        ];
        for (n, (at, expected)) in table.iter().enumerate() {
            let now = Timestamp::from_millisecond(1_000_000 + at).unwrap();
            assert_eq!(bucket.take(now), expected.map_err(SignedDuration::from_millis), "row {n}");
        }
    }
}
