//! The bounds of this crate, each with its unit.

/// Objects asked for at a time.
pub(crate) const FETCH_IDS: usize = 50;

/// How often one object is looked at anew while somebody else changes it.
pub(crate) const STEP_ATTEMPTS: usize = 64;

/// Tries after which an object is parked.
pub(crate) const SEND_ATTEMPTS: u32 = 10;

/// Changes from here that each follow one at the vendor, of one object in an hour; beyond, it is parked.
pub(crate) const TURNS_MAX: u32 = 10;

/// Objects in a row whose sending fails before a run gives up.
pub(crate) const FAILURES_IN_A_ROW: u32 = 3;

/// Pages of one listing: a vendor that never ends.
pub(crate) const PAGES_MAX: usize = 100_000;

/// Objects of one listing of everything.
pub(crate) const LISTED_MAX: usize = 1_000_000;

/// Objects whose UID another object has, put aside until a listing ends.
pub(crate) const CLASHES_MAX: usize = 1_000;

/// Deletions that one run holds in memory; beyond, they are held for approval at once.
pub(crate) const DELETIONS_MAX: usize = 100_000;

/// Rounds in which a run sends: what is changed meanwhile may need another.
pub(crate) const SEND_ROUNDS: usize = 8;
