//! A calendar object to its normal form.

use std::collections::{BTreeMap, BTreeSet};

use almanac_ical::value::{self, DateOrTime, Form as Written, Nominal};
use almanac_ical::zone::{How, Zone, Zones};
use almanac_ical::{CalendarObject, Component, ComponentKind, Property};
use jiff::SignedDuration;
use jiff::civil::DateTime;
use unicode_normalization::UnicodeNormalization;

use super::{Field, Form, Instance, Moment, Part, Value};

/// Properties that say nothing a person wished: stamps of the programs that wrote the object, and its identity, which
/// the form has elsewhere.
const UNSAID: &[&str] = &[
    "UID",
    "DTSTAMP",
    "CREATED",
    "LAST-MODIFIED",
    "SEQUENCE",
    "RECURRENCE-ID",
    "X-MOZ-GENERATION",
    "X-MOZ-LASTACK",
    "X-LIC-ERROR",
];

/// Properties with a field of their own that is a text, and the text that is meant where the property is missing.
pub(super) const TEXTS: &[(&str, Field, &str)] = &[
    ("SUMMARY", Field::Summary, ""),
    ("DESCRIPTION", Field::Description, ""),
    ("LOCATION", Field::Location, ""),
    ("COLOR", Field::Color, ""),
];

/// The same for names of a closed list, which have no letter case.
pub(super) const NAMES: &[(&str, Field, &str)] = &[
    ("STATUS", Field::Status, "CONFIRMED"),
    ("TRANSP", Field::Transparency, "OPAQUE"),
    ("CLASS", Field::Class, "PUBLIC"),
    ("PRIORITY", Field::Priority, "0"),
];

/// What tells an alarm from others of its component.
pub(super) fn alarm_key(alarm: &Component) -> String {
    let value = |name| alarm.property(name).map(|p| p.value().trim().to_ascii_uppercase());
    format!("{} {}", value("ACTION").unwrap_or_default(), value("TRIGGER").unwrap_or_default())
}

/// Parameters of people that say what is meant anyway.
const PERSON_DEFAULTS: &[(&str, &str)] = &[
    ("CUTYPE", "INDIVIDUAL"),
    ("ROLE", "REQ-PARTICIPANT"),
    ("PARTSTAT", "NEEDS-ACTION"),
    ("RSVP", "FALSE"),
    ("SCHEDULE-AGENT", "SERVER"),
];

/// The normal form of an object. Never fails: what cannot be understood is kept as lines.
#[must_use]
pub fn read(object: &CalendarObject) -> Form {
    let within = Within::of(object);
    let mut parts = BTreeMap::new();
    for component in object.components() {
        // An object with an instance that has no time would not have been stored.
        if let Some(instance) = within.instance(component) {
            parts.insert(instance, part(component, object.kind(), &within));
        }
    }
    Form { kind: object.kind(), uid: object.uid().to_owned(), parts }
}

/// What the fields of one component depend on beside it.
pub(super) struct Within<'a> {
    calendar: &'a Component,
    zones: Zones<'a>,
    /// The start of the series.
    series: Option<Moment>,
}

impl<'a> Within<'a> {
    pub(super) fn of(object: &'a CalendarObject) -> Self {
        let zones = Zones::read(object.calendar());
        let master = object.components().find(|component| component.property("RECURRENCE-ID").is_none());
        let series =
            master.and_then(|component| component.property("DTSTART")).and_then(|p| moment(p, &zones));
        Self { calendar: object.calendar(), zones, series }
    }

    /// For a component that is to be written: nothing stands in it yet.
    pub(super) fn nothing(calendar: &'a Component) -> Self {
        Self { calendar, zones: Zones::read(calendar), series: None }
    }

    /// Which instance a component describes.
    pub(super) fn instance(&self, component: &Component) -> Option<Instance> {
        match component.property("RECURRENCE-ID") {
            None => Some(Instance::Master),
            Some(id) => moment(id, &self.zones).map(|at| Instance::At(self.aligned(at))),
        }
    }

