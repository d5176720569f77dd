//! An account at a CalDAV server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use almanac_contract::{
    CalendarId, Capabilities, ChangePage, Changed, Channel, Connector, ConnectorError, Deletion, DeltaToken,
    ErrorKind, Form, HookRequest, Mark, PageToken, Push, PushKey, Pushed, Reason, Received, RemoteCalendar,
    RemoteId, RemoteObject, Watch,
};
use async_trait::async_trait;

use crate::auth::Credentials;
use crate::calls::Calls;
use crate::config::{Scheduling, Setup};
use crate::discover::{Account, discover};
use crate::href::Place;
use crate::map::{self, Who};
use crate::push::{Desk, refuses};
use crate::{PACE, calendars, fetch, list};

/// An account at iCloud or any other CalDAV server.
///
/// It remembers where discovery found the account, and finds it anew when a server says that it is somewhere else.
pub struct CalDav {
    calls: Calls,
    scheduling: Scheduling,
    found: Mutex<Option<Arc<Account>>>,
    /// Whether all calendars that were seen tell changes since a token.
    deltas: AtomicBool,
}

/// What discovery says of an account before it is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// For [`Setup::scheduling`], from now on.
    pub scheduling: Scheduling,
    /// The addresses that the account is invited with.
    pub addresses: Vec<String>,
}

impl CalDav {
    /// Makes no request.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let Setup { client, pace, clock, url, username, password, scheduling } = setup;
        let credentials = Credentials {
            given_for: url,
            username,
            password,
            #[cfg(feature = "sim")]
            simulated: Vec::new(),
        };
        let calls = Calls { client, pace, clock, credentials };
        Self { calls, scheduling, found: Mutex::new(None), deltas: AtomicBool::new(true) }
    }

    /// The same, whose password may go to a simulator too: one that stands for a host of the same family.
    #[cfg(feature = "sim")]
    #[must_use]
    pub fn with_family(mut self, other: almanac_egress::Target) -> Self {
        self.calls.credentials.simulated.push(other);
        self
    }

    /// Signs in and finds the account.
    ///
    /// # Errors
    /// `NeedsSignIn`: name or password are wrong; iCloud, Yahoo and Fastmail take app-specific passwords only.
    pub async fn probe(&self) -> Result<Probe, ConnectorError> {
        let account = self.discovered().await?;
        Ok(Probe { scheduling: account.scheduling, addresses: account.addresses.clone() })
    }

    fn remembered(&self) -> Option<Arc<Account>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn discovered(&self) -> Result<Arc<Account>, ConnectorError> {
        let mut account = discover(&self.calls, &self.calls.credentials.given_for).await?;
        let name = self.calls.credentials.username.to_lowercase();
        if name.contains('@') && !account.addresses.contains(&name) {
            account.addresses.push(name);
        }
        let account = Arc::new(account);
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&account));
        Ok(account)
    }

    async fn account(&self) -> Result<Arc<Account>, ConnectorError> {
        match self.remembered() {
            Some(account) => Ok(account),
            None => self.discovered().await,
        }
    }

    /// The account as it is after `error`, if it is somewhere else than it was: accounts move to other hosts.
    async fn moved(
        &self,
        before: &Account,
        error: &ConnectorError,
    ) -> Result<Option<Arc<Account>>, ConnectorError> {
        let perhaps =
            matches!(error.kind, ErrorKind::NeedsSignIn | ErrorKind::CalendarGone | ErrorKind::Malformed);
        if !perhaps {
            return Ok(None);
        }
        let now = self.discovered().await?;
        Ok((now.homes != before.homes).then_some(now))
    }

    /// What to say of `error`: a host that an account has left asks for a password, too, or knows no calendar. Then it is to
    /// be asked again, at the host where the account is now.
    async fn said(&self, account: &Account, error: ConnectorError) -> ConnectorError {
        match self.moved(account, &error).await {
            Ok(Some(_)) => ConnectorError::new(ErrorKind::Unavailable, error.operation).because(error),
            Ok(None) | Err(_) => error,
        }
    }

    async fn page(
        &self,
        account: &Account,
        calendar: &CalendarId,
        since: Option<&DeltaToken>,
        page: Option<&PageToken>,
    ) -> Result<ChangePage, ConnectorError> {
        let place = place(account, calendar, "list changes")?;
        let found = list::changes(&self.calls, &place, since, page).await?;
        if !found.deltas {
            self.deltas.store(false, Ordering::Relaxed);
        }
        Ok(found.page)
    }

    fn who<'a>(&self, account: &'a Account) -> Who<'a> {
        Who { addresses: &account.addresses, scheduling: self.scheduling }
    }

    fn desk<'a>(
        &'a self,
        account: &'a Account,
        calendar: &CalendarId,
        operation: &'static str,
    ) -> Result<Desk<'a>, ConnectorError> {
        let place = place(account, calendar, operation)?;
        Ok(Desk { calls: &self.calls, place, who: self.who(account), scheduling: account.scheduling })
    }
}

