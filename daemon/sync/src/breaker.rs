//! A circuit breaker: who fails again and again is left alone for a while, then tried once.

use jiff::{SignedDuration, Timestamp};

/// Whether a request may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Go,
    /// It may, alone: its outcome decides about the others.
    Probe,
    /// Not before this has passed.
    Wait(SignedDuration),
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Timestamp },
    HalfOpen { probe_until: Timestamp },
}

/// The breaker of one account at one host. Only a success clears what failures have built up.
#[derive(Debug, Clone)]
pub struct Breaker {
    threshold: u32,
    pause: SignedDuration,
    pause_max: SignedDuration,
    /// How often it opened since the last success.
    opened: u32,
    state: State,
}

impl Breaker {
    /// Closed; opens after `threshold` failures in a row (1 at least) for `pause`, which doubles up to `pause_max` with each
    /// probe that fails. A probe whose outcome nobody tells is given up after `pause`.
    #[must_use]
    pub fn new(threshold: u32, pause: SignedDuration, pause_max: SignedDuration) -> Self {
        let pause = pause.max(SignedDuration::ZERO);
        let pause_max = pause_max.max(pause);
        Self {
            threshold: threshold.max(1),
            pause,
            pause_max,
            opened: 0,
            state: State::Closed { failures: 0 },
        }
    }

    /// Asks whether a request may go out now.
    pub fn admit(&mut self, now: Timestamp) -> Admission {
        let (State::Open { until } | State::HalfOpen { probe_until: until }) = self.state else {
            return Admission::Go;
        };
        if now < until {
            // No longer than the longest pause, even if the clock was set back.
            return Admission::Wait(until.duration_since(now).min(self.pause_max));
        }
        self.state = State::HalfOpen { probe_until: now.saturating_add(self.pause).unwrap_or(now) };
        Admission::Probe
    }

    /// A request was answered as it should be.
    pub fn succeeded(&mut self) {
        self.opened = 0;
        self.state = State::Closed { failures: 0 };
    }

    /// A request failed in a way that says something about the server or the account, not about one event.
    pub fn failed(&mut self, now: Timestamp) {
        match &mut self.state {
            State::Closed { failures } if failures.saturating_add(1) < self.threshold => *failures += 1,
            State::Closed { .. } | State::HalfOpen { .. } => {
                let pause = self.pause.saturating_mul(1_i32 << self.opened.min(30)).min(self.pause_max);
                self.opened = self.opened.saturating_add(1);
                self.state = State::Open { until: now.saturating_add(pause).unwrap_or(now) };
            }
            State::Open { .. } => {} // one that was under way when it opened
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Step {
        Fail,
        Succeed,
        Ask(Admission),
    }

    #[test]
    fn it_opens_probes_and_closes() {
        use Admission::{Go, Probe, Wait};
        use Step::{Ask, Fail, Succeed};
        let wait = |seconds| Ask(Wait(SignedDuration::from_secs(seconds)));
        let steps = [
            (0, Ask(Go)),
            (0, Fail),
            (0, Fail),
            (0, Ask(Go)),
            (0, Succeed),
            (1, Fail),
            (1, Fail),
            (1, Ask(Go)),
            (1, Fail),
            (1, wait(10)),
            (6, wait(5)),
            (7, Fail),
            (7, wait(4)), // open: a late failure changes nothing
            (11, Ask(Probe)),
            (11, wait(10)),
            (12, Fail),
            (12, wait(20)), // the probe failed: twice as long
            (32, Ask(Probe)),
            (32, Fail),
            (32, wait(25)), // the cap
            (57, Ask(Probe)),
            (60, wait(7)),
            (67, Ask(Probe)), // a probe that nobody heard of again
            (68, Succeed),
            (68, Ask(Go)),
            (68, Fail),
            (68, Fail),
            (68, Fail),
            (68, wait(10)),     // and all begins anew
            (-1_000, wait(25)), // the clock was set back
        ];
        let mut breaker = Breaker::new(3, SignedDuration::from_secs(10), SignedDuration::from_secs(25));
        for (n, (at, step)) in steps.into_iter().enumerate() {
            let now = Timestamp::from_second(1_000_000 + at).unwrap();
            match step {
                Fail => breaker.failed(now),
                Succeed => breaker.succeeded(),
                Ask(expected) => assert_eq!(breaker.admit(now), expected, "step {n}"),
            }
        }
    }
}
