//! Times: Graph gives UTC and the name of the zone in which they were meant; a form has the wall time of that zone.

use almanac_contract::{Moment, Reason};
use almanac_ical::Component;
use almanac_ical::zone::{How, Zone, Zones};
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::wire::{At, Event};

pub(crate) const NO_TIME: Reason = Reason("the event has no time that can be read");
pub(crate) const ZONE_UNKNOWN: Reason =
    Reason("the series is in a time zone of its own, which Outlook does not describe");

/// The zone that a name of Graph stands for: an IANA name, a Windows name, or what Outlook writes for UTC.
pub(crate) fn zone(name: &str) -> Option<Zone> {
    if name.eq_ignore_ascii_case("tzone://Microsoft/Utc") {
        return Some(Zone::utc());
    }
    let nothing = Component::new("VCALENDAR");
    let resolved = Zones::read(&nothing).resolve(name);
    matches!(resolved.how, How::Exact | How::Alias | How::Windows).then_some(resolved.zone)
}

/// The zone of a moment, if it has one that is known.
pub(crate) fn zone_of(moment: &Moment) -> Option<Zone> {
    match moment {
        Moment::Utc(_) => Some(Zone::utc()),
        Moment::Zoned(_, name) => Zone::iana(name),
        Moment::Date(_) | Moment::Floating(_) => None,
    }
}

/// An instant as Graph's queries have it, in UTC to the second.
pub(crate) fn text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// An instant as a zone's clock shows it.
pub(crate) fn shown(at: Timestamp, zone: &Zone) -> Moment {
    let wall = zone.local(at);
    if zone.is_utc() { Moment::Utc(wall) } else { Moment::Zoned(wall, zone.name().to_owned()) }
}

/// `moment` as the clock really shows it: not within an hour that is skipped.
pub(crate) fn settled(moment: &Moment) -> Moment {
    in_zone_of(moment, moment)
}

/// `moment` in the zone of `like`; as it is where either has none.
pub(crate) fn in_zone_of(moment: &Moment, like: &Moment) -> Moment {
    match (zone_of(moment), zone_of(like)) {
        (Some(from), Some(to)) => shown(from.instant(moment.wall()), &to),
        _ => moment.clone(),
    }
}

/// The same kind of moment with another wall time.
pub(crate) fn at_wall(like: &Moment, wall: DateTime) -> Moment {
    match like {
        Moment::Date(_) => Moment::Date(wall.date()),
        Moment::Floating(_) => Moment::Floating(wall),
        Moment::Utc(_) => Moment::Utc(wall),
        Moment::Zoned(_, zone) => Moment::Zoned(wall, zone.clone()),
    }
}

/// `wall` moved by as much as lies between two others.
pub(crate) fn moved(wall: DateTime, from: DateTime, to: DateTime) -> DateTime {
    wall.checked_add(to.duration_since(from)).unwrap_or(wall)
}

/// A `dateTimeTimeZone`. A whole day is its midnight: which zone's says nothing (`isAllDay`).
pub(crate) fn write(moment: &Moment) -> Value {
    let zone = match moment {
        Moment::Zoned(_, name) => name.as_str(),
        Moment::Date(_) | Moment::Utc(_) | Moment::Floating(_) => "UTC",
    };
    let wall = moment.wall();
    json!({ "dateTime": wall.strftime("%Y-%m-%dT%H:%M:%S").to_string(), "timeZone": zone })
}

/// How the zone of an event is found.
#[derive(Clone, Copy, Default)]
pub(crate) struct Clue<'a> {
    /// The names that we left on it, of the start's and the end's: Windows names stand for several IANA names.
    pub(crate) ours: Option<&'a str>,
    /// The zone of the series that the event is an instance of.
    pub(crate) series: Option<&'a Moment>,
}

/// From when to when an event is.
pub(crate) fn span(event: &Event, clue: Clue<'_>) -> Result<(Moment, Moment), Reason> {
    let start = event.start.as_ref().ok_or(NO_TIME)?;
    let end = event.end.as_ref().ok_or(NO_TIME)?;
    if event.is_all_day == Some(true) {
        return Ok((Moment::Date(day(start)?), Moment::Date(day(end)?)));
    }
    let (from, to) = (instant(start)?, instant(end)?);
    if let Some(zone) = clue.series.and_then(zone_of) {
        return Ok((shown(from, &zone), shown(to, &zone)));
    }
    let mut ours = clue.ours.unwrap_or_default().split(' ');
    let zone = authored(event.original_start_time_zone.as_deref(), start, ours.next(), from);
    let Some(zone) = zone else {
        // A single event is when it is, whatever its clock is called.
        let utc = Zone::utc();
        return if event.is_series() { Err(ZONE_UNKNOWN) } else { Ok((shown(from, &utc), shown(to, &utc))) };
    };
    let until = authored(event.original_end_time_zone.as_deref(), end, ours.next(), to);
    let until = until.filter(|_| !event.is_series()).unwrap_or_else(|| zone.clone());
    Ok((shown(from, &zone), shown(to, &until)))
}

