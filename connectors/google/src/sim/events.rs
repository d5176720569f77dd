//! Single events: insert, get, patch, delete.

use almanac_simulator::Reply;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::reply::{Ask, not_found, ok, refusal};
use super::series::is_recurrence;
use super::times::Time;
use super::{Calendar, GoogleSim, Stored};

/// What nobody but Google says of an event.
const GOOGLES: [&str; 9] = [
    "kind",
    "etag",
    "htmlLink",
    "created",
    "updated",
    "creator",
    "organizer",
    "recurringEventId",
    "originalStartTime",
];

impl GoogleSim {
    pub(super) fn insert(&mut self, ask: &Ask, at: &str) -> Reply {
        let Some(mut body) = ask.body.as_object().cloned() else { return refusal(400, "required") };
        let id = match body.get("id").and_then(Value::as_str) {
            Some(id) => id.to_owned(),
            None => format!("g{:08}", self.count),
        };
        let letters = id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'v').contains(&b));
        if !letters || !(5..=1_024).contains(&id.len()) || body.contains_key("etag") {
            return refusal(400, "invalid");
        }
        let (now, person) = (self.now.to_string(), self.person.clone());
        let Some(calendar) = self.calendars.get_mut(at) else { return not_found() };
        if calendar.taken.contains(&id) {
            return refusal(409, "duplicate");
        }
        for name in GOOGLES {
            body.remove(name);
        }
        let said = |name: &str, value: Value, body: &mut Map<String, Value>| {
            body.entry(name).or_insert(value);
        };
        said("status", json!("confirmed"), &mut body);
        said("iCalUID", json!(format!("{id}@google.com")), &mut body);
        said("reminders", json!({ "useDefault": true }), &mut body);
        said("eventType", json!("default"), &mut body);
        said("sequence", json!(0), &mut body);
        body.insert("kind".into(), json!("calendar#event"));
        body.insert("id".into(), json!(id));
        body.insert("created".into(), json!(now));
        body.insert("creator".into(), json!({ "email": person }));
        body.insert("organizer".into(), json!({ "email": calendar.owner, "self": true }));
        body.insert("htmlLink".into(), json!(format!("https://www.google.com/calendar/event?eid={id}")));
        if let Err(reason) = tidy(&mut body, &calendar.time_zone) {
            return refusal(400, reason);
        }
        calendar.taken.insert(id.clone());
        self.mail(ask, &body);
        ok(&self.store(at, &id, body))
    }

    pub(super) fn get(&self, _ask: &Ask, at: &str, id: &str) -> Reply {
        let Some(calendar) = self.calendars.get(at) else { return not_found() };
        if let Some(stored) = calendar.events.get(id) {
            return ok(&stored.body);
        }
        match calendar.instance_named(id).and_then(|(series, at)| calendar.unchanged(&series, &at)) {
            Some(instance) => ok(&Value::Object(instance)),
            None => not_found(),
        }
    }

    pub(super) fn patch(&mut self, ask: &Ask, at: &str, id: &str) -> Reply {
        let Some(calendar) = self.calendars.get(at) else { return not_found() };
        let before = match calendar.events.get(id) {
            Some(stored) => stored.body.as_object().cloned(),
            None => calendar.instance_named(id).and_then(|(series, at)| calendar.unchanged(&series, &at)),
        };
        let Some(before) = before else { return not_found() };
        if is_stale(ask, &before) {
            return refusal(412, "conditionNotMet");
        }
        let Some(changes) = ask.body.as_object() else { return refusal(400, "required") };
        if before.get("status") == Some(&json!("cancelled")) && !changes.contains_key("status") {
            return refusal(400, "invalid"); // what is deleted is restored first
        }
        let mut body = Value::Object(before.clone());
        merge(&mut body, &ask.body);
        let Value::Object(mut body) = body else { return refusal(400, "required") };
        for name in GOOGLES.iter().chain(&["id", "iCalUID", "eventType"]) {
            match before.get(*name) {
                Some(value) => body.insert((*name).to_owned(), value.clone()),
                None => body.remove(*name),
            };
        }
        if body.get("status") == Some(&json!("cancelled")) {
            self.mail(ask, &before);
            return ok(&self.cancel(at, id, body));
        }
        let zone = calendar.time_zone.clone();
        if let Err(reason) = tidy(&mut body, &zone) {
            return refusal(400, reason);
        }
        self.mail(ask, &body);
        let after = self.store(at, id, body);
        self.follow(at, id, &before, &after);
        ok(&after)
    }

    /// What a change of a series means for its changed instances.
    fn follow(&mut self, at: &str, id: &str, before: &Map<String, Value>, after: &Value) {
        let inherits = self.inherits;
        let Some(calendar) = self.calendars.get_mut(at) else { return };
        calendar.forget_impossible(id);
        if !inherits {
            return;
        }
        let shared = ["summary", "description", "location", "transparency", "visibility", "reminders"];
        let changed: Vec<&str> =
            shared.into_iter().filter(|name| before.get(*name) != after.get(*name)).collect();
        let mut touched = Vec::new();
        for (instance, stored) in &calendar.events {
            if stored.text("recurringEventId") != id || stored.is_cancelled() {
                continue;
            }
            let mut body = stored.body.clone();
            let Some(members) = body.as_object_mut() else { continue };
            for name in &changed {
                if members.get(*name) == before.get(*name) {
                    match after.get(*name) {
                        Some(value) => members.insert((*name).to_owned(), value.clone()),
                        None => members.remove(*name),
                    };
                }
            }
            if *members != *stored.body.as_object().unwrap_or(&Map::new()) {
                touched.push((instance.clone(), members.clone()));
            }
        }
        for (instance, body) in touched {
            self.store(at, &instance, body);
        }
    }

    pub(super) fn delete(&mut self, ask: &Ask, at: &str, id: &str) -> Reply {
        let Some(calendar) = self.calendars.get(at) else { return not_found() };
        let before = match calendar.events.get(id) {
            Some(stored) => stored.body.as_object().cloned(),
            None => calendar.instance_named(id).and_then(|(series, at)| calendar.unchanged(&series, &at)),
        };
        let Some(before) = before else { return not_found() };
        if is_stale(ask, &before) {
            return refusal(412, "conditionNotMet");
        }
        if before.get("status") == Some(&json!("cancelled")) {
            return refusal(410, "deleted");
        }
        self.mail(ask, &before);
        self.cancel(at, id, before);
        Reply::new(StatusCode::NO_CONTENT, "")
    }

    /// Deletes an event, or cancels an instance; a series takes its instances with it.
    fn cancel(&mut self, at: &str, id: &str, body: Map<String, Value>) -> Value {
        let instance = body.contains_key("recurringEventId");
        let mut names = vec!["kind", "id", "iCalUID"];
        names.extend(instance.then_some(["recurringEventId", "originalStartTime"]).into_iter().flatten());
        let mut left: Map<String, Value> =
            body.into_iter().filter(|(name, _)| names.contains(&name.as_str())).collect();
        left.insert("status".into(), json!("cancelled"));
        let members: Vec<(String, Map<String, Value>)> = match self.calendars.get(at) {
            Some(calendar) if !instance => calendar.members_of(id),
            _ => Vec::new(),
        };
        for (member, body) in members {
            self.cancel(at, &member, body);
        }
        self.store(at, id, left)
    }

    pub(super) fn store(&mut self, at: &str, id: &str, mut body: Map<String, Value>) -> Value {
        let changed = self.next();
        body.insert("etag".into(), json!(format!("\"{changed}\"")));
        body.insert("updated".into(), json!(self.now.to_string()));
        let body = Value::Object(body);
        if let Some(calendar) = self.calendars.get_mut(at) {
            calendar.events.insert(id.to_owned(), Stored { body: body.clone(), changed });
        }
        self.notify(at);
        body
    }

    /// Guests are mailed unless the writer says that nobody is.
    fn mail(&mut self, ask: &Ask, body: &Map<String, Value>) {
        let guests = body.get("attendees").and_then(Value::as_array).map_or(0, Vec::len);
        if ask.param("sendUpdates") != Some("none") {
            let series = body.get("recurringEventId").or_else(|| body.get("id"));
            self.mails.send(series.and_then(Value::as_str).unwrap_or_default(), guests);
        }
    }
}

