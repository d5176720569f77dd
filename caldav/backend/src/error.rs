//! Why a wish was not fulfilled. `caldav/methods/src/error.rs` gives each refusal its status.

use crate::path::ObjectPath;

/// The outcome of a call that did not do what was asked; nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The wish violates a named condition.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The disk is full; reads go on.
    #[error("no space left to store the change")]
    NoSpace,
    /// The store takes no writes now (shutting down, or read-only after a fault).
    #[error("the store takes no changes at the moment")]
    Unavailable,
    /// A fault of ours or of the machine.
    #[error("serve from the store")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<Refusal> for BackendError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The condition that was violated. One variant per precondition that a client is told of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such resource, or none that the caller may know of.
    #[error("no such resource")]
    NotFound,
    /// The collection that would hold the resource is missing (RFC 4918 section 9.7.1: 409).
    #[error("the parent collection does not exist")]
    ParentMissing,
    /// A precondition header does not hold (RFC 9110 section 13: 412).
    #[error("a precondition of the request does not hold")]
    PreconditionFailed,
    /// The name is taken (`DAV:resource-must-be-null`).
    #[error("the name is taken")]
    AlreadyExists,
    /// The caller may see the resource but not do this to it (`DAV:need-privileges`).
    #[error("the caller lacks the privilege")]
    NeedPrivilege,
    /// Another member has this UID (`CALDAV:no-uid-conflict`, RFC 4791 section 5.3.2.1).
    #[error("another member of the collection has this uid")]
    UidConflict(ObjectPath),
    /// The collection does not take this kind of component (`CALDAV:supported-calendar-component`).
    #[error("the collection does not take this kind of component")]
    UnsupportedComponent,
    /// The resource cannot live here (`CALDAV:calendar-collection-location-ok`).
    #[error("a calendar collection cannot be there")]
    LocationNotOk,
    /// The token is unknown, foreign, forged or too old (`DAV:valid-sync-token`).
    #[error("the sync token is not valid here")]
    InvalidSyncToken,
    /// The property is not the caller's to change (`DAV:cannot-modify-protected-property`).
    #[error("the property is protected")]
    ProtectedProperty,
    /// A quota of the tenant or of a collection is used up (`DAV:quota-not-exceeded`: 507).
    #[error("the quota is used up")]
    QuotaExceeded,
    /// A bound of the expansion of recurrences was reached (`CALDAV:max-instances`).
    #[error("the recurrence has too many instances")]
    MaxInstances,
}
