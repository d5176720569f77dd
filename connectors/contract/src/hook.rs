//! A vendor's call that something changed. It is a hint only: what changed is asked for.

use std::fmt;

use almanac_base::Secret;
use jiff::Timestamp;

/// What arrived at a hook.
#[derive(Clone, Copy)]
pub struct HookRequest<'a> {
    /// Header fields, names in lower case.
    pub headers: &'a [(String, String)],
    /// The parameters of the query, decoded.
    pub query: &'a [(String, String)],
    /// The body.
    pub body: &'a [u8],
}

impl HookRequest<'_> {
    /// The first header field of this name (in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// Nothing of it is ours to show.
impl fmt::Debug for HookRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HookRequest({} octets)", self.body.len())
    }
}

/// What a signal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalKind {
    /// The channel is open.
    Opened,
    /// Something in the calendar changed.
    Changed,
    /// Signals were lost: something may have changed.
    Missed,
    /// The channel must be renewed now.
    Renew,
    /// The channel is closed.
    Closed,
}

/// One signal of a call. Whether it is genuine is for the receiver to check: the secret must be the channel's.
#[derive(Debug, Clone)]
pub struct Signal {
    /// The channel it came through: what `Channel::id` was, or what the vendor made of it.
    pub channel: String,
    /// What the vendor was told to prove itself with.
    pub secret: Secret,
    /// What the vendor calls the watched calendar, where it says so.
    pub resource: Option<String>,
    /// What it says.
    pub kind: SignalKind,
}

/// What a call is.
#[derive(Debug, Clone)]
pub enum Received {
    /// A handshake: to be answered with 200 and this text, as `text/plain`.
    Handshake(String),
    /// Signals; perhaps none that concern us.
    Signals(Vec<Signal>),
    /// Nothing of this vendor.
    Unknown,
}

/// A channel to be opened: where the vendor is to call, and how it proves itself.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its name, made by us; never used twice.
    pub id: String,
    /// Where the vendor calls; https.
    pub address: String,
    /// What the vendor repeats in each call.
    pub secret: Secret,
    /// Until when we would like it.
    pub until: Timestamp,
}

/// An open channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// What its signals name; ours, or the vendor's.
    pub channel: String,
    /// What the vendor calls the watched calendar.
    pub resource: String,
    /// When it closes by itself, as the vendor granted it.
    pub until: Timestamp,
}
