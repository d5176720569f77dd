//! What is printed of accounts, links and their runs.

use std::collections::BTreeMap;

use almanac_app::sync::{
    AccountInfo, Enabled, LinkInfo, LinkMode, LinkPolicy, LinkPrivacy, LinkState, Loser, LostEntry,
};
use almanac_base::AccountId;
use almanac_contract::{CalendarAccess, RemoteCalendar};
use almanac_sync::Stop;
use serde::{Deserialize, Serialize};

use super::remedy::{Trouble, Whose, detached};
use crate::failure::{Failure, chain};
use crate::vendors::LinkOutcome;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AccountRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) tenant: String,
    pub(crate) enabled: bool,
    pub(crate) settings: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RemoteRow {
    pub(crate) id: String,
    pub(crate) name: String,
    /// `write`, `read` or `free-busy`
    pub(crate) access: String,
    pub(crate) primary: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LinkRow {
    pub(crate) id: String,
    pub(crate) account: String,
    /// The calendar at the vendor, as people call it.
    pub(crate) remote: String,
    /// `LOGIN/NAME`; absent if it was deleted.
    pub(crate) calendar: Option<String>,
    pub(crate) mode: String,
    pub(crate) privacy: String,
    pub(crate) conflicts: String,
    /// `active`, `paused` or `detached`
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
}

/// What a run, or a plan, came to for one link.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunRow {
    pub(crate) link: String,
    pub(crate) account: String,
    pub(crate) calendar: Option<String>,
    pub(crate) here: CountsRow,
    pub(crate) there: CountsRow,
    /// People whom the vendor mails.
    pub(crate) mails: u64,
    pub(crate) matched: u64,
    /// Objects there that other calendars of the house wrote, and that are left alone.
    pub(crate) mirrors: u64,
    pub(crate) lost: u64,
    pub(crate) held: u64,
    pub(crate) parked: u64,
    pub(crate) waiting: u64,
    /// What is held and parked now, whenever that was found.
    pub(crate) held_in_all: u64,
    pub(crate) parked_in_all: u64,
    pub(crate) error: Option<String>,
    /// What to do about the error.
    pub(crate) remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CountsRow {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
}

/// What `almanac sync now` and `almanac sync plan` print.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunRows {
    pub(crate) links: Vec<RunRow>,
    /// Links that do not run because somebody paused them.
    #[serde(default)]
    pub(crate) paused: u64,
    /// Whether it was only said, not done.
    pub(crate) plan: bool,
}

/// An object that waits for a person.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WaitingRow {
    /// What it is called in answers.
    #[serde(rename = "ref")]
    pub(crate) reference: String,
    pub(crate) link: String,
    pub(crate) account: String,
    pub(crate) why: String,
    pub(crate) since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LostRow {
    pub(crate) id: String,
    pub(crate) link: String,
    pub(crate) at: String,
    /// `store` or `vendor`
    pub(crate) loser: String,
    pub(crate) fields: Vec<String>,
    /// Whether the loser had deleted the object.
    pub(crate) deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

/// How an account is; part of `almanac status`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AccountStatusRow {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) tenant: String,
    /// `ok`, `held`, `degraded`, `throttled`, `detached`, `needs-sign-in`, `broken`, `disabled` or `unknown`
    pub(crate) state: String,
    pub(crate) error: Option<String>,
    /// What to do; absent when all is well.
    pub(crate) remedy: Option<String>,
    pub(crate) throttled_until: Option<String>,
    pub(crate) last_success: Option<String>,
    pub(crate) lag_seconds: Option<i64>,
    pub(crate) links: u64,
    pub(crate) queue: u64,
    pub(crate) oldest_pending: Option<String>,
    pub(crate) held: u64,
    pub(crate) parked: u64,
    pub(crate) drift: Option<u64>,
    pub(crate) token_expires: Option<String>,
    /// When a person has to sign in again, if the vendor says so beforehand.
    pub(crate) sign_in_ends: Option<String>,
    pub(crate) channel_expires: Option<String>,
    /// When the vendor last called.
    pub(crate) last_call: Option<String>,
}

impl std::fmt::Debug for WaitingRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WaitingRow({})", self.reference)
    }
}

