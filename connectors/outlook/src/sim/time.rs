//! The times and zones of the simulator: walls in a zone, shown in UTC.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Some of Exchange's zones: the Windows name, and the IANA names that become it. The first is what it stands for.
const ZONES: &[(&str, &[&str])] = &[
    ("UTC", &["UTC", "Etc/UTC"]),
    ("W. Europe Standard Time", &["Europe/Berlin", "Europe/Vienna", "Europe/Zurich", "Europe/Amsterdam"]),
    ("GMT Standard Time", &["Europe/London", "Europe/Dublin", "Europe/Lisbon"]),
    ("Eastern Standard Time", &["America/New_York", "America/Detroit", "America/Toronto"]),
    ("Cen. Australia Standard Time", &["Australia/Adelaide"]),
];

/// What Exchange calls a zone that it was told.
pub(super) fn windows(name: &str) -> &str {
    ZONES.iter().find(|(_, names)| names.contains(&name)).map_or(name, |(windows, _)| windows)
}

fn zone(name: &str) -> Option<TimeZone> {
    let iana =
        ZONES.iter().find(|(windows, _)| *windows == name).and_then(|(_, names)| names.first().copied());
    TimeZone::get(iana.unwrap_or(name)).ok()
}

/// `dateTimeTimeZone` as it was sent: the wall and the zone's name.
pub(super) fn sent(value: &Value) -> Option<(DateTime, String)> {
    let wall = value["dateTime"].as_str()?.trim_end_matches('Z').parse().ok()?;
    let name = value["timeZone"].as_str().unwrap_or("UTC");
    zone(name)?;
    Some((wall, name.to_owned()))
}

pub(super) fn instant(wall: DateTime, name: &str) -> Timestamp {
    let zone = zone(name).unwrap_or(TimeZone::UTC);
    zone.to_ambiguous_timestamp(wall).compatible().unwrap_or(Timestamp::MIN)
}

/// `dateTimeTimeZone` as it is answered with `Prefer: outlook.timezone="UTC"`. The midnights of a whole day stay.
pub(super) fn shown(wall: DateTime, name: &str, all_day: bool) -> Value {
    let wall = if all_day { wall } else { TimeZone::UTC.to_datetime(instant(wall, name)) };
    json!({ "dateTime": format!("{}.0000000", wall.strftime("%Y-%m-%dT%H:%M:%S")), "timeZone": "UTC" })
}

pub(super) fn moved(wall: DateTime, by: SignedDuration) -> DateTime {
    wall.checked_add(by).unwrap_or(wall)
}

pub(super) fn next_day(date: Date) -> Date {
    date.tomorrow().unwrap_or(date)
}
