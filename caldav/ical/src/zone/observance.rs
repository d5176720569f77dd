//! A VTIMEZONE evaluated: its STANDARD and DAYLIGHT observances as a table of onsets (RFC 5545 section 3.6.5).

use std::sync::OnceLock;

use jiff::civil::{DateTime, date};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::{earlier, later, nearest};
use crate::recur::{Budget, Expander, Freq, Rule, Truncated, Until};
use crate::tree::Component;
use crate::value::{self, DateOrTime};

/// The years whose onsets are worked out once and kept; instants outside are worked out when they are asked for.
const TABLE_YEARS: (i16, i16) = (1970, 2069);
/// Onsets repeat at least this often, so that looking so far back finds the one in force.
const REACH_YEARS: i16 = 2;
/// A real VTIMEZONE with all its history has below 300.
const OBSERVANCES_MAX: usize = 1_000;
/// A hundred years of two onsets are 200; what a hostile rule holds beyond this does not take effect.
const ONSETS: Budget = Budget { instances: 20_000, periods: 20_000 };

/// The evaluated rules of one VTIMEZONE.
#[derive(Debug)]
pub(super) struct Observances {
    tzid: String,
    list: Vec<Observance>,
    table: OnceLock<Vec<Onset>>,
}

/// One STANDARD or DAYLIGHT.
#[derive(Debug)]
struct Observance {
    before: Offset,
    after: Offset,
    /// Onsets that are written out, DTSTART among them, in the wall time before the onset.
    dates: Vec<DateTime>,
    rules: Vec<(Rule, Expander)>,
}

/// A moment at which the offset changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Onset {
    at: Timestamp,
    before: Offset,
    after: Offset,
}

impl PartialEq for Observances {
    fn eq(&self, other: &Observances) -> bool {
        self.tzid == other.tzid && self.table() == other.table()
    }
}

impl Observances {
    /// Reads a VTIMEZONE. `None` if an observance in it lacks what it must have, or recurs more often than monthly:
    /// half a zone would be a wrong one.
    pub(super) fn read(tzid: &str, vtimezone: &Component) -> Option<Observances> {
        let kept = vtimezone.components().iter().filter(|c| c.is("STANDARD") || c.is("DAYLIGHT"));
        let list = kept.take(OBSERVANCES_MAX).map(Observance::read).collect::<Option<Vec<_>>>()?;
        (!list.is_empty()).then(|| Observances { tzid: tzid.to_owned(), list, table: OnceLock::new() })
    }

    pub(super) fn tzid(&self) -> &str {
        &self.tzid
    }

    pub(super) fn offset(&self, at: Timestamp) -> Offset {
        let look = |onsets: &[Onset]| {
            let place = onsets.partition_point(|onset| onset.at <= at);
            in_force(onsets, place)
        };
        self.with_onsets(Offset::UTC.to_datetime(at).year(), look)
    }

    /// As [`super::Zone::instant`]: before the later of an onset's two wall times the old offset counts, which gives
    /// the first of a fold and the offset before a gap.
    pub(super) fn instant(&self, local: DateTime) -> Timestamp {
        let from = earlier(at_offset(local, Offset::UTC), SignedDuration::from_hours(52));
        let look = |onsets: &[Onset]| {
            let place = onsets.partition_point(|onset| onset.at < from);
            let mut offset = in_force(onsets, place);
            for onset in onsets.iter().skip(place) {
                if local < onset.after.max(offset).to_datetime(onset.at) {
                    break;
                }
                offset = onset.after;
            }
            at_offset(local, offset)
        };
        self.with_onsets(local.year(), look)
    }

    fn with_onsets<T>(&self, year: i16, look: impl Fn(&[Onset]) -> T) -> T {
        if (TABLE_YEARS.0..=TABLE_YEARS.1).contains(&year) {
            look(self.table())
        } else {
            look(&self.onsets(year, year))
        }
    }

    fn table(&self) -> &[Onset] {
        self.table.get_or_init(|| self.onsets(TABLE_YEARS.0, TABLE_YEARS.1))
    }

