//! How an account is, as the operator is told.

use std::collections::BTreeMap;

use almanac_base::LinkId;
use almanac_contract::{ErrorKind, Retry};
use almanac_sync::{Report, Stop};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::commands::vendors::remedy::Trouble;
use crate::failure::chain;

/// How an account is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HealthState {
    /// No run has ended since the program began.
    #[default]
    Unknown,
    /// All is well.
    Ok,
    /// Something waits for a person: deletions, contradictions, mails.
    Held,
    /// Runs fail, or objects are parked.
    Degraded,
    /// The vendor asked for a pause.
    Throttled,
    /// A calendar on one of the two sides is gone.
    Detached,
    /// A person has to sign in.
    NeedsSignIn,
    /// It cannot be used.
    Broken,
}

/// How one link is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LinkHealth {
    pub(crate) state: HealthState,
    pub(crate) error: Option<String>,
    /// What the error is, for whoever has to do something about it.
    pub(crate) trouble: Option<Trouble>,
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    /// When what waits may be sent.
    pub(crate) next: Option<Timestamp>,
    /// Runs in a row that did not come to their end.
    pub(crate) failures: u32,
    /// How often a sign-in was refused since the last run that came to its end.
    pub(crate) refusals: u32,
    /// When it was last tried.
    pub(crate) tried: Option<Timestamp>,
    /// What a look at everything found that runs had missed.
    pub(crate) drift: Option<u64>,
}

/// How long nobody signs in after a first refusal. Each further one in a row doubles it.
const SIGN_IN_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// The longest such wait.
const SIGN_IN_WAIT_MAX: SignedDuration = SignedDuration::from_hours(24);

/// How an account is: the worst of its links.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AccountHealth {
    pub(crate) links: BTreeMap<LinkId, LinkHealth>,
}

impl AccountHealth {
    /// Notes what a run came to. `wait` says how long a link rests after so many failures.
    pub(crate) fn note(
        &mut self,
        now: Timestamp,
        link: LinkId,
        report: &Report,
        stop: Option<&Stop>,
        wait: impl Fn(u32, Option<SignedDuration>) -> SignedDuration,
    ) {
        if matches!(stop, Some(Stop::Changed)) {
            return; // it says nothing about the account
        }
        let health = self.links.entry(link).or_default();
        health.next = report.next;
        health.tried = Some(now);
        health.failures = if stop.is_some() { health.failures.saturating_add(1) } else { 0 };
        health.refusals = match stop {
            None => 0,
            Some(Stop::Vendor(error)) if error.kind == ErrorKind::NeedsSignIn => {
                health.refusals.saturating_add(1)
            }
            Some(_) => health.refusals,
        };
        (health.error, health.until) = (None, None);
        health.trouble = stop.and_then(Trouble::of_run);
        health.state = match stop {
            None => {
                health.last_success = Some(now);
                if report.held > 0 {
                    HealthState::Held
                } else if report.parked > 0 {
                    HealthState::Degraded
                } else {
                    HealthState::Ok
                }
            }
            Some(Stop::Detached(_)) => HealthState::Detached,
            Some(Stop::Store(_) | Stop::Changed) => HealthState::Degraded,
            Some(Stop::Vendor(error)) => match error.kind {
                ErrorKind::NeedsSignIn => HealthState::NeedsSignIn,
                ErrorKind::Throttled => HealthState::Throttled,
                ErrorKind::Forbidden | ErrorKind::Unsupported => HealthState::Broken,
                _ => HealthState::Degraded,
            },
        };
        if let Some(stop) = stop {
            health.error = Some(chain(stop));
            let asked = if let Retry::After(asked) = stop.retry() { Some(asked) } else { None };
            health.until = now.saturating_add(wait(health.failures, asked)).ok();
        }
    }

    pub(crate) fn state(&self) -> HealthState {
        self.links.values().map(|link| link.state).max().unwrap_or_default()
    }

