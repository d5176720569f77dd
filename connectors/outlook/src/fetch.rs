//! How objects are now.

use std::collections::BTreeSet;

use almanac_contract::{
    CalendarId, Changed, ConnectorError, ErrorKind, Mark, Moment, Reason, RemoteId, RemoteObject,
};
use jiff::SignedDuration;
use jiff::civil::Date;

use crate::calls::{Call, Graph, query};
use crate::error::About;
use crate::limits::{BATCH_MAX, WINDOW_AHEAD};
use crate::map::{self, Hits, time};
use crate::marks;
use crate::pending::Pending;
use crate::wire::{Event, Page};

const OPERATION: &str = "read events";
const ROUTE: &str = "/calendars/{calendar}/events/{event}";

/// All that is read of an event. `cancelledOccurrences` and `exceptionOccurrences` come only when they are named, and for a
/// GET of one event.
const SELECT: &str = "id,changeKey,type,seriesMasterId,iCalUId,transactionId,subject,body,location,start,end,\
originalStart,originalStartTimeZone,originalEndTimeZone,isAllDay,isCancelled,isOrganizer,showAs,sensitivity,importance,\
categories,isReminderOn,reminderMinutesBeforeStart,recurrence,organizer,attendees,cancelledOccurrences,exceptionOccurrences";

impl Graph {
    pub(crate) fn event_path(&self, calendar: &CalendarId, id: &RemoteId) -> String {
        self.path(&["calendars", &calendar.0, "events", &id.0])
    }

    /// The path and query of an event with its exceptions and what was left on it.
    fn reading(&self, calendar: &CalendarId, id: &RemoteId) -> String {
        let expand = format!("exceptionOccurrences,{}", marks::expand());
        let query = query(&[("$select", SELECT), ("$expand", &expand)]);
        format!("{}?{query}", self.event_path(calendar, id))
    }

    pub(crate) async fn fetch(
        &self,
        calendar: &CalendarId,
        ids: &[RemoteId],
    ) -> Result<Vec<Changed>, ConnectorError> {
        let mut lines = Vec::with_capacity(ids.len());
        let mut gone = false;
        for some in ids.chunks(BATCH_MAX) {
            for (id, found) in self.some(calendar, some).await? {
                lines.push(match found {
                    Some(event) => self.line(calendar, id, event).await?,
                    None => {
                        gone = true;
                        Changed::Gone(id.clone())
                    }
                });
            }
        }
        if gone {
            self.expect_calendar(calendar).await?;
        }
        Ok(lines)
    }

