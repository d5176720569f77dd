//! What an operator can ask for. A [`Command`] is carried out by [`run`], in the daemon or, while none runs,
//! in the command line's own process: there is one implementation.

pub(crate) mod backup;
pub(crate) mod export;
pub(crate) mod feed;
pub(crate) mod import;
pub(crate) mod key;
pub(crate) mod profile;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod tenant;
pub(crate) mod trash;
pub(crate) mod upkeep;
pub(crate) mod vendors;

use std::sync::Arc;

use almanac_app::{App, AppError, ImportProgress, NewUser, UserState};
use almanac_backend::{Access, CollectionName, CollectionPath, Login, PrincipalRole};
use almanac_base::{Clock as _, CredentialId, SystemClock};
use almanac_ical::ComponentKind;
use almanac_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::daemon::{Daemon, Phase};
use crate::failure::{Exit, Failure, chain};
use crate::vendors::Vendors;
use feed::{FeedCommand, FeedRow, NewFeed};
use rows::{
    AppPasswordRow, BackupRow, CalendarRow, CheckRow, CompactRow, ConvertedRow, ImportRow, KeyRow,
    NewAppPassword, RootRow, StatusRow, TenantRow, UserRow, VerifyRow,
};
use tenant::TenantMoved;
use trash::{RestoredRow, TrashCommand, TrashRows};
use vendors::VendorsCommand;
use vendors::rows::{AccountRow, LinkRow, LostRow, RemoteRow, RunRows, WaitingRow};

/// A wish of the operator. Its texts are checked where it is carried out, whoever checked them before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Command {
    TenantAdd {
        name: String,
        timezone: Option<String>,
    },
    TenantList {},
    TenantRemove {
        name: String,
    },
    /// It comes in pieces before the answer.
    TenantExport {
        tenant: String,
    },
    /// It follows in pieces.
    TenantImport {
        /// Its name here; the one that it has without this.
        name: Option<String>,
    },
    UserAdd {
        login: String,
        tenant: String,
        email: String,
        display_name: String,
        role: Role,
    },
    UserList {
        tenant: Option<String>,
    },
    UserSetState {
        login: String,
        state: State,
    },
    UserRemove {
        login: String,
    },
    AppPasswordAdd {
        login: String,
        label: String,
    },
    AppPasswordList {
        login: String,
    },
    AppPasswordRevoke {
        login: String,
        id: String,
    },
    CalendarAdd {
        at: String,
        display_name: Option<String>,
        components: Vec<String>,
    },
    CalendarList {
        login: Option<String>,
    },
    CalendarRemove {
        at: String,
    },
    CalendarShare {
        at: String,
        with: String,
        access: SharedAccess,
    },
    Trash(TrashCommand),
    Vendors(VendorsCommand),
    Feed(FeedCommand),
    /// The file is the attachment of the request.
    Import {
        at: String,
    },
    /// The file is the attachment of the answer.
    Export {
        at: String,
    },
    Status {},
    /// The backup comes in pieces before the answer.
    Backup {},
    StoreVerify {},
    KeyRotate {
        /// All tenants and the instance itself without this.
        tenant: Option<String>,
    },
    /// The new root key is the attachment of the request; without one it is made.
    KeyRotateRoot {},
}

/// What a person is in the clinic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    Admin,
    FrontDesk,
    Practitioner,
    Patient,
}

/// Whether a person may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Enabled,
    Disabled,
}

/// What a sharee may do; `none` ends the share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SharedAccess {
    Read,
    ReadWrite,
    FreeBusy,
    None,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// There is nothing to say.
    Done,
    /// The id of what was made.
    Made(String),
    Tenants(Vec<TenantRow>),
    Users(Vec<UserRow>),
    AppPasswords(Vec<AppPasswordRow>),
    AppPassword(NewAppPassword),
    Calendars(Vec<CalendarRow>),
    Trash(TrashRows),
    Feeds(Vec<FeedRow>),
    Feed(NewFeed),
    Restored(RestoredRow),
    Accounts(Vec<AccountRow>),
    Remotes(Vec<RemoteRow>),
    Links(Vec<LinkRow>),
    Runs(RunRows),
    Waiting(Vec<WaitingRow>),
    Answered {
        objects: u64,
    },
    Lost(Vec<LostRow>),
    /// What an object has again.
    LostRestored(LostRow),
    /// What a link wrote at its vendor; what stays there would mail people.
    TakenBack {
        objects: u64,
        mailing: u64,
    },
    Purged {
        entries: u64,
    },
    Imported(ImportRow),
    /// The file is attached.
    Exported,
    Status(Box<StatusRow>),
    BackedUp(BackupRow),
    TenantMoved(TenantMoved),
    /// Of each tenant that has other index keys now.
    Rekeyed(Vec<TenantMoved>),
    Converted(ConvertedRow),
    Verified(VerifyRow),
    Checked(CheckRow),
    Compacted(CompactRow),
    KeysRotated(Vec<KeyRow>),
    RootRotated(RootRow),
}

