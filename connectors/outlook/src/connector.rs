//! The connector: what the engine calls.

use std::fmt;

use almanac_contract::{
    CalendarAccess, CalendarId, Capabilities, ChangePage, Changed, Channel, Connector, ConnectorError,
    Deletion, DeltaToken, Form, HookRequest, Mark, Pace, PageToken, Push, PushKey, Pushed, Reason, Received,
    RemoteCalendar, RemoteId, RemoteObject, Watch,
};
use async_trait::async_trait;
use jiff::Timestamp;

use crate::calls::Graph;
use crate::config::Setup;
use crate::error::About;
use crate::shown::Removed;
use crate::wire::Calendar;
use crate::{map, watch};

/// How fast one mailbox may be asked. Graph allows 10,000 requests in 10 minutes, of which this makes no more even after a
/// pause, and 4 at the same time.
pub const PACE: Pace = Pace { burst: 2_000, per_minute: 800, at_once: 4 };

/// One account at Microsoft 365 or Outlook.com.
pub struct Outlook {
    graph: Graph,
}

impl Outlook {
    /// The connector of an account.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let Setup { client, pace, clock, account, api, mailbox } = setup;
        let removed = Removed::default();
        Self { graph: Graph { client, pace, clock, account, base: api, mailbox, removed } }
    }
}

impl fmt::Debug for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outlook({:?})", self.graph.base)
    }
}

#[async_trait]
impl Connector for Outlook {
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
        let path = self.graph.path(&["calendars"]);
        let path = format!("{path}?$select=id,name,canEdit,isDefaultCalendar&$top=100");
        let found: Vec<Calendar> =
            self.graph.all(path, "/calendars", "list calendars", About::Account).await?;
        let calendar = |found: Calendar| RemoteCalendar {
            id: CalendarId(found.id),
            name: found.name.unwrap_or_default(),
            access: if found.can_edit == Some(true) { CalendarAccess::Write } else { CalendarAccess::Read },
            primary: found.is_default_calendar == Some(true),
        };
        Ok(found.into_iter().filter(|found| !found.id.is_empty()).map(calendar).collect())
    }

    async fn changes(
        &self,
        calendar: &CalendarId,
        since: Option<&DeltaToken>,
        page: Option<&PageToken>,
    ) -> Result<ChangePage, ConnectorError> {
        self.graph.changes(calendar, since, page).await
    }

    async fn fetch(&self, calendar: &CalendarId, ids: &[RemoteId]) -> Result<Vec<Changed>, ConnectorError> {
        self.graph.fetch(calendar, ids).await
    }

    async fn find(
        &self,
        calendar: &CalendarId,
        _key: &PushKey,
        mark: &Mark,
    ) -> Result<Option<RemoteObject>, ConnectorError> {
        self.graph.find(calendar, mark).await
    }

    async fn push(&self, push: &Push<'_>) -> Result<Pushed, ConnectorError> {
        self.graph.push(push).await
    }

    async fn delete(&self, deletion: &Deletion<'_>) -> Result<(), ConnectorError> {
        self.graph.delete(deletion).await
    }

    async fn watch(&self, calendar: &CalendarId, channel: &Channel) -> Result<Watch, ConnectorError> {
        self.graph.watch(calendar, channel).await
    }

    async fn unlisted(
        &self,
        calendar: &CalendarId,
        form: &Form,
        mark: &Mark,
    ) -> Result<Vec<RemoteObject>, ConnectorError> {
        self.graph.unlisted(calendar, form, mark).await
    }

    async fn renew(&self, watch: &Watch, until: Timestamp) -> Result<Option<Watch>, ConnectorError> {
        self.graph.renew(watch, until).await
    }

    async fn unwatch(&self, watch: &Watch) -> Result<(), ConnectorError> {
        self.graph.unwatch(watch).await
    }

    fn receive(&self, hook: &HookRequest<'_>) -> Received {
        watch::receive(hook)
    }
}
