//! What can go wrong after a store is open.

use std::io;

use crate::engine::EngineError;

/// Why the store did not do as asked. After an error of a commit nothing of it is visible, except as
/// [`StoreError::NoSpace`] and [`StoreError::Io`] say.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The precondition with this index did not hold: read again and decide again.
    #[error("precondition {precondition} does not hold")]
    Conflict {
        /// The index in [`crate::Write::preconditions`].
        precondition: usize,
    },
    /// A value, a key or the whole write is above the store's limits.
    #[error("the write is too large for the store")]
    TooLarge,
    /// The disk or the quota is full. Reads go on; writes work again once there is room. If there was no room
    /// even to open the file again, reads fail likewise, and the commit may be visible once there is.
    #[error("no space left on the disk")]
    NoSpace,
    /// The store takes no writes at the moment.
    #[error("the store is read-only")]
    ReadOnly,
    /// The store met damage it cannot get over, or the disk failed to store what it was given; only a restart or a
    /// restore helps.
    #[error("the store stopped after an error")]
    Poisoned,
    /// A stored value was changed, moved or cut outside this program, or the engine lost part of it.
    #[error("the store is damaged: {0}")]
    Corrupt(&'static str),
    /// The changes asked for are no longer, or never were, in the log: synchronise from the start.
    #[error("the history asked for is not known")]
    HistoryGone,
    /// The tenant exists already.
    #[error("the tenant exists already")]
    TenantExists,
    /// The store, or this tenant of it, was closed or dropped.
    #[error("the store is closed")]
    Closed,
    /// The operating system gave no random bytes: nothing can be sealed.
    #[error("no random bytes from the operating system")]
    NoRandom,
    /// A mistake of the calling program.
    #[error("misuse of the store: {0}")]
    Bug(&'static str),
    /// The operating system failed. If the write had become durable before that, the commit may be visible; if the
    /// disk failed to store it, the next restart tells.
    #[error("read or write the store")]
    Io(#[source] io::Error),
}

impl From<EngineError> for StoreError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Conflict { precondition } => Self::Conflict { precondition },
            EngineError::TooLarge => Self::TooLarge,
            EngineError::NoSpace => Self::NoSpace,
            EngineError::ReadOnly => Self::ReadOnly,
            EngineError::Poisoned => Self::Poisoned,
            EngineError::Corrupt(what) => Self::Corrupt(what),
            EngineError::Closed => Self::Closed,
            EngineError::Io(source) => Self::Io(source),
        }
    }
}
