//! The bounds of a feed.

use jiff::SignedDuration;

/// The body of a feed. A clinic's calendar of ten years has some 10 MiB.
pub(crate) const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Objects of a feed.
pub(crate) const OBJECTS_MAX: usize = 50_000;

/// Time zones that a calendar defines; further ones are known by their names only.
pub(crate) const ZONES_MAX: usize = 200;

/// Objects of one page: what is held as forms at a time.
pub(crate) const PAGE_OBJECTS: usize = 500;

/// Objects that are read before others get the thread.
pub(crate) const TURN_OBJECTS: usize = 50;

/// Components that are open inside each other, as long as their names are kept.
pub(crate) const DEPTH_MAX: usize = 64;

/// UIDs, and contents, that a delta token remembers a reading by.
pub(crate) const SKETCH_MAX: usize = 32;

/// Objects that a feed must have for new UIDs to be taken for regenerated ones; of fewer, all may really be new.
pub(crate) const REGENERATED_MIN: usize = 3;

/// An entity tag or date that is kept; a longer one is as good as none.
pub(crate) const VALIDATOR_BYTES_MAX: usize = 1024;

/// A delta token that is read.
pub(crate) const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// How old a reading may be that objects are fetched from.
pub(crate) const KEPT_MAX: SignedDuration = SignedDuration::from_secs(60);