/// Where commands are carried out.
pub(crate) struct Executor {
    pub(crate) app: Arc<App>,
    /// The daemon this happens in; none in the command line's own process.
    pub(crate) daemon: Option<Arc<Daemon>>,
    pub(crate) vendors: Arc<Vendors>,
}

impl Executor {
    /// Carries out one command.
    ///
    /// # Errors
    /// What failed and what to do about it; nothing has changed, except that an import may be half done.
    pub(crate) async fn execute(
        &self,
        command: Command,
        attachment: &[u8],
        progress: &(dyn Fn(ImportProgress) + Sync),
    ) -> Result<Outcome, Failure> {
        let outcome = match command {
            Command::Import { at } => self.import(&at, attachment, progress).await?,
            Command::Status {} => Outcome::Status(Box::new(self.status().await?)),
            Command::Export { .. }
            | Command::Backup {}
            | Command::TenantExport { .. }
            | Command::TenantImport { .. } => {
                return Err(AppError::Bug("this goes piece by piece").into());
            }
            Command::KeyRotate { tenant } => {
                // How many there are in all is known only at the end.
                let step =
                    |done| progress(ImportProgress { done: usize::try_from(done).unwrap_or(0), total: 0 });
                let done = self.app.rotate_keys(tenant.as_deref(), &step).await?;
                Outcome::KeysRotated(done.iter().map(KeyRow::from).collect())
            }
            Command::KeyRotateRoot {} => {
                Outcome::RootRotated(key::rotate_root(Arc::clone(self.app.store()), attachment).await?)
            }
            Command::StoreVerify {} => Outcome::Verified(self.verify().await?),
            Command::TenantAdd { .. } | Command::TenantList {} | Command::TenantRemove { .. } => {
                self.tenants(command).await?
            }
            Command::AppPasswordAdd { .. }
            | Command::AppPasswordList { .. }
            | Command::AppPasswordRevoke { .. } => self.app_passwords(command).await?,
            Command::CalendarAdd { .. }
            | Command::CalendarList { .. }
            | Command::CalendarRemove { .. }
            | Command::CalendarShare { .. } => self.calendars(command).await?,
            Command::Trash(command) => self.trash(command).await?,
            Command::Vendors(command) => self.vendors(command, attachment).await?,
            Command::Feed(command) => self.feeds(command).await?,
            Command::UserAdd { .. }
            | Command::UserList { .. }
            | Command::UserSetState { .. }
            | Command::UserRemove { .. } => self.users(command).await?,
        };
        Ok(outcome)
    }

    async fn tenants(&self, command: Command) -> Result<Outcome, Failure> {
        match command {
            Command::TenantAdd { name, timezone } => {
                Ok(Outcome::Made(self.app.add_tenant(&name, timezone.as_deref()).await?.id.to_string()))
            }
            Command::TenantRemove { name } => {
                self.app.remove_tenant(&name).await?;
                Ok(Outcome::Done)
            }
            _ => Ok(Outcome::Tenants(self.app.tenants().iter().map(TenantRow::from).collect())),
        }
    }

    async fn users(&self, command: Command) -> Result<Outcome, Failure> {
        match command {
            Command::UserAdd { login, tenant, email, display_name, role } => {
                let new = NewUser { login, tenant, email, display_name, role: role.into() };
                Ok(Outcome::Made(self.app.add_user(new).await?.id.to_string()))
            }
            Command::UserSetState { login, state } => {
                self.app.set_user_state(&login, state.into()).await?;
                Ok(Outcome::Done)
            }
            Command::UserRemove { login } => {
                self.app.remove_user(&login).await?;
                Ok(Outcome::Done)
            }
            Command::UserList { tenant } => {
                Ok(Outcome::Users(self.app.users(tenant.as_deref())?.iter().map(UserRow::from).collect()))
            }
            _ => Err(AppError::Bug("not a command about people").into()),
        }
    }

