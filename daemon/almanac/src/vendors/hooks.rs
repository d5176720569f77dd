//! Vendors' calls: who calls is checked, and the account runs. What is told is never believed, only that something is.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use almanac_admin::hooks::{self, Call, Vendor, Verdict};
use almanac_app::AppError;
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
        Some(format!("{}{}", base.0.trim_end_matches('/'), vendor.path()))
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
        let vendor = call.vendor;
        let live = lock(&self.live).values().find(|live| live.hook == Some(vendor)).map(Arc::clone);
        let Some(live) = live else { return Verdict::Refused };
        let request = HookRequest { headers: &call.headers, query: &call.query, body: &call.body };
        let signals = match live.connector.receive(&request) {
            Received::Handshake(text) => return Verdict::Handshake(text),
            Received::Unknown => return Verdict::Refused,
            Received::Signals(signals) => signals,
        };
        // Looked up once, however many signals a call holds.
        let Ok(open) = self.open_channels().await else { return Verdict::Later };
        let mut genuine = BTreeMap::new();
        for signal in signals.iter().take(SIGNALS_MAX) {
            let found = open.iter().find(|(_, open)| {
                open.channel == signal.channel && proves(open, signal) && is_about(vendor, open, signal)
            });
            if let Some((link, open)) = found {
                genuine.insert(link.id, (link, open, signal.kind));
            }
        }
        for (link, open, kind) in genuine.values() {
            if self.take(link, open, *kind).await.is_err() {
                return Verdict::Later;
            }
        }
        if genuine.is_empty() { Verdict::Refused } else { Verdict::Accepted }
    }

    async fn open_channels(&self) -> Result<Vec<(LinkInfo, Channel)>, AppError> {
        let mut open = Vec::new();
        for link in self.app.links().await? {
            if let Some(channel) = self.app.link_channel(link.id).await? {
                open.push((link, channel));
            }
        }
        Ok(open)
    }

    /// Takes a genuine signal. What it says is durable before the vendor is told that it is taken: after a crash the next
    /// start runs anyway, and a channel that is closed is opened again.
    async fn take(&self, link: &LinkInfo, open: &Channel, kind: SignalKind) -> Result<(), AppError> {
        match kind {
            SignalKind::Closed => self.app.keep_link_channel(link.id, None).await?,
            // It calls on while it is renewed.
            SignalKind::Renew => {
                let ending = Channel { until: self.clock.now(), ..open.clone() };
                self.app.keep_link_channel(link.id, Some(&ending)).await?;
            }
            _ => _ = self.app.note_signal(link.id, &open.channel, self.clock.now()).await?,
        }
        if kind != SignalKind::Opened
            && let Some(live) = lock(&self.live).get(&link.account)
        {
            if matches!(kind, SignalKind::Closed | SignalKind::Renew) {
                lock(&live.watch_after).remove(&link.id); // it is asked for now, however short ago it was
            }
            live.wake.notify_one(); // many calls are one reason
        }
        Ok(())
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
fn is_about(vendor: Vendor, open: &Channel, signal: &Signal) -> bool {
    vendor != Vendor::Google || signal.resource.as_deref() == Some(open.resource.as_str())
}

/// The name by which a kind of account is called.
pub(super) fn hook_name(kind: Kind) -> Option<Vendor> {
    match kind {
        Kind::Google => Some(Vendor::Google),
        Kind::Outlook => Some(Vendor::Graph),
        Kind::Icloud | Kind::Caldav | Kind::Feed => None,
    }
}
