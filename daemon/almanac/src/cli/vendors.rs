//! Accounts at vendors, links and their runs.

use std::net::SocketAddr;
use std::path::PathBuf;

use almanac_base::{HistoryId, LinkId};
use clap::{Args, Subcommand, ValueEnum};

use super::{Listing, calendar};
use crate::commands::vendors::{Mode, Policy, Privacy};
use crate::vendors::Kind;

#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Adds an account at Google, Outlook, iCloud, any CalDAV server, or an ICS feed
    #[command(after_help = "\
Examples:
  almanac account add google work --tenant riverside --client-id ID --client-secret-file secret
  almanac account add outlook office --tenant riverside --client-id ID --paste      on a machine without a browser
  almanac account add google work --tenant riverside --client-id ID --tokens-stdin < tokens.json
  almanac account add icloud ada --tenant riverside --username ada@example.org --password-stdin < app-password
  almanac account add caldav ada --tenant riverside --username ada@example.org --password-stdin < password
  almanac account add caldav office --tenant riverside --url https://cal.example.org/ --username ada --password-stdin
  almanac account add caldav cloud --tenant riverside --preset nextcloud --url https://cloud.example.org --username ada --password-stdin
  almanac account add feed holidays --tenant riverside --url-stdin < url
  almanac account add feed rota --tenant riverside --username ada --url-stdin < url-and-password
The URL of a feed is a secret: the first line of stdin. With --username the second line is the password.
An account is tried before it is kept. tokens.json has access_token, refresh_token and expires_at. A server in the own
network has to be opened in [egress] allow.")]
    Add(Box<AccountAdd>),
    /// Signs in anew to an account whose tokens or password have ended
    #[command(after_help = "\
Examples:
  almanac account sign-in work --client-secret-file secret
  almanac account sign-in ada --password-stdin < app-password
  almanac account sign-in rota --password-stdin < password          a feed that was added with --username")]
    SignIn(SignIn),
    /// Lists accounts
    #[command(after_help = "Examples:\n  almanac account list\n  almanac account list --json")]
    List(Listing),
    /// Removes an account with its links; what is in the calendars of both sides stays
    #[command(after_help = "\
Examples:
  almanac account remove work
