//! The calendar that is measured: events of equal size at a constant density, so that a month holds the same
//! number of objects however many years there are. Everything follows from the number of events.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

/// From one event's start to the next: with the series below, a month of 30 days has about 215 objects.
const STEP: SignedDuration = SignedDuration::from_secs(14_700);
/// Every twentieth event is a weekly series of this many instances.
const SERIES_EVERY: usize = 20;
const SERIES_COUNT: i32 = 20;
const LENGTH: SignedDuration = SignedDuration::from_mins(50);
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The size of an event as real ones have it, with a description, an organizer and some people.
const BYTES: usize = 1_360;

/// A calendar of a given number of events.
#[derive(Clone)]
pub(crate) struct Data {
    pub(crate) events: usize,
    /// The last 30 days.
    pub(crate) month: Arc<Month>,
    /// Every event as it is before the first change.
    first: Arc<Vec<String>>,
}

/// A time range and what is in it.
pub(crate) struct Month {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// The objects that overlap it.
    pub(crate) objects: Vec<usize>,
    /// Its busy time, joined.
    pub(crate) busy: Vec<Span>,
}

/// From the first instant to the one after the last.
pub(crate) type Span = (Timestamp, Timestamp);

pub(crate) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

impl Data {
    pub(crate) fn new(events: usize) -> Self {
        let first = (0..events).map(|n| Self::event(n, 0)).collect();
        Self { events, month: Arc::new(Month::last_of(events)), first: Arc::new(first) }
    }

    /// The name of the resource of the event `n`.
    pub(crate) fn name(n: usize) -> String {
        format!("event-{n:06}.ics")
    }

    /// The other way round.
    pub(crate) fn number(name: &str) -> Option<usize> {
        name.strip_prefix("event-")?.strip_suffix(".ics")?.parse().ok()
    }

    /// All events as they are before the first change.
    pub(crate) fn first(&self) -> &[String] {
        &self.first
    }

    /// Whether `text` is the event `n` as it is before the first change, octet for octet.
    pub(crate) fn is_first(&self, n: usize, text: &str) -> bool {
        self.first.get(n).is_some_and(|first| first == text)
    }

    /// The event `n`; another `revision` differs in one line.
    pub(crate) fn event(n: usize, revision: usize) -> String {
        let start = start(n);
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
        let text = text.trim_end();
        let folded: Vec<_> = text.as_bytes().chunks(70).map(String::from_utf8_lossy).collect();
        format!("{head}{}{tail}", folded.join("\r\n "))
    }

    /// All events as one file, to be imported.
    pub(crate) fn file(&self) -> String {
        let mut text = String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Load//EN\r\n");
        for event in self.first() {
            let from = event.find("BEGIN:VEVENT").unwrap_or_default();
            let to = event.find("END:VCALENDAR").unwrap_or(event.len());
            text.push_str(&event[from..to]);
        }
        text.push_str("END:VCALENDAR\r\n");
        text
    }
}

fn base() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 52)
}

fn start(n: usize) -> Timestamp {
    base() + STEP * i32::try_from(n).unwrap_or(i32::MAX)
}

impl Month {
    fn last_of(events: usize) -> Self {
        let end = start(events);
        let start = end - SignedDuration::from_hours(30 * 24);
        let mut objects = Vec::new();
        let mut busy = Vec::new();
        for n in 0..events {
            let before = busy.len();
            busy.extend(instances(n).filter(|(from, to)| *from < end && *to > start));
            if busy.len() > before {
                objects.push(n);
            }
        }
        let busy = joined(busy, (start, end));
        Self { start, end, objects, busy }
    }
}

fn instances(n: usize) -> impl Iterator<Item = Span> {
    let count = if n.is_multiple_of(SERIES_EVERY) { SERIES_COUNT } else { 1 };
    (0..count).map(move |k| {
        let at = start(n) + WEEK * k;
        (at, at + LENGTH)
    })
}

/// The same time as `spans`, clipped to `range`, in order and without overlap: what two answers that say the same
/// in different words have in common.
pub(crate) fn joined(mut spans: Vec<Span>, range: Span) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for (from, to) in spans {
        let (from, to) = (from.max(range.0), to.min(range.1));
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ if from < to => joined.push((from, to)),
            _ => {}
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_holds_the_same_number_of_objects_at_every_size() {
        for events in [1_000, 3_000, 10_000] {
            assert_eq!(Month::last_of(events).objects.len(), 215, "{events} events");
        }
    }

    #[test]
    fn events_have_one_size_and_a_revision_changes_one_line() {
        let (first, second) = (Data::event(40, 0), Data::event(40, 1));
        assert!(first.len().abs_diff(BYTES) < 80, "{} bytes", first.len());
        assert_eq!(first.lines().zip(second.lines()).filter(|(a, b)| a != b).count(), 1);
    }

    #[test]
    fn the_same_time_in_other_pieces_is_joined_to_the_same() {
        let at = |minutes| base() + SignedDuration::from_mins(minutes);
        let range = (at(0), at(100));
        let pieces = vec![(at(20), at(30)), (at(-5), at(10)), (at(25), at(40)), (at(90), at(130))];
        let whole = vec![(at(0), at(10)), (at(20), at(40)), (at(90), at(100))];
        assert_eq!(joined(pieces, range), whole);
        assert_eq!(joined(whole.clone(), range), whole);
    }
}
