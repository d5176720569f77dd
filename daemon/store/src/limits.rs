//! Every bound of this crate.

use std::time::Duration;

/// The largest sealed value, in bytes.
pub const VALUE_BYTES_MAX: usize = 32 << 20;
/// The largest key, in bytes.
pub const KEY_BYTES_MAX: usize = 512;
/// The largest commit, in bytes of its keys and values.
pub const COMMIT_BYTES_MAX: usize = 64 << 20;
/// Commits that may wait for the committer before callers wait for a place.
pub const QUEUE_COMMITS_MAX: usize = 1024;
/// Commits that become durable together at most.
pub const GROUP_COMMITS_MAX: usize = 256;
/// Bytes that become durable together, beyond which a group takes no further member.
pub const GROUP_BYTES_MAX: usize = 16 << 20;
/// Rows a scan returns at most, whatever its limit says.
pub const SCAN_ROWS_MAX: u32 = 10_000;
/// Bytes of values a scan returns, beyond which it ends its page.
pub const SCAN_BYTES_MAX: usize = 16 << 20;
/// Rows removed in one transaction when a tenant is dropped.
pub const DROP_ROWS_MAX: u32 = 10_000;
/// Hints of [`crate::engine::Engine::watch`] kept for a slow listener.
pub const WATCH_HINTS_MAX: usize = 1024;
/// Free bytes on the disk, beside twice the waiting bytes, before a write is tried again on a full disk.
pub const FREE_BYTES_MIN: u64 = 256 << 10;
/// Seals under one key of random 96-bit nonces before a new epoch begins (half of NIST SP 800-38D's 2^32).
pub const SEALS_PER_KEY_MAX: u64 = 1 << 31;
/// Seals reserved at a time at most: what a crash may waste of a key's life.
pub const SEALS_RESERVED_MAX: u64 = 1 << 16;
/// Changes of a collection that are kept even if they are old.
pub const HISTORY_CHANGES: u64 = 100_000;
/// Days for which changes are kept even if they are many.
pub const HISTORY_DAYS: i64 = 90;
/// The least time between two writes of the high-water mark.
pub const MARK_INTERVAL: Duration = Duration::from_secs(1);
/// The largest high-water mark, in bytes: some 600,000 tenants.
pub const MARK_BYTES_MAX: u64 = 16 << 20;
/// Rows that a rotation seals anew in one round.
pub const RESEAL_ROWS: u32 = 200;
