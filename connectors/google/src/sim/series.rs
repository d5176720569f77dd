//! Which instances a series has.

use almanac_ical::recur::Budget;
use almanac_ical::series::{Series, Window};
use almanac_ical::zone::Zone;
use almanac_ical::{Limits, tree};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::times::Time;
use super::{Calendar, Stored};

/// What an id with an underscore names: the part before it, and the time behind it.
fn parts(id: &str) -> Option<(&str, Time)> {
    let (base, suffix) = id.rsplit_once('_')?;
    let date = jiff::civil::Date::strptime("%Y%m%d", suffix).ok().map(Time::Day);
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", suffix).ok();
    let time = time.map(|time| Time::At(Zone::utc().instant(time), Some("UTC".to_owned())));
    date.or(time).map(|time| (base, time))
}

/// The id without what a split adds to it.
pub(super) fn base(id: &str) -> &str {
    id.split_once("_R").map_or(id, |(base, _)| base)
}

impl Calendar {
    /// The series and the time of the instance with this id, if its series has it.
    pub(super) fn instance_named(&self, id: &str) -> Option<(String, Time)> {
        let (named, time) = parts(id)?;
        let of = |(id, stored): &(&String, &Stored)| base(id) == named && has(&stored.body, &time);
        let mut alive =
            self.events.iter().filter(|(_, stored)| !stored.is_cancelled() && !stored.is_instance());
        let (series, stored) = alive.find(of)?;
        let start = Time::read(stored.body.get("start")?)?;
        Some((series.clone(), start.at(time.instant())))
    }

    /// The instance of a series at a time, as it is while nobody has changed it.
    pub(super) fn unchanged(&self, series: &str, at: &Time) -> Option<Map<String, Value>> {
        let master = self.events.get(series)?.body.as_object()?;
        let (start, end) = (Time::read(master.get("start")?)?, Time::read(master.get("end")?)?);
        let length = end.instant().duration_since(start.instant());
        let mut instance = master.clone();
        instance.remove("recurrence");
        instance.insert("id".into(), json!(format!("{}_{}", base(series), at.suffix())));
        instance.insert("recurringEventId".into(), json!(series));
        instance.insert("originalStartTime".into(), at.show(&self.time_zone));
        instance.insert("start".into(), at.show(&self.time_zone));
        instance.insert("end".into(), end.at(at.instant()).later(length)?.show(&self.time_zone));
        Some(instance)
    }

    /// Forgets the changed instances that a series does not have any more.
    pub(super) fn forget_impossible(&mut self, series: &str) {
        let Some(master) = self.events.get(series).map(|stored| stored.body.clone()) else { return };
        self.events.retain(|_, stored| {
            let at = stored.body.get("originalStartTime").and_then(Time::read);
            let mine = stored.text("recurringEventId") == series;
            !mine || at.is_some_and(|at| made(&master, &at))
        });
    }
}

/// Whether a series has an instance at a time.
pub(super) fn has(master: &Value, at: &Time) -> bool {
    occurs(master, at, |_| true)
}

/// The same, be it left out by an EXDATE or not.
fn made(master: &Value, at: &Time) -> bool {
    occurs(master, at, |line| !line.starts_with("EXDATE"))
}

fn occurs(master: &Value, at: &Time, counts: impl Fn(&str) -> bool) -> bool {
    let lines: Vec<&str> = match master.get("recurrence").and_then(Value::as_array) {
        Some(lines) => lines.iter().filter_map(Value::as_str).filter(|line| counts(line)).collect(),
        None => return false,
    };
    let Some(start) = master.get("start").and_then(Time::read) else { return false };
    if matches!(start, Time::Day(_)) != matches!(at, Time::Day(_)) {
        return false;
    }
    let from = at.instant();
    let window = Window { start: from, end: next(from) };
    let Some(series) = read(&start, &lines) else { return false };
    let found = series.instances(&window, &Zone::utc(), &mut Budget::SERIES.clone());
    found.is_ok_and(|found| found.iter().any(|instance| instance.start == from))
}

fn next(at: Timestamp) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(1)).unwrap_or(at)
}

fn read(start: &Time, lines: &[&str]) -> Option<Series> {
    let text = format!(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:x\r\n{}\r\n{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        start.line("DTSTART"),
        lines.join("\r\n")
    );
    let calendar = tree::read(text.as_bytes(), &Limits::default()).ok()?;
    Series::read(&calendar).ok()
}

/// Whether Google takes these lines for a series that begins so.
pub(super) fn is_recurrence(start: &Time, lines: &[Value]) -> bool {
    let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
    let known = ["RRULE", "EXRULE", "RDATE", "EXDATE"];
    let named = |line: &&str| known.iter().any(|name| line.starts_with(name));
    lines.iter().all(|line| named(line) && !line.contains(['\r', '\n'])) && read(start, &lines).is_some()
}
