//! What a calendar has already where no listing shows it: the past, and the far future.
//!
//! A listing is of a window, so that an equal event outside of it is never met and would be made a second time. Before such
//! an event is created the calendar is looked at, at the very time of the event.

use std::collections::BTreeSet;

use almanac_contract::{
    CalendarId, ConnectorError, ErrorKind, Field, Form, Mark, Moment, Part, RemoteId, RemoteObject,
};
use jiff::{SignedDuration, Timestamp};

use crate::calls::Graph;
use crate::limits::{UNLISTED_MAX, WINDOW_BACK, WINDOW_LEFT_MIN};
use crate::map::{self, time};
use crate::marks;
use crate::wire::Event;

/// What tells whether an event may be the one.
const SELECT: &str = "id,type,seriesMasterId,iCalUId,transactionId,subject,start,end,originalStartTimeZone,originalEndTimeZone,isAllDay";

impl Graph {
    /// What may be the object that is wanted, if no listing would show it.
    pub(crate) async fn unlisted(
        &self,
        calendar: &CalendarId,
        form: &Form,
        mark: &Mark,
    ) -> Result<Vec<RemoteObject>, ConnectorError> {
        let form = map::project(form);
        let Some(at) = map::first_there(&form).filter(|_| !self.is_listed(&form)) else {
            return Ok(Vec::new());
        };
        let mut found: Vec<RemoteObject> = self.find(calendar, mark).await?.into_iter().collect();
        let mut looked_at: BTreeSet<String> = found.iter().map(|object| object.id.0.clone()).collect();
        let mut shown = self.view(calendar, time::around(&at), SELECT).await?;
        shown.retain(|event| may_be(event, &form));
        // What is called the same comes first: the rest is what we wrote, under a title of before.
        shown.sort_by_key(|event| !is_titled(event, &form));
        for event in shown {
            let id = event.series_master_id.unwrap_or(event.id);
            if looked_at.len() >= UNLISTED_MAX || !looked_at.insert(id.clone()) {
                continue;
            }
            let object = match self.object(calendar, &RemoteId(id)).await {
                Ok(Some((_, object))) => object,
                Ok(None) | Err(ConnectorError { kind: ErrorKind::Refused(_), .. }) => continue,
                Err(error) => return Err(error),
            };
            let is_it = match &object.mark {
                Some(found) => found.uid == mark.uid,
                None => object.form.uid == form.uid || says_the_same(&object.form, &form),
            };
            if is_it {
                found.push(object);
            }
        }
        found.sort_by_key(|object| object.mark.is_none());
        Ok(found)
    }

    /// Whether a listing shows an object, whenever its window was opened. A day more or less is for the zones.
    fn is_listed(&self, form: &Form) -> bool {
        let (now, day) = (self.clock.now(), SignedDuration::from_hours(24));
        let from = now.saturating_sub(WINDOW_BACK - day).unwrap_or(now);
        let until = now.saturating_add(WINDOW_LEFT_MIN - day).unwrap_or(now);
        map::touches(form, from, until)
    }
}

/// Whether an event of a view may be the object, by what a view shows. What we wrote has to be read to tell.
fn may_be(event: &Event, form: &Form) -> bool {
    event.ical_uid.as_ref() == Some(&form.uid) || marks::is_ours(event) || is_titled(event, form)
}

fn is_titled(event: &Event, form: &Form) -> bool {
    let title = map::fields::line(event.subject.as_deref().unwrap_or_default());
    form.parts.values().any(|part| title_of(part) == title)
}

/// Whether two objects have the same title and the same times, and both or neither are series.
fn says_the_same(one: &Form, other: &Form) -> bool {
    let (Some(one), Some(other)) = (one.master(), other.master()) else { return false };
    let times = match (map::span(one), map::span(other)) {
        (Some(one), Some(other)) => same_moment(one.0, other.0) && same_moment(one.1, other.1),
        _ => false,
    };
    times && title_of(one) == title_of(other) && map::rule_of(one).is_some() == map::rule_of(other).is_some()
}

fn title_of(part: &Part) -> &str {
    match part.get(&Field::Summary) {
        Some(almanac_contract::Value::Text(title)) => title,
        _ => "",
    }
}

fn same_moment(one: &Moment, other: &Moment) -> bool {
    let instant = |at: &Moment| -> Option<Timestamp> { Some(time::zone_of(at)?.instant(at.wall())) };
    one == other || instant(one).is_some_and(|at| instant(other) == Some(at))
}
