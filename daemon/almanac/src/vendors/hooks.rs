//! Vendors' calls: who calls is checked, and the account runs. What is told is never believed, only that something is.

use std::sync::Arc;

use almanac_app::sync::{Channel, LinkInfo};
use almanac_base::Secret;
use almanac_contract::{HookRequest, Received, Signal, SignalKind};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::registry::Kind;
use super::{Live, Vendors, lock};

/// What a call is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookAnswer {
    /// With this text.
    Handshake(String),
    /// That it is taken.
    Accepted,
    /// That there is nothing here for it.
    Refused,
    /// That it should come again.
    Later,
}

/// 256 random bits as text; `None` if the system has none.
pub(crate) fn random_name() -> Option<String> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Vendors {
    /// Where the vendor of a connector is to call.
    pub(super) fn hook_address(&self, live: &Live) -> Option<String> {
        let base = self.sync.hooks_url.as_ref()?;
        let vendor = live.hook?;
        Some(format!("{}/hooks/{vendor}", base.0.trim_end_matches('/')))
    }

    /// Takes a call of `vendor`, `google` or `graph`. When it is answered, the reason to run is noted.
    pub(crate) async fn hook(&self, vendor: &str, request: &HookRequest<'_>) -> HookAnswer {
        // Any account of the vendor reads its calls; without one there is no channel either.
        let live = lock(&self.live).values().find(|live| live.hook == Some(vendor)).map(Arc::clone);
        let Some(live) = live else { return HookAnswer::Refused };
        let received = live.connector.receive(request);
        let signals = match received {
            Received::Handshake(text) => return HookAnswer::Handshake(text),
            Received::Unknown => return HookAnswer::Refused,
            Received::Signals(signals) => signals,
        };
        let links = match self.app.links().await {
            Ok(links) => links,
            Err(_) => return HookAnswer::Later,
        };
        let mut genuine = 0;
        for signal in &signals {
            match self.take(&links, signal).await {
                Ok(true) => genuine += 1,
                Ok(false) => {}
                Err(_) => return HookAnswer::Later,
            }
        }
        if genuine == 0 { HookAnswer::Refused } else { HookAnswer::Accepted }
    }

    /// Takes a signal; whether it is genuine.
    async fn take(&self, links: &[LinkInfo], signal: &Signal) -> Result<bool, almanac_app::AppError> {
        for link in links {
            let Some(open) = self.app.link_channel(link.id).await? else { continue };
            if open.channel != signal.channel || !proves(&open, signal) {
                continue;
            }
            let closed = matches!(signal.kind, SignalKind::Closed | SignalKind::Renew);
            // Durable before the vendor is told that it is taken: after a crash the next start runs anyway, and a channel
            // that is closed is opened again.
            let kept = Channel { signalled: Some(self.clock.now()), ..open };
            let kept = if closed { None } else { Some(&kept) };
            self.app.keep_link_channel(link.id, kept).await?;
            if signal.kind != SignalKind::Opened
                && let Some(live) = lock(&self.live).get(&link.account)
            {
                live.wake.notify_one(); // many calls are one reason
            }
            return Ok(true);
        }
        Ok(false)
    }
}

/// Whether a signal proves to come from the vendor that the channel was opened at; takes the same time wherever it differs.
fn proves(open: &Channel, signal: &Signal) -> bool {
    // Hashed first: the time would tell how long the secret is.
    let hash = |secret: &Secret| ring::digest::digest(&ring::digest::SHA256, secret.expose().as_bytes());
    let (one, other) = (hash(&signal.secret), hash(&open.secret));
    one.as_ref().iter().zip(other.as_ref()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// The name by which a kind of account is called.
pub(super) fn hook_name(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Google => Some("google"),
        Kind::Outlook => Some("graph"),
        Kind::Icloud | Kind::Caldav | Kind::Feed => None,
    }
}
