//! The bounds of a call from outside.

use std::time::Duration;

/// The body of a hook. A vendor's signals have some hundred bytes each, and come together only when many waited.
pub(crate) const HOOK_BODY_BYTES_MAX: usize = 64 * 1024;

/// How long the body may take. Vendors give up after some ten seconds.
pub(crate) const HOOK_BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// Header fields that are looked at, names and values together. Ours to bound: the listener's own bound is larger.
pub(crate) const HOOK_HEADERS_MAX: usize = 64;
/// Octets of all of them.
pub(crate) const HOOK_HEADER_BYTES_MAX: usize = 16 * 1024;

/// Parameters of the query.
pub(crate) const HOOK_PARAMETERS_MAX: usize = 16;
/// Octets of the query, as it is sent.
pub(crate) const HOOK_QUERY_BYTES_MAX: usize = 4 * 1024;

/// The text that answers a handshake.
pub(crate) const HANDSHAKE_BYTES_MAX: usize = 4 * 1024;
