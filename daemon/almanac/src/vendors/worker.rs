//! The tasks that keep links equal while the daemon runs: one for each account, which runs when something changed here,
//! when the vendor calls, when what waits is due, and otherwise at intervals.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use almanac_app::sync::{AccountInfo, Channel, Enabled, LinkInfo, LinkState, Place};
use almanac_base::{AccountId, CollectionId, Secret};
use almanac_sync::{Admission, Execution, Scope};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::sleep;

use super::{LinkOutcome, Live, Patience, Vendors, draw, jittered, lock};
use crate::failure::Failure;
use crate::supervisor::{Importance, Supervisor};

/// How often accounts are looked at that came or went by another way than a command.
const LOOK: Duration = Duration::from_secs(60);

/// How long before its end a channel is opened anew.
const CHANNEL_MARGIN: SignedDuration = SignedDuration::from_hours(12);

/// How long it is left at that after a channel was asked for, granted or not.
const CHANNEL_PAUSE: SignedDuration = SignedDuration::from_mins(30);

/// The same, however short a channel lives.
const CHANNEL_PAUSE_MIN: SignedDuration = SignedDuration::from_secs(1);

/// How long a channel is asked for. Vendors grant less.
const CHANNEL_LIFE: SignedDuration = SignedDuration::from_hours(24 * 6);

/// By how much polling slows down while a vendor calls.
const CALLED_STRETCH: i32 = 6;

/// How often everything is looked at, to find what was missed.
const RECONCILE: SignedDuration = SignedDuration::from_hours(24);

/// Why a turn begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Something happened: a call of the vendor, a change here, a command.
    Told,
    /// The time has come.
    Polled,
}

/// Works for all accounts until the supervisor asks to stop.
pub(crate) fn serve(supervisor: &Supervisor, vendors: &Arc<Vendors>) {
    let (vendors, tasks, stopping) = (Arc::clone(vendors), supervisor.clone(), supervisor.stopping());
    supervisor.spawn("sync", Importance::Vital, async move {
        loop {
            match vendors.app.accounts().await {
                Ok(accounts) => {
                    for account in accounts.into_iter().filter(|account| account.enabled == Enabled::Yes) {
                        work_for(&tasks, &vendors, account.id);
                    }
                }
                Err(error) => tracing::warn!(error = crate::failure::chain(&error), "accounts were not read"),
            }
            tokio::select! {
                () = stopping.cancelled() => return,
                () = vendors.changed.notified() => {}
                () = sleep(LOOK) => {}
            }
        }
    });
}

/// Starts the task of an account, if there is none.
fn work_for(supervisor: &Supervisor, vendors: &Arc<Vendors>, account: AccountId) {
    if !lock(&vendors.working).insert(account) {
        return;
    }
    let (vendors, stopping) = (Arc::clone(vendors), supervisor.stopping());
    supervisor.spawn("sync.account", Importance::Ordinary, async move {
        let working = Working { vendors, account };
        stopping.run_until_cancelled_owned(working.work()).await;
    });
}

/// A task of an account; when it ends, another may begin.
struct Working {
    vendors: Arc<Vendors>,
    account: AccountId,
}

impl Drop for Working {
    fn drop(&mut self) {
        lock(&self.vendors.working).remove(&self.account);
    }
}

impl Working {
    async fn work(&self) {
        let vendors = &self.vendors;
        let mut changes = vendors.app.collections_changed();
        let mut cause = Cause::Told;
        loop {
            let Ok(account) = vendors.app.account(self.account).await else { return };
            if account.enabled == Enabled::No {
                return;
            }
            let live = match vendors.live(&account).await {
                Ok(live) => live,
                Err(failure) => {
                    tracing::error!(account.id = %account.id, error = failure.what, "an account cannot be used");
                    sleep(LOOK).await; // until somebody changes something
                    continue;
                }
            };
            let mut links = vendors.app.links_of_account(&account).await.unwrap_or_default();
            links.retain(|link| link.state == LinkState::Active);
            let collections: BTreeSet<CollectionId> = links.iter().map(|link| link.collection).collect();
            let wait = match self.turn(&account, &live, &links, cause).await {
                Ok(wait) => wait,
                Err(failure) => {
                    tracing::warn!(account.id = %account.id, error = failure.what, "a run stopped before its end");
                    vendors.sync.poll()
                }
            };
            let poll = sleep(Duration::try_from(wait).unwrap_or_default());
            tokio::pin!(poll);
            cause = loop {
                tokio::select! {
                    () = &mut poll => break Cause::Polled,
                    () = live.wake.notified() => break Cause::Told,
                    changed = changes.recv() => match changed {
                        Ok(collection) if !collections.contains(&collection) => {}
                        Ok(_) | Err(RecvError::Lagged(_)) if !self.is_behind(&links).await => {} // our own writes
                        Ok(_) | Err(RecvError::Lagged(_)) => {
                            // Several changes of one person come together.
                            sleep(vendors.sync.local_delay.0).await;
                            break Cause::Told;
                        }
                        Err(RecvError::Closed) => return,
                    },
                }
            };
            // What came meanwhile is seen by the run that begins now.
            changes = changes.resubscribe();
        }
    }

