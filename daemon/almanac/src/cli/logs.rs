//! `almanac logs`.

use std::path::PathBuf;
use std::str::FromStr;

use almanac_base::{Clock, SystemClock};
use clap::Args;
use jiff::Timestamp;

use super::Listing;
use crate::config::values::Period;

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Waits for further lines and prints them, until it is interrupted
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Lines from then on: a time such as 2026-11-28T10:00:00Z, or how long ago, such as 2h
    #[arg(long, value_name = "TIME", conflicts_with = "lines")]
    pub(crate) since: Option<Since>,
    /// The newest lines
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    pub(crate) lines: u64,
    /// Another unit than almanac.service
    #[arg(long, value_name = "UNIT")]
    pub(crate) unit: Option<String>,
    #[command(flatten)]
    pub(crate) listing: Listing,
    /// The folder with the files of the journal, instead of the system's
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) directory: Option<PathBuf>,
}

/// From when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Since(pub(crate) Timestamp);

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        since(text, SystemClock.now())
    }
}

fn since(text: &str, now: Timestamp) -> Result<Since, &'static str> {
    if let Ok(at) = text.parse() {
        return Ok(Since(at));
    }
    let ago = text.parse::<Period>().ok().and_then(|period| now.checked_sub(period.0).ok());
    ago.map(Since).ok_or("give a time such as 2026-11-28T10:00:00Z, or how long ago: 300ms, 10s, 5m, 2h, 1d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_a_time_or_a_while_ago() {
        let now = "2026-11-28T10:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-11-27T00:00:00Z", Some("2026-11-27T00:00:00Z")),
            ("2026-11-27T00:00:00+01:00", Some("2026-11-26T23:00:00Z")),
            ("2h", Some("2026-11-28T08:00:00Z")),
            ("yesterday", None),
            ("", None),
        ] {
            let at = since(text, now).ok().map(|since| since.0);
            assert_eq!(at, expected.map(|text| text.parse().unwrap()), "{text}");
        }
    }
}
