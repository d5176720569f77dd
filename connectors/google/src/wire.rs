//! What Google sends, as far as we read it (Calendar API v3). What is not here stays as it is there: nothing is ever
//! replaced as a whole. Nothing here can be shown: it is about patients.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// An event: a single one, the master of a series, or an instance that differs from its series.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) etag: String,
    pub(crate) status: Option<String>,
    #[serde(rename = "iCalUID")]
    pub(crate) ical_uid: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) start: Option<When>,
    pub(crate) end: Option<When>,
    pub(crate) recurrence: Vec<String>,
    pub(crate) recurring_event_id: Option<String>,
    pub(crate) original_start_time: Option<When>,
    pub(crate) organizer: Option<Person>,
    pub(crate) attendees: Vec<Person>,
    pub(crate) transparency: Option<String>,
    pub(crate) visibility: Option<String>,
    pub(crate) reminders: Option<Reminders>,
    pub(crate) extended_properties: Option<Extended>,
    pub(crate) event_type: Option<String>,
    pub(crate) conference_data: Option<Conference>,
    pub(crate) attachments: Vec<Attachment>,
}

impl Event {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.status.as_deref() == Some("cancelled")
    }

    /// The series that it is an instance of.
    pub(crate) fn series(&self) -> Option<&str> {
        self.recurring_event_id.as_deref()
    }

    pub(crate) fn is_series(&self) -> bool {
        !self.recurrence.is_empty()
    }
}

/// A day, or an instant with the zone in which it was meant.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct When {
    pub(crate) date: Option<String>,
    pub(crate) date_time: Option<String>,
    pub(crate) time_zone: Option<String>,
}

/// An organizer or a guest.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Person {
    pub(crate) email: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) response_status: Option<String>,
    pub(crate) optional: bool,
    pub(crate) resource: bool,
    #[serde(rename = "self")]
    pub(crate) myself: bool,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Reminders {
    pub(crate) use_default: bool,
    pub(crate) overrides: Vec<Reminder>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Reminder {
    pub(crate) method: String,
    pub(crate) minutes: i64,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Extended {
    pub(crate) private: BTreeMap<String, String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Conference {
    pub(crate) entry_points: Vec<EntryPoint>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct EntryPoint {
    pub(crate) entry_point_type: String,
    pub(crate) uri: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Attachment {
    pub(crate) file_url: String,
}

/// A page of events. They are read one by one: one that nobody understands does not hide the others.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Page {
    pub(crate) items: Vec<Value>,
    pub(crate) next_page_token: Option<String>,
    pub(crate) next_sync_token: Option<String>,
}

/// A page of the list of calendars.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CalendarPage {
    pub(crate) items: Vec<CalendarEntry>,
    pub(crate) next_page_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CalendarEntry {
    pub(crate) id: String,
    pub(crate) summary: String,
    pub(crate) summary_override: Option<String>,
    pub(crate) access_role: String,
    pub(crate) primary: bool,
    pub(crate) deleted: bool,
}

/// What opening a channel came to.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct OpenChannel {
    pub(crate) id: String,
    pub(crate) resource_id: String,
    /// Milliseconds since 1970, as text.
    pub(crate) expiration: Option<String>,
}

/// The body of a refusal.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refusal {
    pub(crate) error: Problem,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    pub(crate) errors: Vec<Cause>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Cause {
    pub(crate) reason: String,
}
