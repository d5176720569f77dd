//! Why there is no answer, and whether the server may have got the request all the same.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::guard::{Refusal, Target};

/// Whether a request may have reached the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Surely not: it can be sent again.
    No,
    /// Perhaps: look for its effect before sending it again.
    Maybe,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The guard does not let it out.
    Refused(Refusal),
    /// The host name has no address, or nobody could say.
    Resolve,
    /// No address takes the connection.
    Connect,
    /// The TLS handshake failed: the certificate does not fit the name or is not trusted, for instance.
    Tls,
    /// Time is over.
    Timeout(Sent),
    /// The body of the answer is larger than the caller takes.
    TooLarge,
    /// The connection ended early, or what came is not HTTP as we take it.
    Protocol(Sent),
}

/// No answer. It shows the host, which is configuration, and nothing else of the URL.
#[derive(Debug, Clone)]
pub struct EgressError {
    /// What went wrong.
    pub kind: Kind,
    host: Arc<str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl EgressError {
    pub(crate) fn new(kind: Kind, target: &Target) -> Self {
        Self { kind, host: target.host().into(), source: None }
    }

    pub(crate) fn by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Whether the request may have reached the server.
    ///
    /// A refusal counts as not sent even after a redirect, since only safe requests follow one.
    #[must_use]
    pub fn sent(&self) -> Sent {
        match self.kind {
            Kind::Refused(_) | Kind::Resolve | Kind::Connect | Kind::Tls => Sent::No,
            Kind::Timeout(sent) | Kind::Protocol(sent) => sent,
            Kind::TooLarge => Sent::Maybe,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(_) => "refused",
            Self::Resolve => "unknown host",
            Self::Connect => "no connection",
            Self::Tls => "no TLS",
            Self::Timeout(Sent::No) => "time-out before it was sent",
            Self::Timeout(Sent::Maybe) => "time-out after it was sent",
            Self::TooLarge => "answer too large",
            Self::Protocol(Sent::No) => "connection lost before it was sent",
            Self::Protocol(Sent::Maybe) => "connection lost after it was sent",
        })
    }
}

impl fmt::Display for EgressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match self.kind {
            Kind::Refused(refusal) => write!(f, "send a request to {host}: {refusal}"),
            kind => write!(f, "send a request to {host}: {kind}"),
        }
    }
}

impl Error for EgressError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
