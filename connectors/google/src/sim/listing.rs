//! Lists: of events, of the instances of a series, of calendars.

use std::ops::Bound;

use almanac_simulator::Reply;
use serde_json::{Value, json};

use super::reply::{Ask, not_found, ok, refusal};
use super::series::{base, has};
use super::times::Time;
use super::{GoogleSim, Stored};

/// What cannot be asked for together with a token.
const NOT_SINCE: [&str; 8] = [
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
];

/// Where a listing stands. Its text is the page token.
struct Cursor {
    /// What the listing was asked for with.
    shape: String,
    /// The last event that was told: of everything by its id, so that none is passed over that changes meanwhile; of
    /// changes by when it changed.
    after: String,
    /// The last change when the listing began.
    upto: u64,
    /// Whether the page without events was given.
    rested: bool,
}

impl Cursor {
    fn write(&self) -> String {
        format!("p.{}.{}.{}.{}", self.upto, u8::from(self.rested), self.after, self.shape)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("p.")?.splitn(4, '.');
        let upto = parts.next()?.parse().ok()?;
        let rested = parts.next()? == "1";
        let after = parts.next()?.to_owned();
        Some(Self { after, upto, rested, shape: parts.next()?.to_owned() })
    }
}

/// The parameters that must stay the same from page to page and from token to token.
fn shape(ask: &Ask) -> String {
    let mut same: Vec<String> = ask
        .query
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "pageToken" | "syncToken"))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    same.sort();
    same.join("&")
}

impl GoogleSim {
    pub(super) fn list(&mut self, ask: &Ask, at: &str) -> Reply {
        if ask.param("singleEvents") == Some("true") || ask.param("maxAttendees").is_some() {
            return refusal(400, "invalid"); // not played: nobody who syncs should ask for it
        }
        let shape = shape(ask);
        let mut since = None;
        if let Some(token) = ask.param("syncToken") {
            if NOT_SINCE.iter().any(|name| ask.param(name).is_some())
                || ask.param("showDeleted") == Some("false")
            {
                return refusal(400, "invalid");
            }
            let read = token.strip_prefix("s.").and_then(|rest| rest.split_once('.'));
            let Some((seen, rest)) = read else { return refusal(400, "invalid") };
            let Ok(seen) = seen.parse::<u64>() else { return refusal(400, "invalid") };
            if rest != shape {
                return refusal(400, "invalid");
            }
            if seen < self.forgotten {
                return refusal(410, "fullSyncRequired");
            }
            since = Some(seen);
        }
        let begin = Cursor { shape: shape.clone(), after: String::new(), upto: self.count, rested: false };
        let mut cursor = match ask.param("pageToken") {
            None => begin,
            Some(token) => match Cursor::read(token).filter(|cursor| cursor.shape == shape) {
                Some(cursor) => cursor,
                None => return refusal(400, "invalid"),
            },
        };
        let size = ask.param("maxResults").and_then(|max| max.parse().ok()).unwrap_or(250_usize);
        let mut size = size.min(self.page_max).max(1);
        if self.empty_pages && !cursor.rested {
            size = 0;
        }
        let (items, more) = self.page(ask, at, since, &mut cursor, size);
        cursor.rested = size == 0;
        let Some(calendar) = self.calendars.get(at) else { return not_found() };
        let mut body = json!({
            "kind": "calendar#events",
            "etag": format!("\"{}\"", self.count),
            "summary": calendar.summary,
            "timeZone": calendar.time_zone,
            "updated": self.now.to_string(),
            "accessRole": calendar.role,
            "defaultReminders": [{ "method": "popup", "minutes": 10 }],
            "items": items,
        });
        let (name, token) = match more {
            true => ("nextPageToken", cursor.write()),
            false => ("nextSyncToken", format!("s.{}.{shape}", cursor.upto)),
        };
        // A search gives no token: changes of it cannot be asked for.
        if (more || !NOT_SINCE.iter().any(|name| ask.param(name).is_some()))
            && let Some(body) = body.as_object_mut()
        {
            body.insert(name.to_owned(), json!(token));
        }
        ok(&body)
    }