    /// Whether a calendar of a link has changes that its last run has not seen.
    async fn is_behind(&self, links: &[LinkInfo]) -> bool {
        let app = &self.vendors.app;
        for link in links {
            let seen = app.link_place(link.id).await.ok().and_then(|place| place.seq);
            let head = app.local_head(link).await.ok();
            if seen < head {
                return true;
            }
        }
        false
    }

    /// One turn; how long to wait for the next.
    async fn turn(
        &self,
        account: &AccountInfo,
        live: &Live,
        links: &[LinkInfo],
        cause: Cause,
    ) -> Result<SignedDuration, Failure> {
        let vendors = &self.vendors;
        let now = vendors.clock.now();
        let admission = lock(&live.breaker).admit(now);
        if let Admission::Wait(wait) = admission {
            return Ok(wait);
        }
        if links.is_empty() {
            return Ok(vendors.sync.poll());
        }
        let rests = |link: &LinkInfo| lock(&live.health).rest(link.id, now);
        if let Some(wait) = links.iter().map(rests).collect::<Option<Vec<_>>>() {
            return Ok(wait.into_iter().min().unwrap_or_else(|| vendors.sync.poll())); // all of them rest
        }
        if let Some(wait) = vendors.asked_to_rest(&vendors.app.links_of_account(account).await?).await? {
            return Ok(wait);
        }
        let mut called = live.connector.capabilities().watches && vendors.sync.hooks_url.is_some();
        if called {
            let turn = vendors.turn(account.id);
            let _turn = turn.lock().await;
            for link in links {
                called &= self.channel(live, link, now).await;
            }
        }
        let outcomes = vendors.run(account, Execution::Do, Scope::Changes, Patience::Obey).await?;
        if called && cause == Cause::Polled {
            called = !self.has_missed_a_call(&outcomes, now).await;
        }
        if self.is_due_for_comparison(links, now).await {
            self.reconcile(account, live, now).await?;
        }
        Ok(self.wait(&outcomes, called, live))
    }

    /// Whether polling, which began at `since`, found what the vendor should have called about. Such a channel has to prove anew
    /// that it lives.
    async fn has_missed_a_call(&self, outcomes: &[LinkOutcome], since: Timestamp) -> bool {
        let app = &self.vendors.app;
        let mut missed = false;
        for outcome in outcomes.iter().filter(|outcome| outcome.report.here.all() > 0) {
            let link = outcome.link.id;
            if let Ok(Some(open)) = app.link_channel(link).await {
                missed |= app.forget_signal(link, &open.channel, since).await.unwrap_or_default();
            }
        }
        missed
    }

    fn wait(&self, outcomes: &[LinkOutcome], called: bool, live: &Live) -> SignedDuration {
        let sync = &self.vendors.sync;
        let poll = if called { sync.poll().saturating_mul(CALLED_STRETCH) } else { sync.poll() };
        let mut wait = jittered(poll, draw());
        let now = self.vendors.clock.now();
        for outcome in outcomes {
            if let Some(next) = outcome.report.next {
                wait = wait.min(next.duration_since(now).max(SignedDuration::ZERO));
            }
            if let Some(rest) = lock(&live.health).rest(outcome.link.id, now) {
                wait = wait.min(rest);
            }
        }
        for after in lock(&live.watch_after).values().filter(|after| **after > now) {
            wait = wait.min(after.duration_since(now)); // a channel may have to be renewed
        }
        // Never a loop without a pause.
        wait.max(SignedDuration::from_millis(50))
    }

    /// Looks at everything without writing: what a run should have found and did not.
    async fn reconcile(&self, account: &AccountInfo, live: &Live, now: Timestamp) -> Result<(), Failure> {
        let app = &self.vendors.app;
        let compared = self.vendors.run(account, Execution::Plan, Scope::Everything, Patience::Obey).await?;
        let turn = self.vendors.turn(account.id);
        let _turn = turn.lock().await;
        // What did not come to its end is compared again soon.
        for outcome in compared.into_iter().filter(|outcome| outcome.stop.is_none()) {
            let place = app.link_place(outcome.link.id).await?;
            app.keep_link_place(outcome.link.id, &Place { compared: Some(now), ..place }).await?;
            // What waits to be sent is no drift.
            let found = outcome.report.here.all() + outcome.report.there.all();
            let found = found.saturating_sub(outcome.report.waiting);
            lock(&live.health).links.entry(outcome.link.id).or_default().drift = Some(found);
            if found > 0 {
                tracing::warn!(
                    account.id = %account.id,
                    count = found,
                    "both sides differ although nothing was reported: see `almanac sync now --full --dry-run`"
                );
            }
        }
        Ok(())
    }

