//! What changed in a calendar, and which calendars there are.

use std::collections::BTreeSet;

use almanac_contract::{
    CalendarAccess, CalendarId, ChangePage, Changed, ConnectorError, Coverage, DeltaToken, ErrorKind, Next,
    PageToken, Reason, RemoteCalendar, RemoteId,
};
use http::Method;
use serde_json::Value;

use crate::answers::About;
use crate::calls::{Call, Calls};
use crate::limits::{PAGE_EVENTS, PAGES_MAX};
use crate::series::{Whole, events};
use crate::version::{theirs, token};
use crate::wire::{CalendarEntry, CalendarPage, Event, Page};

impl Calls {
    /// A page of changes. The parameters are those of [`events`] and no others, with a token and without: Google's token
    /// is for the listing it came from. Deleted events are told with a token, and are of no use without.
    pub(crate) async fn changes(
        &self,
        calendar: &CalendarId,
        since: Option<&DeltaToken>,
        page: Option<&PageToken>,
    ) -> Result<ChangePage, ConnectorError> {
        let operation = "list changes";
        let expired = || ConnectorError::new(ErrorKind::DeltaExpired, operation);
        let mut call = events(operation, calendar);
        if let Some(since) = since {
            call = call.with("syncToken", theirs(since).ok_or_else(expired)?);
        }
        if let Some(page) = page {
            call = call.with("pageToken", page.0.as_str());
        }
        let listed: Page = match self.read(&call).await {
            // A token that Google does not understand is as good as one that is too old.
            Err(error) if error.kind == ErrorKind::Malformed && (since.is_some() || page.is_some()) => {
                return Err(expired().because(error));
            }
            other => other?,
        };
        let next = match (listed.next_page_token, listed.next_sync_token) {
            (Some(page), _) => Next::Page(PageToken(page)),
            (None, Some(theirs)) => Next::Done(token(&theirs)),
            (None, None) => return Err(ConnectorError::new(ErrorKind::Malformed, operation)),
        };
        let coverage = if since.is_some() { Coverage::Changes } else { Coverage::Everything };
        let malformed = || ConnectorError::new(ErrorKind::Malformed, operation);
        Ok(ChangePage { changes: lines(listed.items).ok_or_else(malformed)?, coverage, next })
    }

    /// The calendars of the account. Hidden ones are asked for, too: one that a person hides is not gone.
    pub(crate) async fn calendars(&self) -> Result<Vec<RemoteCalendar>, ConnectorError> {
        let operation = "list calendars";
        let mut calendars = Vec::new();
        let mut page: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let path = vec!["users", "me", "calendarList"];
            let mut call = Call::new(operation, About::Account, Method::GET, "/users/me/calendarList", path)
                .with("maxResults", PAGE_EVENTS.to_string())
                .with("showHidden", "true");
            if let Some(page) = &page {
                call = call.with("pageToken", page.as_str());
            }
            let listed: CalendarPage = self.read(&call).await?;
            calendars.extend(listed.items.into_iter().filter_map(calendar));
            page = listed.next_page_token;
            if page.is_none() {
                return Ok(calendars);
            }
        }
        Err(ConnectorError::new(ErrorKind::Malformed, operation))
    }
}

fn calendar(entry: CalendarEntry) -> Option<RemoteCalendar> {
    let access = match entry.access_role.as_str() {
        "owner" | "writer" => CalendarAccess::Write,
        // Who may write and sees private events as busy only would take what it cannot see for emptied.
        "reader" | "writerWithoutPrivateAccess" => CalendarAccess::Read,
        "freeBusyReader" => CalendarAccess::FreeBusy,
        _ => return None,
    };
    let name = entry.summary_override.filter(|name| !name.is_empty()).unwrap_or(entry.summary);
    let there = !entry.deleted && !entry.id.is_empty();
    there.then_some(RemoteCalendar { id: CalendarId(entry.id), name, access, primary: entry.primary })
}

/// The lines of a page; `None` if something on it cannot even be named.
fn lines(items: Vec<Value>) -> Option<Vec<Changed>> {
    let mut lines = Vec::new();
    let mut touched = BTreeSet::new();
    for item in items {
        let id = item.get("id").and_then(Value::as_str).filter(|id| !id.is_empty())?.to_owned();
        let id = RemoteId(id);
        let Ok(event) = serde_json::from_value::<Event>(item) else {
            lines.push(Changed::Unreadable(id, Reason("it is not as Google documents it")));
            continue;
        };
        match event.series() {
            Some(series) => {
                touched.insert(RemoteId(series.to_owned()));
            }
            None if event.is_cancelled() => lines.push(Changed::Gone(id)),
            None if event.is_series() => {
                touched.insert(id);
            }
            None => lines.push(Whole::single(event).changed(id)),
        }
    }
    // A series that is gone is told together with its instances.
    let gone: BTreeSet<RemoteId> =
        lines.iter().filter(|line| matches!(line, Changed::Gone(_))).map(|line| line.id().clone()).collect();
    lines.extend(touched.difference(&gone).map(|id| Changed::Touched(id.clone(), None)));
    Some(lines)
}
