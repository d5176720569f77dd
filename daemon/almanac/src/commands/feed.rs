//! Feeds: made, listed, revoked.

use almanac_app::{AppError, FeedInfo, FeedPrivacy};
use serde::{Deserialize, Serialize};

use super::{Command, Executor, Outcome, path};
use crate::cli;
use crate::config::Config;
use crate::failure::Failure;
use crate::invoke::{audience, carry_out, simple};
use crate::output::{Audience, print};

/// A wish about feeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum FeedCommand {
    Create {
        /// `LOGIN/NAME`
        at: String,
        privacy: Privacy,
    },
    List {
        login: Option<String>,
    },
    Revoke {
        id: String,
    },
}

/// What a feed shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Privacy {
    Full,
    Busy,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FeedRow {
    pub(crate) id: String,
    pub(crate) owner: String,
    /// `LOGIN/NAME`; none while the calendar is in the trash.
    pub(crate) calendar: Option<String>,
    pub(crate) privacy: Privacy,
    pub(crate) created: String,
}

/// A fresh feed: the only time its secret leaves the server.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NewFeed {
    pub(crate) id: String,
    /// Where it is at the server.
    pub(crate) path: String,
}

impl std::fmt::Debug for NewFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewFeed({})", self.id)
    }
}

impl Executor {
    pub(super) async fn feeds(&self, command: FeedCommand) -> Result<Outcome, Failure> {
        match command {
            FeedCommand::Create { at, privacy } => {
                let (info, secret) = self.app.add_feed(&path(&at)?, privacy.into()).await?;
                let path = crate::feeds::path(secret.expose());
                Ok(Outcome::Feed(NewFeed { id: info.id.to_string(), path }))
            }
            FeedCommand::List { login } => {
                Ok(Outcome::Feeds(self.app.feeds(login.as_deref())?.iter().map(FeedRow::from).collect()))
            }
            FeedCommand::Revoke { id } => {
                self.app.revoke_feed(id.parse().map_err(|_| AppError::NotFound("feed"))?).await?;
                Ok(Outcome::Done)
            }
        }
    }
}

/// Does what `almanac feed` says.
///
/// # Errors
/// What failed; there is no new feed then.
pub(crate) fn invoke(config: &Config, verb: cli::Feed) -> Result<(), Failure> {
    let wish = match verb {
        cli::Feed::List { login, listing } => {
            return simple(config, (Command::Feed(FeedCommand::List { login }), audience(listing)));
        }
        cli::Feed::Revoke { id } => {
            return simple(config, (Command::Feed(FeedCommand::Revoke { id }), Audience::People));
        }
        cli::Feed::Create(wish) => wish,
    };
    let named = wish.host.as_ref().or(config.http.public_url.as_ref()).map(ToString::to_string);
    // Asked first: nobody would see the secret of a feed whose URL cannot be said.
    let server = named.map_or_else(|| own_address(config), Ok)?;
    let privacy = match wish.privacy {
        cli::Privacy::Full => Privacy::Full,
        cli::Privacy::Busy => Privacy::Busy,
    };
    let create = Command::Feed(FeedCommand::Create { at: wish.at, privacy });
    let Outcome::Feed(new) = carry_out(config, create, &[], &|_| {})? else {
        return Err(AppError::Bug("a new feed").into());
    };
    print(format!("{server}{}\n", new.path).as_bytes())
}

/// Where the running server listens, if it is a URL that a client can be given.
fn own_address(config: &Config) -> Result<String, Failure> {
    let Outcome::Status(status) = carry_out(config, Command::Status {}, &[], &|_| {})? else {
        return Err(AppError::Bug("a status").into());
    };
    let mut addresses = status.addresses.http.into_iter();
    addresses.find(|address| address.contains("://")).ok_or_else(|| {
        Failure::failed(
            "nobody says under which name subscribers reach the server",
            "set public_url in [http], or name it with --host",
        )
    })
}

impl From<&FeedInfo> for FeedRow {
    fn from(info: &FeedInfo) -> Self {
        Self {
            id: info.id.to_string(),
            owner: info.owner.clone(),
            calendar: info.calendar.as_ref().map(|name| format!("{}/{name}", info.owner)),
            privacy: info.privacy.into(),
            created: info.created.to_string(),
        }
    }
}

impl From<Privacy> for FeedPrivacy {
    fn from(privacy: Privacy) -> Self {
        match privacy {
            Privacy::Full => Self::Full,
            Privacy::Busy => Self::Busy,
        }
    }
}

impl From<FeedPrivacy> for Privacy {
    fn from(privacy: FeedPrivacy) -> Self {
        match privacy {
            FeedPrivacy::Full => Self::Full,
            FeedPrivacy::Busy => Self::Busy,
        }
    }
}
