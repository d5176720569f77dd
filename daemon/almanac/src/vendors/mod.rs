//! Accounts at vendors while the program runs: their connectors, their health, and the runs of their links.
//!
//! One account is one connector, one turn at a time; nobody waits because of another account. What is decided is in
//! `almanac-sync`, what is kept in `almanac-app`; here the two meet the network and the clock.

mod health;
pub(crate) mod hooks;
mod locate;
mod registry;
pub(crate) mod secrets;
pub(crate) mod sign_in;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use almanac_admin::hooks::Vendor;
use almanac_app::App;
use almanac_app::sync::{AccountInfo, Enabled, LinkInfo, LinkState, Place};
use almanac_base::{AccountId, Clock, LinkId};
use almanac_contract::{Connector, ConnectorError, ErrorKind, Retry};
use almanac_egress::Client;
use almanac_egress::throttle::Pace;
use almanac_ical::Limits;
use almanac_sync::{Backoff, Breaker, Execution, LinkRun, Report, Scope, Setup, Stop};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::config::{Config, SyncConfig};
use crate::failure::{Failure, chain};
pub(crate) use health::{AccountHealth, HealthState};
pub(crate) use locate::locate;
pub(crate) use registry::{Kind, application, checked_settings, probe, refused_by_vendor};
pub(crate) use worker::serve;

/// Failures in a row after which an account rests.
const BREAKER_FAILURES: u32 = 5;

/// The longest pause that is kept, whatever was asked for.
const REST_MAX: SignedDuration = SignedDuration::from_hours(24);

/// How long a command waits for a vendor to close a channel.
pub(crate) const CLOSING_PATIENCE: Duration = Duration::from_secs(5);

/// All accounts of the store.
pub(crate) struct Vendors {
    app: Arc<App>,
    clock: Arc<dyn Clock>,
    egress: almanac_egress::EgressConfig,
    pub(crate) sync: SyncConfig,
    limits: Limits,
    /// Made when the first account needs it: a store without accounts needs no certificates.
    client: Mutex<Option<Arc<Client>>>,
    live: Mutex<BTreeMap<AccountId, Arc<Live>>>,
    /// Held by the run of an account that is under way; they outlive a [`Live`], whose successor must not run beside it.
    turns: Mutex<BTreeMap<AccountId, Arc<tokio::sync::Mutex<()>>>>,
    /// How fast each account may ask; likewise.
    paces: Mutex<BTreeMap<AccountId, Arc<Pace>>>,
    /// Accounts that a task works for.
    working: Mutex<BTreeSet<AccountId>>,
    /// Told when accounts or links come, go or change.
    pub(crate) changed: Notify,
}

/// An account in use.
pub(crate) struct Live {
    pub(crate) connector: Arc<dyn Connector>,
    /// The vendor that calls, if that kind of vendor does.
    hook: Option<Vendor>,
    /// Until when no channel is asked for again, by link.
    pub(crate) watch_after: Mutex<BTreeMap<LinkId, Timestamp>>,
    breaker: Mutex<Breaker>,
    health: Mutex<AccountHealth>,
    /// Told when there is a reason to run.
    pub(crate) wake: Notify,
}

/// Whether links that rest after failures are left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// They are.
    Obey,
    /// Somebody asks, and wants an answer now.
    Ignore,
}

/// What a run of one link came to.
pub(crate) struct LinkOutcome {
    pub(crate) link: LinkInfo,
    pub(crate) report: Report,
    pub(crate) stop: Option<Stop>,
}

