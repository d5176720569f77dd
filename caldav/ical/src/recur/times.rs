//! The times of a day that a rule names, as the product of three masks that is never written out.

use super::wall::{HOUR, MINUTE};

/// Hours, minutes and seconds; the set is every combination, in order. A rule may name 86,400 of them in a short line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) hours: u64,
    pub(super) minutes: u64,
    pub(super) seconds: u64,
}

impl Times {
    pub(super) fn len(self) -> usize {
        count(self.hours) * count(self.minutes) * count(self.seconds)
    }

    /// The second of the day of the `at`-th time, from 0.
    pub(super) fn second_of_day(self, at: usize) -> Option<i64> {
        let seconds = count(self.seconds).max(1);
        let per_hour = seconds * count(self.minutes).max(1);
        let hour = nth_bit(self.hours, at / per_hour)?;
        let minute = nth_bit(self.minutes, at % per_hour / seconds)?;
        Some(hour * HOUR + minute * MINUTE + nth_bit(self.seconds, at % seconds)?)
    }
}

fn count(mask: u64) -> usize {
    usize::try_from(mask.count_ones()).unwrap_or(0)
}

/// The place of the `n`-th bit that is set, from 0.
fn nth_bit(mut mask: u64, n: usize) -> Option<i64> {
    for _ in 0..n {
        mask &= mask.checked_sub(1)?;
    }
    (mask != 0).then(|| i64::from(mask.trailing_zeros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbered_in_order() {
        let times = Times { hours: 1 << 9 | 1 << 17, minutes: 1 | 1 << 30, seconds: 1 << 5 };
        let all: Vec<_> = (0..times.len()).map(|at| times.second_of_day(at).unwrap()).collect();
        assert_eq!(all, [32_405, 34_205, 61_205, 63_005]);
        assert_eq!(times.second_of_day(4), None);
    }
}
