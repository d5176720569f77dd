//! The bounds of this crate, each with its unit.

/// How often a write is decided anew when others change what it read. With every round one writer wins, so
/// this is also how many writers may race for one object.
pub(crate) const COMMIT_ATTEMPTS: usize = 256;

/// Change rows read at a time.
pub(crate) const CHANGES_PAGE: u32 = 1_000;

/// Summaries read at a time.
pub(crate) const SUMMARIES_PAGE: u32 = 2_000;

/// Members of a deleted collection removed in one commit.
pub(crate) const PURGE_BATCH: u32 = 500;

/// Commits of one round of housekeeping.
pub(crate) const PURGE_COMMITS: usize = 200;

/// Entries of the trash that a list shows.
pub(crate) const TRASH_LISTED_MAX: usize = 1_000;

/// Characters of a summary or display name in such a list.
pub(crate) const TRASH_LABEL_CHARS: usize = 100;

/// Bytes of display names and dead properties of sharees that go into the trash with a calendar. The store refuses
/// values above 32 MiB.
pub(crate) const TRASHED_SHARES_BYTES: usize = 16 << 20;

/// Names tried for what is restored while its own is taken.
pub(crate) const NAME_ATTEMPTS: u32 = 1_000;

/// Objects written at the same time by an import: they share the syncs of the disk.
pub(crate) const IMPORT_PARALLEL: usize = 32;

/// Dead properties of one collection: their number.
pub(crate) const DEAD_PROPERTIES_MAX: usize = 200;

/// Dead properties of one collection: their size, in bytes.
pub(crate) const DEAD_BYTES_MAX: usize = 256 * 1024;

/// Longest display name, description or time zone, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Collections in one calendar home.
pub(crate) const COLLECTIONS_MAX: usize = 1_000;

/// The use of an app password is written at most this often, in seconds.
pub(crate) const LAST_USE_SECONDS: i64 = 3_600;

/// Objects written in one commit while a collection is copied.
pub(crate) const COPY_BATCH: usize = 100;

/// Bytes of objects written in one commit while a collection is copied; a single larger one goes alone. The
/// store refuses commits above 64 MiB, and summaries and dead properties come on top.
pub(crate) const COPY_BYTES: u64 = 8 << 20;

/// Records that a tenant's export converts at a time, in bytes.
pub(crate) const DUMP_BATCH_BYTES: usize = 1 << 20;

/// Such batches that may wait for whoever takes the export.
pub(crate) const DUMP_BATCHES_QUEUED: usize = 4;

/// Rows written in one commit while a tenant is imported. Their keys are spread over the whole store, so fewer commits
/// write fewer pages.
pub(crate) const DUMP_ROWS: usize = 6_000;

/// Logins that an error names.
pub(crate) const LOGINS_NAMED: usize = 20;

/// Feeds of one calendar.
pub(crate) const FEEDS_MAX: usize = 50;

/// App passwords whose last use is written in one commit.
pub(crate) const LAST_USES_BATCH: usize = 500;

/// Summaries renewed in one commit.
pub(crate) const RENEWAL_BATCH: u32 = 500;

/// Commits in which the summaries of one collection are renewed in one round.
pub(crate) const RENEWAL_COMMITS: usize = 200;

/// Busy periods held unmerged.
pub(crate) const BUSY_UNMERGED: usize = 10_000;

/// Commits whose changes may wait in an index for those before them; more writers do not become durable together.
pub(crate) const CHANGES_WAITING_MAX: usize = 1_024;
/// Objects in one piece of an exported calendar.
pub(crate) const EXPORT_OBJECTS: usize = 200;

/// Settings of an account: their number.
pub(crate) const ACCOUNT_SETTINGS_MAX: usize = 32;

/// A setting of an account with its name, in bytes.
pub(crate) const SETTING_BYTES_MAX: usize = 4 * 1024;

/// The secret of an account, in bytes.
pub(crate) const SECRET_BYTES_MAX: usize = 64 * 1024;

/// Links of a tenant.
pub(crate) const LINKS_MAX: usize = 10_000;

/// Pairs, dispatch rows and summaries read at a time by a sync.
pub(crate) const PAIRS_PAGE: u32 = 500;

/// Rows of a link's history that a list shows.
pub(crate) const HISTORY_LISTED_MAX: u32 = 1_000;

/// Hints of changed collections that wait for who listens.
pub(crate) const CHANGED_QUEUED: usize = 1_024;