    /// An instance's moment as the series counts: programs write EXDATE and RECURRENCE-ID in UTC, or in a zone of their
    /// own, for a series that has another.
    fn aligned(&self, at: Moment) -> Moment {
        match (&self.series, &at) {
            (Some(Moment::Zoned(_, to)), Moment::Utc(_) | Moment::Zoned(..)) => {
                let (Some(from), Some(target)) = (zone_of(&at, &self.zones), known_zone(to, &self.zones))
                else {
                    return at;
                };
                Moment::Zoned(target.local(from.instant(at.wall())), to.clone())
            }
            (Some(Moment::Utc(_)), Moment::Zoned(wall, _)) => match zone_of(&at, &self.zones) {
                Some(zone) => Moment::Utc(Zone::utc().local(zone.instant(*wall))),
                None => at,
            },
            // A series of whole days, and an instance named by midnight.
            (Some(Moment::Date(_)), _) => Moment::Date(at.wall().date()),
            _ => at,
        }
    }
}

fn zone_of(at: &Moment, zones: &Zones<'_>) -> Option<Zone> {
    match at {
        Moment::Utc(_) => Some(Zone::utc()),
        Moment::Zoned(_, name) => known_zone(name, zones),
        Moment::Date(_) | Moment::Floating(_) => None,
    }
}

/// The rules of a zone, if anything gives them.
fn known_zone(name: &str, zones: &Zones<'_>) -> Option<Zone> {
    let resolved = zones.resolve(name);
    (resolved.how != How::Assumed).then_some(resolved.zone)
}

fn part(component: &Component, kind: ComponentKind, within: &Within<'_>) -> Part {
    let mut part = Part::new();
    let mut used: BTreeSet<&str> = UNSAID.iter().copied().collect();
    for (name, field, meant) in TEXTS {
        used.insert(name);
        if let Some(text) = component.property(name).map(|p| normal(&p.text())).filter(|text| text != meant) {
            part.insert(field.clone(), Value::Text(text));
        }
    }
    for (name, field, meant) in NAMES {
        used.insert(name);
        let text = component.property(name).map(|p| p.value().trim().to_ascii_uppercase());
        if let Some(text) = text.filter(|text| text != meant && !text.is_empty()) {
            part.insert(field.clone(), Value::Text(text));
        }
    }
    if kind == ComponentKind::Event
        && let Some(span) = span(component, &within.zones)
    {
        part.insert(Field::Time, span);
        used.extend(["DTSTART", "DTEND", "DURATION"]);
    }
    used.insert("URL");
    if let Some(url) = component.property("URL").map(|p| p.value().trim()).filter(|url| !url.is_empty()) {
        part.insert(Field::Url, Value::Text(url.to_owned()));
    }
    let mut count: BTreeMap<String, u16> = BTreeMap::new();
    for property in component.properties() {
        let name = property.name().to_ascii_uppercase();
        if used.contains(name.as_str()) || member(property, &name, within, &mut part) {
            continue;
        }
        let nth = count.entry(name.clone()).or_default();
        part.insert(Field::Other(name, *nth), Value::Lines(vec![line(property)]));
        *nth = nth.saturating_add(1);
    }
    definitions(&mut part, within);
    rules(component, &mut part);
    alarms(component, &mut part);
    part
}

/// Takes a property that is a member of a set, or one of several that are a field together.
fn member(property: &Property, name: &str, within: &Within<'_>, part: &mut Part) -> bool {
    match name {
        "RRULE" => {} // all of them together, later
        "CATEGORIES" => {
            for category in split_text(property.value()) {
                part.insert(Field::Category(category), Value::Present);
            }
        }
        "EXDATE" | "RDATE" => {
            let Some(moments) = moments(property, within) else { return false }; // periods, for one
            for at in moments {
                let field = if name == "EXDATE" { Field::Except(at) } else { Field::Extra(at) };
                part.insert(field, Value::Present);
            }
        }
        "ORGANIZER" => {
            part.insert(Field::Organizer, person(property));
        }
        "ATTENDEE" => {
            part.insert(Field::Attendee(address(property.value())), person(property));
        }
        _ => return false,
    }
    true
}

/// When an event is.
fn span(component: &Component, zones: &Zones<'_>) -> Option<Value> {
    let start = moment(component.property("DTSTART")?, zones)?;
    let end = match (component.property("DTEND"), component.property("DURATION")) {
        (Some(end), _) => moment(end, zones)?,
        (None, Some(duration)) => after(&start, value::parse_duration(duration.value().trim())?, zones),
        (None, None) => match &start {
            Moment::Date(date) => Moment::Date(date.tomorrow().unwrap_or(*date)),
            other => other.clone(),
        },
    };
    Some(Value::Span(start, end))
}

