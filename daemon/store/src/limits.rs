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
/// Bytes of values a scan returns, as they are stored and as they are opened, beyond which it ends its page.
pub const SCAN_BYTES_MAX: usize = 16 << 20;
/// Rows removed in one transaction when a tenant is dropped.
pub const DROP_ROWS_MAX: u32 = 10_000;
/// The same with sled, where nobody reads meanwhile.
pub const SLED_DROP_ROWS_MAX: u32 = 256;
/// The largest row of sled, in bytes of its place and its value: what is larger may get into a file that sled never
/// syncs.
pub const SLED_ROW_BYTES_MAX: usize = 4 << 10;
/// Bytes of a piece of a value that is too large for one row of sled.
pub const SLED_PIECE_BYTES: usize = 3500;
/// Free bytes on the disk below which a sled store is not opened and takes no writes.
pub const SLED_FREE_BYTES_MIN: u64 = 64 << 20;
/// How long sled may take to close its files.
pub const SLED_CLOSE_WAIT: Duration = Duration::from_secs(10);
/// How long a sled store that was just closed may stay locked.
pub const SLED_LOCK_WAIT: Duration = Duration::from_secs(5);
/// How often that is looked at.
pub const SLED_LOCK_LOOK: Duration = Duration::from_millis(5);
/// How often redb is asked to move its pages together, as long as it finds something to move.
pub const COMPACT_PASSES_MAX: u32 = 100;
/// Collections of a damaged store that are looked at row by row; further ones are named as a whole.
pub const VERIFY_DETAILS_MAX: usize = 16;
/// Bytes of rows that a copy of a sled store reads at a time.
pub const COPY_PAGE_BYTES: usize = 1 << 20;
/// Bytes of earlier rows that are kept for a copy of a sled store; if more is overwritten meanwhile it fails.
pub const COPY_BEFORE_BYTES_MAX: usize = 256 << 20;
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
/// Values shorter than this are sealed as they are: what zstd saves on them the padding takes back.
pub const PACKED_BYTES_MIN: usize = 128;
/// Values longer than this are sealed as they are: packing happens where requests are served, at some 5 ms a mebibyte,
/// and what is so long is an attachment, which packs badly.
pub const PACKED_BYTES_MAX: usize = 256 << 10;
/// Contexts for packing, and for unpacking, that are kept for the next value.
pub const PACKERS_KEPT_MAX: usize = 16;
/// How often a change of the root key looks for keys that are not wrapped anew yet.
pub const REWRAP_PASSES_MAX: u32 = 100;
/// Memory of Argon2id for a new passphrase, in KiB; a wrapped key with less is refused.
pub const ARGON2_MEMORY_KIB: u32 = 64 << 10;
/// The most memory that a wrapped key may ask for, in KiB.
pub const ARGON2_MEMORY_KIB_MAX: u32 = 1 << 20;
/// Passes of Argon2id for a new passphrase; a wrapped key with fewer is refused.
pub const ARGON2_PASSES: u32 = 3;
/// The most passes that a wrapped key may ask for.
pub const ARGON2_PASSES_MAX: u32 = 16;
/// Lanes of Argon2id for a new passphrase.
pub const ARGON2_LANES: u32 = 1;
/// The most lanes that a wrapped key may ask for.
pub const ARGON2_LANES_MAX: u32 = 4;
/// The shortest passphrase that a key is wrapped by, in bytes.
pub const PASSPHRASE_BYTES_MIN: usize = 12;