pub(super) fn run_row(
    outcome: &LinkOutcome,
    accounts: &BTreeMap<AccountId, String>,
    whose: &Whose,
) -> RunRow {
    let (report, link) = (&outcome.report, &outcome.link);
    let counts = |counts: &almanac_sync::Counts| CountsRow {
        created: counts.created,
        updated: counts.updated,
        deleted: counts.deleted,
    };
    RunRow {
        link: link.id.to_string(),
        account: accounts.get(&link.account).cloned().unwrap_or_default(),
        calendar: place(link),
        here: counts(&report.here),
        there: counts(&report.there),
        mails: report.mails,
        matched: report.matched,
        mirrors: report.mirrors,
        lost: report.lost,
        held: report.held,
        parked: report.parked,
        waiting: report.waiting,
        held_in_all: 0,
        parked_in_all: 0,
        error: outcome.stop.as_ref().map(|stop| chain(stop)),
        remedy: outcome.stop.as_ref().and_then(|stop| match stop {
            Stop::Detached(_) => Some(detached(link.id)),
            stop => Some(Trouble::of_run(stop)?.remedy(whose)),
        }),
    }
}

pub(super) fn place(link: &LinkInfo) -> Option<String> {
    link.at.as_ref().map(|at| format!("{}/{}", at.home.as_str(), at.name.as_str()))
}

pub(super) fn link_row(link: &LinkInfo, accounts: &BTreeMap<AccountId, String>) -> LinkRow {
    let mode = match (link.mode, link.privacy) {
        (LinkMode::TwoWay, _) => "two-way",
        (LinkMode::Pull, _) => "pull",
        (LinkMode::Push, LinkPrivacy::Busy) => "busy-only",
        (LinkMode::Push, LinkPrivacy::Full | LinkPrivacy::Initials) => "push",
    };
    let privacy = match link.privacy {
        LinkPrivacy::Full => "full",
        LinkPrivacy::Initials => "initials",
        LinkPrivacy::Busy => "busy",
    };
    let conflicts = match link.policy {
        LinkPolicy::Record => "record",
        LinkPolicy::Vendor => "vendor",
        LinkPolicy::Store => "store",
        LinkPolicy::Ask => "ask",
    };
    let (state, reason) = match &link.state {
        LinkState::Active => ("active", None),
        LinkState::Paused => ("paused", None),
        LinkState::Detached(reason) => ("detached", Some(reason.clone())),
    };
    LinkRow {
        id: link.id.to_string(),
        account: accounts.get(&link.account).cloned().unwrap_or_default(),
        remote: link.remote_name.clone(),
        calendar: place(link),
        mode: mode.to_owned(),
        privacy: privacy.to_owned(),
        conflicts: conflicts.to_owned(),
        state: state.to_owned(),
        reason,
    }
}

impl RunRow {
    /// Of an account that cannot be used at all.
    pub(super) fn failed(account: &AccountInfo, failure: Failure) -> Self {
        let (error, remedy) = (Some(failure.what), Some(failure.remedy));
        Self { account: account.name.clone(), error, remedy, ..Self::default() }
    }

    /// Of a link that does not run because a calendar is gone.
    pub(super) fn detached(link: &LinkInfo, accounts: &BTreeMap<AccountId, String>, reason: &str) -> Self {
        Self {
            link: link.id.to_string(),
            account: accounts.get(&link.account).cloned().unwrap_or_default(),
            calendar: place(link),
            error: Some(format!("the link is detached: {reason}")),
            remedy: Some(detached(link.id)),
            ..Self::default()
        }
    }
}

/// Whether names of objects, which may tell of patients, are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    Shown,
    Hidden,
}

impl LostRow {
    pub(super) fn new(lost: &LostEntry, names: Names) -> Self {
        Self {
            id: lost.id.to_string(),
            link: lost.link.to_string(),
            at: lost.at.to_string(),
            loser: match lost.loser {
                Loser::Store => "store".to_owned(),
                Loser::Vendor => "vendor".to_owned(),
            },
            fields: lost.fields.clone(),
            deleted: lost.deleted,
            name: (names == Names::Shown).then(|| lost.name.clone().into_inner()),
        }
    }
}

impl From<&AccountInfo> for AccountRow {
    fn from(account: &AccountInfo) -> Self {
        Self {
            id: account.id.to_string(),
            name: account.name.clone(),
            kind: account.kind.clone(),
            tenant: account.tenant_name.clone(),
            enabled: account.enabled == Enabled::Yes,
            settings: account.settings.iter().cloned().collect(),
        }
    }
}

impl From<&RemoteCalendar> for RemoteRow {
    fn from(calendar: &RemoteCalendar) -> Self {
        let access = match calendar.access {
            CalendarAccess::Write => "write",
            CalendarAccess::Read => "read",
            CalendarAccess::FreeBusy => "free-busy",
        };
        Self {
            id: calendar.id.0.clone(),
            name: calendar.name.clone(),
            access: access.to_owned(),
            primary: calendar.primary,
        }
    }
}

impl std::fmt::Debug for LostRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LostRow({})", self.id)
    }
}
