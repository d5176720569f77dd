//! A VTIMEZONE for an IANA zone.

use jiff::civil::{Date, DateTime};
use jiff::tz::{Dst, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::{DATABASE, earlier, later};
use crate::tree::{Component, Property};
use crate::value::{Form, write_date_time};

/// Transitions of one zone between the two instants below; real zones have at most a few in a year.
const TRANSITIONS_MAX: usize = 4_000;
/// 1601-01-01 and 2201-01-01. Outlook begins its zones at the first; long before the second every zone of the database
/// follows a yearly pattern or none.
const ERA: (Timestamp, Timestamp) =
    (Timestamp::constant(-11_644_473_600, 0), Timestamp::constant(7_289_654_400, 0));

/// The VTIMEZONE of an IANA zone that is right from `from` to `to`, for generated objects and RFC 7809.
///
/// Onsets that follow a yearly pattern become rules; a pattern that is still followed after `to` has no end. Open ends
/// are fine: 1601 and 2201 stand for them. `None` if the database has no such name.
#[must_use]
pub fn vtimezone(name: &str, from: Timestamp, to: Timestamp) -> Option<Component> {
    let zone = DATABASE.get(name).ok()?;
    let mut component = Component::new("VTIMEZONE");
    component.push_property(Property::text_of("TZID", zone.iana_name().unwrap_or(name)));
    let from = from.clamp(ERA.0, ERA.1);
    let to = to.clamp(from, ERA.1);
    let mut runs: Vec<Run> = Vec::new();
    for change in changes(&zone, from, to) {
        match runs.iter_mut().find(|run| run.takes(&change)) {
            Some(run) => run.extend(change),
            None => runs.push(Run::new(change)),
        }
    }
    for run in &runs {
        component.push_component(run.component(to));
    }
    Some(component)
}

/// One transition.
#[derive(Clone, Debug)]
struct Change {
    at: Timestamp,
    /// The wall time at which it happens, by the clock before it.
    wall: DateTime,
    before: Offset,
    after: Offset,
    dst: Dst,
    abbreviation: String,
}

/// The state at `from` as a change, then every change until a bit more than a year after `to`.
fn changes(zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Change> {
    let end = later(to, SignedDuration::from_hours(400 * 24));
    let current = zone.to_offset_info(from);
    let begin = zone.preceding(later(from, SignedDuration::from_secs(1))).next();
    let start = begin.map_or(from, |begin| begin.timestamp());
    let before = zone.to_offset(earlier(start, SignedDuration::from_secs(1)));
    let mut last = current.offset();
    let mut all = vec![Change {
        at: start,
        wall: before.to_datetime(start),
        before,
        after: last,
        dst: current.dst(),
        abbreviation: current.abbreviation().to_owned(),
    }];
    let following = zone.following(from).take_while(|change| change.timestamp() <= end);
    for change in following.take(TRANSITIONS_MAX) {
        all.push(Change {
            at: change.timestamp(),
            wall: last.to_datetime(change.timestamp()),
            before: last,
            after: change.offset(),
            dst: change.dst(),
            abbreviation: change.abbreviation().to_owned(),
        });
        last = change.offset();
    }
    all
}

/// Changes in consecutive years that one rule describes.
struct Run {
    first: Change,
    last: Change,
    /// The ordinals of the weekday in its month that fit all of them.
    ordinals: Vec<i8>,
}

impl Run {
    fn new(change: Change) -> Run {
        Run { ordinals: ordinals(change.wall.date()), first: change.clone(), last: change }
    }

    fn takes(&self, next: &Change) -> bool {
        let (last, at) = (self.last.wall, next.wall);
        let alike = self.last.before == next.before
            && self.last.after == next.after
            && self.last.dst == next.dst
            && self.last.abbreviation == next.abbreviation;
        alike
            && at.year() == last.year() + 1
            && at.month() == last.month()
            && at.weekday() == last.weekday()
            && at.time() == last.time()
            && ordinals(at.date()).iter().any(|n| self.ordinals.contains(n))
    }

    fn extend(&mut self, next: Change) {
        let fit = ordinals(next.wall.date());
        self.ordinals.retain(|n| fit.contains(n));
        self.last = next;
    }

    fn component(&self, to: Timestamp) -> Component {
        let (first, last) = (&self.first, &self.last);
        let mut out = Component::new(if first.dst.is_dst() { "DAYLIGHT" } else { "STANDARD" });
        let mut put = |name, value: &str| out.push_property(Property::new(name, value));
        put("DTSTART", &write_date_time(first.wall, Form::Local));
        if let (true, Some(ordinal)) = (first.at < last.at, self.ordinals.first()) {
            let weekday = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
                .into_iter()
                .nth(usize::from(first.wall.weekday().to_monday_zero_offset().unsigned_abs()))
                .unwrap_or("MO");
            let mut rule = format!("FREQ=YEARLY;BYMONTH={};BYDAY={ordinal}{weekday}", first.wall.month());
            if last.at <= to {
                let until = write_date_time(Offset::UTC.to_datetime(last.at), Form::Utc);
                rule.push_str(&format!(";UNTIL={until}"));
            }
            put("RRULE", &rule);
        }
        put("TZOFFSETFROM", &write_offset(first.before));
        put("TZOFFSETTO", &write_offset(first.after));
        put("TZNAME", &first.abbreviation);
        out
    }
}

/// The ways to say which of its weekdays a day is: the first to fourth, the last. The last goes first, as it is meant
/// where both fit for many years.
fn ordinals(date: Date) -> Vec<i8> {
    let front = (date.day() - 1) / 7 + 1;
    let is_last = date.day() + 7 > date.days_in_month();
    let mut all = Vec::with_capacity(2);
    if is_last {
        all.push(-1);
    }
    if front <= 4 {
        all.push(front);
    }
    all
}

/// `+0100`, `-043015`
fn write_offset(offset: Offset) -> String {
    let seconds = offset.seconds().unsigned_abs();
    let sign = if offset.is_negative() { '-' } else { '+' };
    let rest = if seconds.is_multiple_of(60) { String::new() } else { format!("{:02}", seconds % 60) };
    format!("{sign}{:02}{:02}{rest}", seconds / 3_600, seconds / 60 % 60)
}
