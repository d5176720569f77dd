//! The bounds of what is asked of Graph and taken from it.

use jiff::SignedDuration;

/// The window of a listing: how far back and ahead of its day it reaches.
pub(crate) const WINDOW_BACK: SignedDuration = SignedDuration::from_hours(90 * 24);
pub(crate) const WINDOW_AHEAD: SignedDuration = SignedDuration::from_hours(730 * 24);

/// When less than this is left of the window, a new one is opened by listing again.
pub(crate) const WINDOW_LEFT_MIN: SignedDuration = SignedDuration::from_hours(640 * 24);

/// Events of one page of a listing (`odata.maxpagesize`).
pub(crate) const PAGE_EVENTS: u32 = 200;

/// Lines that are taken of one page, whatever was asked for.
pub(crate) const PAGE_EVENTS_MAX: usize = 2_000;

/// Names of what listings said to be removed that are kept in memory, to be looked at more closely when they are read.
pub(crate) const REMOVED_MAX: usize = 10_000;

/// Events at the time of one that is to be created, which are looked at where no listing shows them.
pub(crate) const UNLISTED_MAX: usize = 20;

/// Requests of one batch; Graph takes no more.
pub(crate) const BATCH_MAX: usize = 20;

/// The body of any answer.
pub(crate) const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Pages of a list that has no token of its own: calendars, instances, exceptions.
pub(crate) const PAGES_MAX: usize = 50;

/// Instances of one series that are changed or cancelled; one cannot be written with more.
pub(crate) const EXCEPTIONS_MAX: usize = 500;

/// What is noted on a series while its exceptions are written; a named property of Exchange takes 32 KiB.
pub(crate) const NOTE_BYTES_MAX: usize = 30_000;

/// A subject, a place or a category. Exchange refuses more.
pub(crate) const LINE_CHARACTERS_MAX: usize = 255;

/// A reminder: a year before the start.
pub(crate) const REMINDER_MINUTES_MAX: u32 = 366 * 1440;

/// The longest life of a subscription, 10,080 minutes, with a margin for clocks that differ.
pub(crate) const WATCH_MAX: SignedDuration = SignedDuration::from_mins(10_070);

/// Notifications of one call; Graph bundles some dozens.
pub(crate) const NOTIFICATIONS_MAX: usize = 1_000;

/// A validation token; Graph's have some hundred characters.
pub(crate) const HANDSHAKE_BYTES_MAX: usize = 4 * 1024;
