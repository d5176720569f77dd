//! `almanac feed`.

use almanac_base::FeedId;
use clap::{Args, Subcommand, ValueEnum};

use super::profile::origin;
use super::{Listing, calendar, login};
use crate::config::values::PublicUrl;

#[derive(Debug, Subcommand)]
pub(crate) enum Feed {
    /// Makes a secret URL under which anybody who has it can read a calendar, and prints it, once, alone on stdout
    #[command(after_help = "\
Examples:
  almanac feed create ada/calendar
  almanac feed create ada/calendar --privacy busy
  almanac feed create ada/calendar --host cal.example.org:8443
Give the URL to a calendar program as a subscription. Without --host it begins with public_url of [http], else with the
address of the running server. Whoever gets hold of it has the calendar until the feed is revoked.")]
    Create(FeedCreate),
    /// Lists feeds, without their URLs
    #[command(after_help = "Examples:\n  almanac feed list\n  almanac feed list ada --json")]
    List {
        /// Only those of this person's calendars
        #[arg(value_parser = login)]
        login: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Makes a feed's URL useless at once
    #[command(after_help = "Examples:\n  almanac feed revoke fed_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d")]
    Revoke {
        /// As shown by `feed list`
        #[arg(value_parser = feed)]
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct FeedCreate {
    /// LOGIN/NAME
    #[arg(value_name = "LOGIN/NAME", value_parser = calendar)]
    pub(crate) at: String,
    /// What it shows
    #[arg(long, value_enum, default_value = "full")]
    pub(crate) privacy: Privacy,
    /// Under which name subscribers reach the server: cal.example.org, cal.example.org:8443 or a URL
    #[arg(long, value_name = "HOST", value_parser = origin)]
    pub(crate) host: Option<PublicUrl>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Privacy {
    /// Everything that is in the calendar
    Full,
    /// When somebody is busy: no title, place, person or text, no tasks and journals
    Busy,
}

fn feed(text: &str) -> Result<String, String> {
    text.parse::<FeedId>().map(|_| text.to_owned()).map_err(|error| error.to_string())
}
