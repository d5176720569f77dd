//! Outcomes as they are printed and sent: the JSON that `--json` promises to scripts.

use almanac_app::{
    AppPasswordInfo, CalendarInfo, ImportReport, KeyRotation, StoreStatus, TenantInfo, UserInfo, UserState,
};
use almanac_backend::Access;
use almanac_store::backup::BackupInfo;
use almanac_store::verify::Report;
use almanac_store::{Kept, RootRotated, Rotated};
use serde::{Deserialize, Serialize};

use super::vendors::rows::AccountStatusRow;

use super::{Role, State};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TenantRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) timezone: String,
    pub(crate) users: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UserRow {
    pub(crate) id: String,
    pub(crate) login: String,
    pub(crate) tenant: String,
    pub(crate) email: String,
    pub(crate) display_name: String,
    pub(crate) role: Role,
    pub(crate) state: State,
    pub(crate) created: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AppPasswordRow {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) created: String,
    pub(crate) last_used: Option<String>,
}

/// A fresh app password: the only time its secret leaves the server.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NewAppPassword {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BackupRow {
    /// The store it was made of.
    pub(crate) incarnation: String,
    /// When it was begun.
    pub(crate) made: String,
    pub(crate) store_version: u32,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl From<&BackupInfo> for BackupRow {
    fn from(info: &BackupInfo) -> Self {
        Self {
            incarnation: info.incarnation.to_string(),
            made: info.made.to_string(),
            store_version: info.version,
            rows: info.rows,
            bytes: info.bytes,
        }
    }
}

/// What came of a tenant's new key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeyRow {
    /// Its name; none for the instance itself.
    pub(crate) tenant: Option<String>,
    /// Counts the tenant's keys, from 1.
    pub(crate) epoch: u32,
    /// Values that were sealed anew.
    pub(crate) resealed: u64,
    /// Older keys that are gone.
    pub(crate) removed: u64,
}

impl From<&KeyRotation> for KeyRow {
    fn from(done: &KeyRotation) -> Self {
        let Rotated { epoch, resealed, removed } = done.rotated;
        let removed = u64::try_from(removed).unwrap_or(u64::MAX);
        Self { tenant: done.tenant.clone(), epoch: epoch.number, resealed, removed }
    }
}

/// What came of a new root key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RootRow {
    /// Keys of tenants that are wrapped by it now.
    pub(crate) rewrapped: u64,
    /// The file with the root key before, which older backups need.
    pub(crate) kept: Option<String>,
    /// Whether the operator has to put the new one into its place.
    pub(crate) install: bool,
}

impl From<&RootRotated> for RootRow {
    fn from(done: &RootRotated) -> Self {
        let kept = match &done.kept {
            Kept::In(path) => Some(path.display().to_string()),
            Kept::Nowhere | Kept::ByOperator => None,
        };
        Self { rewrapped: done.rewrapped, kept, install: done.kept == Kept::ByOperator }
    }
}

/// What a conversion did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ConvertedRow {
    /// The engine of the store now.
    pub(crate) engine: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// What looking at every record found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct VerifyRow {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// How many records are not as they were written.
    pub(crate) damaged: u64,
    /// The first of them.
    pub(crate) damages: Vec<DamageRow>,
}

/// What checking the engine's structure and every record found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CheckRow {
    pub(crate) engine: String,
    /// Whether the engine had to repair its structure.
    pub(crate) repaired: bool,
    #[serde(flatten)]
    pub(crate) records: VerifyRow,
}

/// How much the store takes on the disk, in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CompactRow {
    pub(crate) engine: String,
    pub(crate) before: u64,
    pub(crate) after: u64,
}

/// One record that is not as it was written; ids and keyed hashes only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DamageRow {
    pub(crate) tenant: String,
    pub(crate) space: Option<String>,
    pub(crate) key: String,
    pub(crate) what: String,
}

