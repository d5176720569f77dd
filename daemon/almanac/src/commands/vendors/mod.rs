//! Accounts at vendors, links, and their runs.

pub(crate) mod ask;
pub(crate) mod metrics;
pub(crate) mod remedy;
pub(crate) mod rows;
mod runs;
pub(crate) mod status;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;

use almanac_app::AppError;
use almanac_app::sync::{
    AccountInfo, Enabled, LinkInfo, LinkMode, LinkPolicy, LinkPrivacy, LinkState, NewAccount, NewLink,
    PairState,
};
use almanac_base::{AccountId, HistoryId, LinkId, Secret, TenantId};
use almanac_contract::{CalendarAccess, CalendarId, RemoteCalendar};
use almanac_sync::{Answer, Execution, Scope, Stop, purge};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Executor, Outcome, path};
use crate::failure::{Failure, chain};
use crate::vendors::secrets::Secrets;
use crate::vendors::{CLOSING_PATIENCE, Kind, checked_settings, probe, refused_by_vendor};

use remedy::{Stage, Whose};
use rows::{AccountRow, LostRow, Names, RemoteRow, RunRow, RunRows, link_row, run_row};
use runs::run_until_idle;

/// A wish about accounts, links or their runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum VendorsCommand {
    /// The secret is the attachment of the request, as JSON.
    AccountAdd {
        kind: Kind,
        name: String,
        tenant: String,
        settings: Vec<(String, String)>,
        /// Whether it is tried before it is kept.
        check: bool,
    },
    /// A new secret is the attachment of the request.
    AccountSignIn {
        name: String,
    },
    AccountList {},
    AccountRemove {
        name: String,
    },
    AccountEnable {
        name: String,
        enabled: bool,
    },
    AccountCalendars {
        name: String,
    },
    LinkAdd {
        /// `ACCOUNT/CALENDAR`
        remote: String,
        at: String,
        mode: Mode,
        privacy: Option<Privacy>,
        conflicts: Policy,
        paused: bool,
    },
    LinkList {},
    LinkPause {
        link: String,
    },
    LinkResume {
        link: String,
    },
    LinkRemove {
        link: String,
    },
    SyncNow {
        account: Option<String>,
        dry_run: bool,
        full: bool,
    },
    Held {
        names: bool,
    },
    Parked {
        names: bool,
    },
    Answer {
        /// As listed; all that the answer fits if it is empty.
        refs: Vec<String>,
        link: Option<String>,
        answer: Said,
    },
    History {
        link: Option<String>,
        names: bool,
    },
    Restore {
        id: String,
    },
    Purge {
        link: String,
    },
}

/// Which way changes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    TwoWay,
    Pull,
    Push,
    BusyOnly,
}

/// What a vendor is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Privacy {
    Full,
    Initials,
    Busy,
}

/// Who wins a contradiction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Policy {
    Record,
    Vendor,
    Store,
    Ask,
}

/// What a person says about what is held or parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Said {
    Approve,
    Reject,
    StoreWins,
    VendorWins,
    Retry,
}

