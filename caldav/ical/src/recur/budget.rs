//! What an expansion may cost.

/// The budget ran out before the answer was complete; nothing may be concluded from what was seen so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the recurrence costs more than its budget")]
pub struct Truncated;

/// Work that may still be done, counted down: for one series, or for all of one request.
///
/// A *period* is one unit of a rule's FREQ that was looked at, whether or not it held an instance; an *instance* is one
/// occurrence that was produced. Both are counted instead of time, so that a refusal is the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Instances that may still be produced.
    pub instances: u32,
    /// Periods that may still be examined.
    pub periods: u32,
}

impl Budget {
    /// For one series: two months of the densest rule that a PUT accepts, and some milliseconds of work.
    pub const SERIES: Budget = Budget { instances: 100_000, periods: 200_000 };

    /// For all series of one request: ten of the dearest, or a year of some thousand that recur daily.
    pub const REQUEST: Budget = Budget { instances: 1_000_000, periods: 2_000_000 };

    /// Does a part of the work that may cost at most `most`, whatever is left for the whole.
    pub fn within<T>(&mut self, most: Budget, work: impl FnOnce(&mut Budget) -> T) -> T {
        let granted =
            Budget { instances: self.instances.min(most.instances), periods: self.periods.min(most.periods) };
        let mut left = granted;
        let done = work(&mut left);
        self.instances = self.instances.saturating_sub(granted.instances.saturating_sub(left.instances));
        self.periods = self.periods.saturating_sub(granted.periods.saturating_sub(left.periods));
        done
    }

    /// Takes one instance.
    ///
    /// # Errors
    /// [`Truncated`] if none is left.
    pub fn take_instance(&mut self) -> Result<(), Truncated> {
        self.instances = self.instances.checked_sub(1).ok_or(Truncated)?;
        Ok(())
    }

    /// Takes one period.
    ///
    /// # Errors
    /// [`Truncated`] if none is left.
    pub fn take_period(&mut self) -> Result<(), Truncated> {
        self.periods = self.periods.checked_sub(1).ok_or(Truncated)?;
        Ok(())
    }
}

impl Default for Budget {
    fn default() -> Budget {
        Budget::SERIES
    }
}