impl Vendors {
    pub(crate) fn new(app: &Arc<App>, clock: Arc<dyn Clock>, config: &Config) -> Arc<Self> {
        Arc::new(Self {
            app: Arc::clone(app),
            clock,
            egress: config.egress.clone(),
            sync: config.sync.clone(),
            limits: Limits { object_bytes_max: config.limits.object_bytes_max.0, ..Limits::default() },
            client: Mutex::default(),
            live: Mutex::default(),
            turns: Mutex::default(),
            paces: Mutex::default(),
            working: Mutex::default(),
            changed: Notify::new(),
        })
    }

    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }

    pub(crate) fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    /// The client for everything that goes out.
    ///
    /// # Errors
    /// `[egress]` cannot be used, or the system has no certificate authorities.
    pub(crate) fn client(&self) -> Result<Arc<Client>, Failure> {
        let mut client = lock(&self.client);
        if let Some(client) = &*client {
            return Ok(Arc::clone(client));
        }
        let made = Client::new(&self.egress)
            .map_err(|error| Failure::failed(chain(&error), "correct [egress] in the configuration"))?;
        Ok(Arc::clone(client.insert(Arc::new(made))))
    }

    /// An account in use.
    ///
    /// # Errors
    /// Its settings or its secret cannot be used.
    pub(crate) async fn live(&self, account: &AccountInfo) -> Result<Arc<Live>, Failure> {
        if let Some(live) = lock(&self.live).get(&account.id) {
            return Ok(Arc::clone(live));
        }
        let secret = self.app.account_secret(account.id).await?;
        let connector = registry::connect(self, account, secret.as_ref())?;
        let retry = self.sync.retry();
        let live = Arc::new(Live {
            connector,
            hook: Kind::parse(&account.kind).and_then(hooks::hook_name),
            watch_after: Mutex::default(),
            breaker: Mutex::new(Breaker::new(
                BREAKER_FAILURES,
                retry.saturating_mul(8),
                self.sync.retry_max(),
            )),
            health: Mutex::default(),
            wake: Notify::new(),
        });
        // Two who come at once share the first.
        Ok(Arc::clone(lock(&self.live).entry(account.id).or_insert(live)))
    }

    /// Forgets what is in memory of an account: its settings or its secret have changed.
    pub(crate) fn forget(&self, account: AccountId) {
        if let Some(live) = lock(&self.live).remove(&account) {
            live.wake.notify_one(); // its task sees that it is of yesterday
        }
        self.changed.notify_one();
    }

    /// Runs all active links of an account, one after the other; plans those at rest too.
    ///
    /// # Errors
    /// The account cannot be used at all; what a vendor did wrong is in the outcomes.
    pub(crate) async fn run(
        &self,
        account: &AccountInfo,
        execution: Execution,
        scope: Scope,
        patience: Patience,
    ) -> Result<Vec<LinkOutcome>, Failure> {
        let turn = self.turn(account.id);
        let _turn = turn.lock().await;
        let live = self.live(account).await?;
        let mut outcomes = Vec::new();
        let links = self.app.links_of_account(account).await?;
        if let Some(wait) = self.asked_to_rest(&links).await? {
            let pause =
                || ConnectorError::new(ErrorKind::Throttled, "wait as long as the vendor asked").after(wait);
            let active = links.into_iter().filter(|link| link.state == LinkState::Active);
            let told = active.filter(|_| patience == Patience::Ignore && account.enabled == Enabled::Yes);
            let outcome =
                |link| LinkOutcome { link, report: Report::default(), stop: Some(Stop::Vendor(pause())) };
            return Ok(told.map(outcome).collect());
        }
        for link in links {
            // What rests can be planned: that is how its first run is looked at.
            let works = match link.state {
                LinkState::Active => true,
                LinkState::Paused => execution == Execution::Plan && scope == Scope::Changes,
                LinkState::Detached(_) => false,
            };
            if !works || account.enabled == Enabled::No {
                continue;
            }
            let rests = lock(&live.health).rest(link.id, self.clock.now()).is_some();
            if rests && patience == Patience::Obey {
                continue;
            }
            let outcome = self.run_link(&live, link, execution, scope).await;
            self.keep_rest(&outcome).await?;
            // A command notes what came of all its runs.
            if execution == Execution::Do && patience == Patience::Obey {
                self.note(account, &live, &outcome);
            }
            if execution == Execution::Do && matches!(outcome.stop, Some(Stop::Detached(_))) {
                self.close_channel(account, outcome.link.id).await;
            }
            let over = outcome.stop.as_ref().is_some_and(ends_all);
            outcomes.push(outcome);
            if over {
                break;
            }
        }
        Ok(outcomes)
    }

    /// Keeps what the runs of a command say of the account's health.
    pub(crate) async fn note_all(
        &self,
        account: &AccountInfo,
        outcomes: &[LinkOutcome],
    ) -> Result<(), Failure> {
        let live = self.live(account).await?;
        outcomes.iter().for_each(|outcome| self.note(account, &live, outcome));
        Ok(())
    }

    /// How long the vendor asked to be left alone from now on; it counts for all links of an account, also after a restart.
    pub(crate) async fn asked_to_rest(&self, links: &[LinkInfo]) -> Result<Option<SignedDuration>, Failure> {
        let mut until = None;
        for link in links {
            until = until.max(self.app.link_place(link.id).await?.rests_until);
        }
        let wait = until.map(|until| until.duration_since(self.clock.now()));
        // The clock may have been set back since.
        Ok(wait.filter(SignedDuration::is_positive).map(|wait| wait.min(REST_MAX)))
    }

    /// Keeps for how long the vendor asked to be left alone.
    async fn keep_rest(&self, outcome: &LinkOutcome) -> Result<(), Failure> {
        let Some(Stop::Vendor(ConnectorError { retry: Retry::After(wait), .. })) = &outcome.stop else {
            return Ok(());
        };
        let place = self.app.link_place(outcome.link.id).await?;
        let rests_until = self.clock.now().saturating_add(*wait).ok();
        self.app.keep_link_place(outcome.link.id, &Place { rests_until, ..place }).await?;
        Ok(())
    }

    /// Gives the account's task a reason to run. One that has not made its [`Live`] yet reads its links afterwards.
    pub(crate) fn wake(&self, account: AccountId) {
        if let Some(live) = lock(&self.live).get(&account) {
            live.wake.notify_one();
        }
        self.changed.notify_one();
    }

    /// Closes the channel of a link that rests or goes, as far as the vendor is there: what it does not hear of ends by itself.
    pub(crate) async fn close_channel(&self, account: &AccountInfo, link: LinkId) {
        let Ok(Some(open)) = self.app.link_channel(link).await else { return };
        let Ok(live) = self.live(account).await else { return };
        let watch = worker::as_watch(&open);
        let closing = live.connector.unwatch(&watch);
        if !matches!(tokio::time::timeout(CLOSING_PATIENCE, closing).await, Ok(Ok(()))) {
            tracing::info!(account.id = %account.id, "the vendor was not told that it need not call any more");
        }
        lock(&live.watch_after).remove(&link);
        let _ = self.app.keep_link_channel(link, None).await;
    }

    /// Who runs an account's links, or changes what they stand on, holds this.
    pub(crate) fn turn(&self, account: AccountId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(lock(&self.turns).entry(account).or_default())
    }

    async fn run_link(&self, live: &Live, link: LinkInfo, execution: Execution, scope: Scope) -> LinkOutcome {
        let setup = Setup {
            app: &self.app,
            connector: &*live.connector,
            clock: &*self.clock,
            limits: &self.limits,
            backoff: self.backoff(),
            draw,
        };
        let mut run = LinkRun::new(&setup, link.clone(), execution, scope);
        let stop = run.run().await.err();
        LinkOutcome { link, report: run.report().clone(), stop }
    }

    /// Keeps what a run says of the account's health, and tells it.
    fn note(&self, account: &AccountInfo, live: &Live, outcome: &LinkOutcome) {
        let now = self.clock.now();
        let (report, link) = (&outcome.report, outcome.link.id);
        match &outcome.stop {
            None => lock(&live.breaker).succeeded(),
            Some(Stop::Vendor(error)) => {
                if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Unclear | ErrorKind::Malformed) {
                    lock(&live.breaker).failed(now);
                }
                let line = chain(error);
                if error.kind == ErrorKind::NeedsSignIn {
                    tracing::error!(account.id = %account.id, error = line, "an account needs to be signed in again");
                } else {
                    tracing::warn!(account.id = %account.id, error = line, "a run stopped before its end");
                }
            }
            Some(Stop::Changed) => {}
            Some(Stop::Detached(reason)) => {
                tracing::error!(account.id = %account.id, error = *reason, "a link is detached; nothing was deleted");
            }
            Some(Stop::Store(error)) => {
                tracing::error!(account.id = %account.id, error = chain(error), "a run stopped before its end");
            }
        }
        if report.here.all() + report.there.all() > 0 || report.held > 0 {
            tracing::info!(
                account.id = %account.id,
                connector = account.kind,
                count = report.here.all() + report.there.all(),
                "calendars were brought together"
            );
        }
        let backoff = self.backoff();
        let wait = |failures, asked| backoff.delay(failures, draw(), asked);
        lock(&live.health).note(now, link, report, outcome.stop.as_ref(), wait);
    }

    /// How an account is.
    pub(crate) fn health(&self, account: &AccountInfo) -> AccountHealth {
        let live = lock(&self.live).get(&account.id).map(Arc::clone);
        live.map(|live| lock(&live.health).clone()).unwrap_or_default()
    }

    pub(crate) fn backoff(&self) -> Backoff {
        Backoff { base: self.sync.retry(), cap: self.sync.retry_max() }
    }
}

