//! How all accounts are, for `almanac status` and the metrics.

use almanac_app::sync::{Enabled, LinkState};
use jiff::{SignedDuration, Timestamp};

use super::rows::AccountStatusRow;
use crate::failure::Failure;
use crate::output::word;
use crate::vendors::secrets::Secrets;
use crate::vendors::{HealthState, Vendors};

/// So long before a sign-in ends it is told: of the seven days that Google gives applications in testing, the last two.
const SIGN_IN_SOON: SignedDuration = SignedDuration::from_hours(48);

/// How all accounts are.
pub(crate) async fn account_status(
    vendors: &Vendors,
    now: Timestamp,
) -> Result<Vec<AccountStatusRow>, Failure> {
    let app = vendors.app();
    let links = app.links().await?;
    let mut rows = Vec::new();
    for account in app.accounts().await? {
        let health = vendors.health(&account);
        let own: Vec<_> = links.iter().filter(|link| link.account == account.id).collect();
        let mut row = AccountStatusRow {
            name: account.name.clone(),
            id: account.id.to_string(),
            kind: account.kind.clone(),
            tenant: account.tenant_name.clone(),
            error: health.error().map(str::to_owned),
            links: own.len() as u64,
            drift: health.links.values().filter_map(|link| link.drift).max(),
            ..AccountStatusRow::default()
        };
        let (mut oldest, mut channel, mut call) = (None, None, None);
        let (mut last, mut detached, mut rests) = (health.last_success(), false, health.until());
        for link in own {
            detached |= matches!(link.state, LinkState::Detached(_));
            let place = app.link_place(link.id).await?;
            (last, rests) = (last.max(place.done), rests.max(place.rests_until));
            let open = app.link_channel(link.id).await?;
            channel = open.iter().map(|open| open.until).chain(channel).min();
            call = open.and_then(|open| open.signalled).max(call);
            let mut after = None;
            loop {
                let (waits, next) = app.dispatches(link, after.as_ref()).await?;
                row.queue += waits.len() as u64;
                oldest = waits.iter().map(|waits| waits.dispatch.since).chain(oldest).min();
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            let waiting = app.waiting(link).await?;
            row.held += waiting.held;
            row.parked += waiting.parked;
        }
        let secret = app.account_secret(account.id).await?;
        let tokens = secret.and_then(|secret| Secrets::parse(&secret).ok()?.tokens());
        let mut state = health.state();
        if let Some(until) = rests.filter(|until| *until > now) {
            state = state.max(HealthState::Throttled);
            row.throttled_until = Some(until.to_string());
        }
        if detached {
            state = state.max(HealthState::Detached);
        } else if row.held > 0 {
            state = state.max(HealthState::Held);
        } else if row.parked > 0 {
            state = state.max(HealthState::Degraded);
        }
        let ends = tokens.as_ref().and_then(|tokens| tokens.sign_in_ends);
        if let Some(ends) = ends.filter(|ends| ends.duration_since(now) < SIGN_IN_SOON) {
            state = state.max(HealthState::Degraded);
            let advice = || format!("the sign-in ends at {ends}: `almanac account sign-in {}`", account.name);
            row.error = row.error.or_else(|| Some(advice()));
        }
        row.sign_in_ends = ends.map(|ends| ends.to_string());
        row.state = match account.enabled {
            Enabled::No => "disabled".to_owned(),
            Enabled::Yes => word(&state),
        };
        row.last_success = last.map(|at| at.to_string());
        row.lag_seconds = last.map(|at| now.duration_since(at).as_secs());
        row.oldest_pending = oldest.map(|at| at.to_string());
        row.last_call = call.map(|at| at.to_string());
        row.channel_expires = channel.map(|at| at.to_string());
        row.token_expires = tokens.map(|tokens| tokens.expires_at.to_string());
        rows.push(row);
    }
    Ok(rows)
}
