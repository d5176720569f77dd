//! The command line as clap reads it. What a command does is in `commands/`, `serve.rs`, `status.rs`.

mod doctor;
mod feed;
mod key;
mod logs;
mod people;
mod profile;
mod store;
mod trash;
mod vendors;

use std::path::PathBuf;

use almanac_app::check_login;
use almanac_base::{CredentialId, TrashId};
use clap::{Args, Parser, Subcommand};

pub(crate) use self::doctor::Doctor;
pub(crate) use self::feed::{Feed, Privacy};
pub(crate) use self::key::{KeyVerb, PassphraseVerb};
pub(crate) use self::logs::Logs;
pub(crate) use self::people::{
    AppPassword, Calendar, Role, SharedAccess, Tenant, TenantExport, TenantImport, User,
};
pub(crate) use self::profile::Profile;
pub(crate) use self::store::{Backup, BackupVerb, StoreEngine, StoreVerb};
pub(crate) use self::trash::Trash;
pub(crate) use self::vendors::{
    Account, AccountAdd, HeldVerb, HistoryVerb, Link, ParkedVerb, SignIn, Sync, Which,
};
use crate::commands::{kind, path};
use crate::failure::EXIT_CODES;

/// A CalDAV server that keeps calendars encrypted.
#[derive(Debug, Parser)]
#[command(name = "almanac", version, after_help = EXIT_CODES, propagate_version = true)]
#[command(max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options that every command takes, before or after its name.
#[derive(Debug, Clone, Args)]
pub(crate) struct Globals {
    /// The configuration file; without it /etc/almanac/almanac.toml if that exists, else the defaults
    #[arg(long, value_name = "FILE", global = true, env = "ALMANAC_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// The state folder, instead of `path` in `[store]`
    #[arg(long, value_name = "DIR", global = true, env = "ALMANAC_STATE")]
    pub(crate) state: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Runs the server until SIGTERM or SIGINT; a second signal ends it at once, with exit code 1
    #[command(after_help = "\
Examples:
  almanac serve --config /etc/almanac/almanac.toml
  almanac serve --demo                 two invented people, state in ./var/demo
  almanac serve --demo --lan           for phones: TLS on port 8443 of all addresses
  ALMANAC_HTTP__LISTEN=127.0.0.1:0 almanac serve --state /tmp/a")]
    Serve(Serve),
    /// Tenants: clinics that know nothing of each other
    #[command(
        subcommand,
        after_help = "\
Examples:
  almanac tenant add riverside --timezone Europe/Dublin
  almanac tenant list"
    )]
    Tenant(Tenant),
    /// People with a login
    #[command(
        subcommand,
        after_help = "\
Examples:
  almanac user add ada --tenant riverside --email ada@example.org --display-name Ada
  almanac user list --tenant riverside"
    )]
    User(User),
    /// App passwords: what calendar programs sign in with
    #[command(
        subcommand,
        after_help = "\
Examples:
  almanac app-password add ada --label phone
  almanac app-password list ada"
    )]
    AppPassword(AppPassword),
    /// Calendars and their shares
    #[command(
        subcommand,
        after_help = "\
Examples:
  almanac calendar list ada
  almanac calendar share ada/calendar --with ben --access read"
    )]
    Calendar(Calendar),
    /// What was deleted, for as long as it is kept
    #[command(
        subcommand,
        after_help = "\
Examples:
  almanac trash list ada
  almanac trash restore tra_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d"
    )]
    Trash(Trash),
    /// Accounts at Google, Outlook, iCloud, CalDAV servers, and feeds
    #[command(
        subcommand,
        after_help = "\
Examples:
  almanac account add icloud ada --tenant riverside --username ada@example.org --password-stdin < app-password
  almanac account calendars ada
  almanac account sign-in ada --password-stdin < app-password"
    )]
    Account(Account),
    /// Links: which calendar here is kept equal to which calendar at a vendor
    #[command(
        subcommand,
        after_help = "\
Examples:
  almanac link add work/Appointments ada/calendar --mode two-way --paused
  almanac link list
  almanac link resume lnk_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d"
    )]
    Link(Link),
    /// Runs of links, and what waits for your word
    #[command(
        subcommand,
        after_help = "\
Examples:
  almanac sync plan                 what the next run would do
  almanac sync now
  almanac sync held
  almanac sync held approve --all"
    )]
    Sync(Sync),
    /// Feeds: calendars that anybody who has a secret URL can read
    #[command(
        subcommand,
        after_help = "\
Examples:
  almanac feed create ada/calendar --privacy busy --host cal.example.org
  almanac feed list"
    )]
    Feed(Feed),
    /// Puts the objects of an iCalendar file into a calendar
    #[command(after_help = "\