/// The end of what begins at `start`: days are counted on the calendar, the rest on the clock (RFC 5545 section 3.3.6).
fn after(start: &Moment, duration: Nominal, zones: &Zones<'_>) -> Moment {
    let days = |wall: DateTime| {
        wall.checked_add(SignedDuration::from_hours(24 * i64::from(duration.days))).unwrap_or(wall)
    };
    let plain = |wall: DateTime| days(wall).checked_add(duration.exact).unwrap_or(wall);
    match start {
        Moment::Date(_) => Moment::Date(plain(start.wall()).date()),
        Moment::Floating(wall) => Moment::Floating(plain(*wall)),
        Moment::Utc(wall) => Moment::Utc(plain(*wall)),
        Moment::Zoned(wall, name) => match known_zone(name, zones) {
            Some(zone) => {
                let at = zone.instant(days(*wall)).saturating_add(duration.exact);
                Moment::Zoned(at.map_or_else(|_| plain(*wall), |at| zone.local(at)), name.clone())
            }
            None => Moment::Zoned(plain(*wall), name.clone()),
        },
    }
}

/// The time that a property holds.
fn moment(property: &Property, zones: &Zones<'_>) -> Option<Moment> {
    one(property.value().trim(), property.param("TZID"), zones)
}

fn one(text: &str, tzid: Option<&str>, zones: &Zones<'_>) -> Option<Moment> {
    Some(match value::parse_date_or_time(text)? {
        DateOrTime::Date(date) => Moment::Date(date),
        DateOrTime::Time(wall, Written::Utc) => Moment::Utc(wall),
        DateOrTime::Time(wall, Written::Local) => match tzid {
            None => Moment::Floating(wall),
            Some(tzid) => zoned(wall, tzid, zones),
        },
    })
}

/// A zone gets its IANA name if it has one; one that nothing explains keeps the name it came with and is never UTC.
fn zoned(wall: DateTime, tzid: &str, zones: &Zones<'_>) -> Moment {
    let resolved = zones.resolve(tzid);
    match resolved.how {
        How::Assumed | How::Vtimezone => Moment::Zoned(wall, tzid.trim().to_owned()),
        _ if resolved.zone.is_utc() => Moment::Utc(wall),
        _ => Moment::Zoned(wall, resolved.zone.name().to_owned()),
    }
}

/// The members of a list of times; `None` if one of them is no single time.
pub(super) fn moments(property: &Property, within: &Within<'_>) -> Option<Vec<Moment>> {
    let tzid = property.param("TZID");
    let each = property.value().split(',').filter(|text| !text.trim().is_empty());
    each.map(|text| one(text.trim(), tzid, &within.zones).map(|at| within.aligned(at))).collect()
}

/// Notes the definitions of the zones that nobody else knows.
fn definitions(part: &mut Part, within: &Within<'_>) {
    let mut names = BTreeSet::new();
    let mut note = |at: &Moment| {
        if let Moment::Zoned(_, name) = at {
            names.insert(name.clone());
        }
    };
    for (field, value) in &*part {
        match (field, value) {
            (_, Value::Span(start, end)) => [start, end].into_iter().for_each(&mut note),
            (Field::Extra(at) | Field::Except(at), _) => note(at),
            _ => {}
        }
    }
    for name in names.into_iter().filter(|name| within.zones.resolve(name).how == How::Vtimezone) {
        let defined = within
            .calendar
            .components_named("VTIMEZONE")
            .find(|zone| zone.property("TZID").is_some_and(|tzid| tzid.text().trim() == name));
        if let Some(zone) = defined {
            let text = zone.to_text().replace("\r\n ", "").replace("\r\n\t", "");
            let lines = text.lines().map(str::to_owned).collect();
            part.insert(Field::Zone(name), Value::Lines(lines));
        }
    }
}

/// The recurrence rules, each with its parts in one order and without those that say nothing.
fn rules(component: &Component, part: &mut Part) {
    let mut rules: Vec<String> =
        component.properties_named("RRULE").map(|property| rule(property.value())).collect();
    rules.sort_unstable();
    rules.dedup();
    if !rules.is_empty() {
        part.insert(Field::Rule, Value::Lines(rules));
    }
}

