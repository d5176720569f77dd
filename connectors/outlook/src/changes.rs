//! What changed: `calendarView/delta` over a window of time that moves with the years.

use std::collections::BTreeSet;

use almanac_contract::{
    CalendarId, ChangePage, Changed, ConnectorError, Coverage, DeltaToken, ErrorKind, Next, PageToken,
    RemoteId, RemoteVersion,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::calls::{Call, Graph, query};
use crate::error::About;
use crate::limits::{PAGE_EVENTS_MAX, WINDOW_AHEAD, WINDOW_BACK, WINDOW_LEFT_MIN};
use crate::map::{self, time};
use crate::marks;
use crate::wire::{Event, Page};

const OPERATION: &str = "list changes";
const ROUTE: &str = "/calendars/{calendar}/calendarView/delta";

/// Both tokens: Graph's link, which holds the window but does not show it, and when the window ends.
#[derive(Serialize, Deserialize)]
struct Place {
    /// The end of the window, in seconds of 1970.
    until: i64,
    /// Whether the listing is of the window or of changes.
    first: bool,
    link: String,
}

impl Graph {
    pub(crate) async fn changes(
        &self,
        calendar: &CalendarId,
        since: Option<&DeltaToken>,
        page: Option<&PageToken>,
    ) -> Result<ChangePage, ConnectorError> {
        let expired = || ConnectorError::new(ErrorKind::DeltaExpired, OPERATION);
        let now = self.clock.now();
        let place = match (page, since) {
            (Some(page), _) => Some(serde_json::from_str::<Place>(&page.0).map_err(|_| expired())?),
            (None, Some(since)) => {
                let place: Place = serde_json::from_str(&since.0).map_err(|_| expired())?;
                if place.until.saturating_sub(now.as_second()) < WINDOW_LEFT_MIN.as_secs() {
                    return Err(expired());
                }
                Some(Place { first: false, ..place })
            }
            (None, None) => None,
        };
        let (until, first, answer) = match place {
            Some(place) => {
                let call = Call::link(&place.link, ROUTE, OPERATION, About::Delta);
                (place.until, place.first, self.json::<Page<Event>>(call).await?)
            }
            None => {
                let (path, until) = self.window(calendar, now);
                (until, true, self.json(Call::get(path, ROUTE, OPERATION, About::Delta)).await?)
            }
        };
        if answer.value.len() > PAGE_EVENTS_MAX {
            return Err(ConnectorError::new(ErrorKind::Malformed, OPERATION));
        }
        for event in answer.value.iter().filter(|event| event.removed.is_some()) {
            self.removed.add(calendar, event.series_master_id.as_ref().unwrap_or(&event.id));
        }
        let token = |first, link| {
            serde_json::to_string(&Place { until, first, link })
                .map_err(|_| ConnectorError::new(ErrorKind::Malformed, OPERATION))
        };
        let next = match (answer.next, answer.delta) {
            (Some(link), _) => Next::Page(PageToken(token(first, link)?)),
            (None, Some(link)) => Next::Done(DeltaToken(token(false, link)?)),
            (None, None) => return Err(ConnectorError::new(ErrorKind::Malformed, OPERATION)),
        };
        let coverage = if first { Coverage::Window } else { Coverage::Changes };
        Ok(ChangePage { changes: lines(&answer.value, coverage), coverage, next })
    }

    /// The first page of a window around now, and its end.
    fn window(&self, calendar: &CalendarId, now: Timestamp) -> (String, i64) {
        let from = now.saturating_sub(WINDOW_BACK).unwrap_or(now);
        let until = now.saturating_add(WINDOW_AHEAD).unwrap_or(now);
        let path = self.path(&["calendars", &calendar.0, "calendarView", "delta"]);
        let window = [("startDateTime", time::text(from)), ("endDateTime", time::text(until))];
        let window: Vec<(&str, &str)> = window.iter().map(|(name, value)| (*name, value.as_str())).collect();
        (format!("{path}?{}", query(&window)), until.as_second())
    }
}

/// A page's lines: one for a series, whichever and however many of its members are in it.
fn lines(events: &[Event], coverage: Coverage) -> Vec<Changed> {
    let mut series: BTreeSet<&str> = BTreeSet::new();
    let mut lines = Vec::new();
    for event in events.iter().filter(|event| !event.id.is_empty()) {
        let id = || RemoteId(event.id.clone());
        let kind = event.r#type.as_deref().unwrap_or_default();
        let master = match (&event.series_master_id, kind) {
            (Some(master), _) => Some(master.as_str()),
            (None, "seriesMaster") if event.removed.is_none() => Some(event.id.as_str()),
            _ => None,
        };
        if let Some(master) = master {
            if series.insert(master) {
                lines.push(Changed::Touched(RemoteId(master.to_owned()), None));
            }
            continue;
        }
        lines.push(match kind {
            // It is not in the window any more, which it may have left without being gone: `fetch` tells.
            _ if event.removed.is_some() => Changed::Touched(id(), None),
            // A listing does not show what was left on an event: of one that we wrote, and of any that we may have
            // written to since, more has to be read.
            "singleInstance"
                if coverage == Coverage::Window && !marks::is_ours(event) && event.start.is_some() =>
            {
                match map::object(event) {
                    Ok(object) => Changed::Now(Box::new(object)),
                    Err(reason) => Changed::Unreadable(id(), reason),
                }
            }
            "singleInstance" => Changed::Touched(id(), event.tag().map(RemoteVersion)),
            _ => Changed::Touched(id(), None),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pitfalls 31 to 34: whatever member of a series is listed, and however often, the series is one line.
    #[test]
    fn members_of_a_series_touch_it_once() {
        let page: Page<Event> = serde_json::from_str(
            r#"{"value":[
            {"id":"o1","type":"occurrence","seriesMasterId":"m","start":{"dateTime":"2026-01-05T08:00:00"}},
            {"id":"o2","type":"occurrence","seriesMasterId":"m"},
            {"id":"m","type":"seriesMaster","subject":"s"},
            {"id":"x","type":"exception","seriesMasterId":"m","subject":"t"},
            {"id":"r","@removed":{"reason":"deleted"}},
            {"id":"y","@removed":{"reason":"deleted"},"seriesMasterId":"n"},
            {"id":"s","type":"singleInstance","@odata.etag":"W/\"1\""}]}"#,
        )
        .unwrap();
        let id = |id: &str| RemoteId(id.to_owned());
        assert_eq!(
            lines(&page.value, Coverage::Changes),
            [
                Changed::Touched(id("m"), None),
                Changed::Touched(id("r"), None),
                Changed::Touched(id("n"), None),
                Changed::Touched(id("s"), Some(RemoteVersion("W/\"1\"".to_owned()))),
            ]
        );
    }
}
