//! What the simulators of vendors share: a server on a loopback port that plays a vendor, with faults on its way.
//!
//! It must not know any vendor. A vendor's simulator is a [`Vendor`]: its state, and how it answers one request. Faults
//! are planned for it from outside, so that each is one line in a test: [`Simulator::plan`].
#![warn(missing_docs)]

mod fault;
mod mails;
mod serve;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use fault::Fault;
use fault::Plan;
pub use mails::Mails;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Its method.
    pub method: Method,
    /// The path as it was sent, still encoded.
    pub path: String,
    /// What stands behind the question mark, still encoded.
    pub query: String,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Exchange {
    /// A header field, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Reply {
    /// An answer without header fields.
    #[must_use]
    pub fn new(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, headers: HeaderMap::new(), body: body.into() }
    }

    /// The same with a header field more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.append(name, value);
        }
        self
    }
}

/// A vendor: its state, and its answers.
pub trait Vendor: Send + 'static {
    /// Does what is asked and answers.
    fn answer(&mut self, request: &Exchange) -> Reply;
}

/// What was asked and answered, for counts and for tests that look at requests.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The request.
    pub request: Exchange,
    /// The status of the answer, also where a fault swallowed it; `None` if the request never reached the vendor.
    pub status: Option<StatusCode>,
}

struct State<V> {
    vendor: V,
    plan: Plan,
    seen: Vec<Seen>,
}

/// A vendor that answers on a loopback port until it is dropped.
pub struct Simulator<V> {
    state: Arc<Mutex<State<V>>>,
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl<V: Vendor> Simulator<V> {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// There is none.
    pub async fn start(vendor: V) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State { vendor, plan: Plan::default(), seen: Vec::new() }));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve::accept(listener, Arc::clone(&state)));
        Ok(Self { state, address, _tasks: tasks })
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Looks at the vendor's state, or changes it, as other people and devices do.
    pub fn with<R>(&self, act: impl FnOnce(&mut V) -> R) -> R {
        act(&mut self.lock().vendor)
    }

    /// What happens to requests from now on; `None` where nothing does. It replaces what was planned before.
    pub fn plan(&self, plan: impl FnMut(&Exchange) -> Option<Fault> + Send + 'static) {
        self.lock().plan = Plan::new(plan);
    }

    /// Nothing happens to requests any more.
    pub fn calm(&self) {
        self.lock().plan = Plan::default();
    }

    /// What was asked since the last call.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.lock().seen)
    }

    fn lock(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