pub(super) fn rule(text: &str) -> String {
    let text = text.trim().to_ascii_uppercase();
    let mut parts: Vec<(&str, String)> = text
        .split(';')
        .filter_map(|part| part.split_once('='))
        .filter(|(name, value)| !matches!((*name, *value), ("INTERVAL", "1") | ("WKST", "MO")))
        .map(|(name, value)| {
            let mut list: Vec<&str> = value.split(',').map(str::trim).collect();
            list.sort_unstable();
            (name.trim(), list.join(","))
        })
        .collect();
    // Some readers want FREQ first (RFC 5545 section 3.3.10 of RFC 2445's heritage).
    parts.sort_by_key(|(name, _)| (*name != "FREQ", *name));
    parts.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(";")
}

fn alarms(component: &Component, part: &mut Part) {
    let mut count: BTreeMap<String, u16> = BTreeMap::new();
    let mut alarms: Vec<(String, Vec<String>)> =
        component.components_named("VALARM").map(|alarm| (alarm_key(alarm), alarm_lines(alarm))).collect();
    alarms.sort_unstable();
    for (key, lines) in alarms {
        let nth = count.entry(key.clone()).or_default();
        part.insert(Field::Alarm(key, *nth), Value::Lines(lines));
        *nth = nth.saturating_add(1);
    }
}

/// The lines of an alarm, whose order says nothing.
pub(super) fn alarm_lines(alarm: &Component) -> Vec<String> {
    let mut lines: Vec<String> = alarm.properties().iter().map(line).collect();
    lines.sort_unstable();
    lines
}

/// A person: parameters in one order, without those that say what is meant anyway.
pub(super) fn person(property: &Property) -> Value {
    let mut lines: Vec<String> = property
        .params()
        .iter()
        .filter_map(|param| {
            let name = param.name().to_ascii_uppercase();
            let mut value = param.values().map(str::to_owned).collect::<Vec<_>>().join(",");
            if matches!(name.as_str(), "CUTYPE" | "ROLE" | "PARTSTAT" | "RSVP" | "SCHEDULE-AGENT") {
                value = value.to_ascii_uppercase();
            }
            let meant = PERSON_DEFAULTS.iter().any(|(n, v)| *n == name && *v == value);
            (!meant).then(|| format!("{name}={}", normal(&value)))
        })
        .collect();
    lines.sort_unstable();
    lines.insert(0, property.value().trim().to_owned());
    Value::Lines(lines)
}

/// A calendar user address as it is compared.
pub(super) fn address(value: &str) -> String {
    let value = value.trim().to_lowercase();
    value.strip_prefix("mailto:").unwrap_or(&value).to_owned()
}

/// A property as one line: name in capitals, parameters and value as they are.
pub(super) fn line(property: &Property) -> String {
    let mut text = property.to_text();
    text = text.replace("\r\n ", "").replace("\r\n\t", "");
    let text = text.trim_end_matches(['\r', '\n']);
    let rest = text.get(property.name().len()..).unwrap_or_default();
    format!("{}{}", property.name().to_ascii_uppercase(), rest.nfc().collect::<String>())
}

/// A text as it is compared: NFC, `\n` for line ends, no space at their ends.
pub(super) fn normal(text: &str) -> String {
    let text: String = text.nfc().collect();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> =
        text.split('\n').map(|line| line.trim_end_matches([' ', '\t', '\u{a0}'])).collect();
    lines.join("\n").trim_end_matches('\n').to_owned()
}

