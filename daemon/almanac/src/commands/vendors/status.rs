//! How all accounts are, for `almanac status` and the metrics.

use almanac_app::App;
use almanac_app::sync::{Enabled, LinkInfo, LinkState};
use almanac_base::LinkId;
use jiff::{SignedDuration, Timestamp};

use super::remedy::{Stage, Trouble, Whose, detached};
use super::rows::AccountStatusRow;
use crate::failure::Failure;
use crate::output::word;
use crate::vendors::secrets::Secrets;
use crate::vendors::{AccountHealth, HealthState, Vendors};

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
        let seen = Seen::of(app, &own, &health, &mut row, now).await?;
        let secret = app.account_secret(account.id).await?;
        let secrets = secret.and_then(|secret| Secrets::parse(&secret).ok()).unwrap_or_default();
        let whose = Whose::new(&account, &secrets, Stage::Runs);
        let tokens = secrets.tokens();
        let mut state = health.state();
        if let Some(until) = seen.rests.filter(|until| *until > now) {
            state = state.max(HealthState::Throttled);
            row.throttled_until = Some(until.to_string());
        }
        if !seen.apart.is_empty() {
            state = state.max(HealthState::Detached);
        } else if row.held > 0 {
            state = state.max(HealthState::Held);
        } else if row.parked > 0 {
            state = state.max(HealthState::Degraded);
        }
        let ends = tokens.as_ref().and_then(|tokens| tokens.sign_in_ends);
        if let Some(ends) = ends.filter(|ends| ends.duration_since(now) < SIGN_IN_SOON) {
            state = state.max(HealthState::Degraded);
            let second = Timestamp::from_second(ends.as_second()).unwrap_or(ends);
            if row.error.is_none() {
                row.error = Some(format!("the sign-in ends at {second}"));
                row.remedy = Some(whose.sign_in());
            }
        }
        row.sign_in_ends = ends.map(|ends| ends.to_string());
        row.state = match account.enabled {
            Enabled::No => "disabled".to_owned(),
            Enabled::Yes => word(&state),
        };
        row.remedy = match account.enabled {
            Enabled::No => None,
            Enabled::Yes => {
                row.remedy.or_else(|| remedy(state, &health, &seen.apart, (row.held, row.parked), &whose))
            }
        };
        row.last_success = seen.last.map(|at| at.to_string());
        row.lag_seconds = seen.last.map(|at| now.duration_since(at).as_secs());
        row.oldest_pending = seen.oldest.map(|at| at.to_string());
        row.last_call = seen.call.map(|at| at.to_string());
        row.channel_expires = seen.channel.map(|at| at.to_string());
        row.token_expires = tokens.map(|tokens| tokens.expires_at.to_string());
        rows.push(row);
    }
    Ok(rows)
}

/// What the links of an account say together.
struct Seen {
    /// Since when the oldest of what waits to be sent does.
    oldest: Option<Timestamp>,
    /// When the first open channel ends.
    channel: Option<Timestamp>,
    /// When the vendor last called.
    call: Option<Timestamp>,
    /// When a run last came to its end.
    last: Option<Timestamp>,
    /// Until when the vendor asked to be left alone.
    rests: Option<Timestamp>,
    /// Links that are detached.
    apart: Vec<LinkId>,
}

impl Seen {
    /// Looks at all links; what is counted goes into `row`.
    async fn of(
        app: &App,
        links: &[&LinkInfo],
        health: &AccountHealth,
        row: &mut AccountStatusRow,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let (last, rests) = (health.last_success(), health.until());
        let mut seen = Self { oldest: None, channel: None, call: None, last, rests, apart: Vec::new() };
        for link in links {
            if let LinkState::Detached(reason) = &link.state {
                seen.apart.push(link.id);
                row.error.get_or_insert_with(|| format!("the link is detached: {reason}"));
            }
            let place = app.link_place(link.id).await?;
            (seen.last, seen.rests) = (seen.last.max(place.done), seen.rests.max(place.rests_until));
            let open = app.link_channel(link.id).await?;
            let living = open.iter().map(|open| open.until).filter(|until| *until > now);
            seen.channel = living.chain(seen.channel).min();
            seen.call = open.and_then(|open| open.signalled).max(seen.call);
            let (count, since) = queue(app, link).await?;
            row.queue += count;
            seen.oldest = since.into_iter().chain(seen.oldest).min();
            let waiting = app.waiting(link).await?;
            row.held += waiting.held;
            row.parked += waiting.parked;
        }
        Ok(seen)
    }
}

/// How many objects of a link wait to be sent, and since when the oldest does.
async fn queue(app: &App, link: &LinkInfo) -> Result<(u64, Option<Timestamp>), Failure> {
    let (mut count, mut oldest, mut after) = (0, None, None);
    loop {
        let (waits, next) = app.dispatches(link, after.as_ref()).await?;
        count += waits.len() as u64;
        oldest = waits.iter().map(|waits| waits.dispatch.since).chain(oldest).min();
        match next {
            Some(next) => after = Some(next),
            None => return Ok((count, oldest)),
        }
    }
}

/// What to do about an account in this state; `None` if nothing, or nothing that is known.
fn remedy(
    state: HealthState,
    health: &AccountHealth,
    apart: &[LinkId],
    (held, parked): (u64, u64),
    whose: &Whose,
) -> Option<String> {
    let waiting = || match (held, parked) {
        (0, 0) => None,
        (0, _) => Some("`almanac sync parked`".to_owned()),
        (_, 0) => Some("`almanac sync held`".to_owned()),
        (_, _) => Some("`almanac sync held` and `almanac sync parked`".to_owned()),
    };
    match state {
        HealthState::Unknown | HealthState::Ok => None,
        HealthState::Detached if apart.is_empty() => None, // it is meant to run again
        HealthState::Detached => {
            Some(apart.iter().map(|link| detached(*link)).collect::<Vec<_>>().join("; "))
        }
        HealthState::NeedsSignIn => Some(whose.sign_in()),
        HealthState::Throttled => Some(Trouble::Pause.remedy(whose)),
        HealthState::Held | HealthState::Degraded | HealthState::Broken => {
            health.trouble().map(|trouble| trouble.remedy(whose)).or_else(waiting)
        }
    }
}