Examples:
  almanac import practice.ics ada/calendar
  almanac export ada/calendar | almanac import - ben/calendar")]
    Import(Import),
    /// Writes a calendar as one iCalendar file
    #[command(after_help = "\
Examples:
  almanac export ada/calendar > ada.ics
  almanac export ada/calendar -o ada.ics     the file is made readable for its owner only")]
    Export(Export),
    /// Writes a configuration profile for iPhone, iPad and Mac, which adds the account of one person
    #[command(after_help = "\
Examples:
  almanac profile nora -o nora.mobileconfig
  almanac profile nora --host cal.example.org:8443 -o nora.mobileconfig
Send it to the device and open it there. It asks for an app password: `almanac app-password add nora --label iphone`.
A second profile of the same person takes the place of the first one.")]
    Profile(Profile),
    /// Says how the server is, running or stopped
    #[command(after_help = "Examples:\n  almanac status\n  almanac status --json | jq -r .addresses.http[0]")]
    Status(Listing),
    /// Looks at everything that the server depends on, running or stopped, and says what to do; changes nothing
    #[command(after_help = "\
Examples:
  almanac doctor
  almanac doctor --json | jq '.[] | select(.level != \"ok\")'
Exit code 7 if there is a problem; warnings alone are none.")]
    Doctor(Doctor),
    /// Prints what the journal has of the server
    #[command(after_help = "\
Examples:
  almanac logs
  almanac logs --follow
  almanac logs --since 2h --json | jq 'select(.level == \"ERROR\")'
A program that was built without the feature systemd ends with code 1 and says how else to read the journal.")]
    Logs(Logs),
    /// Writes everything into one encrypted file, while the server runs or not
    #[command(after_help = "\
Examples:
  almanac backup /backup/almanac-$(date +%F).backup
  almanac backup verify /backup/almanac-2026-11-28.backup
The file is of one moment. Without the root key nobody can read it, and it does not hold that key: keep both, apart.")]
    Backup(Backup),
    /// Makes the store of an empty state folder from a backup
    #[command(after_help = "\
Examples:
  mkdir -m 700 state && cp root.key state/
  almanac --state ./state restore almanac-2026-11-28.backup
  almanac restore --key-file /safe/root.key.old-1f2e3d4c almanac-2026-10-01.backup
Every client synchronises anew afterwards; nothing that they hold is lost or doubled.")]
    Restore {
        /// The backup
        file: PathBuf,
        /// The root key that it was made under; the store then gets the root key of the configuration
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
    },
    /// The store itself
    #[command(
        subcommand,
        after_help = "\
Examples:
  almanac store verify
  almanac store check"
    )]
    Store(StoreVerb),
    /// The keys that the data are sealed with
    #[command(
        subcommand,
        after_help = "\
Examples:
  almanac key rotate
  almanac key passphrase change"
    )]
    Key(KeyVerb),
    /// The configuration
    #[command(
        subcommand,
        after_help = "\
Examples:
  almanac config check --config /etc/almanac/almanac.toml"
    )]
    Config(ConfigVerb),
    /// Writes manual pages and completions of shells, for packages
    #[command(hide = true, after_help = "Examples:\n  almanac docs target/docs")]
    Docs {
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Serve {
    /// Makes two invented people and a week of events, and says how to subscribe
    #[arg(long)]
    pub(crate) demo: bool,
    /// With --demo: TLS with a self-signed certificate, on this port of all addresses unless `listen` in [http] is set
    #[arg(long, requires = "demo", value_name = "PORT")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "8443")]
    pub(crate) lan: Option<u16>,
}

/// Whether a list is for people or for programs.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Listing {
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The iCalendar file; - is stdin
    pub(crate) file: PathBuf,
    /// The calendar that takes the objects
    #[arg(value_name = "LOGIN/NAME", value_parser = calendar)]
    pub(crate) at: String,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The calendar
    #[arg(value_name = "LOGIN/NAME", value_parser = calendar)]
    pub(crate) at: String,
    /// Where to write; stdout without this
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Prints ok, or the error with its key and line
    #[command(after_help = "Examples:\n  almanac config check --config etc/almanac.toml")]
    Check,
}

// What is wrong in whatever store is an error of usage. Whether a thing exists is asked where the command is carried out.