    async fn app_passwords(&self, command: Command) -> Result<Outcome, Failure> {
        match command {
            Command::AppPasswordAdd { login, label } => {
                let (info, secret) = self.app.add_app_password(&login, &label).await?;
                let secret = secret.expose().to_owned();
                Ok(Outcome::AppPassword(NewAppPassword { id: info.id.to_string(), secret }))
            }
            Command::AppPasswordRevoke { login, id } => {
                let id: CredentialId = id.parse().map_err(|error| {
                    Failure::failed(
                        format!("this is no app password: {error}"),
                        "see `almanac app-password list`",
                    )
                })?;
                self.app.revoke_app_password(&login, id).await?;
                Ok(Outcome::Done)
            }
            Command::AppPasswordList { login } => {
                let infos = self.app.app_passwords(&login)?;
                Ok(Outcome::AppPasswords(infos.iter().map(AppPasswordRow::from).collect()))
            }
            _ => Err(AppError::Bug("not a command about app passwords").into()),
        }
    }

    async fn calendars(&self, command: Command) -> Result<Outcome, Failure> {
        match command {
            Command::CalendarAdd { at, display_name, components } => {
                let kinds = components.iter().map(|name| kind(name)).collect::<Result<_, _>>()?;
                let info = self.app.add_calendar(&path(&at)?, display_name, kinds).await?;
                Ok(Outcome::Made(info.id.to_string()))
            }
            Command::CalendarRemove { at } => {
                self.app.remove_calendar(&path(&at)?).await?;
                Ok(Outcome::Done)
            }
            Command::CalendarShare { at, with, access } => {
                let with = Login::new(&with).map_err(|_| AppError::NotFound("login"))?;
                self.app.share_calendar(&path(&at)?, &with, access.into()).await?;
                Ok(Outcome::Done)
            }
            Command::CalendarList { login } => {
                let infos = self.app.calendars(login.as_deref()).await?;
                Ok(Outcome::Calendars(infos.iter().map(CalendarRow::from).collect()))
            }
            _ => Err(AppError::Bug("not a command about calendars").into()),
        }
    }

    async fn import(
        &self,
        at: &str,
        ics: &[u8],
        progress: &(dyn Fn(ImportProgress) + Sync),
    ) -> Result<Outcome, Failure> {
        let report = self.app.import(&path(at)?, ics, progress).await?;
        Ok(Outcome::Imported(ImportRow::from(&report)))
    }

    async fn verify(&self) -> Result<VerifyRow, Failure> {
        let (store, daemon) = (Arc::clone(self.app.store()), self.daemon.clone());
        // A daemon that is to stop does not wait for the end of this.
        let go_on = move || daemon.as_ref().is_none_or(|daemon| daemon.phase() != Phase::Draining);
        let look = move || store.verify_while(&go_on, &mut |_, _| {});
        let report = tokio::task::spawn_blocking(look).await;
        let report = report.map_err(|_| AppError::Bug("looking at the store panicked"))?;
        Ok(VerifyRow::from(&report.map_err(AppError::from)?))
    }

    async fn status(&self) -> Result<StatusRow, Failure> {
        let store = self.app.status().await?;
        let mut row = match &self.daemon {
            Some(daemon) => daemon.status(&store),
            None => StatusRow::stopped("", "").with_store(&store),
        };
        row.accounts = vendors::status::account_status(&self.vendors, SystemClock.now()).await?;
        Ok(row)
    }
}

/// `LOGIN/NAME`
pub(crate) fn path(text: &str) -> Result<CollectionPath, Failure> {
    let names = text.split_once('/').and_then(|(home, name)| {
        Some(CollectionPath { home: Login::new(home).ok()?, name: CollectionName::new(name).ok()? })
    });
    names.ok_or_else(|| {
        Failure::failed(
            "a calendar is written LOGIN/NAME",
            "see `almanac calendar list` for those that exist",
        )
    })
}

