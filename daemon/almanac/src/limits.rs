//! The bounds of this crate that no configuration key changes.

use std::time::Duration;

use jiff::SignedDuration;

/// Streams that one HTTP/2 connection may have open.
pub(crate) const STREAMS_MAX: u32 = 128;

/// Streams that a client may have reset before we took them, per connection (CVE-2023-44487).
pub(crate) const PENDING_RESETS_MAX: usize = 20;

/// Streams that we may have reset for a client's errors before the connection is given up.
pub(crate) const ERROR_RESETS_MAX: usize = 128;

/// Bytes that may wait in one HTTP/2 stream to be sent.
pub(crate) const STREAM_SEND_BYTES_MAX: usize = 64 << 10;

/// Bytes of an answer that the kernel keeps for a TCP client that does not take them. By itself it goes up to 4 MiB, for
/// each connection.
pub(crate) const SEND_BUFFER_BYTES: usize = 256 << 10;

/// How often an HTTP/2 peer is asked whether it is there, and how long it may take to answer.
pub(crate) const PING: Duration = Duration::from_secs(20);

/// How long we go on reading after an answer that was given before the request had ended. Closing at once would
/// make the kernel reset the connection, and the client would lose the answer.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// Bytes that are read and dropped in that time.
pub(crate) const LINGER_BYTES_MAX: usize = 32 << 20;

/// How long a listener rests after `accept` failed, for example for want of file descriptors.
pub(crate) const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Connections that wait in the kernel to be accepted.
pub(crate) const BACKLOG: u32 = 1024;

/// Connections to the management listener at a time; more are closed at once.
pub(crate) const MANAGEMENT_CONNECTIONS_MAX: usize = 64;

/// Connections to the control socket at a time.
pub(crate) const CONTROL_CONNECTIONS_MAX: usize = 16;

/// The longest line on the control socket.
pub(crate) const CONTROL_LINE_BYTES_MAX: usize = 1 << 20;

/// The largest calendar file that can be imported or exported in one go.
pub(crate) const ATTACHMENT_BYTES_MAX: usize = 512 << 20;

/// How long a client of the control socket may take for its request line.
pub(crate) const CONTROL_LINE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long either side of the control socket may send nothing of a file that it announced.
pub(crate) const CONTROL_SILENCE: Duration = Duration::from_secs(30);

/// How long a command waits for a store that another command holds, or for a daemon that is starting.
pub(crate) const STORE_WAIT: Duration = Duration::from_secs(10);

/// How often it looks again.
pub(crate) const STORE_LOOK: Duration = Duration::from_millis(25);

/// How long the files of the configuration have to be left alone before they are read anew: who writes one often writes
/// several.
pub(crate) const SETTLE: Duration = Duration::from_millis(500);

/// When they are read although something in their folder goes on changing.
pub(crate) const SETTLE_MAX: Duration = Duration::from_secs(5);

/// How often the daemon tidies its store.
pub(crate) const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// How long the clock must have gone on without a step before anything is deleted because of its age.
pub(crate) const CLOCK_STEADY: Duration = Duration::from_secs(3_600);

/// The same if at the start it is further ahead than [`CLOCK_GAP_MAX`] of when somebody was last here.
pub(crate) const CLOCK_STEADY_AFTER_GAP: Duration = Duration::from_secs(24 * 3_600);

/// See [`CLOCK_STEADY_AFTER_GAP`]: a week's holiday is nothing strange.
pub(crate) const CLOCK_GAP_MAX: SignedDuration = SignedDuration::from_hours(8 * 24);

/// By how much the clock may differ between two looks from one that only goes forward, before it counts as set.
pub(crate) const CLOCK_STEP_MAX: SignedDuration = SignedDuration::from_secs(60);

/// What is read of a request body after an early answer, so that the connection stays usable.
pub(crate) const REST_BYTES_MAX: u64 = 64 << 10;

/// Bytes of a backup that are handed over at once.
pub(crate) const BACKUP_PIECE_BYTES: usize = 1 << 20;

/// Pieces of a backup that wait for whoever takes them.
pub(crate) const BACKUP_PIECES_QUEUED: usize = 4;

/// Bytes after which the progress of a backup is shown again.
pub(crate) const BACKUP_SHOWN_EVERY: u64 = 64 << 20;
/// Bytes of a file that an import sends to the daemon at a time.
pub(crate) const IMPORT_PART_BYTES: usize = 1 << 20;

/// How long a check of `doctor` waits for another program, for a resolver or for the daemon.
pub(crate) const DOCTOR_WAIT: Duration = Duration::from_secs(2);

/// Free bytes of the disk below which `doctor` warns, even if the store is small.
pub(crate) const DISK_WARNING_BYTES: u64 = 512 << 20;

/// Open files beside one for each connection: the store's, the listeners', the management's.
pub(crate) const OTHER_DESCRIPTORS: u64 = 256;

/// Days before its end when `doctor` begins to warn of a certificate; whoever renews by itself does so at 30.
pub(crate) const CERTIFICATE_WARNING_DAYS: i64 = 21;

/// The age of the newest backup beyond which the timer, which makes one a day, has stopped.
pub(crate) const BACKUP_AGE_HOURS_MAX: i64 = 49;

/// The longest line that a terminal gives.
pub(crate) const TERMINAL_LINE_BYTES_MAX: usize = 4096;

/// How long the store may take to answer whether it is ready.
pub(crate) const PROBE_WAIT: Duration = Duration::from_secs(2);

/// Entries of the state folder that `doctor` looks at.
pub(crate) const DOCTOR_ENTRIES_MAX: usize = 1_000;

/// What `doctor` reads of an answer.
pub(crate) const DOCTOR_ANSWER_BYTES_MAX: u64 = 16 << 10;

/// Errors that are counted in the journal.
pub(crate) const JOURNAL_ERRORS_MAX: u64 = 1_000;

/// A piece of a feed as it is handed to its reader, which even a slow one takes in time.
pub(crate) const FEED_PIECE_BYTES: usize = 32 << 10;
