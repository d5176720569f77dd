//! What a calendar has already where no listing shows it: the past, and the far future.
//!
//! A listing is of a window, so that an equal event outside of it is never met and would be made a second time. Before such
//! an event is created the calendar is looked at, at the very time of the event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use almanac_contract::{
    Attempt, CalendarId, ConnectorError, ErrorKind, Field, Form, Moment, Part, Push, RemoteId, RemoteObject,
};
use jiff::{SignedDuration, Timestamp};

use crate::calls::Graph;
use crate::limits::{MET_MAX, WINDOW_BACK, WINDOW_LEFT_MIN};
use crate::map::{self, time};
use crate::marks;
use crate::wire::Event;

/// What tells whether an event may be the one.
const SELECT: &str = "id,type,seriesMasterId,iCalUId,transactionId,subject,start,end,originalStartTimeZone,originalEndTimeZone,isAllDay";

/// Which events without a mark were found for which UIDs, so that each of several that are equal is found for one. Forgetting
/// is no harm but that one is found again, and refused by whoever knows whose it is.
#[derive(Default)]
pub(crate) struct Met(Mutex<BTreeMap<(String, String), String>>);

impl Met {
    /// Whether an event is the one of this UID, or nobody's yet; it is this one's then.
    fn takes(&self, calendar: &CalendarId, id: &RemoteId, uid: &str) -> bool {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if met.len() >= MET_MAX {
            met.clear();
        }
        met.entry((calendar.0.clone(), id.0.clone())).or_insert_with(|| uid.to_owned()) == uid
    }
}

impl Graph {
    /// The object that is wanted, if no listing would show it and the calendar has it: with our mark of its UID, whichever
    /// link left it, or else with its UID, or with its times and its title and no mark.
    pub(crate) async fn unlisted(&self, push: &Push<'_>) -> Result<Option<RemoteObject>, ConnectorError> {
        let form = map::project(push.form);
        let Some(at) = map::first_there(&form).filter(|_| !self.is_listed(&form)) else { return Ok(None) };
        if push.attempt == Attempt::First
            && let Some(found) = self.find(push.calendar, push.mark).await?
        {
            return Ok(Some(found));
        }
        let mut looked_at = BTreeSet::new();
        let mut equal = Vec::new();
        for event in self.view(push.calendar, time::around(&at), SELECT).await? {
            let id = event.series_master_id.as_ref().unwrap_or(&event.id);
            if !may_be(&event, &form) || !looked_at.insert(id.clone()) {
                continue;
            }
            let object = match self.object(push.calendar, &RemoteId(id.clone())).await {
                Ok(Some((_, object))) => object,
                Ok(None) | Err(ConnectorError { kind: ErrorKind::Refused(_), .. }) => continue,
                Err(error) => return Err(error),
            };
            match &object.mark {
                Some(mark) if mark.uid == push.mark.uid => return Ok(Some(object)),
                Some(_) => {}
                None if object.form.uid == form.uid || says_the_same(&object.form, &form) => {
                    equal.push(object);
                }
                None => {}
            }
        }
        let uid = &push.mark.uid;
        Ok(equal.into_iter().find(|object| self.met.takes(push.calendar, &object.id, uid)))
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
    let uid = event.ical_uid.as_ref() == Some(&form.uid);
    let title = map::fields::line(event.subject.as_deref().unwrap_or_default());
    uid || marks::is_ours(event) || form.parts.values().any(|part| title_of(part) == title)
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
