//! What other people and devices do in a calendar. Nobody is mailed, nothing is guarded.

use almanac_simulator::Reply;
use serde_json::{Map, Value, json};

use super::GoogleSim;
use super::reply::Ask;
use super::series::base;
use super::times::Time;

fn body(reply: &Reply) -> Result<Value, String> {
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    if !reply.status.is_success() {
        return Err(body);
    }
    Ok(serde_json::from_str(&body).unwrap_or(Value::Null))
}

impl GoogleSim {
    /// Makes an event; its members are as in the API. Gives its id.
    ///
    /// # Errors
    /// What Google answers.
    pub fn make(&mut self, calendar: &str, event: Value) -> Result<String, String> {
        let made = body(&self.insert(&Ask::device(event), calendar))?;
        Ok(made.get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// Sets members of an event or instance that only Google or other people set, such as guests, an organizer, an
    /// `eventType` or an `iCalUID`.
    pub fn dictate(&mut self, calendar: &str, id: &str, members: &Value) {
        let stored = self.calendars.get(calendar).and_then(|calendar| calendar.events.get(id));
        let Some(mut event) = stored.and_then(|stored| stored.body.as_object().cloned()) else { return };
        for (name, value) in members.as_object().into_iter().flatten() {
            event.insert(name.clone(), value.clone());
        }
        self.store(calendar, id, event);
    }

    /// Puts an event there under an id that is Google's choice, as an import or an invitation does.
    pub fn plant(&mut self, calendar: &str, id: &str, event: &Value) {
        let mut members = event.as_object().cloned().unwrap_or_default();
        members.insert("kind".into(), json!("calendar#event"));
        members.insert("id".into(), json!(id));
        members.entry("status").or_insert(json!("confirmed"));
        if let Some(calendar) = self.calendars.get_mut(calendar) {
            calendar.taken.insert(id.to_owned());
        }
        self.store(calendar, id, members);
    }

    /// Changes an event, or an instance by its id.
    ///
    /// # Errors
    /// What Google answers.
    pub fn change(&mut self, calendar: &str, id: &str, changes: Value) -> Result<Value, String> {
        body(&self.patch(&Ask::device(changes), calendar, id))
    }

    /// Deletes an event, or cancels an instance by its id.
    ///
    /// # Errors
    /// What Google answers.
    pub fn remove(&mut self, calendar: &str, id: &str) -> Result<(), String> {
        body(&self.delete(&Ask::device(Value::Null), calendar, id)).map(drop)
    }

    /// Takes an event out without a trace, as when its calendar was emptied long ago. Its id stays taken.
    pub fn forget(&mut self, calendar: &str, id: &str) {
        if let Some(calendar) = self.calendars.get_mut(calendar) {
            calendar.events.remove(id);
        }
    }

    /// Changes "this and following": the series ends before the instance with this id, and a new one begins there with
    /// other members. Gives the id of the new one.
    ///
    /// # Errors
    /// What Google answers, or that there is no such instance.
    pub fn split(&mut self, calendar: &str, instance: &str, changes: &Value) -> Result<String, String> {
        let none = || "no such instance".to_owned();
        let there = self.calendars.get(calendar).ok_or_else(none)?;
        let (series, at) = there.instance_named(instance).ok_or_else(none)?;
        let master = there.events.get(&series).and_then(|stored| stored.body.as_object()).cloned();
        let mut follower = there.unchanged(&series, &at).ok_or_else(none)?;
        let master = master.ok_or_else(none)?;
        let rules: Vec<String> = master
            .get("recurrence")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let ended: Vec<String> = rules.iter().map(|rule| until(rule, &at)).collect();
        self.change(calendar, &series, json!({ "recurrence": ended }))?;
        let id = format!("{}_R{}", base(&series), at.suffix().trim_end_matches('Z'));
        for name in ["recurringEventId", "originalStartTime"] {
            follower.remove(name);
        }
        follower.insert("id".into(), json!(id));
        follower.insert("iCalUID".into(), json!(format!("{id}@google.com")));
        let unbounded: Vec<String> = rules.iter().map(|rule| without(rule, "COUNT")).collect();
        follower.insert("recurrence".into(), json!(unbounded));
        for (name, value) in changes.as_object().unwrap_or(&Map::new()) {
            follower.insert(name.clone(), value.clone());
        }
        if let Some(calendar) = self.calendars.get_mut(calendar) {
            calendar.taken.insert(id.clone());
        }
        self.store(calendar, &id, follower);
        Ok(id)
    }

    /// No sync token that was given out is good any more.
    pub fn expire_tokens(&mut self) {
        self.forgotten = self.next();
    }

    /// An event or a changed instance as it is now; `None` if it is not there, or cancelled.
    #[must_use]
    pub fn event(&self, calendar: &str, id: &str) -> Option<Value> {
        let stored = self.calendars.get(calendar)?.events.get(id)?;
        (!stored.is_cancelled()).then(|| stored.body.clone())
    }

    /// All events that are there, changed instances among them.
    #[must_use]
    pub fn events_of(&self, calendar: &str) -> Vec<Value> {
        let calendar = self.calendars.get(calendar).into_iter();
        calendar.flat_map(|calendar| calendar.alive().map(|(_, stored)| stored.body.clone())).collect()
    }
}

/// A rule that ends before a time.
fn until(rule: &str, at: &Time) -> String {
    if !rule.starts_with("RRULE") {
        return rule.to_owned();
    }
    let before =
        at.later(jiff::SignedDuration::from_secs(-1)).map(|before| before.suffix()).unwrap_or_default();
    format!("{};UNTIL={before}", without(&without(rule, "COUNT"), "UNTIL"))
}

fn without(rule: &str, name: &str) -> String {
    let parts = rule.split(';').filter(|part| !part.starts_with(&format!("{name}=")));
    parts.collect::<Vec<_>>().join(";")
}
