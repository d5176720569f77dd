//! The occurrences of a rule between two wall times.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::civil::DateTime;

use super::budget::{Budget, Truncated};
use super::period::Set;
use super::plan::Plan;
use super::rule::Rule;
use super::wall::{WALL_MAX, Wall, date_time, wall};

/// A rule and its DTSTART, ready to be asked for any stretch of time.
///
/// UNTIL is not looked at: it may be an instant, which only the owner of the zone can compare.
#[derive(Debug)]
pub struct Expander {
    plan: Plan,
    count: Option<u32>,
    /// The last occurrence of a rule with COUNT, kept once it was counted.
    last: OnceLock<Wall>,
    /// The most periods with which it could not be counted: with no more than these it is not tried again.
    vain: AtomicU32,
}

impl Expander {
    /// Joins a rule with the wall time of its DTSTART; for an all-day series that is midnight, and BYHOUR, BYMINUTE
    /// and BYSECOND are the caller's to leave out ([`Rule::for_dates`]).
    #[must_use]
    pub fn new(rule: &Rule, start: DateTime) -> Expander {
        Expander {
            plan: Plan::new(rule, wall(start)),
            count: rule.count,
            last: OnceLock::new(),
            vain: AtomicU32::new(0),
        }
    }

    /// The occurrences from `from` to `to`, both included, ascending and without duplicates.
    ///
    /// "The DTSTART property value SHOULD be synchronized with the recurrence rule"; if it is not, it is an occurrence
    /// all the same, and the first that COUNT counts.
    ///
    /// # Errors
    /// [`Truncated`] if COUNT could not be counted within the budget.
    pub fn between(
        &self,
        from: DateTime,
        to: DateTime,
        budget: &mut Budget,
    ) -> Result<Occurrences<'_>, Truncated> {
        let (from, to) = (wall(from), self.end_by(wall(to), budget)?);
        let start = self.plan.start;
        let first = (from <= start && start <= to).then_some(start);
        Ok(Occurrences { first, rest: Steps::new(&self.plan, from.max(start + 1), to) })
    }

    /// Whether the rule itself, DTSTART not being helped in, has an occurrence at `at`.
    ///
    /// # Errors
    /// [`Truncated`] if the budget does not suffice to tell.
    pub fn holds(&self, at: DateTime, budget: &mut Budget) -> Result<bool, Truncated> {
        let at = wall(at);
        if at < self.plan.start || self.end_by(at, budget)? < at {
            return Ok(false);
        }
        Ok(Steps::new(&self.plan, at, at).step(budget)?.is_some())
    }

    /// The last occurrence of a rule with COUNT; `None` without COUNT.
    ///
    /// # Errors
    /// [`Truncated`] if it could not be counted within the budget.
    pub fn last(&self, budget: &mut Budget) -> Result<Option<DateTime>, Truncated> {
        let Some(count) = self.count else { return Ok(None) };
        Ok(date_time(self.counted_end(count, budget)?))
    }

    /// The earlier of `to` and the end of the rule. COUNT is counted only if it could end before `to`.
    fn end_by(&self, to: Wall, budget: &mut Budget) -> Result<Wall, Truncated> {
        let to = to.min(WALL_MAX);
        let Some(count) = self.count else { return Ok(to) };
        let most = i64::try_from(self.plan.per_period_max()).unwrap_or(i64::MAX).max(1);
        let fewest_periods = (i64::from(count) - 1) / most;
        match self.plan.begin(fewest_periods) {
            Some(earliest_end) if earliest_end <= to => Ok(to.min(self.counted_end(count, budget)?)),
            _ => Ok(to),
        }
    }

    fn counted_end(&self, count: u32, budget: &mut Budget) -> Result<Wall, Truncated> {
        if let Some(&last) = self.last.get() {
            return Ok(last);
        }
        let periods = budget.periods;
        if periods <= self.vain.load(Ordering::Relaxed) {
            return Err(Truncated);
        }
        match self.count_out(count, budget) {
            Ok(last) => Ok(*self.last.get_or_init(|| last)),
            Err(Truncated) => {
                self.vain.fetch_max(periods, Ordering::Relaxed);
                Err(Truncated)
            }
        }
    }

    /// Counts period by period, without making the occurrences; where all periods hold the same number, by division.
    fn count_out(&self, count: u32, budget: &mut Budget) -> Result<Wall, Truncated> {
        let plan = &self.plan;
        let Some(mut wanted) = usize::try_from(count - 1).ok().filter(|&more| more > 0) else {
            return Ok(plan.start);
        };
        let per_period = plan.per_period();
        let (mut set, mut period) = (Set::default(), 0);
        while let Some(begin) = plan.begin(period) {
            budget.take_period()?;
            let next = plan.fill(period, begin, &mut set);
            let passed = if period == 0 { set.place_of(plan.start + 1) } else { 0 };
            let held = set.len() - passed;
            if held >= wanted {
                return Ok(set.value(passed + wanted - 1).unwrap_or(WALL_MAX));
            }
            wanted -= held;
            period = next;
            if let Some(each) = per_period.filter(|&each| each > 0) {
                let skipped = (wanted - 1) / each;
                wanted -= skipped * each;
                period = period.saturating_add(i64::try_from(skipped).unwrap_or(i64::MAX));
            }
        }
        Ok(WALL_MAX)
    }
}

/// The occurrences of an [`Expander`], one at a time.
#[derive(Debug)]
pub struct Occurrences<'a> {
    first: Option<Wall>,
    rest: Steps<'a>,
}

impl Occurrences<'_> {
    /// The next occurrence; `None` after the last.
    ///
    /// # Errors
    /// [`Truncated`] if the budget ran out on the way.
    pub fn next(&mut self, budget: &mut Budget) -> Result<Option<DateTime>, Truncated> {
        let at = match self.first.take() {
            Some(first) => Some(first),
            None => self.rest.step(budget)?,
        };
        let Some(at) = at.and_then(date_time) else { return Ok(None) };
        budget.take_instance()?;
        Ok(Some(at))
    }
}

/// A walk over the periods from the one that holds `from`.
#[derive(Debug)]
struct Steps<'a> {
    plan: &'a Plan,
    from: Wall,
    to: Wall,
    /// The period to look at when `set` is used up.
    period: i64,
    set: Set,
    place: usize,
}

impl<'a> Steps<'a> {
    fn new(plan: &'a Plan, from: Wall, to: Wall) -> Steps<'a> {
        Steps { plan, from, to, period: plan.period_at(from), set: Set::default(), place: 0 }
    }

    fn step(&mut self, budget: &mut Budget) -> Result<Option<Wall>, Truncated> {
        loop {
            if let Some(value) = self.set.value(self.place) {
                self.place += 1;
                return Ok((value <= self.to).then_some(value));
            }
            let Some(begin) = self.plan.begin(self.period).filter(|&begin| begin <= self.to) else {
                return Ok(None);
            };
            budget.take_period()?;
            self.period = self.plan.fill(self.period, begin, &mut self.set);
            self.place = self.set.place_of(self.from);
        }
    }
}
