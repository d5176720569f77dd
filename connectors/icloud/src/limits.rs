//! The bounds of what is asked of a server and taken from it.

/// A listing: about 300 octets for each object.
pub(crate) const LISTING_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The objects that one request asks for. Servers answer hundreds; fewer keep an answer small.
pub(crate) const OBJECTS_PER_REQUEST_MAX: usize = 50;

/// The answer to that.
pub(crate) const OBJECTS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One object. Our own store takes 1 MiB.
pub(crate) const OBJECT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What a server says about a failure, or of a principal.
pub(crate) const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Redirects that are followed to find an account.
pub(crate) const REDIRECTS_MAX: usize = 5;

/// Home collections of one account.
pub(crate) const HOMES_MAX: usize = 16;

/// Calendars of one account.
pub(crate) const CALENDARS_MAX: usize = 5_000;