`almanac sync purge LINK` first takes back what was written at the vendor.")]
    Remove {
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Lets an account take part again
    #[command(after_help = "Examples:\n  almanac account enable work")]
    Enable {
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Lets an account rest; nothing of it is lost
    #[command(after_help = "Examples:\n  almanac account disable work")]
    Disable {
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Lists the calendars that an account has at its vendor
    #[command(
        after_help = "Examples:\n  almanac account calendars work\n  almanac account calendars work --json"
    )]
    Calendars {
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        listing: Listing,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AccountAdd {
    /// Whose it is
    #[arg(value_enum)]
    pub(crate) kind: KindArg,
    /// Your name for it
    pub(crate) name: String,
    /// The tenant that has it
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: String,
    /// The server: caldav, icloud. Without it the DNS of the mail address in --username says where a CalDAV account is
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A server that is known by name: icloud, yahoo, fastmail, nextcloud
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// The name to sign in with: caldav, icloud; feed, if it wants one
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// Reads the password from stdin: caldav, icloud
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Reads the URL of a feed from the first line of stdin, and with --username its password from the second
    #[arg(long)]
    pub(crate) url_stdin: bool,
    /// The application's id at Google or Microsoft
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// A file with the application's secret
    #[arg(long, value_name = "FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// Google's JSON file of a service account
    #[arg(long, value_name = "FILE")]
    pub(crate) service_account_file: Option<PathBuf>,
    /// The person for whom a service account or an application acts by itself
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) subject: Option<String>,
    /// Another address of the vendor's API
    #[arg(long, value_name = "URL")]
    pub(crate) api_url: Option<String>,
    /// Another address where people sign in: google, outlook
    #[arg(long, value_name = "URL")]
    pub(crate) auth_url: Option<String>,
    /// Another address where tokens are exchanged: google, outlook
    #[arg(long, value_name = "URL")]
    pub(crate) token_url: Option<String>,
    /// Another authority, which names both of these: outlook; `https://login.microsoftonline.com/TENANT`
    #[arg(long, value_name = "URL")]
    pub(crate) authority: Option<String>,
    /// Reads ready tokens from stdin, as JSON
    #[arg(long, conflicts_with_all = ["password_stdin", "url_stdin"])]
    pub(crate) tokens_stdin: bool,
    /// Signs in by pasting the address that the browser ends at, on a machine without a browser
    #[arg(long)]
    pub(crate) paste: bool,
    /// Keeps the account without trying it
    #[arg(long)]
    pub(crate) unchecked: bool,
    /// The resolver that is asked for a mail address's server, instead of the first one of /etc/resolv.conf
    #[arg(long, value_name = "ADDRESS:PORT", hide = true)]
    pub(crate) resolver: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct SignIn {
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Reads a new password from stdin
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Reads ready tokens from stdin, as JSON
    #[arg(long, conflicts_with = "password_stdin")]
    pub(crate) tokens_stdin: bool,
    /// Signs in by pasting the address that the browser ends at
    #[arg(long)]
    pub(crate) paste: bool,
    /// The file with the application's secret, if the account has one
    #[arg(long, value_name = "FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum KindArg {
    Google,
    Outlook,
    Icloud,
    Caldav,
    Feed,
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Google => Self::Google,
            KindArg::Outlook => Self::Outlook,
            KindArg::Icloud => Self::Icloud,
            KindArg::Caldav => Self::Caldav,
            KindArg::Feed => Self::Feed,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Link {
    /// Keeps a calendar here and a calendar at a vendor equal
    #[command(after_help = "\
Examples:
  almanac link add work/Appointments ada/calendar --mode two-way
  almanac link add office/main ada/calendar --mode two-way          the calendar /ada/main/ of a CalDAV server
  almanac link add holidays/feed ada/holidays --mode pull
  almanac link add ada/Private ada/calendar --mode busy-only --privacy initials
  almanac link add work/Main ada/calendar --mode two-way --paused
ACCOUNT/CALENDAR is the account's name and the name or id of one of its calendars (`almanac account calendars`); of an id
that is a path, its end will do. Guests are never sent to a vendor that would mail them. With --paused, `almanac sync plan` says what the first run would do.")]
    Add(LinkAdd),
    /// Lists links
    #[command(after_help = "Examples:\n  almanac link list\n  almanac link list --json")]
    List(Listing),
    /// Lets a link rest
    #[command(after_help = "Examples:\n  almanac link pause lnk_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d")]
    Pause {
        #[arg(value_parser = link)]
        id: String,
    },
    /// Lets a link work again, also one that is detached
    #[command(after_help = "Examples:\n  almanac link resume lnk_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d")]
    Resume {
        #[arg(value_parser = link)]
        id: String,
    },
    /// Removes a link; what is in the calendars of both sides stays
    #[command(after_help = "Examples:\n  almanac link remove lnk_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d")]
    Remove {
        #[arg(value_parser = link)]
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct LinkAdd {
    /// The calendar at the vendor
    #[arg(value_name = "ACCOUNT/CALENDAR")]
    pub(crate) remote: String,
    /// The calendar here
    #[arg(value_name = "LOGIN/NAME", value_parser = calendar)]
    pub(crate) at: String,
    /// Which way changes go
    #[arg(long, value_enum)]
    pub(crate) mode: ModeArg,
    /// What the vendor is told: everything, the first letters of titles, or times only
    #[arg(long, value_enum)]
    pub(crate) privacy: Option<PrivacyArg>,
    /// Lets it rest until `link resume`, so that `sync plan` can say what the first run would do
    #[arg(long)]
    pub(crate) paused: bool,
    /// Who wins if both sides change the same: where the event was made, the vendor, the store, or nobody until you say
    #[arg(long, value_enum, default_value = "record")]
    pub(crate) conflicts: PolicyArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ModeArg {
    TwoWay,
    Pull,
    Push,
    BusyOnly,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PrivacyArg {
    Full,
    Initials,
    Busy,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PolicyArg {
    Record,
    Vendor,
    Store,
    Ask,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::TwoWay => Self::TwoWay,
            ModeArg::Pull => Self::Pull,
            ModeArg::Push => Self::Push,
            ModeArg::BusyOnly => Self::BusyOnly,
        }
    }
}

impl From<PrivacyArg> for Privacy {
    fn from(privacy: PrivacyArg) -> Self {
        match privacy {
            PrivacyArg::Full => Self::Full,
            PrivacyArg::Initials => Self::Initials,
            PrivacyArg::Busy => Self::Busy,
        }
    }
}

impl From<PolicyArg> for Policy {
    fn from(policy: PolicyArg) -> Self {
        match policy {
            PolicyArg::Record => Self::Record,
            PolicyArg::Vendor => Self::Vendor,
            PolicyArg::Store => Self::Store,
            PolicyArg::Ask => Self::Ask,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Sync {
    /// Runs links now and returns when nothing is left to do; exit code 1 if something is held, parked or failed
    #[command(after_help = "\
Examples:
  almanac sync now
  almanac sync now --account work --json
  almanac sync now --dry-run
  almanac sync now --full           looks at everything, not only at what was reported to have changed")]
    Now {
        /// Only this account
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// Says what would be done
        #[arg(long)]
        dry_run: bool,
        /// Looks at everything
        #[arg(long)]
        full: bool,
        #[command(flatten)]
        listing: Listing,
    },
    /// Says what a run would make, change, delete, and whom it would mail, on both sides; changes nothing
    #[command(after_help = "Examples:\n  almanac sync plan\n  almanac sync plan --account work --json")]
    Plan {
        /// Only this account
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// What waits for your word: many deletions, contradictions, changes that a vendor would mail about
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "\
Examples:
  almanac sync held
  almanac sync held --names          shows names of objects, which may tell of patients
  almanac sync held approve --all
  almanac sync held reject 1f2e3d4c5b6a"
    )]
    Held {
        #[command(subcommand)]
        verb: Option<HeldVerb>,
        #[command(flatten)]
        listing: WaitingListing,
    },
    /// What could not be sent or taken in, with the reason
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "\
Examples:
  almanac sync parked
  almanac sync parked retry --all"
    )]
    Parked {
        #[command(subcommand)]
        verb: Option<ParkedVerb>,
        #[command(flatten)]
        listing: WaitingListing,
    },
    /// What lost where both sides had changed the same; kept for 30 days
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "\
Examples:
  almanac sync history --json
  almanac sync history restore his_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d"
    )]
    History {
        #[command(subcommand)]
        verb: Option<HistoryVerb>,
        /// Only this link
        #[arg(long, value_parser = link, value_name = "LINK")]
        link: Option<String>,
        #[command(flatten)]
        listing: WaitingListing,
    },
    /// Deletes at the vendor what a link wrote there, and nothing else, and removes the link
    #[command(after_help = "Examples:\n  almanac sync purge lnk_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d")]
    Purge {
        #[arg(value_parser = link)]
        link: String,
    },
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WaitingListing {
    /// Shows the names of the objects
    #[arg(long)]
    pub(crate) names: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HeldVerb {
    /// It shall be done
    #[command(
        after_help = "Examples:\n  almanac sync held approve 1f2e3d4c5b6a\n  almanac sync held approve --all"
    )]
    Approve(Which),
    /// It shall not be done: what was deleted comes back
    #[command(
        after_help = "Examples:\n  almanac sync held reject --all --link lnk_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d"
    )]
    Reject(Which),
    /// Of a contradiction, what is here shall be
    #[command(after_help = "Examples:\n  almanac sync held store-wins 1f2e3d4c5b6a")]
    StoreWins(Which),
    /// Of a contradiction, what the vendor has shall be
    #[command(after_help = "Examples:\n  almanac sync held vendor-wins 1f2e3d4c5b6a")]
    VendorWins(Which),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ParkedVerb {
    /// Tries again
    #[command(after_help = "Examples:\n  almanac sync parked retry 1f2e3d4c5b6a")]
    Retry(Which),
}

#[derive(Debug, Subcommand)]
pub(crate) enum HistoryVerb {
    /// Gives an object the form again that was lost
    #[command(after_help = "Examples:\n  almanac sync history restore his_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d")]
    Restore {
        #[arg(value_parser = history)]
        id: String,
    },
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["refs", "all"]))]
pub(crate) struct Which {
    /// As listed
    #[arg(value_name = "REF")]
    pub(crate) refs: Vec<String>,
    /// All that wait
    #[arg(long)]
    pub(crate) all: bool,
    /// Only of this link
    #[arg(long, value_parser = link, value_name = "LINK")]
    pub(crate) link: Option<String>,
}

fn link(text: &str) -> Result<String, String> {
    text.parse::<LinkId>().map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn history(text: &str) -> Result<String, String> {
    text.parse::<HistoryId>().map(|_| text.to_owned()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(format!("almanac {line}").split_whitespace())
    }

    #[test]
    fn every_command_about_accounts_and_links_is_understood() {
        for line in [
            "account add google w --tenant t --client-id i --client-secret-file f --paste",
            "account add google w --tenant t --api-url u --auth-url u --token-url u --client-id i --tokens-stdin",
            "account add outlook w --tenant t --client-id i --authority u --subject a@b",
            "account add icloud w --tenant t --username u --password-stdin",
            "account add caldav w --tenant t --url u --username u --password-stdin --unchecked",
            "account add feed w --tenant t --url-stdin",
            "account add feed w --tenant t --username u --url-stdin",
            "account sign-in w --tokens-stdin",
            "account list --json",
            "account remove w",
            "account enable w",
            "account disable w",
            "account calendars w --json",
            "link add w/Main a/b --mode two-way --paused",
            "link add w/Main a/b --mode busy-only --privacy initials --conflicts ask",
            "link list --json",
            "link pause lnk_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d",
            "link resume lnk_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d",
            "link remove lnk_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d",
            "sync now",
            "sync now --account w --dry-run --full --json",
            "sync plan --account w --json",
            "sync held",
            "sync held --names --json",
            "sync held approve --all",
            "sync held reject 1f2e --link lnk_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d",
            "sync held store-wins 1f2e",
            "sync held vendor-wins 1f2e",
            "sync parked --json",
            "sync parked retry --all",
            "sync history --names --json",
            "sync history restore his_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d",
            "sync purge lnk_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn wrong_lines_about_accounts_and_links_are_refused_as_usage() {
        for line in [
            "account add google",
            "account add zoom w --tenant t",
            "link add w/Main a/b",
            "link add w/Main a --mode pull",
            "link pause 1",
            "sync held approve",
            "sync history restore 1",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