/// The kind of component with this name, in capitals or not.
pub(crate) fn kind(name: &str) -> Result<ComponentKind, Failure> {
    ComponentKind::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name)).ok_or_else(|| {
        Failure::failed(
            "a calendar cannot hold this kind of component",
            "choose of VEVENT, VTODO, VJOURNAL, VFREEBUSY",
        )
    })
}

/// An error of the application as the operator reads it.
impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        let exit = match &error {
            AppError::Store(StoreError::Corrupt(_)) => Exit::Damaged,
            _ => Exit::Failed,
        };
        let remedy = match &error {
            AppError::NotFound(what) => {
                format!("see the list of what there is: `almanac {} list`", list_of(what))
            }
            AppError::Exists(_) => "choose another name, or use the one that is there".to_owned(),
            AppError::Invalid(_) | AppError::Refused(_) | AppError::TooManyInstances => {
                "correct the input".to_owned()
            }
            AppError::Busy => "try again".to_owned(),
            AppError::Store(StoreError::NoSpace) => "make room on the disk".to_owned(),
            AppError::Store(StoreError::Closed) => "the server is stopping: try again afterwards".to_owned(),
            AppError::Store(StoreError::Corrupt(_)) => "restore the newest backup".to_owned(),
            AppError::Store(_) => "look at the disk and at the server's log, then restart it".to_owned(),
            AppError::Bug(_) => "report this".to_owned(),
        };
        Self::new(exit, chain(&error), remedy)
    }
}

fn list_of(what: &str) -> &'static str {
    match what {
        "tenant" => "tenant",
        "calendar" => "calendar",
        "app password" => "app-password",
        "entry of the trash" => "trash",
        "account" => "account",
        "link" => "link",
        "feed" => "feed",
        _ => "user",
    }
}

impl From<Role> for PrincipalRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::FrontDesk => Self::FrontDesk,
            Role::Practitioner => Self::Practitioner,
            Role::Patient => Self::Patient,
        }
    }
}

impl From<PrincipalRole> for Role {
    fn from(role: PrincipalRole) -> Self {
        match role {
            PrincipalRole::Admin => Self::Admin,
            PrincipalRole::FrontDesk => Self::FrontDesk,
            PrincipalRole::Practitioner => Self::Practitioner,
            PrincipalRole::Patient => Self::Patient,
        }
    }
}

impl From<State> for UserState {
    fn from(state: State) -> Self {
        match state {
            State::Enabled => Self::Enabled,
            State::Disabled => Self::Disabled,
        }
    }
}

impl From<SharedAccess> for Option<Access> {
    fn from(access: SharedAccess) -> Self {
        match access {
            SharedAccess::Read => Some(Access::Read),
            SharedAccess::ReadWrite => Some(Access::ReadWrite),
            SharedAccess::FreeBusy => Some(Access::FreeBusy),
            SharedAccess::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use almanac_app::AppOptions;
    use almanac_base::SystemClock;
    use almanac_store::{CreateMode, EngineKind, FreshKey, OpenOptions, Store};

    use super::*;

    #[tokio::test]
    async fn a_look_at_the_whole_store_ends_when_the_daemon_is_to_stop() {
        let clock = Arc::new(SystemClock);
        let options = OpenOptions {
            state: "/nonexistent".into(),
            engine: EngineKind::Memory,
            cache_bytes: 1 << 20,
            key: Arc::new(FreshKey::default()),
            clock: Arc::clone(&clock) as _,
            create: CreateMode::IfMissing,
        };
        let store = Arc::new(Store::open(options).unwrap());
        let app = App::open(store, AppOptions { clock, cache_bytes: 1 << 20, trash_days: 30 }).await.unwrap();
        let daemon = Arc::new(Daemon::new("/nonexistent".into()));
        let vendors = Vendors::new(&app, Arc::new(SystemClock), &crate::config::Config::default());
        let executor = Executor { app, daemon: Some(Arc::clone(&daemon)), vendors };
        let outcome = executor.execute(Command::StoreVerify {}, &[], &|_| {}).await.unwrap();
        assert!(matches!(outcome, Outcome::Verified(row) if row.damaged == 0 && row.rows > 0));
        daemon.draining();
        let failure = executor.execute(Command::StoreVerify {}, &[], &|_| {}).await.unwrap_err();
        assert_eq!(failure.remedy, "the server is stopping: try again afterwards");
    }
}