impl Executor {
    pub(super) async fn vendors(
        &self,
        command: VendorsCommand,
        attachment: &[u8],
    ) -> Result<Outcome, Failure> {
        use VendorsCommand as C;
        match command {
            C::AccountAdd { kind, name, tenant, settings, check } => {
                let secret = secret_of(attachment)?;
                self.add_account(kind, NewAccountWish { name, tenant, settings, check }, secret).await
            }
            C::AccountSignIn { name } => {
                let account = self.app.account_named(&name).await?;
                let new = Secrets::parse(&secret_of(attachment)?)?;
                let before = self.app.account_secret(account.id).await?;
                let before = before.as_ref().map(Secrets::parse).transpose()?.unwrap_or_default();
                let whose = Whose::new(&account, &before, Stage::Asked);
                if let (Some(why), Some(_)) = (whose.takes_no_password(), &new.password) {
                    return Err(Failure::failed(why, whose.sign_in()));
                }
                let secrets = before.or(&new);
                self.app.keep_account_secret(account.id, &secrets.to_secret()).await?;
                self.vendors.forget(account.id);
                Ok(Outcome::Done)
            }
            C::AccountList {} => {
                let rows = self.app.accounts().await?.iter().map(AccountRow::from).collect();
                Ok(Outcome::Accounts(rows))
            }
            C::AccountRemove { name } => {
                let account = self.app.account_named(&name).await?;
                // A run under way ends first, and none begins.
                self.app.set_account_enabled(account.id, Enabled::No).await?;
                let turn = self.pause_all(account.id).await?;
                let _turn = turn.lock().await;
                self.close_channels(&account).await?;
                self.app.remove_account(account.id).await?;
                self.vendors.forget(account.id);
                Ok(Outcome::Done)
            }
            C::AccountEnable { name, enabled } => {
                let account = self.app.account_named(&name).await?;
                let state = if enabled { Enabled::Yes } else { Enabled::No };
                self.app.set_account_enabled(account.id, state).await?;
                if !enabled {
                    self.close_in_turn(account.id, None).await?;
                }
                self.vendors.forget(account.id);
                Ok(Outcome::Done)
            }
            C::AccountCalendars { name } => {
                let account = self.app.account_named(&name).await?;
                let calendars = self.calendars_of(&account, Stage::Asked).await?;
                Ok(Outcome::Remotes(calendars.iter().map(RemoteRow::from).collect()))
            }
            C::LinkAdd { remote, at, mode, privacy, conflicts, paused } => {
                self.add_link(&remote, &at, mode, privacy, (conflicts, paused)).await
            }
            C::LinkList {} => {
                let accounts = self.account_names().await?;
                let links = self.app.links().await?;
                Ok(Outcome::Links(links.iter().map(|link| link_row(link, &accounts)).collect()))
            }
            C::LinkPause { link } => self.set_link(&link, LinkState::Paused).await,
            C::LinkResume { link } => self.set_link(&link, LinkState::Active).await,
            C::LinkRemove { link } => {
                let link = self.link(&link).await?;
                self.app.set_link_state(link.id, &LinkState::Paused).await?;
                let turn = self.vendors.turn(link.account);
                let _turn = turn.lock().await;
                self.close_channel(&link).await?;
                self.app.remove_link(link.id).await?;
                self.vendors.wake(link.account);
                Ok(Outcome::Done)
            }
            C::SyncNow { account, dry_run, full } => self.sync_now(account, dry_run, full).await,
            C::Held { names } => self.waiting(names, PairState::is_held).await,
            C::Parked { names } => self.waiting(names, |state| matches!(state, PairState::Parked(_))).await,
            C::Answer { refs, link, answer } => self.answer(&refs, link.as_deref(), answer).await,
            C::History { link, names } => self.history(link.as_deref(), names).await,
            C::Restore { id } => self.restore_lost(&id).await,
            C::Purge { link } => self.purge(&link).await,
        }
    }

    async fn add_account(
        &self,
        kind: Kind,
        wish: NewAccountWish,
        secret: Secret,
    ) -> Result<Outcome, Failure> {
        let mut settings = checked_settings(kind, wish.settings)?;
        let secrets = Secrets::parse(&secret)?;
        // Before anything is sent anywhere for a tenant that is not there.
        self.app.expect_tenant(&wish.tenant)?;
        if wish.check {
            // Whether a server mails people is asked once: what it keeps must not change afterwards.
            let trial = trial(&wish.name, kind, &settings);
            let scheduling = probe(&self.vendors, &trial, kind, secrets.clone()).await?;
            if scheduling == almanac_icloud::Scheduling::None {
                settings.push(("scheduling".to_owned(), "none".to_owned()));
            }
        }
        let new = NewAccount {
            name: wish.name,
            kind: kind.as_str().to_owned(),
            settings,
            secret: Some(secrets.to_secret()),
        };
        let account = self.app.add_account(&wish.tenant, new).await?;
        let tried =
            if wish.check { self.calendars_of(&account, Stage::Adding).await.map(drop) } else { Ok(()) };
        if let Err(failure) = tried {
            self.app.remove_account(account.id).await?;
            self.vendors.forget(account.id);
            return Err(failure);
        }
        self.vendors.changed.notify_one();
        Ok(Outcome::Made(account.id.to_string()))
    }

    async fn calendars_of(
        &self,
        account: &AccountInfo,
        stage: Stage,
    ) -> Result<Vec<RemoteCalendar>, Failure> {
        let live = self.vendors.live(account).await?;
        let whose = self.whose(account, stage).await?;
        live.connector.calendars().await.map_err(|error| refused_by_vendor(&error, &whose))
    }

