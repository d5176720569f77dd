//! What a calendar shows, which is not all that answers to its name.
//!
//! An immutable id outlives the move of an event to Deleted Items. So of what a listing said to be removed the calendar is
//! asked: what it does not show at its own time is gone, and what it shows has only left the window of the listing.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use almanac_contract::{CalendarId, ConnectorError, RemoteId};
use jiff::Timestamp;

use crate::calls::{Graph, query};
use crate::error::About;
use crate::limits::REMOVED_MAX;
use crate::map::{self, time};
use crate::wire::Event;

const OPERATION: &str = "look at a calendar";

/// What listings said to be removed, the last of it. Forgetting is no harm but that a deletion is noticed later.
#[derive(Default)]
pub(crate) struct Removed(Mutex<Names>);

#[derive(Default)]
struct Names {
    /// Calendars and ids.
    all: BTreeSet<(String, String)>,
    /// The same, the oldest first.
    order: VecDeque<(String, String)>,
}

impl Removed {
    pub(crate) fn add(&self, calendar: &CalendarId, id: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (calendar.0.clone(), id.to_owned());
        if names.all.insert(name.clone()) {
            names.order.push_back(name);
        }
        if names.order.len() > REMOVED_MAX
            && let Some(oldest) = names.order.pop_front()
        {
            names.all.remove(&oldest);
        }
    }

    pub(crate) fn holds(&self, calendar: &CalendarId, id: &RemoteId) -> bool {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.all.contains(&(calendar.0.clone(), id.0.clone()))
    }
}

impl Graph {
    /// Whether an event that answered to its name is in its calendar. One whose time cannot be told counts as being there.
    pub(crate) async fn is_shown(
        &self,
        calendar: &CalendarId,
        event: &Event,
    ) -> Result<bool, ConnectorError> {
        let at = map::object(event).ok().and_then(|object| map::first_there(&object.form));
        let Some(at) = at else { return Ok(true) };
        let found = self.view(calendar, time::near(&at), "id,seriesMasterId").await?;
        let is_it = |one: &Event| one.id == event.id || one.series_master_id.as_ref() == Some(&event.id);
        Ok(found.iter().any(is_it))
    }

    /// What a calendar shows between two instants: single events, and the instances of series.
    pub(crate) async fn view(
        &self,
        calendar: &CalendarId,
        (from, to): (Timestamp, Timestamp),
        select: &str,
    ) -> Result<Vec<Event>, ConnectorError> {
        let (from, to) = (time::text(from), time::text(to));
        let query = query(&[("startDateTime", &from), ("endDateTime", &to), ("$select", select)]);
        let path = format!("{}?{query}", self.path(&["calendars", &calendar.0, "calendarView"]));
        self.all(path, "/calendars/{calendar}/calendarView", OPERATION, About::Calendar).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_was_removed_the_last_is_remembered() {
        let (removed, calendar) = (Removed::default(), CalendarId("c".into()));
        for n in 0..=REMOVED_MAX {
            removed.add(&calendar, &n.to_string());
            removed.add(&calendar, &n.to_string());
        }
        let holds = |n: usize| removed.holds(&calendar, &RemoteId(n.to_string()));
        assert!(!holds(0) && holds(1) && holds(REMOVED_MAX));
        assert!(!removed.holds(&CalendarId("d".into()), &RemoteId("1".into())));
    }
}
