//! The trash: what was deleted stays for a term and can be restored.
//!
//! A row of the trash is written by the commit that deletes, so there is no moment at which something is in neither
//! place. An object goes into its row as a whole. Of a collection only the record and the shares do: its members and
//! its history stay where they are, out of sight, and are removed when the row goes.

mod expire;
mod list;
mod put;
mod restore;

use std::sync::Arc;

use almanac_backend::CollectionPath;
use almanac_base::{Redacted, TrashId, UserId};
use almanac_store::records::{Document, TrashRecord, TrashedRecord};
use almanac_store::{RecordVersion, Space};
use jiff::{SignedDuration, Timestamp};

use crate::App;
use crate::directory::{Tenant, User};
use crate::error::AppError;

pub(crate) use expire::forget_person;

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrashKind {
    /// A calendar with all that is in it.
    Calendar,
    /// A calendar object resource.
    Object,
}

/// Something in the trash as the operator sees it.
#[derive(Debug, Clone)]
pub struct TrashEntry {
    /// Its id.
    pub id: TrashId,
    /// What it is.
    pub kind: TrashKind,
    /// The owner of the calendar.
    pub owner: String,
    /// The calendar that it is, or that it was in.
    pub calendar: String,
    /// When it was deleted.
    pub deleted: Timestamp,
    /// When it goes for good.
    pub until: Timestamp,
    /// The size of the object, or of all objects of the calendar, in bytes.
    pub bytes: u64,
    /// What it is called, if the operator asked for it.
    pub names: Option<TrashNames>,
}

/// What a person calls it: patient data.
#[derive(Debug, Clone)]
pub struct TrashNames {
    /// The name of the resource.
    pub name: Redacted<String>,
    /// The summary of the object, or the display name of the calendar.
    pub label: Option<Redacted<String>>,
}

/// Whether a list tells what people call the things in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// Ids and dates only.
    Ids,
    /// Names and summaries too.
    Names,
}

/// The newest of what is in the trash.
#[derive(Debug, Clone)]
pub struct TrashList {
    /// The entries, newest first.
    pub entries: Vec<TrashEntry>,
    /// There are older ones.
    pub more: bool,
}

/// Which part of the trash is meant.
#[derive(Debug, Clone)]
pub enum TrashScope {
    /// All of it.
    All,
    /// What belonged to this person.
    Owner(String),
    /// This calendar and what was in it.
    Calendar(CollectionPath),
}

/// What was restored.
#[derive(Debug, Clone)]
pub struct Restored {
    /// What it is.
    pub kind: TrashKind,
    /// The calendar that it is, or that it is in.
    pub at: CollectionPath,
    /// Whether it has another name than it had, since that one is taken.
    pub renamed: bool,
}

/// A row of the trash, as it was read.
struct Trashed {
    tenant: Arc<Tenant>,
    id: TrashId,
    version: RecordVersion,
    record: TrashRecord,
}

fn kind(record: &TrashRecord) -> TrashKind {
    match record.what {
        TrashedRecord::Object(..) => TrashKind::Object,
        TrashedRecord::Collection(..) => TrashKind::Calendar,
    }
}

impl App {
    /// What was deleted before this instant goes.
    pub(crate) fn trash_horizon(&self) -> Timestamp {
        self.clock.now().saturating_sub(self.trash_term()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn trash_term(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.trash_days))
    }

    fn person(&self, id: UserId) -> Option<Arc<User>> {
        self.directory().by_id.get(&id).cloned()
    }

    /// The entry of the trash with this id, whichever tenant's it is.
    async fn trashed(&self, id: TrashId) -> Result<Trashed, AppError> {
        let tenants: Vec<_> = self.directory().tenants.values().cloned().collect();
        for tenant in tenants {
            if let Some(row) = tenant.store.get(Space::Trash, id.as_bytes()).await? {
                let record = TrashRecord::from_bytes(&row.value)?;
                return Ok(Trashed { tenant, id, version: row.version, record });
            }
        }
        Err(AppError::NotFound("entry of the trash"))
    }
}