    /// Whether both sides were not compared for a day. It begins anew for a link that never was.
    async fn is_due_for_comparison(&self, links: &[LinkInfo], now: Timestamp) -> bool {
        let mut oldest = now;
        for link in links {
            let place = self.vendors.app.link_place(link.id).await.unwrap_or_default();
            oldest = oldest.min(place.compared.or(place.listed).unwrap_or(now));
        }
        now.duration_since(oldest) > jittered(RECONCILE, draw())
    }

    /// Sees to it that the vendor calls; whether it does.
    async fn channel(&self, live: &Live, link: &LinkInfo, now: Timestamp) -> bool {
        let vendors = &self.vendors;
        // It may have been paused since it was looked at.
        if !vendors.app.link(link.id).await.is_ok_and(|link| link.state == LinkState::Active) {
            return false;
        }
        let Ok(open) = vendors.app.link_channel(link.id).await else { return false };
        // A channel proves alive by its first signal; without one, nothing is taken for granted.
        let lives = open.as_ref().is_some_and(|open| open.until > now && open.signalled.is_some());
        if open.as_ref().is_some_and(|open| open.until.duration_since(now) > CHANNEL_MARGIN) {
            return lives;
        }
        if lock(&live.watch_after).get(&link.id).is_some_and(|after| now < *after) {
            return lives;
        }
        let after = now.saturating_add(CHANNEL_PAUSE).unwrap_or(now);
        lock(&live.watch_after).insert(link.id, after);
        let Some(address) = vendors.hook_address(live) else { return false };
        let Some(wanted) = wanted_channel(address, now) else { return false };
        let address = wanted.address.clone();
        let watched = match &open {
            // One that calls another address cannot be told this one.
            Some(open) if open.address.as_ref().is_some_and(|called| *called != address) => {
                live.connector.unwatch(&as_watch(open)).await.map(|()| None)
            }
            Some(open) => live.connector.renew(&as_watch(open), wanted.until).await,
            None => Ok(None),
        };
        let calendar = almanac_contract::CalendarId(link.remote.clone());
        let watched = match watched {
            Ok(Some(watch)) => Ok((watch, open.as_ref().map(|open| open.secret.clone()))),
            Ok(None) => live.connector.watch(&calendar, &wanted).await.map(|watch| (watch, None)),
            Err(error) => Err(error),
        };
        let (watch, secret) = match watched {
            Ok(watched) => watched,
            Err(error) => {
                let error = crate::failure::chain(&error);
                tracing::warn!(account.id = %self.account, error, "the vendor does not call; polling goes on");
                return lives;
            }
        };
        // Half of its life is left to ask again, however short that is.
        let life = watch.until.duration_since(now);
        let pause = match life.checked_div(2) {
            Some(half) if life.is_positive() => half.clamp(CHANNEL_PAUSE_MIN, CHANNEL_PAUSE),
            _ => CHANNEL_PAUSE, // one that has ended already was never granted
        };
        let after = now.saturating_add(pause).unwrap_or(now);
        lock(&live.watch_after).insert(link.id, after);
        let renewed = secret.is_some();
        let channel = Channel {
            channel: watch.channel,
            resource: watch.resource,
            secret: secret.unwrap_or(wanted.secret),
            until: watch.until,
            signalled: open.as_ref().filter(|_| renewed).and_then(|open| open.signalled),
            address: Some(address),
        };
        if vendors.app.keep_link_channel(link.id, Some(&channel)).await.is_err() {
            return false;
        }
        if let Some(open) = open.filter(|_| !renewed) {
            let _ = live.connector.unwatch(&as_watch(&open)).await; // it ends by itself
        }
        lives
    }
}

/// A channel in the words of the contract.
pub(super) fn as_watch(open: &Channel) -> almanac_contract::Watch {
    almanac_contract::Watch {
        channel: open.channel.clone(),
        resource: open.resource.clone(),
        until: open.until,
    }
}

fn wanted_channel(address: String, now: Timestamp) -> Option<almanac_contract::Channel> {
    let id = crate::vendors::hooks::random_name()?;
    let secret = Secret::new(crate::vendors::hooks::random_name()?);
    Some(almanac_contract::Channel { id, address, secret, until: now.saturating_add(CHANNEL_LIFE).ok()? })
}
