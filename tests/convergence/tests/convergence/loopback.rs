//! What the vendors behind HTTP have in common: the way to them, and what goes wrong on it.

use std::error::Error;
use std::sync::{Arc, Mutex};

use almanac_base::{Clock, ManualClock, Secret};
use almanac_egress::oauth::{Account, Credentials, TokenKeeper, Tokens};
use almanac_egress::throttle::Pace;
use almanac_egress::{Client, EgressConfig};
use almanac_simulator::{Exchange, Fault, Reply, Simulator};
use async_trait::async_trait;
use http::{Method, StatusCode};
use jiff::Timestamp;

use crate::edits::Dice;
use crate::vendor::{Counts, Signal};

/// The tokens of an account, which outlive the program.
pub(crate) struct Kept(Mutex<Tokens>);

#[async_trait]
impl TokenKeeper for Kept {
    async fn keep(&self, tokens: &Tokens) -> Result<(), Arc<dyn Error + Send + Sync>> {
        *self.0.lock().unwrap() = tokens.clone();
        Ok(())
    }
}

impl Kept {
    /// Of an account that was signed in, with the first refresh token of both simulators.
    pub(crate) fn first(now: Timestamp) -> Arc<Self> {
        let (access, refresh) = (Secret::new("spent".into()), Secret::new("refresh-0".into()));
        let tokens =
            Tokens { access, refresh: Some(refresh), expires_at: now, scopes: None, sign_in_ends: None };
        Arc::new(Self(Mutex::new(tokens)))
    }

    /// The account as the program knows it when it starts.
    pub(crate) fn account(
        self: &Arc<Self>,
        client: &Arc<Client>,
        clock: &Arc<ManualClock>,
        credentials: Credentials,
    ) -> Arc<Account> {
        let kept = self.0.lock().unwrap().clone();
        let (client, clock) = (Arc::clone(client), Arc::clone(clock) as Arc<dyn Clock>);
        Arc::new(Account::new(client, clock, credentials, Arc::clone(self) as _, Some(kept)))
    }
}

pub(crate) fn client() -> Arc<Client> {
    let config = EgressConfig { allow: vec!["127.0.0.1".into()], ..EgressConfig::default() };
    Arc::new(Client::new(&config).unwrap())
}

/// A pace that holds nothing up: the clock does not go by itself.
pub(crate) fn pace(clock: &Arc<ManualClock>) -> Arc<Pace> {
    Arc::new(Pace::new(Arc::clone(clock) as Arc<dyn Clock>, 1_000_000_000, 60_000, 4))
}

/// Plans faults for requests; `throttled` is how the vendor says that it is too much. Tokens come without faults: that a
/// torn renewal leaves a working account is tested where accounts are.
pub(crate) fn storm<V: almanac_simulator::Vendor>(
    sim: &Simulator<V>,
    mut dice: Dice,
    signal: Arc<Signal>,
    throttled: fn(u64) -> Reply,
) {
    let failed = |status| Some(Fault::Answer(Reply::new(status, "{}")));
    sim.plan(move |request| {
        if request.path.contains("token") {
            return None;
        }
        match dice.roll(30) {
            0 => Some(Fault::Lost),
            1 | 2 => Some(Fault::DoneAndLost),
            3 => Some(Fault::Cut(dice.below(40))),
            4 => Some(Fault::Answer(throttled(dice.roll(4)))),
            5 => failed(StatusCode::SERVICE_UNAVAILABLE),
            6 => failed(StatusCode::INTERNAL_SERVER_ERROR),
            7 => {
                signal.ends.notify_one();
                Some(Fault::Lost)
            }
            8 | 9 => {
                signal.ends.notify_one();
                Some(Fault::DoneAndLost)
            }
            10..=12 => {
                signal.races.notify_one();
                None
            }
            // Somebody was faster, by his own hand.
            13 if request.headers.contains_key("if-match") => failed(StatusCode::PRECONDITION_FAILED),
            _ => None,
        }
    });
}

pub(crate) fn take_counts<V: almanac_simulator::Vendor>(sim: &Simulator<V>) -> Counts {
    let seen = sim.take_seen();
    let asked = || seen.iter().map(|seen| &seen.request).filter(|request| !request.path.contains("token"));
    Counts {
        requests: asked().count() as u64,
        writes: asked().filter(|request| is_write(request)).count() as u64,
    }
}

fn is_write(request: &Exchange) -> bool {
    let method = &request.method;
    let posts = *method == Method::POST && !request.path.ends_with("$batch");
    posts || [Method::PUT, Method::PATCH, Method::DELETE].contains(method)
}