/// The zone that the author meant.
fn authored(told: Option<&str>, at: &At, ours: Option<&str>, when: Timestamp) -> Option<Zone> {
    let told = told.filter(|name| !name.is_empty()).or(at.time_zone.as_deref())?;
    let told = zone(told)?;
    let ours = ours.and_then(Zone::iana).filter(|ours| same_clock(ours, &told, when));
    Some(ours.unwrap_or(told))
}

/// Whether two zones show the same time all year.
fn same_clock(one: &Zone, other: &Zone, at: Timestamp) -> bool {
    let month = SignedDuration::from_hours(30 * 24);
    (0..12).all(|n| {
        let at = at.saturating_add(month.saturating_mul(n)).unwrap_or(at);
        one.offset(at) == other.offset(at)
    })
}

fn wall(text: &str) -> Option<DateTime> {
    let wall: DateTime = text.trim_end_matches(['Z', 'z']).parse().ok()?;
    // Exchange counts ticks of 100 ns; iCalendar counts seconds.
    wall.with().subsec_nanosecond(0).build().ok()
}

pub(crate) fn instant(at: &At) -> Result<Timestamp, Reason> {
    let wall = wall(&at.date_time).ok_or(NO_TIME)?;
    let zone = zone(at.time_zone.as_deref().unwrap_or("UTC")).ok_or(NO_TIME)?;
    Ok(zone.instant(wall))
}

/// The day that a midnight begins; one that was moved to another zone is brought back to the nearest.
fn day(at: &At) -> Result<Date, Reason> {
    Ok(nearest_day(wall(&at.date_time).ok_or(NO_TIME)?))
}

fn nearest_day(wall: DateTime) -> Date {
    wall.checked_add(SignedDuration::from_hours(12)).unwrap_or(wall).date()
}

/// The moment of an instance: the day of `originalStart`. There is one a day at most, and where the clocks skip the hour of
/// the series, the instant alone would name another.
pub(crate) fn original(event: &Event, series: &Moment) -> Option<Moment> {
    let at: Timestamp = event.original_start.as_deref()?.parse().ok()?;
    let day = match series {
        Moment::Date(_) => nearest_day(Zone::utc().local(at)),
        _ => zone_of(series)?.local(at).date(),
    };
    Some(on_day(series, day))
}

/// The instance of a series on a day.
pub(crate) fn on_day(series: &Moment, day: Date) -> Moment {
    at_wall(series, day.to_datetime(series.wall().time()))
}

/// The moment of the instance of a series on the day that an occurrence id ends with.
pub(crate) fn named_day(occurrence: &str, series: &Moment) -> Option<Moment> {
    let day: Date = occurrence.rsplit('.').next()?.get(..10)?.parse().ok()?;
    Some(on_day(series, day))
}

/// The day of an instance as an occurrence id ends with it.
pub(crate) fn day_of(moment: &Moment) -> Date {
    moment.wall().date()
}

/// The instant of a moment; UTC where it has no zone.
pub(crate) fn instant_of(moment: &Moment) -> Timestamp {
    zone_of(moment).unwrap_or_else(Zone::utc).instant(moment.wall())
}

/// A window of instants around an instance: from a moment before it to one after.
pub(crate) fn around(moment: &Moment) -> (Timestamp, Timestamp) {
    let (before, after) = match moment {
        // Midnight of whichever zone the mailbox has.
        Moment::Date(_) => (SignedDuration::from_hours(14), SignedDuration::from_hours(38)),
        _ => (SignedDuration::from_mins(1), SignedDuration::from_mins(1)),
    };
    let at = instant_of(moment);
    (at.saturating_sub(before).unwrap_or(at), at.saturating_add(after).unwrap_or(at))
}

/// A window of instants from a day before a moment to a day after it.
pub(crate) fn near(moment: &Moment) -> (Timestamp, Timestamp) {
    let day = SignedDuration::from_hours(24);
    let (from, to) = around(moment);
    (from.saturating_sub(day).unwrap_or(from), to.saturating_add(day).unwrap_or(to))
}

/// Whether a moment is on a minute: series are kept in minutes.
pub(crate) fn is_whole_minute(moment: &Moment) -> bool {
    let time: Time = moment.wall().time();
    time.second() == 0
}