/// The members of a list of texts: commas that are escaped are no boundaries.
pub(super) fn split_text(value: &str) -> Vec<String> {
    let mut members = vec![String::new()];
    let mut escaped = false;
    for character in value.chars() {
        if character == ',' && !escaped {
            members.push(String::new());
            continue;
        }
        escaped = character == '\\' && !escaped;
        if let Some(member) = members.last_mut() {
            member.push(character);
        }
    }
    let texts = members.iter().map(|member| normal(value::unescape_text(member).trim()));
    texts.filter(|text| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use almanac_ical::Limits;

    use super::*;

    fn form(lines: &str) -> Form {
        let zone = "BEGIN:VTIMEZONE\r\nTZID:Home\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0200\r\n\
                    TZOFFSETTO:+0200\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";
        let event = format!("BEGIN:VEVENT\r\nUID:a\r\nDTSTAMP:20260101T000000Z\r\n{lines}END:VEVENT\r\n");
        let text =
            format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//A//A//EN\r\n{zone}{event}END:VCALENDAR\r\n");
        read(&CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap())
    }

    const AT: &str = "DTSTART;TZID=Europe/Berlin:20260105T090000\r\n";

    #[test]
    fn what_says_the_same_has_one_form() {
        for (what, one, other) in [
            (
                "the default end",
                "DTSTART;VALUE=DATE:20260105\r\n",
                "DTSTART;VALUE=DATE:20260105\r\nDTEND;VALUE=DATE:20260106\r\n",
            ),
            (
                "a duration",
                &format!("{AT}DURATION:PT1H\r\n"),
                &format!("{AT}DTEND;TZID=Europe/Berlin:20260105T100000\r\n"),
            ),
            ("a name of Windows", AT, "DTSTART;TZID=W. Europe Standard Time:20260105T090000\r\n"),
            (
                "defaults",
                AT,
                &format!(
                    "{AT}STATUS:confirmed\r\nTRANSP:OPAQUE\r\nCLASS:PUBLIC\r\nPRIORITY:0\r\nSEQUENCE:4\r\n"
                ),
            ),
            ("empty texts", AT, &format!("{AT}SUMMARY:\r\nDESCRIPTION: \r\n")),
            (
                "composed letters",
                &format!("{AT}SUMMARY:M\u{fc}ller\r\n"),
                &format!("{AT}SUMMARY:Mu\u{308}ller\r\n"),
            ),
            (
                "spaces at ends",
                &format!("{AT}DESCRIPTION:a \\n b\\n\\n\r\n"),
                &format!("{AT}DESCRIPTION:a\\n b\r\n"),
            ),
            (
                "the order of a rule",
                &format!("{AT}RRULE:FREQ=WEEKLY;BYDAY=WE,MO;INTERVAL=1\r\n"),
                &format!("{AT}RRULE:BYDAY=MO,WE;WKST=MO;FREQ=WEEKLY\r\n"),
            ),
            (
                "lists in pieces",
                &format!("{AT}CATEGORIES:a,b\\,c\r\n"),
                &format!("{AT}CATEGORIES:b\\,c\r\nCATEGORIES:a\r\n"),
            ),
            (
                "an address",
                &format!("{AT}ATTENDEE:mailto:A@example.org\r\n"),
                &format!(
                    "{AT}ATTENDEE;ROLE=REQ-PARTICIPANT;RSVP=FALSE;PARTSTAT=needs-action:mailto:A@example.org\r\n"
                ),
            ),
            (
                "an exception in UTC",
                &format!("{AT}RRULE:FREQ=DAILY\r\nEXDATE:20260106T080000Z\r\n"),
                &format!("{AT}RRULE:FREQ=DAILY\r\nEXDATE;TZID=Europe/Berlin:20260106T090000\r\n"),
            ),
        ] {
            assert!(form(one) == form(other), "{what}");
        }
    }

    #[test]
    fn what_says_something_else_has_another_form() {
        let end = |time: &str| format!("{AT}DTEND;TZID=Europe/Berlin:20260105T{time}\r\n");
        for (what, one, other) in [
            ("an end", end("100000"), end("110000")),
            ("a zone of its own", AT.to_owned(), "DTSTART;TZID=Home:20260105T090000\r\n".to_owned()),
            ("floating", AT.to_owned(), "DTSTART:20260105T090000\r\n".to_owned()),
            (
                "an alarm",
                AT.to_owned(),
                format!("{AT}BEGIN:VALARM\r\nACTION:AUDIO\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\n"),
            ),
            (
                "an answer",
                format!("{AT}ATTENDEE:mailto:a@example.org\r\n"),
                format!("{AT}ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@example.org\r\n"),
            ),
            ("what nobody knows", AT.to_owned(), format!("{AT}X-ROOM-COLOUR:blue\r\n")),
        ] {
            assert!(form(&one) != form(&other), "{what}");
        }
    }

    #[test]
    fn a_duration_counts_days_on_the_calendar_and_hours_on_the_clock() {
        let end = |duration: &str| {
            let form =
                form(&format!("DTSTART;TZID=Europe/Berlin:20260328T120000\r\nDURATION:{duration}\r\n"));
            match form.master().and_then(|part| part.get(&Field::Time)) {
                Some(Value::Span(_, end)) => end.wall().to_string(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(end("P1D"), "2026-03-29T12:00:00");
        assert_eq!(end("PT24H"), "2026-03-29T13:00:00", "the clocks went forward");
    }
}
