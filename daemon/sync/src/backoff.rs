//! Exponential backoff with full jitter: the wait is drawn from all of nothing to the bound, so that many who failed
//! together do not come back together.

use jiff::SignedDuration;

/// How waits grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first wait.
    pub base: SignedDuration,
    /// What no wait exceeds, unless a server asked for more.
    pub cap: SignedDuration,
}

impl Backoff {
    /// The wait after `failures` in a row (1 or more), for a random `draw`.
    ///
    /// It is never shorter than `asked`, what a `Retry-After` said.
    #[must_use]
    pub fn delay(&self, failures: u32, draw: u64, asked: Option<SignedDuration>) -> SignedDuration {
        let doublings = failures.saturating_sub(1).min(30);
        let bound = self.base.saturating_mul(1_i32 << doublings).min(self.cap).max(SignedDuration::ZERO);
        let nanos = bound.as_nanos().unsigned_abs();
        // The high 64 bits of a product with a random fraction of 2^64; no wait is longer than 2^63 ns = 292 years.
        let drawn = (nanos.min(u128::from(u64::MAX >> 1)) * u128::from(draw)) >> 64;
        let delay = SignedDuration::from_nanos(i64::try_from(drawn).unwrap_or(i64::MAX));
        delay.max(asked.unwrap_or(SignedDuration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_obey_the_server() {
        let backoff = Backoff { base: SignedDuration::from_secs(1), cap: SignedDuration::from_secs(60) };
        let half = 1 << 63;
        #[rustfmt::skip]
        let table: &[(u32, u64, Option<i64>, i64)] = &[
            (0, half, None, 500), (1, half, None, 500), (2, half, None, 1_000), (3, half, None, 2_000), (6, half, None, 16_000),
            (7, half, None, 30_000), (8, half, None, 30_000), (u32::MAX, half, None, 30_000),
            (5, 0, None, 0), (1, half, Some(2), 2_000), (7, half, Some(2), 30_000), (7, half, Some(3_600), 3_600_000),
        ];
        for (failures, draw, asked, millis) in table {
            let delay = backoff.delay(*failures, *draw, asked.map(SignedDuration::from_secs));
            assert_eq!(delay, SignedDuration::from_millis(*millis), "{failures} {draw} {asked:?}");
        }
    }
}
