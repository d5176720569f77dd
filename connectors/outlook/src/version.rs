//! The version of an object: the entity tag of an event; for a series those of all its parts.

use serde::{Deserialize, Serialize};

use crate::wire::Event;

#[derive(Serialize, Deserialize)]
struct Series {
    master: String,
    /// By id, sorted.
    changed: Vec<(String, String)>,
    cancelled: Vec<String>,
}

/// The version of what was read; `None` if it does not tell.
pub(crate) fn of(event: &Event) -> Option<String> {
    let master = event.tag()?;
    if event.recurrence.is_none() {
        return Some(master);
    }
    let mut changed: Vec<(String, String)> = event
        .exception_occurrences
        .iter()
        .flatten()
        .map(|exception| Some((exception.id.clone(), exception.tag()?)))
        .collect::<Option<_>>()?;
    changed.sort_unstable();
    let mut cancelled: Vec<String> = event.cancelled_occurrences.iter().flatten().cloned().collect();
    cancelled.sort_unstable();
    serde_json::to_string(&Series { master, changed, cancelled }).ok()
}

/// The entity tag of the event itself, for `If-Match`.
pub(crate) fn tag(version: &str) -> String {
    serde_json::from_str::<Series>(version).map_or_else(|_| version.to_owned(), |series| series.master)
}
