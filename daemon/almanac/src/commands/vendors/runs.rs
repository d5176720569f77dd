//! The runs that a command waits for.

use std::sync::Arc;
use std::time::Duration;

use almanac_app::sync::AccountInfo;
use almanac_contract::Retry;
use almanac_sync::{Execution, Report, Scope, Stop};
use jiff::SignedDuration;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::vendors::{LinkOutcome, Patience, Vendors, draw};

/// Runs of one account by one command, at most.
const RUNS_MAX: u32 = 9;

/// How long after its beginning a command tries again what may be better later.
const RETRIES_PATIENCE: Duration = Duration::from_secs(30);

/// Runs until there is nothing left to do, as often and as long as a person waits for it.
pub(super) async fn run_until_idle(
    vendors: &Arc<Vendors>,
    account: &AccountInfo,
    execution: Execution,
    scope: Scope,
) -> Result<Vec<LinkOutcome>, Failure> {
    let mut all = vendors.run(account, execution, scope, Patience::Ignore).await?;
    let mut last: Vec<_> = all.iter().map(|outcome| wait_of(vendors, outcome, 1)).collect();
    let begun = Instant::now();
    for attempt in 2..=RUNS_MAX {
        let Some(wait) = last.iter().flatten().min() else { break };
        let wait = Duration::try_from(*wait).unwrap_or_default();
        // What comes further at once goes on as long as it takes.
        let too_long = !wait.is_zero() && begun.elapsed().saturating_add(wait) > RETRIES_PATIENCE;
        if execution == Execution::Plan || too_long {
            break;
        }
        tokio::time::sleep(wait).await;
        // Who looked at everything to the end need not do so again.
        let rest = if all.iter().any(|outcome| outcome.stop.is_some()) { scope } else { Scope::Changes };
        let again = vendors.run(account, execution, rest, Patience::Ignore).await?;
        last = again.iter().map(|outcome| wait_of(vendors, outcome, attempt)).collect();
        for outcome in again {
            match all.iter_mut().find(|other| other.link.id == outcome.link.id) {
                Some(before) => {
                    let sum = add(&before.report, &outcome.report);
                    *before = LinkOutcome { report: sum, ..outcome };
                }
                None => all.push(outcome),
            }
        }
    }
    if execution == Execution::Do {
        vendors.note_all(account, &all).await?;
    }
    Ok(all)
}

/// How long to wait before another run can bring a link further; `None`: it is idle, or nothing but a person helps.
fn wait_of(vendors: &Vendors, outcome: &LinkOutcome, attempt: u32) -> Option<SignedDuration> {
    match outcome.stop.as_ref().map(Stop::retry) {
        Some(Retry::After(wait)) => Some(wait),
        Some(Retry::Backoff) => Some(vendors.backoff().delay(attempt, draw(), None)),
        Some(Retry::Never) => None,
        None if outcome.report.here.all() + outcome.report.there.all() > 0 => Some(SignedDuration::ZERO),
        None => outcome.report.next.map(|next| next.duration_since(vendors.now()).max(SignedDuration::ZERO)),
    }
}

/// What two runs did together.
fn add(one: &Report, other: &Report) -> Report {
    let mut sum = other.clone();
    for (into, from) in [(&mut sum.here, &one.here), (&mut sum.there, &one.there)] {
        into.created += from.created;
        into.updated += from.updated;
        into.deleted += from.deleted;
    }
    sum.lost += one.lost;
    sum.held += one.held;
    sum.parked += one.parked;
    sum.mails += one.mails;
    sum.matched += one.matched;
    sum.mirrors += one.mirrors;
    sum
}
