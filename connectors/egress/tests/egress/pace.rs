//! Properties of what paces requests.

use almanac_egress::throttle::TokenBucket;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
}

proptest! {
    #[test]
    fn no_span_of_time_sees_more_than_the_burst_and_the_rate(
        burst in 1_u32..6,
        interval in 1_i64..500,
        steps in prop::collection::vec(0_i64..400, 1..200),
    ) {
        let mut bucket = TokenBucket::new(burst, SignedDuration::from_millis(interval));
        let mut now = 0;
        let mut taken = Vec::new();
        for step in steps {
            now += step;
            match bucket.take(at(now)) {
                Ok(()) => taken.push(now),
                Err(wait) => {
                    prop_assert!(wait > SignedDuration::ZERO && wait <= SignedDuration::from_millis(interval));
                    now += i64::try_from(wait.as_millis()).unwrap();
                    prop_assert_eq!(bucket.take(at(now)), Ok(()), "after the wait it is there");
                    taken.push(now);
                }
            }
        }
        for (n, first) in taken.iter().enumerate() {
            for (m, last) in taken.iter().enumerate().skip(n) {
                let allowed = i64::from(burst) + (last - first) / interval;
                prop_assert!(i64::try_from(m - n + 1).unwrap() <= allowed);
            }
        }
    }

    #[test]
    fn a_clock_that_jumps_makes_nobody_wait_longer_than_the_interval(
        burst in 1_u32..6,
        interval in 1_i64..500,
        times in prop::collection::vec(-1_000_000_i64..1_000_000, 1..50),
    ) {
        let mut bucket = TokenBucket::new(burst, SignedDuration::from_millis(interval));
        for time in times {
            if let Err(wait) = bucket.take(at(time)) {
                prop_assert!(wait > SignedDuration::ZERO && wait <= SignedDuration::from_millis(interval));
            }
        }
    }
}
