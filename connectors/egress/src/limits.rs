//! The bounds of everything that goes out and comes back.

use std::time::Duration;

use jiff::SignedDuration;

/// A URL, whoever wrote it: the configuration, a person, or a server that redirects.
pub(crate) const URL_BYTES_MAX: usize = 8 * 1024;

/// Entries of the administrator's allow-list.
pub(crate) const ALLOW_ENTRIES_MAX: usize = 1_000;

/// Addresses of one name that are looked at; the rest is passed over.
pub(crate) const ADDRESSES_MAX: usize = 16;

/// Pointers and labels that are followed in one name of an answer of the DNS.
pub(crate) const DNS_LABELS_MAX: usize = 128;

/// Redirects that are followed for one request.
pub(crate) const REDIRECTS_MAX: usize = 5;

/// The head of an answer.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Header fields of an answer.
pub(crate) const HEADERS_MAX: usize = 128;

/// Connections kept open for one origin, for all, and for how long.
pub(crate) const IDLE_PER_ORIGIN_MAX: usize = 4;
pub(crate) const IDLE_MAX: usize = 64;
pub(crate) const IDLE_AGE_MAX: Duration = Duration::from_secs(15);

/// The file of further certificate authorities.
pub(crate) const CA_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a server's `Retry-After` can make us wait. A daily quota is the longest that a vendor means.
pub(crate) const RETRY_AFTER_MAX: SignedDuration = SignedDuration::from_hours(24);

/// The answer of a token endpoint.
pub(crate) const TOKEN_BYTES_MAX: usize = 64 * 1024;

/// An access token is renewed this long before it ends, so that it lives through the request it is for.
pub(crate) const TOKEN_MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// How long an access token is taken to live if the server does not say.
pub(crate) const TOKEN_LIFE_DEFAULT: SignedDuration = SignedDuration::from_mins(5);

/// The longest life that an access token is believed to have.
pub(crate) const TOKEN_LIFE_MAX: SignedDuration = SignedDuration::from_hours(24 * 7);

/// How long an assertion of a service account is good for; Google takes at most an hour.
pub(crate) const ASSERTION_LIFE: SignedDuration = SignedDuration::from_mins(30);

/// Connections that the loopback listener looks at before it gives up; browsers open some for nothing.
pub(crate) const SIGN_IN_CONNECTIONS_MAX: usize = 64;

/// How long one of them has to say what it wants.
pub(crate) const SIGN_IN_CONNECTION_TIME: Duration = Duration::from_secs(2);

/// What comes back in the query of a redirect.
pub(crate) const REDIRECT_QUERY_BYTES_MAX: usize = 16 * 1024;
