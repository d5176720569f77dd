//! Periods: where the n-th one begins, which one holds a time, and what it holds.

use super::plan::Plan;
use super::rule::Freq;
use super::times::Times;
use super::wall::{DAY, Day, HOUR, MINUTE, WALL_MAX, Wall, day_number, days_in_month, week_begin, ymd};

/// What one period holds: every time on every day, in order, or those that BYSETPOS picks.
#[derive(Debug, Default)]
pub(super) struct Set {
    days: Vec<Day>,
    times: Times,
    picks: Option<Vec<usize>>,
}

impl Set {
    pub(super) fn len(&self) -> usize {
        self.picks.as_ref().map_or(self.days.len() * self.times.len(), Vec::len)
    }

    /// The `at`-th time, from 0; ascending.
    pub(super) fn value(&self, at: usize) -> Option<Wall> {
        let at = match &self.picks {
            Some(picks) => *picks.get(at)?,
            None => at,
        };
        let day = self.days.get(at.checked_div(self.times.len())?)?;
        Some(day * DAY + self.times.second_of_day(at % self.times.len())?)
    }

    /// The place of the first time that is not before `from`.
    pub(super) fn place_of(&self, from: Wall) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.value(middle).is_some_and(|value| value < from) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn pick(&mut self, positions: &[i16]) {
        self.picks = None;
        if positions.is_empty() {
            return;
        }
        let len = self.len();
        let mut picks: Vec<usize> = positions
            .iter()
            .filter_map(|&n| match usize::from(n.unsigned_abs()) {
                back if n < 0 => len.checked_sub(back),
                front => front.checked_sub(1).filter(|&at| at < len),
            })
            .collect();
        picks.sort_unstable();
        picks.dedup();
        self.picks = Some(picks);
    }
}

impl Plan {
    /// The seconds of a period where all are equally long.
    fn unit(&self) -> Option<i64> {
        Some(match self.freq {
            Freq::Secondly => 1,
            Freq::Minutely => MINUTE,
            Freq::Hourly => HOUR,
            Freq::Daily => DAY,
            Freq::Weekly => 7 * DAY,
            Freq::Monthly | Freq::Yearly => return None,
        })
    }

    /// When period 0 begins, for units of equal length.
    fn origin(&self, unit: i64) -> Wall {
        if self.freq == Freq::Weekly {
            week_begin(self.start.div_euclid(DAY), self.week_start) * DAY
        } else {
            self.start - self.start.rem_euclid(unit)
        }
    }

    /// The last period that begins at or before `at`; 0 for times before DTSTART.
    pub(super) fn period_at(&self, at: Wall) -> i64 {
        let units = match self.unit() {
            Some(unit) => (at - self.origin(unit)).div_euclid(unit),
            None => self.months_since_start(at),
        };
        units.div_euclid(self.interval).max(0)
    }

    /// Whole months, or years for a yearly rule, since the one that holds DTSTART.
    fn months_since_start(&self, at: Wall) -> i64 {
        let (first, at) = (ymd(self.start.div_euclid(DAY)), ymd(at.div_euclid(DAY)));
        let years = at.year - first.year;
        if self.freq == Freq::Yearly { years } else { years * 12 + at.month - first.month }
    }

    /// When a period begins; `None` after the last day of the calendar.
    pub(super) fn begin(&self, period: i64) -> Option<Wall> {
        let units = period.checked_mul(self.interval)?;
        let begin = match self.unit() {
            Some(unit) => units.checked_mul(unit)?.checked_add(self.origin(unit))?,
            None => {
                let first = ymd(self.start.div_euclid(DAY));
                let months = if self.freq == Freq::Yearly {
                    units.checked_mul(12)?
                } else {
                    units.checked_add(first.month - 1)?
                };
                let year = first.year.checked_add(months.div_euclid(12)).filter(|&year| year <= 9_999)?;
                day_number(year, months.rem_euclid(12) + 1, 1) * DAY
            }
        };
        (begin <= WALL_MAX).then_some(begin)
    }

