//! What can go wrong at a vendor, as the sync engine acts on it.

use std::error::Error;
use std::fmt;

use jiff::SignedDuration;

use crate::change::Reason;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// The object is in another state than the write was decided from. Read, decide, write again.
    Conflict,
    /// The object is not there. Of a creation: what its key made was deleted, or is another object by now, and the key is spent.
    Gone,
    /// The calendar is not there, or not for this account any more.
    CalendarGone,
    /// The delta token is too old, or of another listing: list everything.
    DeltaExpired,
    /// Nobody is signed in any more: a person has to. Asking again does not help.
    NeedsSignIn,
    /// The account may not do this.
    Forbidden,
    /// Too much was asked for; later.
    Throttled,
    /// The vendor cannot be reached, or fails; later. Nothing was done.
    Unavailable,
    /// A write was sent and no answer came, or one of several requests was answered: it may have been done, or a part of it.
    Unclear,
    /// The vendor does not take this object, and never will.
    Refused(Reason),
    /// The connector cannot do this; its capabilities say so.
    Unsupported,
    /// The answer is not what the vendor's documentation promises.
    Malformed,
}

/// Whether and when to try the same again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It would come to the same.
    Never,
    /// After a while, longer each time.
    Backoff,
    /// After the time that the vendor asked for.
    After(SignedDuration),
}

/// A request to a vendor that came to nothing.
///
/// `Display` says what was tried, never what the vendor answered: its texts quote the request.
#[derive(Debug)]
pub struct ConnectorError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// What was tried, such as `list changes`.
    pub operation: &'static str,
    /// Whether to try again.
    pub retry: Retry,
    /// What led to it.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl ConnectorError {
    /// An error with the retry that its kind suggests.
    #[must_use]
    pub fn new(kind: ErrorKind, operation: &'static str) -> Self {
        let retry = match kind {
            ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Unclear | ErrorKind::Malformed => {
                Retry::Backoff
            }
            _ => Retry::Never,
        };
        Self { kind, operation, retry, source: None }
    }

    /// The same, with what led to it.
    #[must_use]
    pub fn because(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }

    /// The same, to be tried again after the time that the vendor asked for.
    #[must_use]
    pub fn after(self, wait: SignedDuration) -> Self {
        Self { retry: Retry::After(wait), ..self }
    }

    /// The same, of a write of which a part is done already. A pause, an outage or whatever else would say that nothing was
    /// done is `Unclear` then, and as long a pause is asked for; what a vendor has against the object itself stays.
    pub(crate) fn after_a_part(self) -> Self {
        if let ErrorKind::Conflict | ErrorKind::Gone | ErrorKind::Refused(_) | ErrorKind::Forbidden =
            self.kind
        {
            return self;
        }
        let unclear = Self::new(ErrorKind::Unclear, self.operation);
        let retry = if let Retry::After(_) = self.retry { self.retry } else { unclear.retry };
        Self { retry, ..unclear.because(self) }
    }
}

impl fmt::Display for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.kind {
            ErrorKind::Conflict => "the object was changed meanwhile",
            ErrorKind::Gone => "the object is not there",
            ErrorKind::CalendarGone => "the calendar is not there for this account",
            ErrorKind::DeltaExpired => "the vendor does not know any more what was seen",
            ErrorKind::NeedsSignIn => "the account needs to be signed in again",
            ErrorKind::Forbidden => "the account may not do this",
            ErrorKind::Throttled => "the vendor asks for a pause",
            ErrorKind::Unavailable => "the vendor cannot be reached",
            ErrorKind::Unclear => "it may have been done, or a part of it",
            ErrorKind::Refused(reason) => reason.0,
            ErrorKind::Unsupported => "the connector cannot do this",
            ErrorKind::Malformed => "the answer was not understood",
        };
        write!(f, "{}: {what}", self.operation)
    }
}

impl Error for ConnectorError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
