//! Changes of the mailbox, by requests and by other devices alike.

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::event::{Exception, Stored};
use super::{Graph, recur, time};

/// Why a change is refused: a status and Graph's code.
pub(super) type Refused = (u16, &'static str);

/// Fields that are written and no others are: the rest of a body is read-only or not simulated.
const WRITTEN: &[&str] = &[
    "subject",
    "body",
    "location",
    "start",
    "end",
    "isAllDay",
    "showAs",
    "sensitivity",
    "importance",
    "categories",
    "isReminderOn",
    "reminderMinutesBeforeStart",
    "recurrence",
    "attendees",
];

impl Graph {
    /// Makes an event.
    pub(super) fn make(&mut self, calendar: &str, body: &Value) -> Result<String, Refused> {
        let known = self.calendars.get(calendar).ok_or((404, "ErrorItemNotFound"))?;
        if !known.can_edit {
            return Err((403, "ErrorAccessDenied"));
        }
        let transaction = body["transactionId"].as_str();
        let known = transaction.and_then(|transaction| self.transactions.get(transaction));
        if let Some(id) = known.filter(|id| self.events.contains_key(*id)) {
            return Ok(id.clone());
        }
        let number = self.next();
        let id = format!("AAkALg=-{number}_");
        let mut event = Stored::new(calendar, format!("040000008200E00074C5B7101A82E008{number:08X}"));
        event.transaction = transaction.map(str::to_owned);
        put(&mut event, body)?;
        if let Some(transaction) = &event.transaction {
            self.transactions.insert(transaction.clone(), id.clone());
        }
        self.mails.send(&id, event.guests());
        self.store(&id, event);
        Ok(id)
    }

    /// Changes an event or an instance of a series.
    pub(super) fn alter(&mut self, id: &str, body: &Value, condition: Option<&str>) -> Result<(), Refused> {
        if let Some((master, day)) = self.member(id) {
            return self.alter_instance(&master, day, body, condition);
        }
        let mut event = self.events.get(id).cloned().ok_or((404, "ErrorItemNotFound"))?;
        if !matches(condition, event.tag) {
            return Err((412, "ErrorIrresolvableConflict"));
        }
        let before = timing(&event);
        self.mails.send(id, event.guests());
        put(&mut event, body)?;
        if before != timing(&event) {
            // "Changing the pattern of a series deletes its exceptions", and instances get new ids.
            event.exceptions.clear();
            event.cancelled.clear();
            event.generation += 1;
        }
        for exception in event.exceptions.values_mut() {
            exception.tag += 1_000;
        }
        self.store(id, event);
        Ok(())
    }

    fn alter_instance(
        &mut self,
        master: &str,
        day: Date,
        body: &Value,
        condition: Option<&str>,
    ) -> Result<(), Refused> {
        let mut event = self.events.get(master).cloned().ok_or((404, "ErrorItemNotFound"))?;
        let tag = event.exceptions.get(&day).map_or(event.tag, |exception| exception.tag);
        if !matches(condition, tag) {
            return Err((412, "ErrorIrresolvableConflict"));
        }
        let changes = written(body)?;
        if let Some((start, _)) = changes.get("start").and_then(time::sent) {
            let (before, after) = event.neighbours(day);
            // Those days on which the neighbours are, wherever they have been moved to.
            let is = |day: Date| {
                let said = event.instance(day);
                said.get("start").and_then(time::sent).map_or(day, |(start, _)| start.date())
            };
            let crosses = before.is_some_and(|before| start.date() <= is(before))
                || after.is_some_and(|after| start.date() >= is(after));
            if crosses {
                return Err((400, "ErrorOccurrenceCrossingBoundary"));
            }
        }
        self.mails.send(master, event.guests());
        let number = self.next();
        let exception = event.exceptions.entry(day).or_insert(Exception { tag: 0, said: Map::new() });
        exception.said.extend(changes);
        exception.tag = number;
        self.store(master, event);
        Ok(())
    }

    /// Deletes an event, or cancels an instance.
    pub(super) fn erase(&mut self, id: &str, condition: Option<&str>) -> Result<(), Refused> {
        let (master, day) = match self.member(id) {
            Some((master, day)) => (master, Some(day)),
            None => (id.to_owned(), None),
        };
        if self.deleted.contains_key(&master) {
            return Err((403, "ErrorCannotDeleteObject"));
        }
        let mut event = self.events.get(&master).cloned().ok_or((404, "ErrorItemNotFound"))?;
        let tag = day.and_then(|day| event.exceptions.get(&day)).map_or(event.tag, |exception| exception.tag);
        if !matches(condition, tag) {
            return Err((412, "ErrorIrresolvableConflict"));
        }
        self.mails.send(&master, event.guests());
        match day {
            Some(day) => {
                event.exceptions.remove(&day);
                event.cancelled.insert(day);
                self.store(&master, event);
            }
            None => {
                let deleted = self.events.remove(&master);
                if let Some(deleted) = deleted.filter(|_| self.keeps_deleted) {
                    self.deleted.insert(master.clone(), deleted);
                }
                let number = self.next();
                self.removed.push((number, event.calendar.clone(), master));
                self.notify(&event.calendar, id, "deleted");
            }
        }
        Ok(())
    }

    fn store(&mut self, id: &str, mut event: Stored) {
        event.tag = self.next();
        event.changed = event.tag;
        let calendar = event.calendar.clone();
        let kind = if self.events.insert(id.to_owned(), event).is_some() { "updated" } else { "created" };
        self.notify(&calendar, id, kind);
    }

    /// The series and the day that the id of an instance names.
    pub(super) fn member(&self, id: &str) -> Option<(String, Date)> {
        let (front, day) = id.rsplit_once('.')?;
        let (master, generation) = front.rsplit_once(".o")?;
        let day: Date = day.parse().ok()?;
        let event = self.events.get(master)?;
        let there =
            event.generation.to_string() == generation && event.names(day) && !event.cancelled.contains(&day);
        there.then(|| (master.to_owned(), day))
    }
}

fn matches(condition: Option<&str>, tag: u64) -> bool {
    condition.is_none_or(|condition| condition == format!("W/\"key{tag}\""))
}

/// What says when the instances of a series are.
fn timing(event: &Stored) -> Vec<Option<Value>> {
    ["start", "end", "isAllDay", "recurrence"].iter().map(|name| event.said.get(*name).cloned()).collect()
}

fn written(body: &Value) -> Result<Map<String, Value>, Refused> {
    let body = body.as_object().ok_or((400, "BadRequest"))?;
    let said = body.iter().filter(|(name, _)| WRITTEN.contains(&name.as_str()));
    Ok(said.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Merges a body into an event, and checks what comes of it.
fn put(event: &mut Stored, body: &Value) -> Result<(), Refused> {
    let changes = written(body)?;
    let moved = changes.contains_key("start") && !changes.contains_key("recurrence");
    event.said.extend(changes);
    for property in body["singleValueExtendedProperties"].as_array().into_iter().flatten() {
        if let (Some(id), Some(value)) = (property["id"].as_str(), property["value"].as_str()) {
            event.extended.insert(id.to_owned(), value.to_owned());
        }
    }
    let start = event.said.get("start").and_then(time::sent).ok_or((400, "ErrorInvalidRequest"))?;
    let end = event.said.get("end").and_then(time::sent).ok_or((400, "ErrorInvalidRequest"))?;
    if time::instant(end.0, &end.1) < time::instant(start.0, &start.1) {
        return Err((400, "ErrorCalendarEndDateIsEarlierThanStartDate"));
    }
    if event.said.get("isAllDay") == Some(&Value::Bool(true)) {
        let midnight = |wall: jiff::civil::DateTime| wall.time() == jiff::civil::Time::midnight();
        if !midnight(start.0) || !midnight(end.0) || start.1 != end.1 || end.0 <= start.0 {
            return Err((400, "ErrorInvalidRequest"));
        }
    }
    if !event.is_series() {
        return Ok(());
    }
    let first = start.0.date().to_string();
    if moved && let Some(range) = event.said.get_mut("recurrence").and_then(|r| r.get_mut("range")) {
        range["startDate"] = json!(first);
    }
    let recurrence = event.said.get("recurrence").unwrap_or(&Value::Null);
    recur::fault(recurrence, start.0.date()).map_or(Ok(()), |code| Err((400, code)))
}
