//! Tenants, people, app passwords and calendars.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Listing, calendar, component, credential, login};

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
    /// Removes a tenant with all its people, calendars and app passwords
    #[command(after_help = "\
Examples:
  almanac tenant remove riverside
  almanac tenant remove riverside --yes
There is no way back but a backup, or an export: see `almanac tenant export`.")]
    Remove {
        /// Its name or id
        name: String,
        /// Does not ask
        #[arg(long)]
        yes: bool,
    },
    /// Writes a tenant into an encrypted file that another instance can import, while the server runs or not
    #[command(after_help = "\
Examples:
  almanac tenant export riverside riverside.export --key-file riverside.key
It holds people, calendars, shares, objects and the trash, all of one moment. It does not hold app passwords: they are
of use only here. Whoever has the key can read all of it: send file and key by different ways.")]
    Export(TenantExport),
    /// Makes a tenant of an export: all of it, or nothing
    #[command(after_help = "\
Examples:
  almanac tenant import riverside.export --key-file riverside.key
  almanac tenant import riverside.export --key-file riverside.key --name \"Riverside Practice\"
  almanac tenant import riverside.export --key-file riverside.key --check
Everybody needs a new app password afterwards: see `almanac app-password add`. Programs synchronise anew and find the
same objects under the same ETags.")]
    Import(TenantImport),
}

#[derive(Debug, Args)]
pub(crate) struct TenantExport {
    /// Its name or id
    pub(crate) tenant: String,
    /// The file to make; one that exists is not overwritten
    pub(crate) file: PathBuf,
    /// The key to seal it with, 64 hexadecimal digits; a new one is made if there is no such file
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

#[derive(Debug, Args)]
pub(crate) struct TenantImport {
    /// The export
    pub(crate) file: PathBuf,
    /// The key that it was sealed with
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,
    /// The name of the tenant here, instead of the one that it has
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Reads the file to its end and checks every piece of it, and imports nothing
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
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
