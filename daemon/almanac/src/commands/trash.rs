//! What was deleted: listed, restored, removed for good.

use almanac_app::{AppError, Naming, Restored, TrashEntry, TrashKind, TrashList, TrashScope};
use almanac_base::TrashId;
use serde::{Deserialize, Serialize};

use super::{Executor, Outcome, path};
use crate::failure::Failure;

/// A wish about the trash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum TrashCommand {
    List {
        /// `LOGIN` or `LOGIN/NAME`; everything without this.
        of: Option<String>,
        names: bool,
    },
    Restore {
        id: String,
        to: Option<String>,
    },
    Purge {
        id: String,
    },
    PurgeAll {
        of: Option<String>,
    },
}

/// What `almanac trash list` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrashRows {
    pub(crate) entries: Vec<TrashRow>,
    /// There are older ones, which are not listed.
    pub(crate) more: bool,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrashRow {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// `LOGIN/NAME`
    pub(crate) calendar: String,
    pub(crate) deleted: String,
    /// When it goes for good.
    pub(crate) until: String,
    pub(crate) bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The summary of an object, the display name of a calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Calendar,
    Object,
}

/// What came of a restoration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RestoredRow {
    pub(crate) kind: Kind,
    /// `LOGIN/NAME`
    pub(crate) calendar: String,
    /// Whether it has another name than before.
    pub(crate) renamed: bool,
}

impl std::fmt::Debug for TrashRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TrashRow({})", self.id)
    }
}

impl Executor {
    pub(super) async fn trash(&self, command: TrashCommand) -> Result<Outcome, Failure> {
        match command {
            TrashCommand::List { of, names } => {
                let naming = if names { Naming::Names } else { Naming::Ids };
                let list = self.app.trash(&scope(of)?, naming).await?;
                Ok(Outcome::Trash(TrashRows::from(list)))
            }
            TrashCommand::Restore { id, to } => {
                let to = to.as_deref().map(path).transpose()?;
                let restored = self.app.restore_from_trash(trash_id(&id)?, to.as_ref()).await?;
                Ok(Outcome::Restored(RestoredRow::from(&restored)))
            }
            TrashCommand::Purge { id } => {
                self.app.purge_trash_entry(trash_id(&id)?).await?;
                Ok(Outcome::Done)
            }
            TrashCommand::PurgeAll { of } => {
                Ok(Outcome::Purged { entries: self.app.purge_trash(&scope(of)?).await? })
            }
        }
    }
}

fn scope(of: Option<String>) -> Result<TrashScope, Failure> {
    Ok(match of {
        None => TrashScope::All,
        Some(text) if text.contains('/') => TrashScope::Calendar(path(&text)?),
        Some(login) => TrashScope::Owner(login),
    })
}

fn trash_id(text: &str) -> Result<TrashId, Failure> {
    text.parse().map_err(|_| AppError::NotFound("entry of the trash").into())
}

impl From<TrashList> for TrashRows {
    fn from(list: TrashList) -> Self {
        Self { entries: list.entries.into_iter().map(TrashRow::from).collect(), more: list.more }
    }
}

impl From<TrashEntry> for TrashRow {
    fn from(entry: TrashEntry) -> Self {
        let (name, label) = entry.names.map(|names| (names.name, names.label)).unzip();
        Self {
            id: entry.id.to_string(),
            kind: entry.kind.into(),
            calendar: format!("{}/{}", entry.owner, entry.calendar),
            deleted: entry.deleted.to_string(),
            until: entry.until.to_string(),
            bytes: entry.bytes,
            name: name.map(almanac_base::Redacted::into_inner),
            label: label.flatten().map(almanac_base::Redacted::into_inner),
        }
    }
}

impl From<&Restored> for RestoredRow {
    fn from(restored: &Restored) -> Self {
        Self {
            kind: restored.kind.into(),
            calendar: format!("{}/{}", restored.at.home.as_str(), restored.at.name.as_str()),
            renamed: restored.renamed,
        }
    }
}

impl From<TrashKind> for Kind {
    fn from(kind: TrashKind) -> Self {
        match kind {
            TrashKind::Calendar => Self::Calendar,
            TrashKind::Object => Self::Object,
        }
    }
}
