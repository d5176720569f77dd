//! An event as the simulator keeps it, and as it is answered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{recur, time};

/// What the mailbox puts in where nothing is said. A new event has a reminder.
fn defaults() -> Map<String, Value> {
    let said = json!({
        "subject": "", "body": { "contentType": "html", "content": "" }, "bodyPreview": "",
        "location": { "displayName": "" }, "isAllDay": false, "isCancelled": false, "showAs": "busy",
        "sensitivity": "normal", "importance": "normal", "categories": [], "isReminderOn": true,
        "reminderMinutesBeforeStart": 15, "attendees": [], "isOrganizer": true, "isDraft": false,
        "organizer": { "emailAddress": { "name": "Ada Almanac", "address": "ada@almanac.example" } },
        "recurrence": null, "hasAttachments": false, "responseRequested": true,
    });
    if let Value::Object(said) = said { said } else { Map::new() }
}

/// An event, or a series with its exceptions.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) calendar: String,
    pub(super) tag: u64,
    /// When it was changed last, in changes of the mailbox.
    pub(super) changed: u64,
    pub(super) uid: String,
    pub(super) transaction: Option<String>,
    pub(super) said: Map<String, Value>,
    pub(super) extended: BTreeMap<String, String>,
    pub(super) exceptions: BTreeMap<Date, Exception>,
    pub(super) cancelled: BTreeSet<Date>,
    /// Instances have new ids after the series was rescheduled.
    pub(super) generation: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Exception {
    pub(super) tag: u64,
    pub(super) said: Map<String, Value>,
}

/// What a request asks to see.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) text: bool,
    pub(super) immutable: bool,
    pub(super) cancelled: bool,
    pub(super) exceptions: bool,
    pub(super) extended: bool,
}

impl Stored {
    pub(super) fn new(calendar: &str, uid: String) -> Self {
        Self {
            calendar: calendar.to_owned(),
            tag: 0,
            changed: 0,
            uid,
            transaction: None,
            said: defaults(),
            extended: BTreeMap::new(),
            exceptions: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            generation: 0,
        }
    }

    pub(super) fn is_series(&self) -> bool {
        self.said.get("recurrence").is_some_and(|recurrence| !recurrence.is_null())
    }

    fn recurrence(&self) -> &Value {
        self.said.get("recurrence").unwrap_or(&Value::Null)
    }

