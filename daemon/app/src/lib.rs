//! The use cases of Almanac, and the only crate that commits writes.
//!
//! It implements `almanac_backend::Backend` for the CalDAV methods and offers the operator's wishes (tenants,
//! people, app passwords, calendars, import, export) to the command line. It knows neither HTTP nor XML.
//!
//! Where to start: [`App`]; `objects.rs` for the way of a PUT; `listing.rs` for queries and syncs, which read
//! the index of `index/`; `directory.rs` for who may see what; [`sync`] for what keeping calendars equal to vendors'
//! stands on.
#![warn(missing_docs)]

mod backend;
mod calendars;
mod collections;
mod copies;
mod demo;
mod directory;
mod dump;
mod error;
mod feeds;
mod head;
mod homes;
mod housekeeping;
mod index;
mod keys;
mod limits;
mod listing;
mod objects;
mod open;
mod people;
mod properties;
mod removal;
mod renewal;
mod settle;
mod shares;
mod summaries;
pub mod sync;
mod tenants;
mod token;
mod transfer;
mod trash;

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use almanac_base::{Clock, CollectionId, IdGen};
use almanac_store::Store;

pub use calendars::CalendarInfo;
pub use demo::{DemoLogin, DemoLogins};
pub use directory::UserState;
pub use dump::{TenantDump, TenantImport, TenantReport};
pub use error::AppError;
pub use feeds::{FeedExport, FeedInfo, FeedPrivacy};
pub use housekeeping::{Ages, Housekeeping, StoreStatus};
pub use keys::KeyRotation;
pub use people::{AppPasswordInfo, NewUser, UserInfo, check_login};
pub use tenants::TenantInfo;
pub use transfer::{CalendarExport, ImportProgress, ImportReport};
pub use trash::{Naming, Restored, TrashEntry, TrashKind, TrashList, TrashNames, TrashScope};

use directory::Directory;
use index::IndexCache;
use sync::Counted;

/// What the use cases need to be told.
pub struct AppOptions {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The memory that the indexes of collections may take together, in bytes.
    pub cache_bytes: usize,
    /// The days for which what was deleted can be restored; 0: not at all.
    pub trash_days: u32,
}

/// The running application: one for each store.
pub struct App {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    ids: IdGen,
    directory: RwLock<Directory>,
    indexes: IndexCache,
    trash_days: u32,
    /// Held while people, collections or shares change, so that the directory follows the store in order.
    changing: tokio::sync::Mutex<()>,
    /// The directory may not say what the store says; changed only while `changing` is held.
    stale: AtomicBool,
    /// Collections that are being made as copies: out of sight, and not garbage yet.
    copying: Mutex<HashSet<CollectionId>>,
    /// Tells whoever listens which collection has just changed.
    changed: tokio::sync::broadcast::Sender<CollectionId>,
    /// How many objects of links wait for a person.
    waiting: Counted,
    /// Held by the one probe that is on its way.
    probing: Arc<tokio::sync::Mutex<()>>,
}

impl App {
    /// The store below, to be backed up and looked at. It is written to by this crate alone.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The collections whose members change from now on, each as soon as the change is durable. A hint: who lags behind
    /// misses some, and is told so.
    #[must_use]
    pub fn collections_changed(&self) -> tokio::sync::broadcast::Receiver<CollectionId> {
        self.changed.subscribe()
    }

    /// Who may see what. Never held over an await.
    pub(crate) fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn directory_mut(&self) -> RwLockWriteGuard<'_, Directory> {
        self.directory.write().unwrap_or_else(PoisonError::into_inner)
    }
}
