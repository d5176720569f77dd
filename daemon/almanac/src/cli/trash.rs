//! The trash.

use clap::{Args, Subcommand};

use super::{Listing, calendar, login, trashed};

#[derive(Debug, Subcommand)]
pub(crate) enum Trash {
    /// Lists what was deleted and can be restored, newest first
    #[command(after_help = "\
Examples:
  almanac trash list
  almanac trash list ada --json
  almanac trash list ada/calendar --names     shows names and summaries, which tell of patients")]
    List(TrashList),
    /// Puts a deleted calendar or object back to where it was
    #[command(after_help = "\
Examples:
  almanac trash restore tra_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d
  almanac trash restore tra_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d --to ada/found
It gets another name if its own is taken. Clients see it at their next synchronisation.")]
    Restore {
        /// As shown by `trash list`
        #[arg(value_parser = trashed)]
        id: String,
        /// For an object: the calendar that takes it; for a calendar: its new name
        #[arg(long, value_name = "LOGIN/NAME", value_parser = calendar)]
        to: Option<String>,
    },
    /// Removes what was deleted for good, now
    #[command(after_help = "\
Examples:
  almanac trash purge tra_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d
  almanac trash purge --all --yes
  almanac trash purge --all --of ada/calendar")]
    Purge(TrashPurge),
}

#[derive(Debug, Args)]
pub(crate) struct TrashList {
    /// Only what was this person's, or this calendar and what was in it
    #[arg(value_name = "LOGIN[/NAME]", value_parser = owned)]
    pub(crate) of: Option<String>,
    /// Shows names of resources, summaries and display names too
    #[arg(long)]
    pub(crate) names: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

#[derive(Debug, Args)]
pub(crate) struct TrashPurge {
    /// As shown by `trash list`
    #[arg(value_parser = trashed, required_unless_present = "all", conflicts_with = "all")]
    pub(crate) id: Option<String>,
    /// Everything that is in the trash
    #[arg(long)]
    pub(crate) all: bool,
    /// With --all: only what was this person's, or this calendar and what was in it
    #[arg(long, value_name = "LOGIN[/NAME]", value_parser = owned, requires = "all")]
    pub(crate) of: Option<String>,
    /// Does not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// `LOGIN` or `LOGIN/NAME`
fn owned(text: &str) -> Result<String, String> {
    if text.contains('/') { calendar(text) } else { login(text) }
}
