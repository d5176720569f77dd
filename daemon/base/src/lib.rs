//! What every crate may use: ids, the clock, secrets and redaction.
//!
//! It knows no format, protocol, disk or clinic rule. The list of modules is closed: it grows by a
//! decision in `DECISIONS.md` only. Start with [`ids`].
#![warn(missing_docs)]

pub mod clock;
pub mod ids;
pub mod redact;

pub use clock::{Clock, ManualClock, SystemClock};
pub use ids::{
    AccountId, CollectionId, CredentialId, FeedId, HistoryId, IdGen, LinkId, RequestId, StoreId, TenantId,
    TrashId, UserId,
};
pub use redact::{Redacted, Secret};