impl From<&Report> for VerifyRow {
    fn from(report: &Report) -> Self {
        let damages = report.damages.iter().map(|damage| DamageRow {
            tenant: damage.tenant.to_string(),
            space: damage.space.map(|space| format!("{space:?}").to_lowercase()),
            key: damage.key.clone(),
            what: damage.what.to_owned(),
        });
        Self { rows: report.rows, bytes: report.bytes, damaged: report.damaged, damages: damages.collect() }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CalendarRow {
    pub(crate) id: String,
    /// `LOGIN/NAME`
    pub(crate) calendar: String,
    pub(crate) display_name: Option<String>,
    pub(crate) components: Vec<String>,
    pub(crate) objects: u64,
    pub(crate) shares: Vec<ShareRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ShareRow {
    pub(crate) login: String,
    pub(crate) access: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ImportRow {
    pub(crate) created: usize,
    pub(crate) replaced: usize,
    pub(crate) unchanged: usize,
    /// Why objects were refused.
    pub(crate) refused: Vec<String>,
}

impl ImportRow {
    /// Adds what another part of a file came to; returns how many objects that part had.
    pub(crate) fn add(&mut self, part: Self) -> usize {
        let objects = part.created + part.replaced + part.unchanged + part.refused.len();
        self.created += part.created;
        self.replaced += part.replaced;
        self.unchanged += part.unchanged;
        self.refused.extend(part.refused);
        objects
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StatusRow {
    pub(crate) version: String,
    /// `stopped`, `starting`, `running` or `draining`.
    pub(crate) state: String,
    pub(crate) pid: Option<u32>,
    pub(crate) uptime_seconds: Option<u64>,
    pub(crate) addresses: Addresses,
    pub(crate) store: StoreRow,
    #[serde(default)]
    pub(crate) accounts: Vec<AccountStatusRow>,
}

/// Where the server really listens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Addresses {
    pub(crate) http: Vec<String>,
    pub(crate) management: Vec<String>,
}

/// The store. What only an open store can tell is absent while it cannot be opened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoreRow {
    pub(crate) path: String,
    pub(crate) engine: String,
    pub(crate) bytes: Option<u64>,
    pub(crate) incarnation: Option<String>,
    pub(crate) head: Option<u64>,
    pub(crate) tenants: Option<u64>,
    pub(crate) users: Option<u64>,
    pub(crate) collections: Option<u64>,
    pub(crate) commits: Option<u64>,
    pub(crate) syncs: Option<u64>,
}

impl std::fmt::Debug for NewAppPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewAppPassword({})", self.id)
    }
}

impl StatusRow {
    /// The status of a server that does not run.
    pub(crate) fn stopped(path: &str, engine: &str) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: "stopped".to_owned(),
            store: StoreRow { path: path.to_owned(), engine: engine.to_owned(), ..StoreRow::default() },
            ..Self::default()
        }
    }

    pub(crate) fn with_store(mut self, store: &StoreStatus) -> Self {
        self.store = StoreRow {
            path: self.store.path,
            engine: store.stats.engine.name.to_owned(),
            bytes: Some(store.stats.engine.disk_bytes),
            incarnation: Some(store.incarnation.to_string()),
            head: Some(store.head),
            tenants: Some(store.tenants),
            users: Some(store.users),
            collections: Some(store.collections),
            commits: Some(store.stats.engine.commits),
            syncs: Some(store.stats.engine.syncs),
        };
        self
    }
}

impl From<&TenantInfo> for TenantRow {
    fn from(info: &TenantInfo) -> Self {
        Self {
            id: info.id.to_string(),
            name: info.name.clone(),
            timezone: info.timezone.clone(),
            users: info.users,
        }
    }
}

impl From<&UserInfo> for UserRow {
    fn from(info: &UserInfo) -> Self {
        Self {
            id: info.id.to_string(),
            login: info.login.clone(),
            tenant: info.tenant.clone(),
            email: info.email.clone(),
            display_name: info.display_name.clone(),
            role: info.role.into(),
            state: match info.state {
                UserState::Enabled => State::Enabled,
                UserState::Disabled => State::Disabled,
            },
            created: info.created.to_string(),
        }
    }
}

impl From<&AppPasswordInfo> for AppPasswordRow {
    fn from(info: &AppPasswordInfo) -> Self {
        Self {
            id: info.id.to_string(),
            label: info.label.clone(),
            created: info.created.to_string(),
            last_used: info.last_used.map(|at| at.to_string()),
        }
    }
}

impl From<&CalendarInfo> for CalendarRow {
    fn from(info: &CalendarInfo) -> Self {
        let share = |share: &almanac_backend::Share| ShareRow {
            login: share.login.as_str().to_owned(),
            access: access(share.access).to_owned(),
        };
        Self {
            id: info.id.to_string(),
            calendar: format!("{}/{}", info.owner, info.name),
            display_name: info.display_name.clone(),
            components: info.components.iter().map(|kind| kind.as_str().to_owned()).collect(),
            objects: info.objects,
            shares: info.shares.iter().map(share).collect(),
        }
    }
}

impl From<&ImportReport> for ImportRow {
    fn from(report: &ImportReport) -> Self {
        Self {
            created: report.created,
            replaced: report.replaced,
            unchanged: report.unchanged,
            refused: report.refused.clone(),
        }
    }
}

fn access(access: Access) -> &'static str {
    match access {
        Access::FreeBusy => "free-busy",
        Access::Read => "read",
        Access::ReadWrite => "read-write",
        Access::Owner => "owner",
    }
}