    async fn whose(&self, account: &AccountInfo, stage: Stage) -> Result<Whose, Failure> {
        let secret = self.app.account_secret(account.id).await?;
        let secrets = secret.and_then(|secret| Secrets::parse(&secret).ok()).unwrap_or_default();
        Ok(Whose::new(account, &secrets, stage))
    }

    async fn add_link(
        &self,
        remote: &str,
        at: &str,
        mode: Mode,
        privacy: Option<Privacy>,
        (conflicts, paused): (Policy, bool),
    ) -> Result<Outcome, Failure> {
        let (name, calendar) = remote.split_once('/').ok_or_else(|| {
            Failure::usage(
                "a calendar at a vendor is written ACCOUNT/CALENDAR",
                "see `almanac account calendars`",
            )
        })?;
        let account = self.app.account_named(name).await?;
        let calendars = self.calendars_of(&account, Stage::Asked).await?;
        let found = pick(&calendars, calendar)?;
        let (mode, privacy) = terms(mode, privacy)?;
        if mode != LinkMode::Pull && found.access != CalendarAccess::Write {
            return Err(Failure::failed(
                "the account may only read this calendar",
                "link it with --mode pull, or get the right to write at the vendor",
            ));
        }
        let new = NewLink {
            account: account.id,
            remote: found.id.0.clone(),
            remote_name: found.name.clone(),
            at: path(at)?,
            mode,
            privacy,
            policy: conflicts.into(),
            state: if paused { LinkState::Paused } else { LinkState::Active },
        };
        let link = self.app.add_link(new).await?;
        self.vendors.wake(link.account);
        Ok(Outcome::Made(link.id.to_string()))
    }

    async fn set_link(&self, link: &str, state: LinkState) -> Result<Outcome, Failure> {
        let link = self.link(link).await?;
        self.app.set_link_state(link.id, &state).await?;
        if state != LinkState::Active {
            self.close_in_turn(link.account, Some(&link)).await?;
        }
        self.vendors.wake(link.account);
        Ok(Outcome::Done)
    }

    /// The vendor need not call about a link any more.
    async fn close_channel(&self, link: &LinkInfo) -> Result<(), Failure> {
        let account = self.app.account(link.account).await?;
        self.vendors.close_channel(&account, link.id).await;
        Ok(())
    }

    /// Waits until nobody opens a channel of the account; a run that takes its time is not waited for.
    async fn close_in_turn(&self, account: AccountId, link: Option<&LinkInfo>) -> Result<(), Failure> {
        let turn = self.vendors.turn(account);
        let _turn = tokio::time::timeout(CLOSING_PATIENCE, turn.lock()).await;
        match link {
            Some(link) => self.close_channel(link).await,
            None => self.close_channels(&self.app.account(account).await?).await,
        }
    }

    async fn close_channels(&self, account: &AccountInfo) -> Result<(), Failure> {
        for link in self.app.links_of_account(account).await? {
            self.vendors.close_channel(account, link.id).await;
        }
        Ok(())
    }

    async fn link(&self, text: &str) -> Result<LinkInfo, Failure> {
        let id: LinkId = text
            .parse()
            .map_err(|_| Failure::usage("a link is named by its id", "see `almanac link list`"))?;
        Ok(self.app.link(id).await?)
    }

    /// Pauses all links of an account; whoever then has its turn is alone with them.
    async fn pause_all(&self, account: AccountId) -> Result<Arc<tokio::sync::Mutex<()>>, Failure> {
        for link in self.app.links().await?.iter().filter(|link| link.account == account) {
            self.app.set_link_state(link.id, &LinkState::Paused).await?;
        }
        Ok(self.vendors.turn(account))
    }

