//! The connector for ICS subscriptions: a calendar behind a URL, to be read only.
//!
//! It must not know other vendors, the store or the daemon. A reading is the whole calendar or an error, never a part: a
//! feed tells deletions by leaving objects out, so a page in HTML, a torn body or a closed door must not pass for an
//! empty calendar. Start with [`Feed`], then `map.rs` (how objects keep their names), `README.md` (the rules and limits).
//!
//! RFC 5545 (the format), 9110 (conditional requests), 7986 (NAME).
#![warn(missing_docs)]

mod calls;
mod config;
mod limits;
mod map;
mod reading;
#[cfg(feature = "sim")]
pub mod sim;
mod token;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use almanac_contract::{
    CalendarAccess, CalendarId, Capabilities, ChangePage, Changed, Channel, Connector, ConnectorError,
    Coverage, Deletion, DeltaToken, ErrorKind, Form, HookRequest, Mark, Next, Pace, PageToken, Push, PushKey,
    Pushed, Reason, Received, RemoteCalendar, RemoteId, RemoteObject, Watch,
};
use async_trait::async_trait;
use jiff::Timestamp;

use calls::{Got, Validators};
pub use config::{Identity, Setup, target};
use limits::KEPT_MAX;
use map::{Entry, Rule};
use reading::Reading;
use token::{Apart, Seen};

/// How fast a feed may be asked: it is somebody's file, not an API. Whoever sets it up asks more than once.
pub const PACE: Pace = Pace { burst: 20, per_minute: 6, at_once: 1 };

/// The name of the one calendar that a feed is. Its URL is a secret and names nothing.
const CALENDAR: &str = "feed";

const LIST: &str = "list changes";

/// A feed.
pub struct Feed {
    setup: Setup,
    /// The reading whose pages are being asked for. If it is lost, the listing begins anew.
    open: Mutex<Option<Arc<Listing>>>,
    /// The last reading; nothing after a failure.
    last: Mutex<Option<Kept>>,
}

/// A whole reading, and when it was last known to be what the feed says.
struct Kept {
    reading: Arc<Reading>,
    validators: Validators,
    at: Timestamp,
}

/// A reading on its way out, page by page.
struct Listing {
    reading: Arc<Reading>,
    rule: Rule,
    /// What its objects are called: the same for all pages.
    entries: Vec<Entry>,
    token: DeltaToken,
}

impl Listing {
    /// Where a page begins, if it is one of this listing.
    fn place_of(&self, page: &str) -> Option<usize> {
        let (at, mark) = page.split_once(' ')?;
        if mark == self.reading.mark() { at.parse().ok() } else { None }
    }
}

impl Feed {
    /// A connector for one feed.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self { setup, open: Mutex::default(), last: Mutex::default() }
    }

    /// Asks for the feed; `None` if it is as it was seen. The answer is kept; after an error nothing is.
    async fn read(
        &self,
        operation: &'static str,
        seen: &Validators,
    ) -> Result<Option<(Arc<Reading>, Validators)>, ConnectorError> {
        // Taken away first: nothing that goes wrong on the way leaves an old reading behind.
        let before = self.last().take();
        let (kept, read) = match calls::get(&self.setup, operation, seen).await? {
            // It is what is kept only if that is what was seen.
            Got::Same => (before.filter(|kept| kept.validators == *seen).map(|kept| kept.reading), None),
            Got::Text(text, validators) => {
                let reading = Reading::new(text).await;
                let reading = Arc::new(reading.map_err(|broken| {
                    ConnectorError::new(ErrorKind::Malformed, operation).because(broken)
                })?);
                (Some(Arc::clone(&reading)), Some((reading, validators)))
            }
        };
        let validators = read.as_ref().map_or(seen, |(_, validators)| validators).clone();
        let at = self.setup.clock.now();
        *self.last() = kept.map(|reading| Kept { reading, validators, at });
        Ok(read)
    }

    /// The feed as it is, whatever was seen.
    async fn read_now(&self, operation: &'static str) -> Result<Arc<Reading>, ConnectorError> {
        let read = self.read(operation, &Validators::default()).await?;
        read.map(|(reading, _)| reading).ok_or_else(|| ConnectorError::new(ErrorKind::Malformed, operation))
    }

    /// The last reading, if it is young.
    fn young(&self) -> Option<Arc<Reading>> {
        let now = self.setup.clock.now();
        let mut last = self.last();
        // One of the future is of a clock that was set back.
        let is_young = |kept: &Kept| kept.at <= now && now.duration_since(kept.at) < KEPT_MAX;
        *last = last.take().filter(is_young);
        last.as_ref().map(|kept| Arc::clone(&kept.reading))
    }

    fn last(&self) -> MutexGuard<'_, Option<Kept>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// By what the objects of a first reading are told apart: it is read a second time at once, and if the same objects
    /// have other UIDs now, these are no identity.
    async fn detect(&self, reading: &Reading, validators: &Validators) -> Result<Rule, ConnectorError> {
        match self.setup.identity {
            Identity::Uid => Ok(Rule::Uid),
            Identity::Content => Ok(Rule::Content),
            Identity::Detect if reading.is_empty() => Ok(Rule::Uid),
            Identity::Detect => Ok(match self.read(LIST, validators).await? {
                Some((again, _)) if again.sketch().has_regenerated(&reading.sketch(), Apart::AtOnce) => {
                    Rule::Content
                }
                _ => Rule::Uid,
            }),
        }
    }

    /// The same for a later reading.
    fn rule(&self, reading: &Reading, seen: &Seen) -> Rule {
        match self.setup.identity {
            Identity::Uid => Rule::Uid,
            Identity::Content => Rule::Content,
            Identity::Detect if reading.sketch().has_regenerated(&seen.sketch, Apart::Later) => Rule::Content,
            Identity::Detect => seen.rule(),
        }
    }

    async fn list(&self, since: Option<&DeltaToken>) -> Result<ChangePage, ConnectorError> {
        let expired = || ConnectorError::new(ErrorKind::DeltaExpired, LIST);
        let seen = since.map(|token| Seen::read(token).ok_or_else(expired)).transpose()?;
        let asked = seen.as_ref().map_or_else(Validators::default, |seen| Validators {
            etag: seen.etag.clone(),
            modified: seen.modified.clone(),
        });
        let Some((reading, validators)) = self.read(LIST, &asked).await? else {
            return Ok(unchanged(since.ok_or_else(expired)?.clone()));
        };
        let rule = match &seen {
            Some(seen) => self.rule(&reading, seen),
            None => self.detect(&reading, &validators).await?,
        };
        let entries = reading.entries(rule);
        let state = reading.state(&entries);
        let next = Seen::new(validators.etag, validators.modified, state.clone(), rule, reading.sketch());
        let token = next.write().ok_or_else(|| ConnectorError::new(ErrorKind::Malformed, LIST))?;
        if seen.is_some_and(|seen| seen.state == state) {
            return Ok(unchanged(token)); // written anew, and says the same
        }
        self.page(Arc::new(Listing { reading, rule, entries, token }), 0).await
    }

    /// The page that begins with the object at `from`.
    async fn page(&self, listing: Arc<Listing>, from: usize) -> Result<ChangePage, ConnectorError> {
        let (changes, end) = listing.reading.page(&listing.entries, from).await;
        let coverage = match listing.reading.hides_some(listing.rule) {
            true => Coverage::Window,
            false => Coverage::Everything,
        };
        let next = match end {
            Some(at) => Next::Page(PageToken(format!("{at} {}", listing.reading.mark()))),
            None => Next::Done(listing.token.clone()),
        };
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = end.is_some().then_some(listing);
        Ok(ChangePage { changes, coverage, next })
    }

    async fn go_on(&self, page: &PageToken) -> Result<ChangePage, ConnectorError> {
        // Another listing has begun meanwhile, or the program has: the pages so far are of a reading that nobody has any
        // more. What was known before it is still good, so the next listing begins from there.
        let lost = || ConnectorError::new(ErrorKind::Unavailable, LIST);
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let listing = open.ok_or_else(lost)?;
        let at = listing.place_of(&page.0).ok_or_else(lost)?;
        self.page(listing, at).await
    }
}