    /// The next events behind the cursor, and whether there are more.
    fn page(
        &self,
        ask: &Ask,
        at: &str,
        since: Option<u64>,
        cursor: &mut Cursor,
        size: usize,
    ) -> (Vec<Value>, bool) {
        let Some(calendar) = self.calendars.get(at) else { return (Vec::new(), false) };
        let deleted = since.is_some() || ask.param("showDeleted") == Some("true");
        let wanted = |stored: &&Stored| {
            let uid = ask.param("iCalUID").is_none_or(|uid| stored.text("iCalUID") == uid);
            uid && (deleted || !stored.is_cancelled() || stored.is_instance())
        };
        let mut found: Vec<&Stored> = match since {
            None => {
                let rest = (Bound::Excluded(cursor.after.as_str()), Bound::Unbounded);
                let rest = calendar.events.range::<str, _>(rest).map(|(_, stored)| stored);
                rest.filter(wanted).take(size + 1).collect()
            }
            Some(since) => {
                let after = cursor.after.parse().unwrap_or(since);
                let later = |stored: &&Stored| stored.changed > after && stored.changed <= cursor.upto;
                let mut found: Vec<&Stored> = calendar.events.values().filter(later).filter(wanted).collect();
                found.sort_by_key(|stored| stored.changed);
                found
            }
        };
        let more = found.len() > size;
        found.truncate(size);
        if let Some(last) = found.last() {
            cursor.after = match since {
                None => last.text("id").to_owned(),
                Some(_) => last.changed.to_string(),
            };
        }
        // Nothing but ids is promised of what is cancelled.
        let shown = found.into_iter().map(|stored| {
            let mut body = stored.body.clone();
            if stored.is_cancelled()
                && let Some(body) = body.as_object_mut()
            {
                body.remove("iCalUID");
                body.remove("updated");
            }
            body
        });
        (shown.collect(), more)
    }

    /// One instance of a series, by when it would be.
    pub(super) fn instances(&self, ask: &Ask, at: &str, id: &str) -> Reply {
        let Some(calendar) = self.calendars.get(at) else { return not_found() };
        let Some(series) = calendar.events.get(id).filter(|stored| !stored.is_cancelled()) else {
            return not_found();
        };
        let start = ask.param("originalStart").map(|text| match text.contains('T') {
            true => json!({ "dateTime": text, "timeZone": "UTC" }),
            false => json!({ "date": text }),
        });
        let Some(time) = start.as_ref().and_then(Time::read) else {
            return refusal(400, "invalid"); // all of them are not played
        };
        let named = format!("{}_{}", base(id), time.suffix());
        let changed = calendar.events.get(&named).map(|stored| stored.body.clone());
        let own = series.body.get("start").and_then(Time::read).map(|start| start.at(time.instant()));
        let plain = || {
            let own = own.filter(|own| has(&series.body, own))?;
            calendar.unchanged(id, &own).map(Value::Object)
        };
        let items: Vec<Value> = changed.or_else(plain).into_iter().collect();
        ok(&json!({
            "kind": "calendar#events",
            "summary": calendar.summary,
            "timeZone": calendar.time_zone,
            "accessRole": calendar.role,
            "items": items,
        }))
    }

    pub(super) fn calendar_list(&self, ask: &Ask) -> Reply {
        let hidden = ask.param("showHidden") == Some("true");
        let after = ask.param("pageToken").unwrap_or_default();
        let size = ask.param("maxResults").and_then(|max| max.parse().ok()).unwrap_or(100_usize);
        let size = size.min(self.page_max).max(1);
        let all = self
            .calendars
            .iter()
            .filter(|(id, calendar)| (hidden || !calendar.hidden) && id.as_str() > after);
        let mut found: Vec<_> = all.take(size + 1).collect();
        let more = found.len() > size;
        found.truncate(size);
        let last = found.last().map(|(id, _)| (*id).clone());
        let items: Vec<Value> = found
            .into_iter()
            .map(|(id, calendar)| {
                let mut entry = json!({
                    "kind": "calendar#calendarListEntry",
                    "etag": "\"1\"",
                    "id": id,
                    "summary": calendar.summary,
                    "timeZone": calendar.time_zone,
                    "accessRole": calendar.role,
                    "defaultReminders": [],
                });
                if let Some(entry) = entry.as_object_mut() {
                    if *id == self.person {
                        entry.insert("primary".into(), json!(true));
                    }
                    if calendar.hidden {
                        entry.insert("hidden".into(), json!(true));
                    }
                }
                entry
            })
            .collect();
        let mut body = json!({ "kind": "calendar#calendarList", "etag": "\"1\"", "items": items });
        if let Some(body) = body.as_object_mut() {
            match last.filter(|_| more) {
                Some(last) => body.insert("nextPageToken".into(), json!(last)),
                None => body.insert("nextSyncToken".into(), json!("c.1")),
            };
        }
        ok(&body)
    }
}