fn login(text: &str) -> Result<String, String> {
    check_login(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn calendar(text: &str) -> Result<String, String> {
    let at = path(text).map_err(|failure| failure.what)?;
    login(at.home.as_str()).map(|_| text.to_owned())
}

fn component(text: &str) -> Result<String, String> {
    kind(text).map(|_| text.to_owned()).map_err(|failure| failure.remedy)
}

fn credential(text: &str) -> Result<String, String> {
    text.parse::<CredentialId>().map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn trashed(text: &str) -> Result<String, String> {
    text.parse::<TrashId>().map(|_| text.to_owned()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_consistent_and_every_command_and_group_shows_examples() {
        fn visit(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:"), "{}", command.get_name());
            command.get_subcommands().for_each(visit);
        }
        Cli::command().debug_assert();
        Cli::command().get_subcommands().for_each(visit); // at its own end are the exit codes
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for line in
            ["almanac --state /s --config /c tenant list", "almanac tenant list --config /c --state /s"]
        {
            let cli = parse(line).unwrap();
            assert_eq!(
                (cli.globals.state, cli.globals.config),
                (Some("/s".into()), Some("/c".into())),
                "{line}"
            );
        }
    }

    #[test]
    fn every_command_of_the_manual_is_understood() {
        for line in [
            "serve",
            "serve --demo",
            "serve --demo --lan",
            "serve --demo --lan=0",
            "tenant add t",
            "tenant list --json",
            "tenant remove t",
            "tenant remove t --yes",
            "tenant export t f --key-file k --json",
            "tenant import f --key-file k",
            "tenant import f --key-file k --name n --check",
            "user add a --tenant t --email e@example.org --display-name A --role front-desk",
            "user list",
            "user list --tenant t --json",
            "user disable a",
            "user enable a",
            "user remove a",
            "app-password add a --label l",
            "app-password list a --json",
            "app-password revoke a crd_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d",
            "calendar add a/b",
            "calendar add a/b --display-name B --components VEVENT,VTODO",
            "calendar list",
            "calendar list a --json",
            "calendar remove a/b",
            "calendar share a/b --with c --access free-busy",
            "calendar share a/b --with c --access none",
            "trash list",
            "trash list a --json",
            "trash list a/b --names",
            "trash restore tra_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d",
            "trash restore tra_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d --to a/b",
            "trash purge tra_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d --yes",
            "trash purge --all",
            "trash purge --all --of a/b --yes",
            "feed create a/b",
            "feed create a/b --privacy busy --host cal.example.org",
            "feed list",
            "feed list a --json",
            "feed revoke fed_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d",
            "import - a/b",
            "import f.ics a/b",
            "export a/b",
            "export a/b -o f",
            "profile a",
            "profile a -o f --host cal.example.org --with-app-password",
            "status",
            "status --json",
            "doctor",
            "logs --follow --lines 5 --unit a.service",
            "logs --since 2h --json",
            "doctor --json --backups /b",
            "config check",
            "backup f",
            "backup verify f",
            "restore f",
            "store verify",
            "store verify --json",
            "store check",
            "store check --json",
            "store compact",
            "store compact --json",
            "store convert --to sled",
            "key rotate",
            "key rotate --tenant t --json",
            "key rotate --root --json",
            "key rotate --root --next-key-file n",
            "restore --key-file k f",
            "backup verify f --key-file k",
            "key rekey-index",
            "key rekey-index --tenant t --json",
            "key passphrase change",
            "key passphrase change --new-passphrase-file n --key-file k",
            "docs d",
        ] {
            assert!(parse(&format!("almanac {line}")).is_ok(), "{line}");
        }
    }

    #[test]
    fn the_demo_on_the_network_has_port_8443_or_the_one_that_is_said() {
        for (line, port) in [("--demo", None), ("--demo --lan", Some(8443)), ("--demo --lan=0", Some(0))] {
            let Verb::Serve(serve) = parse(&format!("almanac serve {line}")).unwrap().verb else {
                panic!("serve")
            };
            assert_eq!(serve.lan, port, "{line}");
        }
    }

    #[test]
    fn wrong_command_lines_are_refused_as_usage() {
        for line in [
            "",
            "sing",
            "serve --lan",
            "serve --demo --lan 0",
            "serve --demo --lan=high",
            "user add a",
            "user add a --tenant t --email e --display-name n --role king",
            "calendar share a/b --with c --access all",
            "import f",
            "logs --since never",
            "profile a:b",
            "profile a --host cal.example.org/path",
            "logs --since 2h --lines 5",
            "backup",
            "backup verify",
            "backup f g",
            "store convert",
            "store convert --to memory",
            "key rotate --root --tenant t",
            "key rotate --next-key-file n",
            "user disable a:b",
            "app-password add ../a --label l",
            "app-password revoke a crd_1",
            "calendar add a",
            "calendar add a/b --components VEVENT,VALARM",
            "calendar remove a:b/c",
            "calendar share a/b --with c/d --access read",
            "tenant export t f",
            "tenant import f",
            "trash list a/b/c",
            "trash restore a.ics",
            "trash purge",
            "trash purge --of a",
            "trash purge --all tra_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d",
            "feed create a",
            "feed create a/b --privacy some",
            "feed revoke crd_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d",
            "import - a",
            "export a/",
        ] {
            assert_eq!(parse(&format!("almanac {line}")).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