fn is_stale(ask: &Ask, body: &Map<String, Value>) -> bool {
    let tag = body.get("etag").and_then(Value::as_str);
    ask.if_match.as_deref().is_some_and(|wanted| wanted != "*" && Some(wanted) != tag)
}

/// A patch: members of objects one by one, arrays as a whole, null takes away.
fn merge(into: &mut Value, patch: &Value) {
    let (Some(members), Some(changes)) = (into.as_object_mut(), patch.as_object()) else {
        *into = patch.clone();
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(json!({})), change);
        }
    }
}

/// Checks an event, and gives it the form in which Google shows it.
fn tidy(body: &mut Map<String, Value>, zone: &str) -> Result<(), &'static str> {
    let time = |name: &str| body.get(name).and_then(Time::read).ok_or("invalid");
    let (start, end) = (time("start")?, time("end")?);
    if matches!(start, Time::Day(_)) != matches!(end, Time::Day(_)) {
        return Err("invalid");
    }
    if end.instant() <= start.instant() {
        return Err("timeRangeEmpty");
    }
    let lines = body.get("recurrence").and_then(Value::as_array).cloned().unwrap_or_default();
    if !lines.is_empty() {
        let zoned = |time: &Time| !matches!(time, Time::At(_, None));
        if !zoned(&start) || !zoned(&end) {
            return Err("required");
        }
        if body.contains_key("recurringEventId") || !is_recurrence(&start, &lines) {
            return Err("invalid");
        }
    }
    one_of(body, "status", &["confirmed", "tentative"])?;
    one_of(body, "transparency", &["opaque", "transparent"])?;
    one_of(body, "visibility", &["default", "public", "private", "confidential"])?;
    reminders(body)?;
    properties(body)?;
    body.insert("start".into(), start.show(zone));
    body.insert("end".into(), end.show(zone));
    // What says nothing is not shown.
    let unsaid = |name: &str, value: &Value| match name {
        "summary" | "description" | "location" => value == "",
        "transparency" => value == "opaque",
        "visibility" => value == "default",
        "recurrence" | "attendees" => value.as_array().is_some_and(Vec::is_empty),
        _ => false,
    };
    body.retain(|name, value| !unsaid(name, value));
    Ok(())
}

