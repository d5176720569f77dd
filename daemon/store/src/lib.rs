//! The store: versioned records, sealed before they reach an engine, with a gap-free change log.
//!
//! It must not know what a calendar means: it keeps bytes under keys in spaces, tells their versions apart and
//! remembers which collection changed in which order. HTTP, XML and iCalendar are far away.
//!
//! Start with [`Store`] (open, tenants) and [`TenantStore`] (read, commit), then [`engine`] for the promise an
//! engine makes, [`seal`](mod@seal) for what lies on the disk, and [`keys`] for who can read it.
//!
//! Sealing is AES-256-GCM (NIST SP 800-38D, RFC 5116), keys are derived by HKDF (RFC 5869).
//!
//! ```text
//! state/store.redb   the rows, or store.sled/      state/lock   held while a process has the store
//! state/head         the high-water mark         state/root.key   the root key, if it is kept in a file here
//!                                                state/root.wrapped   the same, if a passphrase opens it
//!                                                state/root.pending   both keys, while the root key is changed
//! ```
#![warn(missing_docs)]

mod aside;
pub mod backup;
mod changes;
pub mod convert;
pub mod engine;
mod error;
mod files;
mod format;
mod in_flight;
pub mod keys;
mod kinds;
pub mod limits;
mod mark;
mod members;
mod migrations;
pub mod objects;
mod open;
mod pack;
pub mod records;
mod roots;
mod rotate;
mod rotate_root;
pub mod seal;
mod space;
mod store;
mod tenant;
mod tenant_keys;
mod trim;
pub mod upkeep;
pub mod verify;
mod wait;
mod wrapping;
mod write;

pub use changes::{Change, ChangePage, CollectionPlace};
pub use engine::{ChangePlace, Committed, Order, Precondition, ReadOp, Scan, Values};
pub use error::StoreError;
pub use keys::{
    CredentialKey, FileKey, FixedKey, FreshKey, Kept, KeyError, KeyProvider, KeyWish, Passphrase,
    PassphraseKey, RootKey,
};
pub use kinds::EngineKind;
pub use open::{CreateMode, Layer, OpenError, OpenOptions, Tuning, look};
pub use rotate::Rotated;
pub use rotate_root::{RootError, RootRotated};
pub use space::{Key, RecordVersion, Space, prefix_range};
pub use store::{Stats, Store};
pub use tenant::{Later, ReadResult, Record, RecordPage, Show, TenantStore, View};
pub use tenant_keys::{IndexField, KeyEpoch, MacPurpose};
pub use trim::Trim;
pub use write::{LogWrite, Put, Write};