    /// The onsets that decide the offsets of some years, in order: all those that are written out or end, and those of
    /// endless rules near these years.
    fn onsets(&self, first: i16, last: i16) -> Vec<Onset> {
        let from = date(first.saturating_sub(REACH_YEARS).max(-9_998), 1, 1).at(0, 0, 0, 0);
        let to = date(last.saturating_add(1).min(9_998), 12, 31).at(0, 0, 0, 0);
        let mut onsets = Vec::new();
        let mut budget = ONSETS;
        for observance in &self.list {
            if observance.collect(from, to, &mut budget, &mut onsets).is_err() {
                break;
            }
        }
        onsets.sort_unstable();
        // Outlook begins STANDARD and DAYLIGHT at the same moment, in winter: the smaller offset is then the right one.
        onsets.dedup_by(|next, kept| {
            let is_same = next.at == kept.at;
            if is_same {
                kept.before = kept.before.min(next.before);
                kept.after = kept.after.min(next.after);
            }
            is_same
        });
        onsets
    }
}

/// The offset before `onsets[place]`.
fn in_force(onsets: &[Onset], place: usize) -> Offset {
    match place.checked_sub(1).and_then(|before| onsets.get(before)) {
        Some(onset) => onset.after,
        None => onsets.first().map_or(Offset::UTC, |first| first.before),
    }
}

fn at_offset(local: DateTime, offset: Offset) -> Timestamp {
    offset.to_timestamp(local).unwrap_or_else(|_| nearest(local))
}

impl Observance {
    fn read(component: &Component) -> Option<Observance> {
        let offset = |name| value::parse_utc_offset(component.property(name)?.value().trim());
        let start = wall(component.property("DTSTART")?.value().trim())?;
        let mut observance = Observance {
            before: offset("TZOFFSETFROM")?,
            after: offset("TZOFFSETTO")?,
            dates: vec![start],
            rules: Vec::new(),
        };
        for property in component.properties() {
            if property.is("RRULE") {
                let rule = Rule::parse(property.value()).ok().filter(|rule| rule.freq() >= Freq::Monthly)?;
                let expander = Expander::new(&rule, start);
                observance.rules.push((rule, expander));
            } else if property.is("RDATE") {
                for date in property.value().split(',') {
                    observance.dates.push(wall(date.split('/').next()?.trim())?);
                }
            }
        }
        Some(observance)
    }

    fn collect(
        &self,
        from: DateTime,
        to: DateTime,
        budget: &mut Budget,
        onsets: &mut Vec<Onset>,
    ) -> Result<(), Truncated> {
        let onset =
            |local| Onset { at: at_offset(local, self.before), before: self.before, after: self.after };
        onsets.extend(self.dates.iter().map(|&local| onset(local)));
        for (rule, expander) in &self.rules {
            // A rule that ended long ago may still have the last word.
            let years = i16::try_from(rule.interval()).unwrap_or(i16::MAX).saturating_mul(REACH_YEARS);
            let from = if rule.is_endless() {
                date(from.year().saturating_sub(years).max(-9_998), 1, 1).at(0, 0, 0, 0)
            } else {
                DateTime::MIN
            };
            let until = rule.until().map_or(Timestamp::MAX, |until| end(until, self.before));
            let mut found = expander.between(from, to, budget)?;
            while let Some(local) = found.next(budget)? {
                let onset = onset(local);
                if onset.at > until {
                    break;
                }
                onsets.push(onset);
            }
        }
        Ok(())
    }
}

fn wall(text: &str) -> Option<DateTime> {
    match value::parse_date_or_time(text)? {
        DateOrTime::Date(date) => Some(date.at(0, 0, 0, 0)),
        DateOrTime::Time(time, _) => Some(time),
    }
}

/// "The UNTIL rule part MUST be specified in UTC"; exports that write it local mean the wall time before the onset.
fn end(until: Until, before: Offset) -> Timestamp {
    match until {
        Until::Utc(at) => at,
        Until::Local(local) => at_offset(local, before),
        Until::Date(date) => later(at_offset(date.at(0, 0, 0, 0), before), SignedDuration::from_hours(24)),
    }
}
