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

    fn fidelity(&self) -> Fidelity;

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

/// How an object comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fidelity {
    /// As it was sent, octet for octet.
    Octets,
    /// With all its content lines, in another order or folding.
    Lines,
}

/// Starts a server whose calendar holds `data`.
pub(crate) type Launch = fn(&Data) -> Box<dyn Server>;

pub(crate) const ALMANAC: Launch = almanac::launch;
pub(crate) const PEERS: [Launch; 2] = [radicale::launch, xandikos::launch];
