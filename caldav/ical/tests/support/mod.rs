//! What the tests of recurrence share: short ways to make calendars and to write times down.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use almanac_ical::recur::Budget;
use almanac_ical::series::{CalTime, Instance, Series, Window};
use almanac_ical::zone::Zone;
use almanac_ical::{Component, Limits, tree};
use jiff::Timestamp;

/// A VCALENDAR around `components`.
pub fn calendar(components: &str) -> Component {
    let text =
        format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n{}\nEND:VCALENDAR\n", components.trim());
    tree::read(text.as_bytes(), &Limits::default()).expect("a calendar")
}

/// A calendar of one VEVENT.
pub fn event(lines: &str) -> Component {
    calendar(&format!("BEGIN:VEVENT\nUID:1\n{}\nEND:VEVENT", lines.trim()))
}

pub fn series(calendar: &Component) -> Series {
    Series::read(calendar).expect("readable times")
}

pub fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

pub fn window(start: &str, end: &str) -> Window {
    Window { start: at(start), end: at(end) }
}

pub fn zone(name: &str) -> Zone {
    Zone::iana(name).expect(name)
}

/// A budget that no test about dates runs out of.
pub fn plenty() -> Budget {
    Budget { instances: 1_000_000, periods: 5_000_000 }
}

pub fn instances(calendar: &Component, window: &Window, zone: &Zone) -> Vec<Instance> {
    series(calendar).instances(window, zone, &mut plenty()).expect("within the budget")
}

/// The local starts of instances, `2026-11-21T09:00:00` or `2026-11-21`.
pub fn starts(instances: &[Instance]) -> Vec<String> {
    instances.iter().map(|instance| written(&instance.begin)).collect()
}

pub fn written(time: &CalTime) -> String {
    match time {
        CalTime::Utc(at) => at.to_string(),
        CalTime::Zoned { local, .. } | CalTime::Floating(local) => local.to_string(),
        CalTime::Date(date) => date.to_string(),
    }
}

/// A repeatable source of numbers (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}
