//! What a run did, and why it stopped.

use almanac_app::AppError;
use almanac_contract::{ConnectorError, ErrorKind, Retry};
use jiff::Timestamp;

/// Objects made, changed and deleted on one side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Made.
    pub created: u64,
    /// Changed.
    pub updated: u64,
    /// Deleted.
    pub deleted: u64,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.created + self.updated + self.deleted
    }
}

/// What a run did; of a plan, what it would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// In the store.
    pub here: Counts,
    /// At the vendor.
    pub there: Counts,
    /// Changes that did not come through and are in the history.
    pub lost: u64,
    /// Objects that a person has to say something about: deletions, contradictions, mails.
    pub held: u64,
    /// Objects that were parked.
    pub parked: u64,
    /// People whom the vendor mails because of what is done there.
    pub mails: u64,
    /// Objects at the vendor that are mirrors of other calendars of this store, and are left alone.
    pub mirrors: u64,
    /// Objects of both sides that were taken for the same because of their UID or content.
    pub matched: u64,
    /// What waits to be sent, at the end.
    pub waiting: u64,
    /// The first of that is not sent before.
    pub next: Option<Timestamp>,
}

impl Report {
    /// Whether nothing was done, and nothing is left to do.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.here.all() == 0
            && self.there.all() == 0
            && self.held == 0
            && self.parked == 0
            && self.waiting == 0
    }
}

/// Why a run stopped before its end. What it did is durable, and the next run goes on.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The vendor did not do its part.
    #[error("the vendor did not do its part")]
    Vendor(#[source] ConnectorError),
    /// The store did not do its part.
    #[error("the store did not do its part")]
    Store(#[from] AppError),
    /// The link was paused, removed or changed: the next run goes by what it is now.
    #[error("the link was changed meanwhile")]
    Changed,
    /// One of the two calendars is not there any more; the link is detached, and nothing is deleted.
    #[error("the link is detached: {0}")]
    Detached(&'static str),
}

impl Stop {
    /// Whether an error is about the account or its vendor as a whole, not about one object.
    pub(crate) fn concerns_all(error: &ConnectorError) -> bool {
        match error.kind {
            ErrorKind::NeedsSignIn
            | ErrorKind::Throttled
            | ErrorKind::Unavailable
            | ErrorKind::CalendarGone
            | ErrorKind::DeltaExpired
            | ErrorKind::Unsupported => true,
            ErrorKind::Conflict
            | ErrorKind::Gone
            | ErrorKind::Forbidden
            | ErrorKind::Unclear
            | ErrorKind::Refused(_)
            | ErrorKind::Malformed => false,
        }
    }

    /// Whether and when to run again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Vendor(error) => error.retry,
            Self::Store(_) => Retry::Backoff,
            Self::Changed | Self::Detached(_) => Retry::Never,
        }
    }
}
