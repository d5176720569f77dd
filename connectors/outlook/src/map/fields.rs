//! The fields that are neither times nor rules, each way.

use almanac_contract::{Field, Part, Reason, Value as Said};
use almanac_ical::value::parse_duration;
use serde_json::{Map, Value, json};
use unicode_normalization::UnicodeNormalization as _;

use super::is_cancelled;
use crate::limits::{LINE_CHARACTERS_MAX, REMINDER_MINUTES_MAX};
use crate::wire::{Event, Person};

const HTML: Reason = Reason("Outlook answered with an HTML text although plain text was asked for");

/// The text of an alarm that Outlook shows: it has none of its own.
const ALARM_TEXT: &str = "DESCRIPTION:Reminder";

/// What Outlook says about an event beside its times.
pub(crate) fn read(event: &Event) -> Result<Part, Reason> {
    let mut part = Part::new();
    let mut text = |field: Field, text: String| {
        if !text.is_empty() {
            part.insert(field, Said::Text(text));
        }
    };
    text(Field::Summary, line(event.subject.as_deref().unwrap_or_default()));
    if let Some(body) = &event.body {
        let content = body.content.as_deref().unwrap_or_default();
        if body.content_type.as_deref() == Some("html") && !content.trim().is_empty() {
            return Err(HTML);
        }
        text(Field::Description, normal(content));
    }
    let place = event.location.as_ref().and_then(|place| place.display_name.as_deref());
    text(Field::Location, line(place.unwrap_or_default()));
    let named = |value: &Option<String>, table: &[(&str, &'static str)]| {
        let value = value.as_deref().unwrap_or_default();
        table.iter().find(|(name, _)| *name == value).map_or("", |(_, said)| *said).to_owned()
    };
    let free = event.is_cancelled == Some(true) || event.show_as.as_deref() == Some("free");
    text(Field::Transparency, if free { "TRANSPARENT".to_owned() } else { String::new() });
    text(
        Field::Class,
        named(
            &event.sensitivity,
            &[("personal", "PRIVATE"), ("private", "PRIVATE"), ("confidential", "CONFIDENTIAL")],
        ),
    );
    text(Field::Priority, named(&event.importance, &[("high", "1"), ("low", "9")]));
    if event.is_cancelled == Some(true) {
        text(Field::Status, "CANCELLED".to_owned());
    }
    for category in event.categories.iter().flatten().map(|name| line(name)).filter(|name| !name.is_empty()) {
        part.insert(Field::Category(category), Said::Present);
    }
    if event.is_reminder_on == Some(true) {
        let minutes = event.reminder_minutes_before_start.and_then(|minutes| u32::try_from(minutes).ok());
        part.extend(minutes.map(alarm));
    }
    people(event, &mut part);
    Ok(part)
}

/// What Outlook keeps of a part's fields beside its times.
pub(crate) fn project(part: &Part) -> Part {
    let mut kept = Part::new();
    for (field, value) in part {
        let text = || if let Said::Text(text) = value { text.as_str() } else { "" };
        let kept_text = match field {
            Field::Summary | Field::Location => line(text()),
            Field::Description => normal(text()),
            Field::Transparency if text() == "TRANSPARENT" => text().to_owned(),
            Field::Class if text() == "PUBLIC" => String::new(),
            Field::Class if text() == "CONFIDENTIAL" => text().to_owned(),
            // What is no known class is as PRIVATE (RFC 5545 section 3.8.1.3).
            Field::Class => "PRIVATE".to_owned(),
            Field::Priority => match text().parse::<u8>() {
                Ok(1..=4) => "1".to_owned(),
                Ok(6..=9) => "9".to_owned(),
                _ => String::new(),
            },
            Field::Category(name) => {
                let name = line(name);
                if !name.is_empty() {
                    kept.insert(Field::Category(name), Said::Present);
                }
                continue;
            }
            _ => continue,
        };
        if !kept_text.is_empty() {
            kept.insert(field.clone(), Said::Text(kept_text));
        }
    }
    kept.extend(part.values().filter_map(minutes_before).max().map(alarm));
    if is_cancelled(part) {
        // Outlook has no word for what is cancelled and still there; it takes nobody's time.
        kept.insert(Field::Transparency, Said::Text("TRANSPARENT".to_owned()));
    }
    kept
}

/// Writes the fields that differ from `old`; without it, all that do not go without saying.
pub(crate) fn write(part: &Part, old: Option<&Part>, body: &mut Map<String, Value>) {
    let text = |field: &Field| match part.get(field) {
        Some(Said::Text(text)) => text.as_str(),
        _ => "",
    };
    let differs = |of: &dyn Fn(&Field) -> bool| {
        let said = |part: &Part| -> Vec<(Field, Said)> {
            part.iter().filter(|(field, _)| of(field)).map(|(f, v)| (f.clone(), v.clone())).collect()
        };
        old.is_none_or(|old| said(old) != said(part))
    };
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    if differs(&|field| *field == Field::Summary) {
        set("subject", json!(text(&Field::Summary)));
    }
    if differs(&|field| *field == Field::Description) {
        set(
            "body",
            json!({ "contentType": "text", "content": text(&Field::Description).replace('\n', "\r\n") }),
        );
    }
    if differs(&|field| *field == Field::Location) {
        set("location", json!({ "displayName": text(&Field::Location) }));
    }
    if differs(&|field| *field == Field::Transparency) {
        set("showAs", json!(if text(&Field::Transparency) == "TRANSPARENT" { "free" } else { "busy" }));
    }
    if differs(&|field| *field == Field::Class) {
        let class = text(&Field::Class).to_ascii_lowercase();
        set("sensitivity", json!(if class.is_empty() { "normal" } else { &class }));
    }
    if differs(&|field| *field == Field::Priority) {
        let importance = match text(&Field::Priority) {
            "1" => "high",
            "9" => "low",
            _ => "normal",
        };
        set("importance", json!(importance));
    }
    if differs(&|field| matches!(field, Field::Category(_))) {
        let names = part.keys().filter_map(|f| if let Field::Category(name) = f { Some(name) } else { None });
        set("categories", json!(names.collect::<Vec<_>>()));
    }
    if differs(&|field| matches!(field, Field::Alarm(..))) {
        let minutes = part.values().find_map(minutes_before);
        // A new event without a word about reminders gets the mailbox's own.
        set("isReminderOn", json!(minutes.is_some()));
        if let Some(minutes) = minutes {
            set("reminderMinutesBeforeStart", json!(minutes));
        }
    }
}

/// The alarm of so many minutes before the start.
fn alarm(minutes: u32) -> (Field, Said) {
    let trigger = trigger(minutes);
    let mut lines = vec!["ACTION:DISPLAY".to_owned(), ALARM_TEXT.to_owned(), format!("TRIGGER:{trigger}")];
    lines.sort_unstable();
    (Field::Alarm(format!("DISPLAY {trigger}"), 0), Said::Lines(lines))
}

/// The one text for so many minutes: whole days as days, else hours and minutes.
fn trigger(minutes: u32) -> String {
    match (minutes / 1440, minutes / 60, minutes % 60) {
        (0, 0, 0) => "PT0S".to_owned(),
        (days, _, _) if days > 0 && minutes.is_multiple_of(1440) => format!("-P{days}D"),
        (_, 0, minutes) => format!("-PT{minutes}M"),
        (_, hours, 0) => format!("-PT{hours}H"),
        (_, hours, minutes) => format!("-PT{hours}H{minutes}M"),
    }
}

/// How many minutes before the start an alarm shows itself; `None` if Outlook cannot keep it. One whose trigger is
/// written in another way than ours is left to the store: what Outlook then says of it could not be told apart from it.
fn minutes_before(value: &Said) -> Option<u32> {
    let Said::Lines(lines) = value else { return None };
    lines.iter().find(|line| *line == "ACTION:DISPLAY")?;
    let line = lines.iter().find(|line| line.starts_with("TRIGGER"))?;
    let (name, text) = line.split_once(':')?;
    let plain = name.split(';').skip(1).all(|param| {
        param.eq_ignore_ascii_case("RELATED=START") || param.eq_ignore_ascii_case("VALUE=DURATION")
    });
    let length = parse_duration(text.trim())?;
    let seconds = i64::from(length.days).checked_mul(86_400)?.checked_add(length.exact.as_secs())?;
    let minutes = u32::try_from(seconds.checked_neg()? / 60).ok()?;
    let same = plain && trigger(minutes) == text.trim().to_ascii_uppercase();
    (same && minutes <= REMINDER_MINUTES_MAX).then_some(minutes)
}

/// Who is invited. An organizer without guests is nobody's host.
fn people(event: &Event, part: &mut Part) {
    let guests: Vec<&Person> = event.attendees.iter().flatten().collect();
    if guests.is_empty() && event.is_organizer != Some(false) {
        return;
    }
    if let Some((_, said)) = event.organizer.as_ref().and_then(person) {
        part.insert(Field::Organizer, said);
    }
    for (address, said) in guests.into_iter().filter_map(person) {
        part.insert(Field::Attendee(address), said);
    }
}

fn person(person: &Person) -> Option<(String, Said)> {
    let told = person.email_address.as_ref()?;
    let address = told.address.as_deref().map(str::trim).filter(|address| !address.is_empty())?;
    let mut lines = Vec::new();
    let name = line(told.name.as_deref().unwrap_or_default()).replace('"', "'");
    if !name.is_empty() {
        lines.push(format!("CN={name}"));
    }
    match person.r#type.as_deref() {
        Some("optional") => lines.push("ROLE=OPT-PARTICIPANT".to_owned()),
        Some("resource") => lines.push("CUTYPE=RESOURCE".to_owned()),
        _ => {}
    }
    let answer = match person.status.as_ref().and_then(|status| status.response.as_deref()) {
        Some("accepted" | "organizer") => "ACCEPTED",
        Some("tentativelyAccepted") => "TENTATIVE",
        Some("declined") => "DECLINED",
        _ => "",
    };
    if !answer.is_empty() && person.r#type.is_some() {
        lines.push(format!("PARTSTAT={answer}"));
    }
    lines.sort_unstable();
    lines.insert(0, format!("mailto:{address}"));
    Some((address.to_lowercase(), Said::Lines(lines)))
}

/// A text as forms have it: NFC, `\n` for line ends, no space at their ends.
pub(crate) fn normal(text: &str) -> String {
    let text: String = text.nfc().collect();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> =
        text.split('\n').map(|line| line.trim_end_matches([' ', '\t', '\u{a0}'])).collect();
    lines.join("\n").trim_end_matches('\n').to_owned()
}

/// A text of one line, as long as Outlook takes it.
pub(crate) fn line(text: &str) -> String {
    let text = normal(text).replace('\n', " ");
    let cut: String = text.trim().chars().take(LINE_CHARACTERS_MAX).collect();
    cut.trim_end().to_owned()
}
