//! The command line as clap reads it. What a command does is in `commands.rs`, `serve.rs`, `status.rs`.

use std::path::PathBuf;

use almanac_app::check_login;
use almanac_base::CredentialId;
use clap::{Args, Parser, Subcommand, ValueEnum};

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
    #[command(subcommand)]
    Tenant(Tenant),
    /// People with a login
    #[command(subcommand)]
    User(User),
    /// App passwords: what calendar programs sign in with
    #[command(subcommand)]
    AppPassword(AppPassword),
    /// Calendars and their shares
    #[command(subcommand)]
    Calendar(Calendar),
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
    /// Says how the server is, running or stopped
    #[command(after_help = "Examples:\n  almanac status\n  almanac status --json | jq -r .addresses.http[0]")]
    Status(Listing),
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
Every client synchronises anew afterwards; nothing that they hold is lost or doubled.")]
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// The store itself
    #[command(subcommand)]
    Store(StoreVerb),
    /// The keys that the data are sealed with
    #[command(subcommand)]
    Key(KeyVerb),
    /// The configuration
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Writes manual pages and completions of shells, for packages
    #[command(hide = true, after_help = "Examples:\n  almanac docs target/docs")]
    Docs {
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// Gives every tenant a new key, seals everything anew with it and removes the older ones; requests go on
    #[command(after_help = "\
Examples:
  almanac key rotate
  almanac key rotate --tenant riverside --json
It may be cut off at any time: nothing is lost, and the next rotation finishes it. The root key stays the same.")]
    Rotate {
        /// Only this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Backup {
    #[command(subcommand)]
    pub(crate) verb: Option<BackupVerb>,
    /// The file to make; one that exists is not overwritten
    #[arg(required = true)]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupVerb {
    /// Reads a backup to its end and checks every piece of it, without restoring it
    #[command(after_help = "Examples:\n  almanac backup verify /backup/almanac-2026-11-28.backup")]
    Verify {
        /// The backup
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreVerb {
    /// Opens every record and follows every history, while the server runs or not; mends nothing
    #[command(after_help = "Examples:\n  almanac store verify\n  almanac store verify --json | jq .damaged")]
    Verify(Listing),
    /// Moves everything into a store of another engine; the server must be stopped
    #[command(after_help = "\
Examples:
  almanac store convert --to sled
Set engine in [store] to the same name afterwards. The old store stays in the state folder, as store.redb.old or
store.sled.old; remove it once the new one serves. Every client synchronises anew.")]
    Convert {
        /// The engine of the new store
        #[arg(long, value_name = "ENGINE")]
        to: StoreEngine,
    },
}

/// An engine that keeps a store on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreEngine {
    Redb,
    Sled,
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

#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Makes a tenant
    #[command(after_help = "Examples:\n  almanac tenant add riverside --timezone Europe/Dublin")]
    Add {
        /// Its name, at most 100 characters
        name: String,
        /// Where floating and all-day times are, in calendars that say nothing else (IANA name; UTC)
        #[arg(long, value_name = "ZONE")]
        timezone: Option<String>,
    },
    /// Lists all tenants
    #[command(after_help = "Examples:\n  almanac tenant list\n  almanac tenant list --json")]
    List(Listing),
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Makes a person with the calendars `calendar` and `tasks`
    #[command(after_help = "\
Examples:
  almanac user add ada --tenant riverside --email ada@example.org --display-name \"Ada Quill\" --role practitioner")]
    Add(UserAdd),
    /// Lists people
    #[command(after_help = "Examples:\n  almanac user list\n  almanac user list --tenant riverside --json")]
    List {
        /// Only the people of this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Lets nobody sign in with this login; the data stay
    #[command(after_help = "Examples:\n  almanac user disable ada")]
    Disable {
        #[arg(value_parser = login)]
        login: String,
    },
    /// Allows a disabled person to sign in again
    #[command(after_help = "Examples:\n  almanac user enable ada")]
    Enable {
        #[arg(value_parser = login)]
        login: String,
    },
    /// Removes a person with all calendars and app passwords
    #[command(after_help = "Examples:\n  almanac user remove ada")]
    Remove {
        #[arg(value_parser = login)]
        login: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct UserAdd {
    /// Unique in the whole instance
    #[arg(value_parser = login)]
    pub(crate) login: String,
    /// The name or id of the tenant
    #[arg(long)]
    pub(crate) tenant: String,
    /// The mail address, which invitations name
    #[arg(long)]
    pub(crate) email: String,
    /// The name as others see it
    #[arg(long, value_name = "NAME")]
    pub(crate) display_name: String,
    /// What the person is in the clinic
    #[arg(long, value_enum)]
    pub(crate) role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Admin,
    FrontDesk,
    Practitioner,
    Patient,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AppPassword {
    /// Makes an app password and prints it, once, alone on stdout
    #[command(after_help = "Examples:\n  almanac app-password add ada --label phone")]
    Add {
        #[arg(value_parser = login)]
        login: String,
        /// What it is for, so that it can be told from others later
        #[arg(long)]
        label: String,
    },
    /// Lists the app passwords of a person, without the secrets
    #[command(after_help = "Examples:\n  almanac app-password list ada --json")]
    List {
        #[arg(value_parser = login)]
        login: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Makes an app password useless at once
    #[command(
        after_help = "Examples:\n  almanac app-password revoke ada crd_0199d0c4e5f67a8b9c0d1e2f3a4b5c6d"
    )]
    Revoke {
        #[arg(value_parser = login)]
        login: String,
        /// As shown by `app-password list`
        #[arg(value_parser = credential)]
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Calendar {
    /// Makes a calendar
    #[command(after_help = "\
Examples:
  almanac calendar add ada/surgery --display-name Surgery
  almanac calendar add ada/todo --components VTODO")]
    Add {
        /// LOGIN/NAME
        #[arg(value_name = "LOGIN/NAME", value_parser = calendar)]
        at: String,
        /// The name as clients show it
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
        /// What it holds, separated by commas: VEVENT, VTODO, VJOURNAL, VFREEBUSY; all without this
        #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = component)]
        components: Vec<String>,
    },
    /// Lists calendars and their shares
    #[command(after_help = "Examples:\n  almanac calendar list\n  almanac calendar list ada --json")]
    List {
        /// Only the calendars of this person
        #[arg(value_parser = login)]
        login: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Removes a calendar with all it holds
    #[command(after_help = "Examples:\n  almanac calendar remove ada/surgery")]
    Remove {
        #[arg(value_name = "LOGIN/NAME", value_parser = calendar)]
        at: String,
    },
    /// Shares a calendar with another person of the tenant, or ends that
    #[command(after_help = "\
Examples:
  almanac calendar share ada/calendar --with ben --access read-write
  almanac calendar share ada/calendar --with ben --access none")]
    Share {
        #[arg(value_name = "LOGIN/NAME", value_parser = calendar)]
        at: String,
        /// The login of the other person
        #[arg(long, value_name = "LOGIN", value_parser = login)]
        with: String,
        /// What the other person may do
        #[arg(long, value_enum)]
        access: SharedAccess,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SharedAccess {
    Read,
    ReadWrite,
    FreeBusy,
    None,
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_consistent_and_every_command_shows_examples() {
        fn visit(command: &clap::Command) {
            if command.get_subcommands().next().is_none() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Examples:"), "{}", command.get_name());
            }
            command.get_subcommands().for_each(visit);
        }
        Cli::command().debug_assert();
        visit(&Cli::command());
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
            "import - a/b",
            "import f.ics a/b",
            "export a/b",
            "export a/b -o f",
            "status",
            "status --json",
            "config check",
            "backup f",
            "backup verify f",
            "restore f",
            "store verify",
            "store verify --json",
            "store convert --to sled",
            "key rotate",
            "key rotate --tenant t --json",
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
            "backup",
            "backup verify",
            "backup f g",
            "store convert",
            "store convert --to memory",
            "user disable a:b",
            "app-password add ../a --label l",
            "app-password revoke a crd_1",
            "calendar add a",
            "calendar add a/b --components VEVENT,VALARM",
            "calendar remove a:b/c",
            "calendar share a/b --with c/d --access read",
            "import - a",
            "export a/",
        ] {
            assert_eq!(parse(&format!("almanac {line}")).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
