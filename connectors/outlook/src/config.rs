//! What the connector needs to be told.

use std::fmt;
use std::sync::Arc;

use almanac_base::Clock;
use almanac_egress::oauth::Account;
use almanac_egress::throttle::Pace;
use almanac_egress::{Client, Target};

/// Where Graph is, for everybody but the national clouds.
pub const API_URL: &str = "https://graph.microsoft.com/v1.0";

/// Whose calendars.
#[derive(Clone, PartialEq, Eq)]
pub enum Mailbox {
    /// Those of the person who signed in.
    SignedIn,
    /// Those of the person with this id or address; an application that acts for itself has no other way.
    User(String),
}

/// An account at Microsoft 365 or Outlook.com.
pub struct Setup {
    /// What requests go out with.
    pub client: Arc<Client>,
    /// How fast they do; made of [`crate::PACE`], one for all who use the mailbox.
    pub pace: Arc<Pace>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Its access tokens.
    pub account: Arc<Account>,
    /// Where Graph is: [`API_URL`].
    pub api: Target,
    /// Whose calendars.
    pub mailbox: Mailbox,
}

/// It names a person.
impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignedIn => "SignedIn",
            Self::User(_) => "User(..)",
        })
    }
}
