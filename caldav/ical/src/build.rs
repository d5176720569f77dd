//! Calendar objects that are ours: events and tasks (through the `icalendar` crate), free-busy answers.

use icalendar::{Component as _, EventLike as _};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::object::CalendarObject;
use crate::series::{Busy, CalTime, Window};
use crate::value::{self, Form};
use crate::zone;
use crate::{Component, Invalid, Limits, PRODID, Property};

/// How long the VTIMEZONE of a recurring event is exact, counted from its start. Beyond it the last rule goes on.
const ZONE_SPAN: SignedDuration = SignedDuration::from_hours(24 * 366 * 10);

/// Octets of one text of an object of ours: the `icalendar` crate folds a line in time that grows with its square.
const TEXT_BYTES_MAX: usize = 32 << 10;

/// A VEVENT to be.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The UID.
    pub uid: String,
    /// DTSTAMP, the present moment.
    pub stamp: Timestamp,
    /// SUMMARY.
    pub summary: String,
    /// DESCRIPTION.
    pub description: Option<String>,
    /// LOCATION.
    pub location: Option<String>,
    /// DTSTART.
    pub start: CalTime,
    /// DTEND, of the same form as `start`; the day after the last one for an all-day event.
    pub end: CalTime,
    /// The value of RRULE.
    pub rule: Option<String>,
}

/// A VTODO to be.
#[derive(Clone, Debug)]
pub struct NewTodo {
    /// The UID.
    pub uid: String,
    /// DTSTAMP, the present moment.
    pub stamp: Timestamp,
    /// SUMMARY.
    pub summary: String,
    /// DESCRIPTION.
    pub description: Option<String>,
    /// DUE.
    pub due: Option<CalTime>,
}

/// A VEVENT, with the VTIMEZONE of its zone.
///
/// # Errors
/// As [`CalendarObject::parse`], for a rule that cannot be, say; `TooLarge` for a text above 32 KiB.
pub fn event(new: &NewEvent) -> Result<CalendarObject, Invalid> {
    check_sizes([Some(&new.uid), Some(&new.summary), new.description.as_ref(), new.location.as_ref()])?;
    let mut event = icalendar::Event::new();
    event.uid(&writable(&new.uid)).summary(&writable(&new.summary));
    event.add_property("DTSTAMP", utc(new.stamp));
    if let Some(description) = &new.description {
        event.description(&writable(description));
    }
    if let Some(location) = &new.location {
        event.location(&writable(location));
    }
    event.append_property(time_property("DTSTART", &new.start));
    event.append_property(time_property("DTEND", &new.end));
    if let Some(rule) = &new.rule {
        event.add_property("RRULE", writable(rule).replace('\n', ""));
    }
    object(&event, &[&new.start, &new.end])
}

/// A VTODO, with the VTIMEZONE of its zone.
///
/// # Errors
/// As [`CalendarObject::parse`]; `TooLarge` for a text above 32 KiB.
pub fn todo(new: &NewTodo) -> Result<CalendarObject, Invalid> {
    check_sizes([Some(&new.uid), Some(&new.summary), new.description.as_ref()])?;
    let mut todo = icalendar::Todo::new();
    todo.uid(&writable(&new.uid)).summary(&writable(&new.summary));
    todo.add_property("DTSTAMP", utc(new.stamp)).add_property("STATUS", "NEEDS-ACTION");
    if let Some(description) = &new.description {
        todo.description(&writable(description));
    }
    if let Some(due) = &new.due {
        todo.append_property(time_property("DUE", due));
    }
    object(&todo, &new.due.iter().collect::<Vec<_>>())
}

/// The answer to a free-busy query (RFC 4791 section 7.10): a VCALENDAR with one VFREEBUSY. `busy` is written as it is;
/// [`merge_busy`](crate::series::merge_busy) sorts and joins.
#[must_use]
pub fn free_busy(window: &Window, stamp: Timestamp, busy: &[Busy]) -> Component {
    let mut answer = Component::new("VFREEBUSY")
        .with_property(Property::new("DTSTAMP", &utc(stamp)))
        .with_property(Property::new("DTSTART", &utc(window.start)))
        .with_property(Property::new("DTEND", &utc(window.end)));
    for busy in busy {
        let period = format!("{}/{}", utc(busy.start), utc(busy.end));
        answer.push_property(Property::new("FREEBUSY", &period).with_param("FBTYPE", busy.kind.as_str()));
    }
    calendar().with_component(answer)
}

/// An empty VCALENDAR of ours.
fn calendar() -> Component {
    Component::new("VCALENDAR")
        .with_property(Property::new("VERSION", "2.0"))
        .with_property(Property::new("PRODID", PRODID))
}

/// The crate writes the component only: around a VTIMEZONE it would put a random UID and the present moment.
fn object(component: &impl icalendar::Component, times: &[&CalTime]) -> Result<CalendarObject, Invalid> {
    let text = component.try_into_string().map_err(|_| Invalid::Data("not writable"))?;
    let mut frame = calendar();
    for zone in zones(times) {
        frame.push_component(zone);
    }
    let frame = frame.to_text();
    let head = frame.strip_suffix("END:VCALENDAR\r\n").unwrap_or(&frame);
    let text = format!("{head}{text}END:VCALENDAR\r\n");
    CalendarObject::parse(text.as_bytes(), &Limits::default())
}

fn zones(times: &[&CalTime]) -> Vec<Component> {
    let mut zones: Vec<Component> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for time in times {
        let CalTime::Zoned { local, zone } = time else { continue };
        if zone.is_utc() || names.iter().any(|name| name == zone.name()) {
            continue;
        }
        let start = zone.instant(*local);
        let end = start.saturating_add(ZONE_SPAN).unwrap_or(Timestamp::MAX);
        zones.extend(zone::vtimezone(zone.name(), start, end));
        names.push(zone.name().to_owned());
    }
    zones
}

fn time_property(name: &str, time: &CalTime) -> icalendar::Property {
    match time {
        CalTime::Date(date) => {
            icalendar::Property::new(name, value::write_date(*date)).add_parameter("VALUE", "DATE").done()
        }
        CalTime::Utc(at) => icalendar::Property::new(name, utc(*at)),
        CalTime::Floating(local) => {
            icalendar::Property::new(name, value::write_date_time(*local, Form::Local))
        }
        CalTime::Zoned { local, zone } if zone.is_utc() => {
            icalendar::Property::new(name, value::write_date_time(*local, Form::Utc))
        }
        CalTime::Zoned { local, zone } => {
            let local = value::write_date_time(*local, Form::Local);
            icalendar::Property::new(name, local).add_parameter("TZID", zone.name()).done()
        }
    }
}

fn utc(at: Timestamp) -> String {
    value::write_date_time(TimeZone::UTC.to_datetime(at), Form::Utc)
}

fn check_sizes<const N: usize>(texts: [Option<&String>; N]) -> Result<(), Invalid> {
    let fits = |text: &String| text.len() <= TEXT_BYTES_MAX;
    if texts.into_iter().flatten().all(fits) { Ok(()) } else { Err(Invalid::TooLarge) }
}

/// The crate escapes TEXT, but writes a CR or another control character as it is.
fn writable(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    lines.chars().filter(|&character| character == '\n' || value::is_writable(character)).collect()
}
