//! The bounds of what we ask of Google and read from it.

use almanac_contract::Pace;

/// Google lets one person have 600 requests a minute in one project (2026-05); some are left for others. It slows down
/// who writes quickly to one calendar.
pub const PACE: Pace = Pace { burst: 20, per_minute: 480, at_once: 4 };

/// Events on a page of a listing.
pub(crate) const PAGE_EVENTS: u32 = 250;

/// The body of an answer. A page of events, each with the longest description and hundreds of guests, stays below it.
pub(crate) const ANSWER_BYTES_MAX: usize = 24 << 20;

/// Pages of one series with its instances, and of the list of calendars. Each page holds up to 250.
pub(crate) const PAGES_MAX: usize = 40;

/// Reminders that an event has beside the calendar's own, and how early the first may be.
pub(crate) const REMINDERS_MAX: usize = 5;
pub(crate) const REMINDER_MINUTES_MAX: i64 = 40_320;

/// Characters of a value of an extended property.
pub(crate) const PROPERTY_CHARS_MAX: usize = 1_024;

/// Characters of the name of a channel.
pub(crate) const CHANNEL_CHARS_MAX: usize = 64;

/// Series that a listing of everything notes between its pages. A note has a few dozen octets.
pub(crate) const SERIES_NOTED_MAX: usize = 20_000;