fn place(account: &Account, calendar: &CalendarId, operation: &'static str) -> Result<Place, ConnectorError> {
    let malformed = |refusal| ConnectorError::new(ErrorKind::CalendarGone, operation).because(refusal);
    Place::of(calendar, account.home()?).map_err(malformed)
}

#[async_trait]
impl Connector for CalDav {
    fn capabilities(&self) -> Capabilities {
        let deltas = self.deltas.load(Ordering::Relaxed);
        Capabilities { writes: true, watches: false, deltas, exceptions: true, pace: PACE }
    }

    fn project(&self, form: &Form) -> Form {
        map::project(form, self.scheduling)
    }

    fn refuses(&self, form: &Form) -> Option<Reason> {
        refuses(form)
    }

    async fn calendars(&self) -> Result<Vec<RemoteCalendar>, ConnectorError> {
        let account = match self.remembered() {
            None => self.discovered().await?,
            Some(account) => match calendars::list(&self.calls, &account).await {
                Ok(found) => return Ok(self.noted(found)),
                Err(error) => self.moved(&account, &error).await?.ok_or(error)?,
            },
        };
        Ok(self.noted(calendars::list(&self.calls, &account).await?))
    }

    async fn changes(
        &self,
        calendar: &CalendarId,
        since: Option<&DeltaToken>,
        page: Option<&PageToken>,
    ) -> Result<ChangePage, ConnectorError> {
        let account = self.account().await?;
        match self.page(&account, calendar, since, page).await {
            Ok(found) => Ok(found),
            Err(error) => match self.moved(&account, &error).await? {
                Some(account) => self.page(&account, calendar, since, page).await,
                None => Err(error),
            },
        }
    }

    async fn fetch(&self, calendar: &CalendarId, ids: &[RemoteId]) -> Result<Vec<Changed>, ConnectorError> {
        let account = self.account().await?;
        let place = place(&account, calendar, "read objects")?;
        match fetch::fetch(&self.calls, &place, ids, self.who(&account)).await {
            Ok(lines) => Ok(lines),
            Err(error) => Err(self.said(&account, error).await),
        }
    }

    async fn find(
        &self,
        calendar: &CalendarId,
        key: &PushKey,
        mark: &Mark,
    ) -> Result<Option<RemoteObject>, ConnectorError> {
        let account = self.account().await?;
        match self.desk(&account, calendar, "look for an object")?.find(key, mark).await {
            Ok(done) => Ok(done),
            Err(error) => Err(self.said(&account, error).await),
        }
    }

    async fn push(&self, push: &Push<'_>) -> Result<Pushed, ConnectorError> {
        let account = self.account().await?;
        match self.desk(&account, push.calendar, "write an object")?.push(push).await {
            Ok(done) => Ok(done),
            Err(error) => Err(self.said(&account, error).await),
        }
    }

    async fn delete(&self, deletion: &Deletion<'_>) -> Result<(), ConnectorError> {
        let account = self.account().await?;
        match self.desk(&account, deletion.calendar, "delete an object")?.delete(deletion).await {
            Ok(done) => Ok(done),
            Err(error) => Err(self.said(&account, error).await),
        }
    }

    async fn watch(&self, _calendar: &CalendarId, _channel: &Channel) -> Result<Watch, ConnectorError> {
        Err(ConnectorError::new(ErrorKind::Unsupported, "watch a calendar"))
    }

    async fn unwatch(&self, _watch: &Watch) -> Result<(), ConnectorError> {
        Err(ConnectorError::new(ErrorKind::Unsupported, "close a channel"))
    }

    fn receive(&self, _hook: &HookRequest<'_>) -> Received {
        Received::Unknown
    }
}

impl CalDav {
    fn noted(&self, found: calendars::Found) -> Vec<RemoteCalendar> {
        self.deltas.store(found.deltas, Ordering::Relaxed);
        found.calendars
    }
}
