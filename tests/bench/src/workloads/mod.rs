//! The workloads, each with the check of its answers.

mod mixed;
mod read;
mod sync;
mod write;

use std::time::{Duration, Instant};

use crate::http::{Answer, Connection, Request};
use crate::measure::{Bounds, Failure, Tally};
use crate::subject::Subject;

/// What is measured, in the order in which it is: what writes comes before what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Workload {
    Get,
    Put,
    Update,
    Delete,
    Listing,
    Month,
    Multiget,
    SyncInitial,
    SyncIncremental,
    FreeBusy,
    Mixed,
}

impl Workload {
    pub(crate) const ALL: [Self; 11] = [
        Self::Get,
        Self::Put,
        Self::Update,
        Self::Delete,
        Self::Listing,
        Self::Month,
        Self::Multiget,
        Self::SyncInitial,
        Self::SyncIncremental,
        Self::FreeBusy,
        Self::Mixed,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Update => "update, If-Match",
            Self::Delete => "delete",
            Self::Listing => "PROPFIND depth 1",
            Self::Month => "calendar-query, a month",
            Self::Multiget => "multiget of 100",
            Self::SyncInitial => "sync-collection, initial",
            Self::SyncIncremental => "sync-collection, 10 new",
            Self::FreeBusy => "free-busy, a month",
            Self::Mixed => "mixed fleet",
        }
    }

    /// Whether the state of the server is uncertain if a cell of it ends early.
    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::Put | Self::Update | Self::Delete | Self::SyncIncremental | Self::Mixed)
    }

    /// Whether the answer names every object of the calendar, so that its cost grows with it.
    pub(crate) fn lists_all(self) -> bool {
        matches!(self, Self::Listing | Self::SyncInitial)
    }

    pub(crate) fn run(self, cell: &Cell<'_>) -> Result<Tally, Failure> {
        match self {
            Self::Get => Ok(read::get(cell)),
            Self::Put => Ok(write::put(cell)),
            Self::Update => write::update(cell),
            Self::Delete => write::delete(cell),
            Self::Listing => Ok(read::listing(cell)),
            Self::Month => Ok(read::month(cell)),
            Self::Multiget => Ok(read::multiget(cell)),
            Self::SyncInitial => Ok(sync::initial(cell)),
            Self::SyncIncremental => sync::incremental(cell),
            Self::FreeBusy => Ok(read::free_busy(cell)),
            Self::Mixed => mixed::fleet(cell),
        }
    }
}

/// One workload of one server at one number of connections.
pub(crate) struct Cell<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) connections: usize,
    pub(crate) time: Duration,
    pub(crate) deadline: Instant,
}

impl Cell<'_> {
    fn bounds(&self) -> Bounds {
        // So that slow servers have a median too.
        let first = 12 / self.connections;
        Bounds { time: self.time, first, each: usize::MAX, deadline: self.deadline }
    }

    /// An exchange that is not measured.
    fn aside(
        &self,
        connection: &mut Connection,
        request: &Request,
        statuses: &[u16],
    ) -> Result<Answer, Failure> {
        let answer = connection.exchange(request, self.deadline)?;
        if statuses.contains(&answer.status) {
            return Ok(answer);
        }
        Err(Failure::Wrong(format!("status {} instead of {statuses:?} in the preparation", answer.status)))
    }

    fn connection(&self) -> Connection {
        Connection::new(self.subject.endpoint().address)
    }

    /// How often the server has synced its disk since `before`, if it counts that.
    fn syncs_since(&self, before: Option<u64>) -> Option<u64> {
        Some(self.subject.server.syncs()?.saturating_sub(before?))
    }
}

/// Objects spread over the whole calendar, another hundred for each `seed`.
fn spread(subject: &Subject, seed: usize) -> Vec<usize> {
    let events = subject.data.events;
    let mut objects: Vec<usize> = (0..100).map(|k| (seed * 37 + k * events / 100) % events).collect();
    objects.sort_unstable();
    objects.dedup();
    objects
}

/// Brings the caches of a server to where a day's work would have them.
pub(crate) fn warm_up(cell: &Cell<'_>) -> Result<(), Failure> {
    // Xandikos makes its index at the sixth query of a kind.
    const QUERIES: usize = 8;
    let endpoint = cell.subject.endpoint();
    let mut connection = cell.connection();
    cell.aside(&mut connection, &endpoint.listing(), &[207])?;
    for _ in 0..QUERIES {
        cell.aside(&mut connection, &endpoint.month(&cell.subject.data.month), &[207])?;
    }
    cell.aside(&mut connection, &endpoint.sync(""), &[207])?;
    Ok(())
}

pub(crate) use write::overwrite_all;