fn one_of(body: &Map<String, Value>, name: &str, values: &[&str]) -> Result<(), &'static str> {
    match body.get(name) {
        Some(value) if !values.iter().any(|known| value == known) => Err("invalid"),
        _ => Ok(()),
    }
}

fn reminders(body: &mut Map<String, Value>) -> Result<(), &'static str> {
    let Some(reminders) = body.get_mut("reminders").and_then(Value::as_object_mut) else { return Ok(()) };
    let overrides = reminders.get("overrides").and_then(Value::as_array).cloned().unwrap_or_default();
    if reminders.get("useDefault") == Some(&json!(true)) && !overrides.is_empty() {
        return Err("cannotUseDefaultRemindersAndSpecifyOverride");
    }
    let fits = |reminder: &Value| {
        let minutes = reminder.get("minutes").and_then(Value::as_i64);
        let method = reminder.get("method").and_then(Value::as_str);
        minutes.is_some_and(|m| (0..=40_320).contains(&m)) && matches!(method, Some("popup" | "email"))
    };
    if overrides.len() > 5 || !overrides.iter().all(fits) {
        return Err("invalid");
    }
    if overrides.is_empty() {
        reminders.remove("overrides");
    }
    Ok(())
}

fn properties(body: &Map<String, Value>) -> Result<(), &'static str> {
    for scope in ["private", "shared"] {
        let properties = body.get("extendedProperties").and_then(|all| all.get(scope));
        for (name, value) in properties.and_then(Value::as_object).into_iter().flatten() {
            let Some(value) = value.as_str() else { return Err("invalid") };
            if name.len() > 44 || value.chars().count() > 1_024 {
                return Err("invalid");
            }
        }
    }
    Ok(())
}

impl Calendar {
    /// The changed and cancelled instances of a series.
    fn members_of(&self, series: &str) -> Vec<(String, Map<String, Value>)> {
        let members = self.events.iter().filter(|(_, stored)| stored.text("recurringEventId") == series);
        members.filter_map(|(id, stored)| Some((id.clone(), stored.body.as_object()?.clone()))).collect()
    }

    /// All events that are there.
    pub(super) fn alive(&self) -> impl Iterator<Item = (&String, &Stored)> {
        self.events.iter().filter(|(_, stored)| !stored.is_cancelled())
    }
}
