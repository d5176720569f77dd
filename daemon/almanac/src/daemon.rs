//! What the running daemon knows of itself: whether it is ready, since when, where it listens.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use almanac_app::StoreStatus;
use tokio::time::Instant;

use crate::commands::rows::{Addresses, StatusRow};

/// The daemon, as health checks and `status` see it.
#[derive(Debug)]
pub(crate) struct Daemon {
    phase: AtomicU8,
    begun: Instant,
    state: PathBuf,
    addresses: OnceLock<Addresses>,
}

/// Where the daemon is between start and stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    Starting,
    Running,
    Draining,
}

impl Daemon {
    pub(crate) fn new(state: PathBuf) -> Self {
        let phase = AtomicU8::new(Phase::Starting as u8);
        Self { phase, begun: Instant::now(), state, addresses: OnceLock::new() }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Running,
            _ => Phase::Draining,
        }
    }

    /// Everything is open and bound.
    pub(crate) fn ready(&self, addresses: Addresses) {
        let _ = self.addresses.set(addresses);
        self.phase.store(Phase::Running as u8, Ordering::Release);
    }

    /// No new work is taken.
    pub(crate) fn draining(&self) {
        self.phase.store(Phase::Draining as u8, Ordering::Release);
    }

    pub(crate) fn uptime_seconds(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    pub(crate) fn status(&self, store: &StoreStatus) -> StatusRow {
        let mut row = StatusRow::stopped(&self.state.display().to_string(), "").with_store(store);
        row.state = match self.phase() {
            Phase::Starting => "starting",
            Phase::Running => "running",
            Phase::Draining => "draining",
        }
        .to_owned();
        row.pid = Some(std::process::id());
        row.uptime_seconds = Some(self.uptime_seconds());
        row.addresses = self.addresses.get().cloned().unwrap_or_default();
        row
    }
}