    async fn some<'a>(
        &self,
        calendar: &CalendarId,
        ids: &'a [RemoteId],
    ) -> Result<Vec<(&'a RemoteId, Option<Event>)>, ConnectorError> {
        if let [id] = ids {
            return Ok(vec![(id, self.event(calendar, id).await?)]);
        }
        let paths: Vec<String> = ids.iter().map(|id| self.reading(calendar, id)).collect();
        let answers = self.batch(&paths, "/$batch of events", OPERATION).await?;
        ids.iter().zip(answers).map(|(id, inner)| Ok((id, self.inner(inner, OPERATION)?))).collect()
    }

    /// An event without its exceptions; `None`: it is not there.
    pub(crate) async fn event(
        &self,
        calendar: &CalendarId,
        id: &RemoteId,
    ) -> Result<Option<Event>, ConnectorError> {
        match self.json(Call::get(self.reading(calendar, id), ROUTE, OPERATION, About::Event)).await {
            Ok(event) => Ok(Some(event)),
            Err(error) if error.kind == ErrorKind::Gone => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn line(
        &self,
        calendar: &CalendarId,
        id: &RemoteId,
        event: Event,
    ) -> Result<Changed, ConnectorError> {
        let event = self.complete(calendar, event).await?;
        if self.removed.holds(calendar, id) && !self.is_shown(calendar, &event).await? {
            return Ok(Changed::Gone(id.clone()));
        }
        if Pending::on(&event).is_none() {
            return Ok(line(id, &event));
        }
        match self.object(calendar, id).await {
            Ok(Some((_, object))) => Ok(Changed::Now(Box::new(object))),
            Ok(None) => Ok(Changed::Gone(id.clone())),
            Err(ConnectorError { kind: ErrorKind::Refused(reason), .. }) => {
                Ok(Changed::Unreadable(id.clone(), reason))
            }
            Err(error) => Err(error),
        }
    }

    /// An event with all its exceptions, and the object that it is; `None`: it is not there. What an earlier write left to be
    /// done on it is done first.
    pub(crate) async fn object(
        &self,
        calendar: &CalendarId,
        id: &RemoteId,
    ) -> Result<Option<(Event, RemoteObject)>, ConnectorError> {
        let Some((event, object)) = self.as_it_is(calendar, id).await? else { return Ok(None) };
        let Some(pending) = Pending::on(&event) else { return Ok(Some((event, object))) };
        self.finish(calendar, event, &pending).await?;
        self.as_it_is(calendar, id).await
    }

    /// The same, with whatever an earlier write left to be done.
    pub(crate) async fn as_it_is(
        &self,
        calendar: &CalendarId,
        id: &RemoteId,
    ) -> Result<Option<(Event, RemoteObject)>, ConnectorError> {
        let Some(event) = self.event(calendar, id).await? else { return Ok(None) };
        let event = self.complete(calendar, event).await?;
        let mut object = map::object(&event).map_err(|reason| unreadable(&reason))?;
        object.id = id.clone();
        Ok(Some((event, object)))
    }

    /// The event with this mark, looked for at Graph.
    pub(crate) async fn find(
        &self,
        calendar: &CalendarId,
        mark: &Mark,
    ) -> Result<Option<RemoteObject>, ConnectorError> {
        let query = query(&[("$select", "id"), ("$filter", &marks::filter(mark))]);
        let path = format!("{}?{query}", self.path(&["calendars", &calendar.0, "events"]));
        let route = "/calendars/{calendar}/events by mark";
        let found: Page<Event> =
            self.json(Call::get(path, route, "look for an event", About::Calendar)).await?;
        for event in found.value {
            // A digest names the event; its mark proves it.
            if let Some((_, object)) = self.object(calendar, &RemoteId(event.id)).await?
                && object.mark.as_ref() == Some(mark)
            {
                return Ok(Some(object));
            }
        }
        Ok(None)
    }

    /// A 404 for an event may mean that its calendar is gone, which says nothing about events.
    async fn expect_calendar(&self, calendar: &CalendarId) -> Result<(), ConnectorError> {
        let path = format!("{}?$select=id", self.path(&["calendars", &calendar.0]));
        self.call(Call::get(path, "/calendars/{calendar}", OPERATION, About::Calendar)).await.map(drop)
    }

    /// A series with what the answer left out: further pages of exceptions; or all of them, where the service does not
    /// fill in what its documentation promises.
    pub(crate) async fn complete(
        &self,
        calendar: &CalendarId,
        mut event: Event,
    ) -> Result<Event, ConnectorError> {
        if event.recurrence.is_none() {
            return Ok(event);
        }
        if let (Some(next), Some(known)) =
            (event.exceptions_next.take(), event.exception_occurrences.as_mut())
        {
            let mut next = Some(next);
            while let Some(link) = next {
                let call = Call::link(&link, "/events/{event}/exceptionOccurrences", OPERATION, About::Event);
                let mut page: Page<Event> = self.json(call).await?;
                known.append(&mut page.value);
                if known.len() > crate::limits::EXCEPTIONS_MAX {
                    return Err(ConnectorError::new(ErrorKind::Malformed, OPERATION));
                }
                next = page.next;
            }
        }
        // The documentation speaks of the exceptions' ids; those without more would be read as changed to nothing.
        let bare = |events: &Vec<Event>| events.iter().any(|exception| exception.start.is_none());
        if event.exception_occurrences.as_ref().is_none_or(bare) || event.cancelled_occurrences.is_none() {
            self.count_instances(calendar, &mut event).await?;
        }
        Ok(event)
    }

    /// Finds the exceptions of a series by looking at all its instances: an expected one that is missing is cancelled.
    async fn count_instances(&self, calendar: &CalendarId, event: &mut Event) -> Result<(), ConnectorError> {
        event.exception_occurrences = Some(Vec::new());
        event.cancelled_occurrences = Some(Vec::new());
        let bare = map::object(event).map_err(|reason| unreadable(&reason))?;
        let Some(master) = bare.form.master() else { return Ok(()) };
        let (Some((start, _)), Some(rule)) = (map::span(master), map::rule_of(master)) else { return Ok(()) };
        let day = SignedDuration::from_hours(24);
        let (from, _) = time::around(start);
        let until = self.clock.now().saturating_add(WINDOW_AHEAD).unwrap_or(from);
        let (first, last) = (time::text(from), time::text(until));
        let query = query(&[("startDateTime", &first), ("endDateTime", &last)]);
        let path = format!("{}/instances?{query}", self.event_path(calendar, &bare.id));
        let instances: Vec<Event> =
            self.all(path, "/events/{event}/instances", OPERATION, About::Event).await?;
        let mut seen: BTreeSet<Date> = BTreeSet::new();
        let mut changed = Vec::new();
        for instance in instances {
            let at = time::original(&instance, start);
            let at = at.or_else(|| instance_start(&instance, start));
            seen.extend(at.as_ref().map(time::day_of));
            if instance.r#type.as_deref() == Some("exception") {
                changed.push(instance);
            }
        }
        let edge = until.saturating_sub(day).unwrap_or(until);
        let edge = almanac_ical::zone::Zone::utc().local(edge);
        let expected = Hits::of(rule, start).days(start.wall(), edge);
        let missing = expected.into_iter().filter(|day| !seen.contains(day));
        event.cancelled_occurrences = Some(missing.map(|day| format!("OID.{}.{day}", event.id)).collect());
        event.exception_occurrences = Some(changed);
        Ok(())
    }
}

/// The moment of an instance that nobody changed, by the day that it begins on.
pub(crate) fn instance_start(instance: &Event, series: &Moment) -> Option<Moment> {
    let clue = time::Clue { ours: None, series: Some(series) };
    let (start, _) = time::span(instance, clue).ok()?;
    Some(time::on_day(series, time::day_of(&start)))
}

fn line(id: &RemoteId, event: &Event) -> Changed {
    // An instance is a part of its series and no object; a listing may have named it when it left the window.
    if matches!(event.r#type.as_deref(), Some("occurrence" | "exception")) {
        return Changed::Gone(id.clone());
    }
    match map::object(event) {
        Ok(mut object) => {
            object.id = id.clone();
            Changed::Now(Box::new(object))
        }
        Err(reason) => Changed::Unreadable(id.clone(), reason),
    }
}

pub(crate) fn unreadable(reason: &Reason) -> ConnectorError {
    ConnectorError::new(ErrorKind::Refused(reason.clone()), OPERATION)
}