fn unchanged(token: DeltaToken) -> ChangePage {
    ChangePage { changes: Vec::new(), coverage: Coverage::Changes, next: Next::Done(token) }
}

fn known(calendar: &CalendarId, operation: &'static str) -> Result<(), ConnectorError> {
    if calendar.0 == CALENDAR { Ok(()) } else { Err(ConnectorError::new(ErrorKind::CalendarGone, operation)) }
}

fn unsupported<T>(operation: &'static str) -> Result<T, ConnectorError> {
    Err(ConnectorError::new(ErrorKind::Unsupported, operation))
}

#[async_trait]
impl Connector for Feed {
    fn capabilities(&self) -> Capabilities {
        Capabilities { writes: false, watches: false, deltas: false, exceptions: true, pace: PACE }
    }

    /// A feed keeps everything: it is where the object comes from.
    fn project(&self, form: &Form) -> Form {
        form.clone()
    }

    /// There is nothing that a feed could not say; that it takes nothing from us is a capability that it lacks.
    fn refuses(&self, _form: &Form) -> Option<Reason> {
        None
    }

    async fn calendars(&self) -> Result<Vec<RemoteCalendar>, ConnectorError> {
        let reading = self.read_now("list calendars").await?;
        let name = reading.name().unwrap_or_else(|| self.setup.url.host().to_owned());
        let id = CalendarId(CALENDAR.to_owned());
        Ok(vec![RemoteCalendar { id, name, access: CalendarAccess::Read, primary: true }])
    }

    async fn changes(
        &self,
        calendar: &CalendarId,
        since: Option<&DeltaToken>,
        page: Option<&PageToken>,
    ) -> Result<ChangePage, ConnectorError> {
        known(calendar, LIST)?;
        match page {
            Some(page) => self.go_on(page).await,
            None => self.list(since).await,
        }
    }

    async fn fetch(&self, calendar: &CalendarId, ids: &[RemoteId]) -> Result<Vec<Changed>, ConnectorError> {
        known(calendar, "fetch objects")?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // Objects are asked for one by one, and each time the whole file would come.
        let reading = match self.young() {
            Some(reading) => reading,
            None => self.read_now("fetch objects").await?,
        };
        Ok(reading.find(ids).await)
    }

    async fn find(
        &self,
        calendar: &CalendarId,
        _key: &PushKey,
        _mark: &Mark,
    ) -> Result<Option<RemoteObject>, ConnectorError> {
        known(calendar, "look for an object")?;
        Ok(None) // nothing there is ours
    }

    async fn push(&self, _push: &Push<'_>) -> Result<Pushed, ConnectorError> {
        unsupported("write an object")
    }

    async fn delete(&self, _deletion: &Deletion<'_>) -> Result<(), ConnectorError> {
        unsupported("delete an object")
    }

    async fn watch(&self, _calendar: &CalendarId, _channel: &Channel) -> Result<Watch, ConnectorError> {
        unsupported("watch a calendar")
    }

    async fn unwatch(&self, _watch: &Watch) -> Result<(), ConnectorError> {
        Ok(()) // there is no channel
    }

    fn receive(&self, _hook: &HookRequest<'_>) -> Received {
        Received::Unknown
    }
}