    async fn sync_now(&self, account: Option<String>, dry_run: bool, full: bool) -> Result<Outcome, Failure> {
        let accounts = match &account {
            Some(name) => vec![self.app.account_named(name).await?],
            None => self.app.accounts().await?,
        };
        let execution = if dry_run { Execution::Plan } else { Execution::Do };
        let scope = if full { Scope::Everything } else { Scope::Changes };
        let names = self.account_names().await?;
        let enabled = accounts.iter().filter(|account| account.enabled == Enabled::Yes);
        let runs = enabled.map(|account| async move {
            (account, run_until_idle(&self.vendors, account, execution, scope).await)
        });
        let mut rows = Vec::new();
        // Side by side: a slow account keeps none of the others waiting, and an unusable one takes none along.
        for (account, run) in futures_util::future::join_all(runs).await {
            let outcomes = match run {
                Ok(outcomes) => outcomes,
                Err(failure) => {
                    rows.push(RunRow::failed(account, failure));
                    continue;
                }
            };
            if !dry_run && outcomes.iter().any(|outcome| outcome.report.waiting > 0) {
                self.vendors.wake(account.id); // it is sent when its wait is over
            }
            let whose = self.whose(account, Stage::Runs).await?;
            for outcome in outcomes {
                let mut row = run_row(&outcome, &names, &whose);
                let waiting = self.app.waiting(&outcome.link).await?;
                (row.held_in_all, row.parked_in_all) = (waiting.held, waiting.parked);
                rows.push(row);
            }
        }
        let mut paused = 0;
        for link in self.app.links().await? {
            let meant = accounts.iter().any(|account| account.id == link.account);
            paused += u64::from(meant && link.state == LinkState::Paused);
            let told = rows.iter().any(|row| row.link == link.id.to_string());
            if let (true, LinkState::Detached(reason)) = (meant && !told, &link.state) {
                rows.push(RunRow::detached(&link, &names, reason));
            }
        }
        Ok(Outcome::Runs(RunRows { links: rows, paused, plan: dry_run }))
    }

    async fn history(&self, link: Option<&str>, names: bool) -> Result<Outcome, Failure> {
        let links = match link {
            Some(link) => vec![self.link(link).await?],
            None => self.app.links().await?,
        };
        let mut rows = Vec::new();
        for link in links {
            let lost = self.app.link_history(&link).await?;
            let names = if names { Names::Shown } else { Names::Hidden };
            rows.extend(lost.iter().map(|lost| LostRow::new(lost, names)));
        }
        Ok(Outcome::Lost(rows))
    }

    async fn restore_lost(&self, id: &str) -> Result<Outcome, Failure> {
        let id: HistoryId = id.parse().map_err(|_| {
            Failure::usage("a row of the history is named by its id", "see `almanac sync history`")
        })?;
        for link in self.app.links().await? {
            match self.app.restore_lost(&link, id).await {
                Err(AppError::NotFound(_)) => {}
                other => {
                    other?;
                    let history = self.app.link_history(&link).await?;
                    let lost = history.iter().find(|lost| lost.id == id);
                    return Ok(lost.map_or(Outcome::Done, |lost| {
                        Outcome::LostRestored(LostRow::new(lost, Names::Hidden))
                    }));
                }
            }
        }
        Err(Failure::failed("there is no such row of the history", "see `almanac sync history`"))
    }

    /// Takes back what a link wrote at its vendor, then removes the link.
    async fn purge(&self, link: &str) -> Result<Outcome, Failure> {
        let link = self.link(link).await?;
        let account = self.app.account(link.account).await?;
        let live = self.vendors.live(&account).await?;
        // A run under way ends first; another one finds a link at rest.
        self.app.set_link_state(link.id, &LinkState::Paused).await?;
        let turn = self.vendors.turn(account.id);
        let _turn = turn.lock().await;
        let whose = self.whose(&account, Stage::Asked).await?;
        let purged = purge(&self.app, &*live.connector, &link).await.map_err(|stop| {
            let failure = match stop {
                Stop::Vendor(error) => refused_by_vendor(&error, &whose),
                other => Failure::failed(chain(&other), "see the log of the server"),
            };
            let remedy = format!("{}; the link rests until `almanac sync purge {}`", failure.remedy, link.id);
            Failure { remedy, ..failure }
        })?;
        self.vendors.close_channel(&account, link.id).await;
        self.app.remove_link(link.id).await?;
        self.vendors.changed.notify_one();
        Ok(Outcome::TakenBack { objects: purged.deleted, mailing: purged.mailing })
    }

    async fn account_names(&self) -> Result<BTreeMap<AccountId, String>, Failure> {
        let accounts = self.app.accounts().await?;
        Ok(accounts.into_iter().map(|account| (account.id, account.name)).collect())
    }
}

struct NewAccountWish {
    name: String,
    tenant: String,
    settings: Vec<(String, String)>,
    check: bool,
}

/// An account that is not kept yet.
fn trial(name: &str, kind: Kind, settings: &[(String, String)]) -> AccountInfo {
    AccountInfo {
        id: AccountId::from_bytes([0; 16]),
        tenant: TenantId::from_bytes([0; 16]),
        tenant_name: String::new(),
        name: name.to_owned(),
        kind: kind.as_str().to_owned(),
        settings: settings.to_vec(),
        enabled: Enabled::Yes,
        created: Timestamp::UNIX_EPOCH,
    }
}

