//! Properties of what makes failures wait.

use almanac_sync::{Admission, Backoff, Breaker};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
}

proptest! {
    #[test]
    fn backoff_stays_between_what_the_server_asked_and_the_cap(
        base in 0_i64..100_000,
        cap in 0_i64..10_000_000,
        failures in any::<u32>(),
        draw in any::<u64>(),
        asked in prop::option::of(0_i64..10_000_000),
    ) {
        let (base, cap) = (SignedDuration::from_millis(base), SignedDuration::from_millis(cap));
        let asked = asked.map(SignedDuration::from_millis);
        let delay = Backoff { base, cap }.delay(failures, draw, asked);
        let asked = asked.unwrap_or_default();
        prop_assert!(delay >= asked && delay <= cap.max(asked), "{delay:?}");
    }

    #[test]
    fn a_breaker_never_waits_beyond_its_cap_and_an_account_without_a_success_is_probed_one_at_a_time(
        steps in prop::collection::vec((-1_000_i64..5_000, any::<bool>()), 1..200),
    ) {
        let cap = SignedDuration::from_secs(2);
        let mut breaker = Breaker::new(2, SignedDuration::from_millis(100), cap);
        let mut now = 0;
        let mut goes = 0;
        for (step, fails) in steps {
            now += step;
            match breaker.admit(at(now)) {
                Admission::Wait(wait) => prop_assert!(wait > SignedDuration::ZERO && wait <= cap),
                Admission::Go => goes += 1,
                Admission::Probe => prop_assert!(matches!(breaker.admit(at(now)), Admission::Wait(_))),
            }
            if fails {
                breaker.failed(at(now));
            }
        }
        prop_assert!(goes <= 200);
    }
}