    pub(crate) fn last_success(&self) -> Option<Timestamp> {
        self.links.values().filter_map(|link| link.last_success).max()
    }

    /// Until when the vendor asked to be left alone.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        let throttled = self.links.values().filter(|link| link.state == HealthState::Throttled);
        throttled.filter_map(|link| link.until).max()
    }

    /// How long a link is left alone, whatever else happens: as it asked for, and longer with each failure. Where nobody is
    /// signed in it is tried ever more seldom: a wrong password that is sent again and again locks accounts, and a server
    /// that was confused for a moment must not cost a day. One refusal counts for all links: the password is the same.
    pub(crate) fn rest(&self, link: LinkId, now: Timestamp) -> Option<SignedDuration> {
        let refused = self.links.values().filter(|link| link.state == HealthState::NeedsSignIn);
        let signed_out =
            refused.filter_map(|link| link.tried?.saturating_add(sign_in_wait(link.refusals)).ok()).max();
        let own = self.links.get(&link).filter(|link| link.state != HealthState::NeedsSignIn);
        let until = signed_out.max(own.and_then(|link| link.until));
        until.map(|until| until.duration_since(now)).filter(|wait| wait.is_positive())
    }

    pub(crate) fn error(&self) -> Option<&str> {
        self.worst().and_then(|link| link.error.as_deref())
    }

    /// What the error is that [`Self::error`] tells.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.worst().and_then(|link| link.trouble)
    }

    fn worst(&self) -> Option<&LinkHealth> {
        self.links.values().filter(|link| link.error.is_some()).max_by_key(|link| link.state)
    }
}

/// How long nobody signs in after so many refusals.
fn sign_in_wait(refusals: u32) -> SignedDuration {
    let doublings = refusals.saturating_sub(1).min(16);
    SIGN_IN_WAIT.saturating_mul(1_i32 << doublings).min(SIGN_IN_WAIT_MAX)
}

#[cfg(test)]
mod tests {
    use almanac_contract::ConnectorError;

    use super::*;

    #[test]
    fn a_refused_sign_in_is_tried_after_a_quarter_of_an_hour_and_ever_more_seldom_up_to_once_a_day() {
        let link = LinkId::from_bytes([1; 16]);
        let mut health = AccountHealth::default();
        let mut now = Timestamp::UNIX_EPOCH;
        let refused = || Stop::Vendor(ConnectorError::new(ErrorKind::NeedsSignIn, "list changes"));
        let wait = |_, _| SignedDuration::from_secs(1);
        for minutes in [15, 30, 60, 120, 240, 480, 960, 1440, 1440] {
            health.note(now, link, &Report::default(), Some(&refused()), wait);
            assert_eq!(health.rest(link, now), Some(SignedDuration::from_mins(minutes)));
            let other = LinkId::from_bytes([2; 16]);
            assert_eq!(health.rest(other, now), health.rest(link, now), "the password is the same");
            let almost = SignedDuration::from_mins(minutes) - SignedDuration::from_secs(1);
            now = now.saturating_add(almost).unwrap();
            assert_eq!(health.rest(link, now), Some(SignedDuration::from_secs(1)), "not before");
            now = now.saturating_add(SignedDuration::from_secs(1)).unwrap();
            assert_eq!(health.rest(link, now), None);
        }
        // Once it went well, it begins from the start, however often something else failed before.
        health.note(now, link, &Report::default(), None, wait);
        assert_eq!(health.rest(link, now), None);
        for _ in 0..20 {
            let down = Stop::Vendor(ConnectorError::new(ErrorKind::Unavailable, "list changes"));
            health.note(now, link, &Report::default(), Some(&down), wait);
        }
        health.note(now, link, &Report::default(), Some(&refused()), wait);
        assert_eq!(health.rest(link, now), Some(SignedDuration::from_mins(15)));
        assert_eq!(sign_in_wait(u32::MAX), SignedDuration::from_hours(24));
    }
}
