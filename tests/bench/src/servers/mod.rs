//! The servers that are measured. A new one is a file here, like `radicale.rs`, and a line in [`PEERS`].

mod almanac;
mod python;
mod radicale;
mod xandikos;

use std::path::Path;
use std::time::Instant;

use crate::data::Data;
use crate::http::Endpoint;
use crate::workloads::Workload;

/// A running server with one calendar in it. Dropping it ends its processes and removes its files.
pub(crate) trait Server: Send + Sync {
    fn name(&self) -> &str;

    fn endpoint(&self) -> &Endpoint;

    /// Its first process; all the others descend from it.
    fn pid(&self) -> u32;

    /// Where it keeps everything.
    fn folder(&self) -> &Path;

    /// What the checks let pass.
    fn quirks(&self) -> &[Quirk] {
        &[]
    }

    /// What a reader of the figures has to know.
    fn note(&self) -> &str;

    /// The status of a successful DELETE.
    fn deleted(&self) -> u16 {
        204
    }

    /// Why it cannot do a workload.
    fn cannot(&self, _workload: Workload) -> Option<&str> {
        None
    }

    /// How often it has synced its disk since it was started, if it counts that.
    fn syncs(&self) -> Option<u64> {
        None
    }

    /// Ends it and starts it again on the same files; returns when it can be asked, with the time of the start.
    fn restart(&mut self) -> Instant;
}

/// What a server does otherwise, without the answer being wrong for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// An object comes back with all its content lines, but in another order, folding or quoting.
    RewritesObjects,
    /// The answer to a sync without a token names members that were removed (against RFC 6578 section 3.4).
    InitialSyncTellsRemovedMembers,
}

/// Starts a server whose calendar holds `data`.
pub(crate) type Launch = fn(&Data) -> Box<dyn Server>;

pub(crate) const ALMANAC: Launch = almanac::launch;
pub(crate) const PEERS: [Launch; 2] = [radicale::launch, xandikos::launch];
