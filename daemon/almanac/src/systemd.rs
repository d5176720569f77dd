//! What the service manager is told (`sd_notify(3)`): ready, reloading, stopping, alive. Without `NOTIFY_SOCKET` nobody is told
//! anything. A status names addresses and counts, never a person.

use std::sync::Arc;
use std::time::Duration;

use almanac_app::{App, AppError};
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::commands::rows::Addresses;
use crate::failure::chain;
use crate::supervisor::{Importance, Supervisor};

/// Everything is open, bound and served, and the configuration is the one that was read last.
pub(crate) fn ready(addresses: &Addresses) {
    tell(&[NotifyState::Ready, NotifyState::Status(&serving(addresses))]);
}

/// The configuration is being read anew; [`ready`] or [`refused`] follows.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "cannot tell the service manager"),
    }
}

/// Served as before, since the new configuration is not valid.
pub(crate) fn refused(addresses: &Addresses) {
    let status = format!("{}; the new configuration is refused, see the log", serving(addresses));
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

fn serving(addresses: &Addresses) -> String {
    format!("serving {}", addresses.http.join(", "))
}

/// No new work is taken. From here on the manager counts the time of the stop, and wants no sign of life.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishing requests")]);
}

/// Tells the manager at half of its patience that the event loop turns and the store answers, if it wants to know.
///
/// A store that does not answer is silence: the manager restarts the daemon, and that is what mends it.
pub(crate) fn feed_watchdog(supervisor: &Supervisor, app: &Arc<App>) {
    let Some(patience) = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero()) else { return };
    let (app, stopping) = (Arc::clone(app), supervisor.stopping());
    let probe = move || {
        let app = Arc::clone(&app);
        async move { app.probe().await }
    };
    supervisor.spawn("watchdog", Importance::Vital, async move {
        let feeding = feed(patience / 2, probe, || tell(&[NotifyState::Watchdog]));
        stopping.run_until_cancelled_owned(feeding).await;
    });
}

/// Calls `alive` once each `period` in which `probe` succeeds in half of that time.
async fn feed<P: Future<Output = Result<(), AppError>>>(
    period: Duration,
    probe: impl Fn() -> P,
    alive: impl Fn(),
) {
    let mut rounds = interval(period);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        match timeout(period / 2, probe()).await {
            Ok(Ok(())) => alive(),
            Ok(Err(error)) => tracing::error!(error = chain(&error), "the store does not answer"),
            Err(_) => tracing::error!("the store does not answer in time"),
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;

    use super::*;

    /// How often the watchdog is fed in ten rounds.
    async fn fed<P: Future<Output = Result<(), AppError>>>(probe: impl Fn() -> P) -> u32 {
        let period = Duration::from_secs(1);
        let count = Cell::new(0);
        let feeding = feed(period, probe, || count.set(count.get() + 1));
        let _ = timeout(period * 10 - period / 4, feeding).await;
        count.get()
    }

    #[tokio::test(start_paused = true)]
    async fn the_watchdog_is_fed_while_the_store_answers_and_only_then() {
        assert_eq!(fed(|| async { Ok(()) }).await, 10);
        assert_eq!(fed(|| async { Err(AppError::Bug("no store")) }).await, 0);
        assert_eq!(fed(pending).await, 0);
        let calls = Cell::new(0);
        let now_and_then = || {
            calls.set(calls.get() + 1);
            let answers = calls.get() % 2 == 0;
            async move { if answers { Ok(()) } else { pending().await } }
        };
        assert_eq!(fed(now_and_then).await, 5);
    }
}
