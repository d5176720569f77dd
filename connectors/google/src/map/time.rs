//! Times: `{date}`, or `{dateTime, timeZone}`. Google has no floating ones.

use almanac_contract::Moment;
use almanac_ical::Property;
use almanac_ical::value::{Form as Written, write_date, write_date_time};
use almanac_ical::zone::Zone;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use serde_json::{Value, json};

use crate::wire::When;

/// What Google says of a time. One without a zone that we know is an instant, and stays exact as UTC.
pub(super) fn moment(when: &When) -> Option<Moment> {
    if let Some(date) = &when.date {
        return date.parse::<Date>().ok().map(Moment::Date);
    }
    let text = when.date_time.as_deref()?;
    let zone = when.time_zone.as_deref().and_then(Zone::iana);
    let wall = match (text.parse::<Timestamp>(), &zone) {
        (Ok(at), Some(zone)) => zone.local(at),
        (Ok(at), None) => Offset::UTC.to_datetime(at),
        (Err(_), Some(_)) => text.parse::<DateTime>().ok()?,
        (Err(_), None) => return None,
    };
    Some(match zone.filter(|zone| !zone.is_utc()) {
        Some(zone) => Moment::Zoned(wall, zone.name().to_owned()),
        None => Moment::Utc(wall),
    })
}

/// The instant of a time that has one; midnight in UTC for a day.
pub(super) fn instant(at: &Moment) -> Option<Timestamp> {
    match at {
        Moment::Date(_) | Moment::Utc(_) => Some(Zone::utc().instant(at.wall())),
        Moment::Zoned(wall, zone) => Zone::iana(zone).map(|zone| zone.instant(*wall)),
        Moment::Floating(_) => None,
    }
}

/// `at` told as `like` tells its time.
pub(super) fn told_as(at: Timestamp, like: &Moment) -> Option<Moment> {
    Some(match like {
        Moment::Date(_) => Moment::Date(Offset::UTC.to_datetime(at).date()),
        Moment::Utc(_) => Moment::Utc(Offset::UTC.to_datetime(at)),
        Moment::Zoned(_, zone) => Moment::Zoned(Zone::iana(zone)?.local(at), zone.clone()),
        Moment::Floating(_) => return None,
    })
}

/// How Google is told a time. All three members: in a PATCH, what is left away stays, and a time has only one form.
pub(super) fn when(at: &Moment) -> Option<Value> {
    Some(match at {
        Moment::Date(date) => json!({ "date": date.to_string(), "dateTime": null, "timeZone": null }),
        Moment::Utc(wall) => json!({ "date": null, "dateTime": format!("{wall}Z"), "timeZone": "UTC" }),
        Moment::Zoned(wall, name) => {
            let zone = Zone::iana(name)?;
            let at = zone.instant(*wall);
            let text = at.display_with_offset(zone.offset(at)).to_string();
            json!({ "date": null, "dateTime": text, "timeZone": name })
        }
        Moment::Floating(_) => return None,
    })
}

/// The id of the instance of a series that would be at `at`.
pub(crate) fn instance_id(series: &str, at: &Moment) -> Option<String> {
    Some(match at {
        Moment::Date(date) => format!("{series}_{}", write_date(*date)),
        _ => {
            let at = Offset::UTC.to_datetime(instant(at)?);
            format!("{series}_{}", write_date_time(at, Written::Utc))
        }
    })
}

/// A time as the parameter `originalStart` has it.
pub(crate) fn instant_text(at: &Moment) -> Option<String> {
    match at {
        Moment::Date(date) => Some(date.to_string()),
        _ => instant(at).map(|at| at.to_string()),
    }
}

/// A property that holds a time.
pub(super) fn property(name: &str, at: &Moment) -> Property {
    match at {
        Moment::Date(date) => Property::new(name, &write_date(*date)).with_param("VALUE", "DATE"),
        Moment::Floating(wall) => Property::new(name, &write_date_time(*wall, Written::Local)),
        Moment::Utc(wall) => Property::new(name, &write_date_time(*wall, Written::Utc)),
        Moment::Zoned(wall, zone) => {
            Property::new(name, &write_date_time(*wall, Written::Local)).with_param("TZID", zone)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(date: Option<&str>, time: Option<&str>, zone: Option<&str>) -> When {
        let own = |text: Option<&str>| text.map(str::to_owned);
        When { date: own(date), date_time: own(time), time_zone: own(zone) }
    }

    #[test]
    fn a_time_keeps_the_zone_it_was_meant_in() {
        let zoned = |wall: &str, zone: &str| Moment::Zoned(wall.parse().unwrap(), zone.into());
        let utc = |wall: &str| Moment::Utc(wall.parse().unwrap());
        for (when, expected) in [
            (at(Some("2026-01-05"), None, None), Some(Moment::Date("2026-01-05".parse().unwrap()))),
            (
                at(None, Some("2026-01-05T09:00:00+01:00"), Some("Europe/Berlin")),
                Some(zoned("2026-01-05T09:00:00", "Europe/Berlin")),
            ),
            // The offset that the calendar shows is another than the event's own.
            (
                at(None, Some("2026-01-05T03:00:00-05:00"), Some("Europe/Berlin")),
                Some(zoned("2026-01-05T09:00:00", "Europe/Berlin")),
            ),
            (at(None, Some("2026-01-05T08:00:00Z"), Some("UTC")), Some(utc("2026-01-05T08:00:00"))),
            (at(None, Some("2026-01-05T09:00:00+01:00"), None), Some(utc("2026-01-05T08:00:00"))),
            (at(None, Some("2026-01-05T09:00:00+01:00"), Some("Nowhere")), Some(utc("2026-01-05T08:00:00"))),
            (at(None, Some("2026-01-05T09:00:00"), None), None),
            (at(None, None, None), None),
            (at(Some("someday"), None, None), None),
        ] {
            assert!(moment(&when) == expected, "{:?} {:?}", when.date_time, when.time_zone);
        }
    }

    #[test]
    fn the_id_of_an_instance_is_made_of_when_it_would_be() {
        let berlin = Moment::Zoned("2026-07-06T09:00:00".parse().unwrap(), "Europe/Berlin".into());
        assert_eq!(instance_id("abc", &berlin).unwrap(), "abc_20260706T070000Z");
        assert_eq!(instance_id("abc", &Moment::Date("2026-07-06".parse().unwrap())).unwrap(), "abc_20260706");
        assert_eq!(instance_id("abc", &Moment::Floating("2026-07-06T09:00:00".parse().unwrap())), None);
    }
}
