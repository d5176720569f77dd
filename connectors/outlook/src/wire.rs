//! Graph's JSON, as far as it is read. What is not named here is passed over.

use serde::Deserialize;
use serde_json::Value;

/// A collection, or a page of one.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Page<T> {
    pub(crate) value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    pub(crate) next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    pub(crate) delta: Option<String>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { value: Vec::new(), next: None, delta: None }
    }
}

/// An `event` of any type; an occurrence in a delta has little more than its id and its master's.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Event {
    pub(crate) id: String,
    #[serde(rename = "@odata.etag")]
    pub(crate) etag: Option<String>,
    #[serde(rename = "@removed")]
    pub(crate) removed: Option<Value>,
    pub(crate) change_key: Option<String>,
    pub(crate) r#type: Option<String>,
    pub(crate) series_master_id: Option<String>,
    #[serde(rename = "iCalUId")]
    pub(crate) ical_uid: Option<String>,
    pub(crate) transaction_id: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) body: Option<Body>,
    pub(crate) location: Option<Location>,
    pub(crate) start: Option<At>,
    pub(crate) end: Option<At>,
    pub(crate) original_start: Option<String>,
    pub(crate) original_start_time_zone: Option<String>,
    pub(crate) original_end_time_zone: Option<String>,
    pub(crate) is_all_day: Option<bool>,
    pub(crate) is_cancelled: Option<bool>,
    pub(crate) is_organizer: Option<bool>,
    pub(crate) show_as: Option<String>,
    pub(crate) sensitivity: Option<String>,
    pub(crate) importance: Option<String>,
    pub(crate) categories: Option<Vec<String>>,
    pub(crate) is_reminder_on: Option<bool>,
    pub(crate) reminder_minutes_before_start: Option<i64>,
    pub(crate) recurrence: Option<Recurrence>,
    pub(crate) organizer: Option<Person>,
    pub(crate) attendees: Option<Vec<Person>>,
    pub(crate) single_value_extended_properties: Option<Vec<Extended>>,
    pub(crate) exception_occurrences: Option<Vec<Event>>,
    #[serde(rename = "exceptionOccurrences@odata.nextLink")]
    pub(crate) exceptions_next: Option<String>,
    pub(crate) cancelled_occurrences: Option<Vec<String>>,
}

impl Event {
    pub(crate) fn is_series(&self) -> bool {
        self.r#type.as_deref() == Some("seriesMaster") || self.recurrence.is_some()
    }

    /// The entity tag; Exchange makes it of the change key.
    pub(crate) fn tag(&self) -> Option<String> {
        let made = || self.change_key.as_ref().map(|key| format!("W/\"{key}\""));
        self.etag.clone().or_else(made)
    }

    pub(crate) fn extended(&self, id: &str) -> Option<&str> {
        let all = self.single_value_extended_properties.iter().flatten();
        // Exchange writes the GUID in its own letter case.
        all.filter(|p| p.id.eq_ignore_ascii_case(id)).map(|p| p.value.as_str()).next()
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Body {
    pub(crate) content_type: Option<String>,
    pub(crate) content: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Location {
    pub(crate) display_name: Option<String>,
}

/// `dateTimeTimeZone`
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct At {
    pub(crate) date_time: String,
    pub(crate) time_zone: Option<String>,
}

/// `patternedRecurrence`
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Recurrence {
    pub(crate) pattern: Pattern,
    pub(crate) range: Range,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Pattern {
    pub(crate) r#type: String,
    pub(crate) interval: u32,
    pub(crate) month: i8,
    pub(crate) day_of_month: i8,
    pub(crate) days_of_week: Option<Vec<String>>,
    pub(crate) first_day_of_week: Option<String>,
    pub(crate) index: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Range {
    pub(crate) r#type: String,
    pub(crate) start_date: Option<String>,
    pub(crate) end_date: Option<String>,
    pub(crate) number_of_occurrences: Option<u32>,
}

/// `recipient` and `attendee`
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Person {
    pub(crate) email_address: Option<Address>,
    pub(crate) r#type: Option<String>,
    pub(crate) status: Option<Answered>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Address {
    pub(crate) name: Option<String>,
    pub(crate) address: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answered {
    pub(crate) response: Option<String>,
}

/// `singleValueLegacyExtendedProperty`
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Extended {
    pub(crate) id: String,
    pub(crate) value: String,
}

/// Says nothing: nearly every field is about a patient.
impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Event({})", self.r#type.as_deref().unwrap_or("of no type"))
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Calendar {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) can_edit: Option<bool>,
    pub(crate) is_default_calendar: Option<bool>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) resource: Option<String>,
    pub(crate) expiration_date_time: Option<String>,
}

/// An error's answer: the code only, its message quotes the request.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Failure {
    pub(crate) error: FailureCode,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct FailureCode {
    pub(crate) code: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Batch {
    pub(crate) responses: Vec<Inner>,
}

/// One answer within a batch.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Inner {
    pub(crate) id: String,
    pub(crate) status: u16,
    pub(crate) headers: Option<serde_json::Map<String, Value>>,
    pub(crate) body: Value,
}

/// A call of Graph: `changeNotificationCollection`
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Notifications {
    pub(crate) value: Vec<Notification>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Notification {
    pub(crate) subscription_id: Option<String>,
    pub(crate) client_state: Option<String>,
    pub(crate) lifecycle_event: Option<String>,
}
