//! `almanac doctor`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::Listing;

#[derive(Debug, Clone, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) listing: Listing,
    /// The resolver that is asked, instead of the first one of /etc/resolv.conf
    #[arg(long, value_name = "ADDRESS:PORT", hide = true)]
    pub(crate) resolver: Option<SocketAddr>,
    /// The folder of the backups, instead of that of almanac-backup.service
    #[arg(long, value_name = "DIR")]
    pub(crate) backups: Option<PathBuf>,
    /// The folder with the files of the journal, instead of the system's
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) journal: Option<PathBuf>,
    /// The unit to look at, instead of the installed one
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) unit_file: Option<PathBuf>,
}