/// Whether an account's other links would fare the same.
fn ends_all(stop: &Stop) -> bool {
    match stop {
        Stop::Vendor(error) => {
            matches!(error.kind, ErrorKind::NeedsSignIn | ErrorKind::Throttled | ErrorKind::Unavailable)
        }
        Stop::Store(_) | Stop::Changed | Stop::Detached(_) => false,
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A random number; the largest, which is the longest wait, if the system has none.
pub(crate) fn draw() -> u64 {
    let mut bytes = [0; 8];
    let filled = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes);
    filled.map_or(u64::MAX, |()| u64::from_ne_bytes(bytes))
}

/// `base` with up to a quarter more or less: what begins together does not go on together.
pub(crate) fn jittered(base: SignedDuration, draw: u64) -> SignedDuration {
    let nanos = base.as_nanos().clamp(0, i128::from(i64::MAX / 2));
    let half = nanos / 2;
    let drawn = (half * i128::from(draw)) >> 64;
    SignedDuration::from_nanos(i64::try_from(nanos - half / 2 + drawn).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_a_quarter_at_most() {
        let base = SignedDuration::from_secs(100);
        assert_eq!(jittered(base, 0), SignedDuration::from_secs(75));
        assert_eq!(jittered(base, 1 << 63), base);
        assert!(jittered(base, u64::MAX) <= SignedDuration::from_secs(125));
    }
}