    /// Fills `set` with what the period that begins at `begin` holds, and says which period to look at next: when
    /// a day, hour or minute is not in the rule, the periods within it are passed over.
    pub(super) fn fill(&self, period: i64, begin: Wall, set: &mut Set) -> i64 {
        set.days.clear();
        set.times = self.times;
        let day = begin.div_euclid(DAY);
        let mut next = period + 1;
        match self.freq {
            Freq::Yearly => {
                let year = ymd(day).year;
                (1..=12).for_each(|month| self.fill_month(year, month, &mut set.days));
            }
            Freq::Monthly => {
                let first = ymd(day);
                self.fill_month(first.year, first.month, &mut set.days);
            }
            Freq::Weekly => set.days.extend((day..day + 7).filter(|&day| self.holds(day))),
            _ if !self.holds(day) => next = self.period_from(self.next_day(day) * DAY).max(next),
            Freq::Daily => set.days.push(day),
            _ => match self.narrow(begin.rem_euclid(DAY)) {
                Ok(times) => {
                    set.times = times;
                    set.days.push(day);
                }
                Err(second) => next = self.period_from(day * DAY + second).max(next),
            },
        }
        set.pick(&self.positions);
        next
    }

    fn fill_month(&self, year: i64, month: i64, days: &mut Vec<Day>) {
        if !self.has_month(month) {
            return;
        }
        let first = day_number(year, month, 1);
        days.extend((first..first + days_in_month(year, month)).filter(|&day| self.holds(day)));
    }

    /// The first period that begins at or after `at`.
    fn period_from(&self, at: Wall) -> i64 {
        let period = self.period_at(at);
        if self.begin(period).is_some_and(|begin| begin < at) { period + 1 } else { period }
    }

    /// The next day that may be in the rule after one that is not: whole months are passed over.
    fn next_day(&self, day: Day) -> Day {
        let date = ymd(day);
        if self.has_month(date.month) {
            return day + 1;
        }
        let mut ahead = date.month;
        while ahead < date.month + 12 && !self.has_month(ahead % 12 + 1) {
            ahead += 1;
        }
        day_number(date.year + ahead / 12, ahead % 12 + 1, 1)
    }

    /// The times of an hour, minute or second of a day that is in the rule; else the next second of that day at which
    /// looking again is worth while.
    fn narrow(&self, second: i64) -> Result<Times, i64> {
        let bit = |mask: u64, at: i64| mask & 1 << at;
        let hours = bit(self.times.hours, second / HOUR);
        if hours == 0 {
            return Err((second / HOUR + 1) * HOUR);
        }
        let mut times = Times { hours, ..self.times };
        if self.freq <= Freq::Minutely {
            times.minutes = bit(self.times.minutes, second % HOUR / MINUTE);
            if times.minutes == 0 {
                return Err((second / MINUTE + 1) * MINUTE);
            }
        }
        if self.freq == Freq::Secondly {
            times.seconds = bit(self.times.seconds, second % MINUTE);
            if times.seconds == 0 {
                return Err(second + 1);
            }
        }
        Ok(times)
    }

    /// How many times each whole period holds, where that is the same for all.
    pub(super) fn per_period(&self) -> Option<usize> {
        if self.unit().is_none() || self.filters_days() || self.filters_times() {
            return None;
        }
        let mut set = Set::default();
        self.fill(0, self.begin(0)?, &mut set);
        Some(set.len())
    }

    /// The most that any period can hold.
    pub(super) fn per_period_max(&self) -> usize {
        let days = match self.freq {
            Freq::Yearly => 366,
            Freq::Monthly => 31,
            Freq::Weekly => 7,
            _ => 1,
        };
        let times = match self.freq {
            Freq::Secondly => 1,
            Freq::Minutely => Times { hours: 1, minutes: 1, ..self.times }.len(),
            Freq::Hourly => Times { hours: 1, ..self.times }.len(),
            _ => self.times.len(),
        };
        let all = days * times;
        if self.positions.is_empty() { all } else { all.min(self.positions.len()) }
    }
}