    pub(super) fn guests(&self) -> usize {
        self.said.get("attendees").and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// The days of the instances up to a day, cancelled ones left out.
    pub(super) fn days(&self, to: Date) -> Vec<Date> {
        let days = recur::days(self.recurrence(), to);
        days.into_iter().filter(|day| !self.cancelled.contains(day)).collect()
    }

    /// Whether the event has an instance on a day, be it cancelled or not.
    pub(super) fn names(&self, day: Date) -> bool {
        recur::days(self.recurrence(), day).last() == Some(&day)
    }

    /// The days before and after that have instances.
    pub(super) fn neighbours(&self, day: Date) -> (Option<Date>, Option<Date>) {
        let far = day.checked_add(jiff::Span::new().years(9)).unwrap_or(day);
        let days = self.days(far);
        let before = days.iter().rev().find(|other| **other < day).copied();
        (before, days.iter().find(|other| **other > day).copied())
    }

    pub(super) fn instance_id(&self, id: &str, day: Date) -> String {
        format!("{id}.o{}.{day}", self.generation)
    }

    /// The times of the event itself, or of an instance that nobody changed.
    pub(super) fn times(&self, day: Option<Date>) -> Option<(DateTime, DateTime, String, String)> {
        let (start, zone) = time::sent(self.said.get("start")?)?;
        let (end, end_zone) = time::sent(self.said.get("end")?)?;
        let by = match day {
            Some(day) => day.to_datetime(start.time()).duration_since(start),
            None => SignedDuration::ZERO,
        };
        Some((time::moved(start, by), time::moved(end, by), zone, end_zone))
    }

    /// What is said of an instance.
    pub(super) fn instance(&self, day: Date) -> Map<String, Value> {
        let mut said = self.said.clone();
        said.insert("recurrence".to_owned(), Value::Null);
        if let Some((start, end, zone, end_zone)) = self.times(Some(day)) {
            let at = |wall: DateTime, zone: &str| json!({ "dateTime": wall.strftime("%Y-%m-%dT%H:%M:%S").to_string(), "timeZone": zone });
            said.insert("start".to_owned(), at(start, &zone));
            said.insert("end".to_owned(), at(end, &end_zone));
        }
        if let Some(exception) = self.exceptions.get(&day) {
            said.extend(exception.said.clone());
        }
        said
    }

    /// From when to when an instance, or the event itself, is.
    pub(super) fn span(&self, day: Option<Date>) -> Option<(Timestamp, Timestamp)> {
        let said = day.map_or_else(|| self.said.clone(), |day| self.instance(day));
        let (start, zone) = time::sent(said.get("start")?)?;
        let (end, end_zone) = time::sent(said.get("end")?)?;
        Some((time::instant(start, &zone), time::instant(end, &end_zone)))
    }

    /// The days of the instances that lie in a window.
    pub(super) fn within(&self, from: Timestamp, to: Timestamp) -> Vec<Date> {
        let last = time::next_day(jiff::tz::TimeZone::UTC.to_datetime(to).date());
        let fits = |day: &Date| self.span(Some(*day)).is_some_and(|(start, end)| start < to && end >= from);
        self.days(last).into_iter().filter(fits).collect()
    }

    /// The event itself as it is answered.
    pub(super) fn shown(&self, id: &str, asked: &Asked) -> Value {
        let kind = if self.is_series() { "seriesMaster" } else { "singleInstance" };
        let mut shown = head(id, self.tag, kind, &self.uid, asked);
        shown.extend(rendered(&self.said, asked));
        if let Some(transaction) = &self.transaction {
            shown.insert("transactionId".to_owned(), json!(transaction));
        }
        if asked.extended && !self.extended.is_empty() {
            let all = self.extended.iter().map(|(id, value)| json!({ "id": id, "value": value }));
            shown.insert("singleValueExtendedProperties".to_owned(), all.collect());
        }
        if asked.cancelled && self.is_series() {
            let all = self.cancelled.iter().map(|day| json!(format!("OID.{id}.{day}")));
            shown.insert("cancelledOccurrences".to_owned(), all.collect());
        }
        if asked.exceptions {
            let all = self.exceptions.keys().map(|day| self.shown_instance(id, *day, asked));
            shown.insert("exceptionOccurrences".to_owned(), all.collect());
        }
        Value::Object(shown)
    }

    /// An instance as it is answered in full.
    pub(super) fn shown_instance(&self, id: &str, day: Date, asked: &Asked) -> Value {
        let exception = self.exceptions.get(&day);
        let kind = if exception.is_some() { "exception" } else { "occurrence" };
        let tag = exception.map_or(self.tag, |exception| exception.tag);
        let mut shown = head(&self.instance_id(id, day), tag, kind, &format!("{}-{day}", self.uid), asked);
        shown.extend(rendered(&self.instance(day), asked));
        shown.insert("seriesMasterId".to_owned(), json!(named(id, asked)));
        if let Some((start, _, zone, _)) = self.times(Some(day)) {
            let at = time::instant(start, &zone).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            shown.insert("originalStart".to_owned(), json!(at));
        }
        Value::Object(shown)
    }

    /// An instance as a listing of changes has it.
    pub(super) fn stub(&self, id: &str, day: Date, asked: &Asked) -> Value {
        let whole = self.shown_instance(id, day, asked);
        json!({
            "id": whole["id"], "type": "occurrence", "seriesMasterId": named(id, asked),
            "start": whole["start"], "end": whole["end"],
        })
    }
}

/// Ids have another form where the immutable one is not asked for.
fn named(id: &str, asked: &Asked) -> String {
    if asked.immutable { id.to_owned() } else { format!("folder-bound:{id}") }
}

fn head(id: &str, tag: u64, kind: &str, uid: &str, asked: &Asked) -> Map<String, Value> {
    let head = json!({
        "@odata.etag": format!("W/\"key{tag}\""), "id": named(id, asked), "changeKey": format!("key{tag}"),
        "type": kind, "iCalUId": uid, "seriesMasterId": null,
    });
    if let Value::Object(head) = head { head } else { Map::new() }
}

fn rendered(said: &Map<String, Value>, asked: &Asked) -> Map<String, Value> {
    let mut shown = said.clone();
    let all_day = said.get("isAllDay") == Some(&Value::Bool(true));
    for (name, original) in [("start", "originalStartTimeZone"), ("end", "originalEndTimeZone")] {
        if let Some((wall, zone)) = said.get(name).and_then(time::sent) {
            shown.insert(original.to_owned(), json!(time::windows(&zone)));
            shown.insert(name.to_owned(), time::shown(wall, &zone, all_day));
        }
    }
    if let Some(recurrence) = shown.get_mut("recurrence").filter(|recurrence| !recurrence.is_null()) {
        *recurrence = spelt_out(recurrence);
    }
    if let Some(body) = said.get("body") {
        shown.insert("body".to_owned(), shown_body(body, asked.text));
    }
    shown
}

/// A recurrence with all its fields, also those that its type does not use.
fn spelt_out(recurrence: &Value) -> Value {
    let mut whole = json!({
        "pattern": {
            "type": "", "interval": 1, "month": 0, "dayOfMonth": 0, "daysOfWeek": [], "firstDayOfWeek": "sunday",
            "index": "first",
        },
        "range": {
            "type": "", "startDate": "", "endDate": "0001-01-01", "recurrenceTimeZone": "UTC",
            "numberOfOccurrences": 0,
        },
    });
    for half in ["pattern", "range"] {
        for (name, value) in recurrence[half].as_object().into_iter().flatten() {
            whole[half][name.as_str()] = value.clone();
        }
    }
    let zone = whole["range"]["recurrenceTimeZone"].as_str().map_or("UTC", time::windows).to_owned();
    whole["range"]["recurrenceTimeZone"] = json!(zone);
    whole
}

/// Exchange keeps HTML unless it was given text, and turns the one into the other as it is asked.
fn shown_body(body: &Value, text: bool) -> Value {
    let content = body["content"].as_str().unwrap_or_default();
    match (body["contentType"].as_str(), text) {
        (Some("text"), true) => json!({ "contentType": "text", "content": content }),
        (Some("text"), false) => {
            let lines = content.replace('&', "&amp;").replace('<', "&lt;").replace("\r\n", "<br>\r\n");
            json!({ "contentType": "html", "content": format!("<html><body>{lines}</body></html>") })
        }
        (_, true) => json!({ "contentType": "text", "content": plain(content) }),
        (_, false) => json!({ "contentType": "html", "content": content }),
    }
}

fn plain(html: &str) -> String {
    let (mut text, mut tag) = (String::new(), false);
    for character in html.replace("<br>", "\r\n").replace("</p>", "\r\n").chars() {
        match character {
            '<' => tag = true,
            '>' if tag => tag = false,
            other if !tag => text.push(other),
            _ => {}
        }
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{a0}").replace("&amp;", "&")
}
