//! What a calendar vendor and Almanac have in common: the trait that a vendor implements, and the normal form of a
//! calendar object, field by field.
//!
//! It must not know HTTP, XML, storage or any vendor. Vendors translate their events into [`Form`]s and back; the sync
//! engine compares and merges [`Form`]s and knows nothing else of an event.
//!
//! Start with [`Connector`], then [`form`]. With the feature `suite`, `suite` holds what every connector must do. RFC 5545 (the fields), RFC 7986 (CONFERENCE, COLOR).
#![warn(missing_docs)]

mod calendar;
mod capabilities;
mod change;
mod connector;
mod error;
pub mod form;
mod hook;
mod push;
#[cfg(feature = "suite")]
pub mod suite;

pub use calendar::{
    CalendarAccess, CalendarId, DeltaToken, PageToken, RemoteCalendar, RemoteId, RemoteVersion,
};
pub use capabilities::{Capabilities, Pace};
pub use change::{ChangePage, Changed, Coverage, Mark, Next, Reason, RemoteObject, Role};
pub use connector::Connector;
pub use error::{ConnectorError, ErrorKind, Retry};
pub use form::{Field, Form, Instance, Moment, Part, Value};
pub use hook::{Channel, HookRequest, Received, Signal, SignalKind, Watch};
pub use push::{Attempt, Deletion, Known, Push, PushKey, Pushed, Wrote, rewritten};
