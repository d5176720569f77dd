//! Vendors' calls: who calls is checked, and the account runs. What is told is never believed, only that something is.

use std::pin::Pin;
use std::sync::Arc;

use almanac_admin::hooks::{self, Call, Verdict};
use almanac_app::sync::{Channel, LinkInfo};
use almanac_base::Secret;
use almanac_contract::{HookRequest, Received, Signal, SignalKind};
use almanac_methods::Body;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::registry::Kind;
use super::{Live, Vendors, lock};

/// Signals of one call that are looked at; many are one reason to run.
const SIGNALS_MAX: usize = 100;

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

    /// Answers a vendor's call.
    pub(crate) async fn answer_hook(self: Arc<Self>, request: Request<Body>) -> Response<Body> {
        let receiver = move |call: Call| -> Pin<Box<dyn Future<Output = Verdict> + Send>> {
            let vendors = Arc::clone(&self);
            Box::pin(async move { vendors.take_call(&call).await })
        };
        hooks::answer(request, &receiver)
            .await
            .map(|body| body.map_err(|never| match never {}).boxed_unsync())
    }

    /// Takes a call. When it is answered, the reason to run is noted.
    async fn take_call(&self, call: &Call) -> Verdict {
        // Any account of the vendor reads its calls; without one there is no channel either.
        let vendor = call.vendor.name();
        let live = lock(&self.live).values().find(|live| live.hook == Some(vendor)).map(Arc::clone);
        let Some(live) = live else { return Verdict::Refused };
        let request = HookRequest { headers: &call.headers, query: &call.query, body: &call.body };
        let signals = match live.connector.receive(&request) {
            Received::Handshake(text) => return Verdict::Handshake(text),
            Received::Unknown => return Verdict::Refused,
            Received::Signals(signals) => signals,
        };
        let Ok(links) = self.app.links().await else { return Verdict::Later };
        let mut genuine = 0;
        for signal in signals.iter().take(SIGNALS_MAX) {
            match self.take(vendor, &links, signal).await {
                Ok(true) => genuine += 1,
                Ok(false) => {}
                Err(_) => return Verdict::Later,
            }
        }
        if genuine == 0 { Verdict::Refused } else { Verdict::Accepted }
    }

    /// Takes a signal; whether it is genuine.
    async fn take(
        &self,
        vendor: &str,
        links: &[LinkInfo],
        signal: &Signal,
    ) -> Result<bool, almanac_app::AppError> {
        for link in links {
            let Some(open) = self.app.link_channel(link.id).await? else { continue };
            if open.channel != signal.channel || !proves(&open, signal) || !is_about(vendor, &open, signal) {
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

/// Whether a signal is about what the channel watches. Google names that; Graph names the event that changed.
fn is_about(vendor: &str, open: &Channel, signal: &Signal) -> bool {
    vendor != "google" || signal.resource.as_deref() == Some(open.resource.as_str())
}

/// The name by which a kind of account is called.
pub(super) fn hook_name(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Google => Some("google"),
        Kind::Outlook => Some("graph"),
        Kind::Icloud | Kind::Caldav | Kind::Feed => None,
    }
}
