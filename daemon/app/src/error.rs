//! Why a use case did not do what was asked.

use almanac_backend::{BackendError, Refusal};
use almanac_store::StoreError;

/// The outcome of a use case that changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A thing that the caller named does not exist.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The name is taken.
    #[error("there is already such a {0}")]
    Exists(&'static str),
    /// The operator's input cannot be used; the text says why and holds nothing of a patient.
    #[error("{0}")]
    Invalid(String),
    /// The protocol names the violated condition.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// An object would have to be expanded beyond all bounds.
    #[error("an object has too many instances")]
    TooManyInstances,
    /// Others changed the same thing again and again.
    #[error("too many writers change the same thing")]
    Busy,
    /// The store did not do its part.
    #[error("use the store")]
    Store(#[from] StoreError),
    /// A mistake in this program.
    #[error("an internal rule is broken: {0}")]
    Bug(&'static str),
}

impl From<Refusal> for AppError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<AppError> for BackendError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused(refusal) => Self::Refused(refusal),
            AppError::NotFound(_) => Self::Refused(Refusal::NotFound),
            AppError::Exists(_) => Self::Refused(Refusal::AlreadyExists),
            AppError::TooManyInstances => Self::Refused(Refusal::MaxInstances),
            AppError::Store(StoreError::NoSpace) => Self::NoSpace,
            // Only a restart helps a store that stopped; to a client it is away until then.
            AppError::Store(StoreError::ReadOnly | StoreError::Closed | StoreError::Poisoned)
            | AppError::Busy => Self::Unavailable,
            other => Self::Internal(Box::new(other)),
        }
    }
}