fn secret_of(attachment: &[u8]) -> Result<Secret, Failure> {
    let text = std::str::from_utf8(attachment)
        .map_err(|_| Failure::failed("the secret of the account is no text", "give it again"))?;
    Ok(Secret::new(if text.is_empty() { "{}".to_owned() } else { text.to_owned() }))
}

/// The calendar with this id; or with this name, else with an id that is a path and ends so, if only one is such.
fn pick<'a>(calendars: &'a [RemoteCalendar], wanted: &str) -> Result<&'a RemoteCalendar, Failure> {
    if let Some(found) = calendars.iter().find(|calendar| calendar.id == CalendarId(wanted.to_owned())) {
        return Ok(found);
    }
    let named: Vec<_> = calendars.iter().filter(|calendar| calendar.name == wanted).collect();
    let ending =
        || calendars.iter().filter(|calendar| last_segment(&calendar.id.0) == Some(wanted)).collect();
    let found: Vec<_> = if named.is_empty() { ending() } else { named };
    match found.as_slice() {
        [found] => Ok(found),
        [] => Err(Failure::failed("the account has no such calendar", "see `almanac account calendars`")),
        _ => Err(Failure::failed(
            "the account has several calendars of this name",
            "give the id: see `almanac account calendars`",
        )),
    }
}

/// `main` of `/ada/main/`, as the ids of `CalDAV` calendars are.
fn last_segment(id: &str) -> Option<&str> {
    id.strip_prefix('/')?.trim_end_matches('/').rsplit('/').next()
}

fn terms(mode: Mode, privacy: Option<Privacy>) -> Result<(LinkMode, LinkPrivacy), Failure> {
    let level = |default| match privacy.unwrap_or(default) {
        Privacy::Full => LinkPrivacy::Full,
        Privacy::Initials => LinkPrivacy::Initials,
        Privacy::Busy => LinkPrivacy::Busy,
    };
    match (mode, privacy) {
        (Mode::BusyOnly, Some(Privacy::Full)) => Err(Failure::usage(
            "a busy-only link tells no titles",
            "use --mode push --privacy full to tell everything",
        )),
        (Mode::BusyOnly, _) => Ok((LinkMode::Push, level(Privacy::Busy))),
        (Mode::TwoWay, _) => Ok((LinkMode::TwoWay, level(Privacy::Full))),
        (Mode::Pull, _) => Ok((LinkMode::Pull, level(Privacy::Full))),
        (Mode::Push, _) => Ok((LinkMode::Push, level(Privacy::Full))),
    }
}

impl From<Policy> for LinkPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Record => Self::Record,
            Policy::Vendor => Self::Vendor,
            Policy::Store => Self::Store,
            Policy::Ask => Self::Ask,
        }
    }
}

impl From<Said> for Answer {
    fn from(said: Said) -> Self {
        match said {
            Said::Approve => Self::Approve,
            Said::Reject => Self::Reject,
            Said::StoreWins => Self::StoreWins,
            Said::VendorWins => Self::VendorWins,
            Said::Retry => Self::Retry,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(id: &str, name: &str) -> RemoteCalendar {
        RemoteCalendar {
            id: CalendarId(id.to_owned()),
            name: name.to_owned(),
            access: CalendarAccess::Write,
            primary: false,
        }
    }

    #[test]
    fn a_calendar_is_picked_by_its_id_its_name_or_the_end_of_its_path_if_that_is_clear() {
        let calendars = [
            calendar("/ada/main/", "Practice"),
            calendar("/ada/team/", "Private"),
            calendar("/ben/team/", "Private"),
            calendar("/ada/Practice/", "Other"),
            calendar("a/b", "Free"),
        ];
        let id = |wanted| pick(&calendars, wanted).ok().map(|found| found.id.0.as_str());
        assert_eq!(id("/ada/team/"), Some("/ada/team/"));
        assert_eq!(id("main"), Some("/ada/main/"));
        assert_eq!(id("Practice"), Some("/ada/main/"), "a name comes before the end of a path");
        for unclear in ["Private", "team", "ada", "", "b"] {
            assert_eq!(id(unclear), None, "{unclear}");
        }
    }
}
