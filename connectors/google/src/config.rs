//! The section `[connectors.google]` of the configuration.

use almanac_egress::Target;
use almanac_egress::guard::Refusal;
use serde::Deserialize;

/// Where Google is. The defaults are Google's own; others are for a proxy, and plain http for this host only.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GoogleConfig {
    /// The calendar API.
    pub api_url: String,
    /// Where people sign in.
    pub auth_url: String,
    /// Where codes and refresh tokens are exchanged.
    pub token_url: String,
}

impl Default for GoogleConfig {
    fn default() -> Self {
        Self {
            api_url: "https://www.googleapis.com/calendar/v3/".to_owned(),
            auth_url: "https://accounts.google.com/o/oauth2/v2/auth".to_owned(),
            token_url: "https://oauth2.googleapis.com/token".to_owned(),
        }
    }
}

/// The same, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// The calendar API.
    pub api: Target,
    /// Where people sign in.
    pub authorize: Target,
    /// Where codes and refresh tokens are exchanged.
    pub token: Target,
}

impl GoogleConfig {
    /// Reads the addresses.
    ///
    /// # Errors
    /// One of them is no URL that a request can go to.
    pub fn endpoints(&self) -> Result<Endpoints, Refusal> {
        Ok(Endpoints {
            api: Target::parse(&self.api_url)?,
            authorize: Target::parse(&self.auth_url)?,
            token: Target::parse(&self.token_url)?,
        })
    }
}
