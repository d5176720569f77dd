//! The bounds of this crate: every loop, queue and wait has one here.

use almanac_ical::recur::Budget;

/// The bounds that an operator may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest body of a PUT or POST that is read at all: 413 beyond. A calendar object that is smaller
    /// but exceeds its own limit is told so by `CALDAV:max-resource-size`.
    pub body_bytes_max: usize,
    /// Instances that one `expand`, `limit-recurrence-set` or filter may visit in one request.
    pub instances_max: u32,
    /// Periods of recurrence rules that the same may step through in one request.
    pub periods_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes_max: 10 << 20, instances_max: 100_000, periods_max: 1_000_000 }
    }
}

/// Members that one page of a listing holds.
pub(crate) const PAGE_ENTRIES: usize = 500;

/// Members whose bodies and dead properties are held in memory at once while a collection is written out.
pub(crate) const BATCH_OBJECTS: usize = 50;

/// Octets of bodies that are held in memory at once, unless a single body is larger.
pub(crate) const BATCH_BYTES: u64 = 1 << 20;

/// Bodies that a multiget holds in memory at once; their sizes are not known before.
pub(crate) const MULTIGET_OBJECTS: usize = 16;

/// What an object may grow to when it is expanded, in octets of text; one that would grow beyond it is answered
/// with 507 in its place. The tree of the expansion takes several times as much while it is written. One object
/// is expanded at a time and sent before the next (`stream.rs`), so this bounds the whole answer.
pub(crate) const EXPANSION_BYTES_MAX: usize = 4 << 20;

/// Changed members that a sync reads at once; up to so many are one consistent view. With ten times as many, 32
/// clients that synchronise for the first time took 80 MiB together.
pub(crate) const SYNC_MEMBERS: usize = 1_000;

/// Components of one object that a filter looks at apart from their siblings.
pub(crate) const ISOLATED_MAX: usize = 32;

/// Definitions of time zones that are added to one object; real ones use two or three.
pub(crate) const ZONES_ADDED_MAX: usize = 32;

/// What a filter may cost for one object, however much others have cost before: enough for any series that people write.
pub(crate) const FILTER_LEAST: Budget = Budget { instances: 1_000, periods: 1_000 };

/// Hrefs that one expand-property follows.
pub(crate) const EXPANSIONS_MAX: usize = 100;

/// Octets after which a piece of a streamed body is handed over.
pub(crate) const PIECE_BYTES: usize = 64 << 10;

/// Pieces that wait to be sent before the producer has to wait.
pub(crate) const PIECES_QUEUED: usize = 2;

/// Longest `Authorization` value that is looked at, in bytes.
pub(crate) const CREDENTIALS_BYTES_MAX: usize = 1_024;

/// Lists and terms that an `If` header may hold together.
pub(crate) const IF_TERMS_MAX: usize = 64;

/// Entity tags that `If-Match` or `If-None-Match` may hold.
pub(crate) const ETAGS_MAX: usize = 64;
