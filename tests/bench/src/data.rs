//! The calendar that is measured: events of equal size at a constant density, so that a month holds the same
//! number of objects however many years there are. Everything follows from the number of events.

use jiff::{SignedDuration, Timestamp};

/// From one event's start to the next: with the series below, a month of 30 days has about 215 objects.
const STEP: SignedDuration = SignedDuration::from_secs(14_700);
/// Every twentieth event is a weekly series of this many instances.
const SERIES_EVERY: usize = 20;
const SERIES_COUNT: i64 = 20;
const LENGTH: SignedDuration = SignedDuration::from_mins(50);
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The size of an event as real ones have it, with a description, an organizer and some people.
const BYTES: usize = 1_360;

/// A calendar of `events` events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Data {
    pub(crate) events: usize,
}

/// A time range, RFC 4791 form.
pub(crate) struct Range {
    pub(crate) start: String,
    pub(crate) end: String,
    /// How many objects overlap it.
    pub(crate) objects: usize,
}

fn base() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 52)
}

pub(crate) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

impl Data {
    pub(crate) fn name(n: usize) -> String {
        format!("event-{n:06}.ics")
    }

    fn start(n: usize) -> Timestamp {
        base() + STEP * i32::try_from(n).unwrap_or(i32::MAX)
    }

    /// The event `n`; another `revision` differs in one line.
    pub(crate) fn event(n: usize, revision: usize) -> String {
        let start = Self::start(n);
        let rule = if n.is_multiple_of(SERIES_EVERY) {
            format!("RRULE:FREQ=WEEKLY;COUNT={SERIES_COUNT}\r\n")
        } else {
            String::new()
        };
        let head = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Load//EN\r\nBEGIN:VEVENT\r\nUID:event-{n:06}\r\n\
             DTSTAMP:20260101T000000Z\r\nDTSTART:{}\r\nDTEND:{}\r\n{rule}SEQUENCE:{revision}\r\n\
             SUMMARY:Appointment number {n}\r\nLOCATION:Room {}\r\nORGANIZER;CN=Front desk:mailto:desk@example.invalid\r\n\
             ATTENDEE;CN=Someone;PARTSTAT=ACCEPTED:mailto:someone{n}@example.invalid\r\nDESCRIPTION:",
            stamp(start),
            stamp(start + LENGTH),
            n % 12,
        );
        let tail = "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let words = ["bring", "the", "letter", "from", "last", "week", "and", "call", "before", "noon"];
        let mut text = String::new();
        let mut at = n;
        while head.len() + text.len() + tail.len() + text.len() / 70 * 3 < BYTES {
            at = at.wrapping_mul(25_214_903_917).wrapping_add(11);
            text.push_str(words[at / 65_536 % words.len()]);
            text.push(' ');
        }
        let folded: Vec<_> = text.as_bytes().chunks(70).map(String::from_utf8_lossy).collect();
        format!("{head}{}{tail}", folded.join("\r\n "))
    }

    /// All events as one file, to be imported.
    pub(crate) fn file(self) -> String {
        let mut text = String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Load//EN\r\n");
        for n in 0..self.events {
            let event = Self::event(n, 0);
            let from = event.find("BEGIN:VEVENT").unwrap_or_default();
            let to = event.find("END:VCALENDAR").unwrap_or(event.len());
            text.push_str(&event[from..to]);
        }
        text.push_str("END:VCALENDAR\r\n");
        text
    }

    /// The last 30 days of the calendar.
    pub(crate) fn month(self) -> Range {
        let end = Self::start(self.events);
        let start = end - SignedDuration::from_hours(30 * 24);
        let objects = (0..self.events).filter(|n| overlaps(*n, start, end)).count();
        Range { start: stamp(start), end: stamp(end), objects }
    }
}

fn overlaps(n: usize, start: Timestamp, end: Timestamp) -> bool {
    let instances = if n.is_multiple_of(SERIES_EVERY) { SERIES_COUNT } else { 1 };
    (0..instances).any(|k| {
        let at = Data::start(n) + WEEK * i32::try_from(k).unwrap_or(0);
        at < end && at + LENGTH > start
    })
}
