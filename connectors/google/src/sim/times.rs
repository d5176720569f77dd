//! Times as Google has them: `{date}` or `{dateTime, timeZone}`.

use almanac_ical::zone::Zone;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// A time.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Time {
    Day(Date),
    At(Timestamp, Option<String>),
}

impl Time {
    /// Reads one; `None` for what Google refuses.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let zone = match text("timeZone") {
            Some(name) => Some(Zone::iana(name)?),
            None => None,
        };
        match (text("date"), text("dateTime")) {
            (Some(date), None) => date.parse().ok().map(Self::Day),
            (None, Some(time)) => {
                let at = match (time.parse::<Timestamp>(), &zone) {
                    (Ok(at), _) => at,
                    (Err(_), Some(zone)) => zone.instant(time.parse::<DateTime>().ok()?),
                    (Err(_), None) => return None,
                };
                Some(Self::At(at, zone.map(|zone| zone.name().to_owned())))
            }
            _ => None, // neither, or both
        }
    }

    /// As it is shown in a calendar of this zone.
    pub(super) fn show(&self, calendar_zone: &str) -> Value {
        match self {
            Self::Day(date) => json!({ "date": date.to_string() }),
            Self::At(at, zone) => {
                let offset = Zone::iana(calendar_zone).map_or(Offset::UTC, |zone| zone.offset(*at));
                let time = at.display_with_offset(offset).to_string();
                match zone {
                    Some(zone) => json!({ "dateTime": time, "timeZone": zone }),
                    None => json!({ "dateTime": time }),
                }
            }
        }
    }

    pub(super) fn instant(&self) -> Timestamp {
        match self {
            Self::Day(date) => Zone::utc().instant(date.to_datetime(jiff::civil::Time::midnight())),
            Self::At(at, _) => *at,
        }
    }

    /// The same kind of time at another instant.
    pub(super) fn at(&self, instant: Timestamp) -> Self {
        match self {
            Self::Day(_) => Self::Day(Offset::UTC.to_datetime(instant).date()),
            Self::At(_, zone) => Self::At(instant, zone.clone()),
        }
    }

    pub(super) fn later(&self, by: SignedDuration) -> Option<Self> {
        Some(self.at(self.instant().saturating_add(by).ok()?))
    }

    /// What stands in the id of the instance that would be then.
    pub(super) fn suffix(&self) -> String {
        match self {
            Self::Day(date) => date.strftime("%Y%m%d").to_string(),
            Self::At(at, _) => at.strftime("%Y%m%dT%H%M%SZ").to_string(),
        }
    }

    /// As a property of iCalendar.
    pub(super) fn line(&self, name: &str) -> String {
        match self {
            Self::Day(date) => format!("{name};VALUE=DATE:{}", date.strftime("%Y%m%d")),
            Self::At(at, zone) => match zone.as_deref().and_then(Zone::iana).filter(|zone| !zone.is_utc()) {
                Some(zone) => {
                    format!("{name};TZID={}:{}", zone.name(), zone.local(*at).strftime("%Y%m%dT%H%M%S"))
                }
                None => format!("{name}:{}", at.strftime("%Y%m%dT%H%M%SZ")),
            },
        }
    }
}
