//! Google Calendar (API version 3) as a vendor.
//!
//! It must not know the store, the daemon or another vendor. Start with [`Google`], then `map/` (what an event says) and
//! `push.rs` (how a series is written). `README.md` has set-up, quotas and quirks; `sim/` plays Google in tests.
#![warn(missing_docs)]

mod answers;
pub mod auth;
mod calls;
mod config;
mod everything;
mod instances;
mod limits;
mod listing;
mod map;
mod push;
mod series;
#[cfg(feature = "sim")]
pub mod sim;
mod version;
mod watch;
mod wire;

use std::sync::Arc;

use almanac_base::Clock;
use almanac_contract::{
    CalendarId, Capabilities, ChangePage, Changed, Channel, Connector, ConnectorError, Deletion, DeltaToken,
    Form, HookRequest, Mark, PageToken, Push, PushKey, Pushed, Reason, Received, RemoteCalendar, RemoteId,
    RemoteObject, Watch,
};
use almanac_egress::oauth::Account;
use almanac_egress::throttle::Pace;
use almanac_egress::{Client, Target};
use async_trait::async_trait;

use calls::Calls;
pub use config::{Endpoints, GoogleConfig};
pub use limits::PACE;

/// What a connector is made of. All of it belongs to one account.
pub struct Setup {
    /// What sends requests.
    pub client: Arc<Client>,
    /// How fast; see [`PACE`].
    pub pace: Arc<Pace>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The access tokens of a person or a service account.
    pub account: Arc<Account>,
    /// The calendar API.
    pub api: Target,
}

/// One account at Google.
pub struct Google {
    calls: Calls,
}

impl Google {
    /// A connector for one account.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let Setup { client, pace, clock, account, api } = setup;
        Self { calls: Calls { client, pace, clock, account, api } }
    }
}

#[async_trait]
impl Connector for Google {
    fn capabilities(&self) -> Capabilities {
        Capabilities { writes: true, watches: true, deltas: true, exceptions: true, pace: PACE }
    }

    fn project(&self, form: &Form) -> Form {
        map::project(form)
    }

    fn refuses(&self, form: &Form) -> Option<Reason> {
        map::refuses(form)
    }

    async fn calendars(&self) -> Result<Vec<RemoteCalendar>, ConnectorError> {
        self.calls.calendars().await
    }

    async fn changes(
        &self,
        calendar: &CalendarId,
        since: Option<&DeltaToken>,
        page: Option<&PageToken>,
    ) -> Result<ChangePage, ConnectorError> {
        self.calls.changes(calendar, since, page).await
    }

    async fn fetch(&self, calendar: &CalendarId, ids: &[RemoteId]) -> Result<Vec<Changed>, ConnectorError> {
        let mut lines = Vec::with_capacity(ids.len());
        for id in ids {
            lines.push(match self.calls.whole(calendar, id, "read an event").await? {
                Some(whole) => whole.changed(id.clone()),
                None => Changed::Gone(id.clone()),
            });
        }
        Ok(lines)
    }

    /// By the key: the id of what a creation makes is known before it is made.
    async fn find(
        &self,
        calendar: &CalendarId,
        key: &PushKey,
        mark: &Mark,
    ) -> Result<Option<RemoteObject>, ConnectorError> {
        self.calls.find(calendar, key, mark).await
    }

    async fn push(&self, push: &Push<'_>) -> Result<Pushed, ConnectorError> {
        self.calls.push(push).await
    }

    async fn delete(&self, deletion: &Deletion<'_>) -> Result<(), ConnectorError> {
        self.calls.delete(deletion).await
    }

    async fn watch(&self, calendar: &CalendarId, channel: &Channel) -> Result<Watch, ConnectorError> {
        self.calls.watch(calendar, channel).await
    }

    async fn unwatch(&self, watch: &Watch) -> Result<(), ConnectorError> {
        self.calls.unwatch(watch).await
    }

    fn receive(&self, hook: &HookRequest<'_>) -> Received {
        watch::receive(hook)
    }
}
