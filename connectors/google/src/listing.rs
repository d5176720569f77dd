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
use crate::everything::Stand;
use crate::limits::{PAGE_EVENTS, PAGES_MAX};
use crate::series::{Whole, events};
use crate::version::{theirs, token};
use crate::wire::{CalendarEntry, CalendarPage, Event, Page};

const LIST: &str = "list changes";

impl Calls {
    /// A page of changes since a token, or of everything. The parameters are those of [`events`] and no others, with a
    /// token and without: Google's token is for the listing it came from.
    pub(crate) async fn changes(
        &self,
        calendar: &CalendarId,
        since: Option<&DeltaToken>,
        page: Option<&PageToken>,
    ) -> Result<ChangePage, ConnectorError> {
        let expired = || ConnectorError::new(ErrorKind::DeltaExpired, LIST);
        let malformed = || ConnectorError::new(ErrorKind::Malformed, LIST);
        let Some(since) = since else {
            let stand = Stand::read(page).ok_or_else(expired)?;
            let (items, next) = self.listed(calendar, None, stand.page.as_deref()).await?;
            return stand.tell(items, next).ok_or_else(malformed);
        };
        let since = theirs(since).ok_or_else(expired)?;
        let page = page.map(|page| page.0.as_str());
        let (items, next) = self.listed(calendar, Some(since), page).await?;
        let next = next.map_or_else(Next::Done, |page| Next::Page(PageToken(page)));
        Ok(ChangePage { changes: lines(items).ok_or_else(malformed)?, coverage: Coverage::Changes, next })
    }

    /// A page of Google's, and what follows it: a page token, or the token for later.
    async fn listed(
        &self,
        calendar: &CalendarId,
        since: Option<&str>,
        page: Option<&str>,
    ) -> Result<(Vec<Value>, Result<String, DeltaToken>), ConnectorError> {
        let mut call = events(LIST, calendar);
        for (name, token) in [("syncToken", since), ("pageToken", page)] {
            if let Some(token) = token {
                call = call.with(name, token);
            }
        }
        let listed: Page = match self.read(&call).await {
            // A token that Google does not understand is as good as one that is too old.
            Err(error) if error.kind == ErrorKind::Malformed && (since.is_some() || page.is_some()) => {
                return Err(ConnectorError::new(ErrorKind::DeltaExpired, LIST).because(error));
            }
            other => other?,
        };
        match (listed.next_page_token, listed.next_sync_token) {
            (Some(page), _) => Ok((listed.items, Ok(page))),
            (None, Some(theirs)) => Ok((listed.items, Err(token(&theirs)))),
            (None, None) => Err(ConnectorError::new(ErrorKind::Malformed, LIST)),
        }
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

/// What an event on a page comes to.
pub(crate) enum Line {
    /// All that there is to tell.
    Told(Changed),
    /// A series, of which this is the master.
    Series(Box<Event>),
    /// An instance of this series.
    Member(String),
}

/// `None` for an event without a name.
pub(crate) fn line(item: Value) -> Option<Line> {
    let id = item.get("id").and_then(Value::as_str).filter(|id| !id.is_empty())?.to_owned();
    let id = RemoteId(id);
    let Ok(event) = serde_json::from_value::<Event>(item) else {
        return Some(Line::Told(Changed::Unreadable(id, Reason("it is not as Google documents it"))));
    };
    Some(match event.series() {
        Some(series) => Line::Member(series.to_owned()),
        None if event.is_cancelled() => Line::Told(Changed::Gone(id)),
        None if event.is_series() => Line::Series(Box::new(event)),
        None => Line::Told(Whole::single(event).changed(id)),
    })
}

/// Lines that say no more than that a series has to be read.
pub(crate) fn touched(series: BTreeSet<String>) -> impl Iterator<Item = Changed> {
    series.into_iter().map(|id| Changed::Touched(RemoteId(id), None))
}

/// The lines of a page of changes; `None` if something on it cannot even be named.
fn lines(items: Vec<Value>) -> Option<Vec<Changed>> {
    let (mut told, mut series) = (Vec::new(), BTreeSet::new());
    for item in items {
        match line(item)? {
            Line::Told(changed) => told.push(changed),
            // Of a master nobody knows whether there are instances that did not change.
            Line::Series(event) => {
                series.insert(event.id);
            }
            Line::Member(id) => {
                series.insert(id);
            }
        }
    }
    // A series that is gone is told together with its instances.
    for changed in &told {
        if let Changed::Gone(id) = changed {
            series.remove(&id.0);
        }
    }
    told.extend(touched(series));
    Some(told)
}
