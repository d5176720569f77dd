//! Backups and the store.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Listing;

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
