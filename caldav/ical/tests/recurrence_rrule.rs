//! Random rules compared with the `rrule` crate, as far as that one reads RFC 5545 rightly.
//!
//! Drawn are rules of every FREQ, with COUNT, with an UNTIL in UTC at an occurrence or a second beside it, or without
//! an end, and EXDATEs at occurrences and beside them.
//!
//! Left out, because it refuses or misreads them: BYDAY ordinals beyond ±4, UNTIL that is not in UTC, rules below a day
//! in zones that change their clocks, BYHOUR in a rule below an hour, BYSETPOS in weekly rules and rules by the second,
//! BYWEEKNO without BYDAY or at the edges of a year, weekdays with and without ordinals in one BYDAY, and a DTSTART
//! outside its rule. RDATE and EXRULE are compared with hand-made answers elsewhere (`recurrence_sets.rs`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

mod support;

use almanac_ical::series::Window;
use almanac_ical::zone::Zone;
use jiff::{SignedDuration, Timestamp};
use rrule::RRuleSet;
use support::{Random, event, instances};

const CASES: usize = 400;
const SEED: u64 = 0x2026_1121;
const COMPARED: u16 = 30;
const END: &str = "2037-01-01T00:00:00Z";
const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
const ZONES: [&str; 5] = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "UTC"];

#[test]
fn random_rules_have_the_instants_that_rrule_finds() {
    let seed = std::env::var("ALMANAC_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED);
    eprintln!("ALMANAC_SEED={seed}");
    let mut random = Random(seed);
    let mut compared = 0;
    let mut drawn = 0;
    while compared < CASES {
        drawn += 1;
        assert!(drawn < CASES * 20, "too few usable cases");
        if compare(&mut random) {
            compared += 1;
        }
    }
}

/// Whether a case was drawn that could be compared.
fn compare(random: &mut Random) -> bool {
    let (zone, start, mut rule) = draft(random);
    let Some(first) = expand(&format!("DTSTART;TZID={zone}:{start}\nRRULE:{rule}"), 1).into_iter().next()
    else {
        return false;
    };
    // From the first occurrence on, DTSTART is in the rule.
    let local = Zone::iana(zone).unwrap().local(first);
    let start = local.strftime("%Y%m%dT%H%M%S").to_string();
    let mut found = expand(&format!("DTSTART;TZID={zone}:{start}\nRRULE:{rule}"), COMPARED);
    // Its zone database ends with 2037.
    found.retain(|&at| at < support::at(END));
    if found.first() != Some(&first) {
        return false;
    }
    if !rule.contains("COUNT") && random.chance(3) {
        rule.push_str(&format!(";UNTIL={}", beside(random, &found).strftime("%Y%m%dT%H%M%SZ")));
    }
    let ends = rule.contains("COUNT") || rule.contains("UNTIL");
    let mut lines = format!("DTSTART;TZID={zone}:{start}\nRRULE:{rule}");
    for _ in 0..random.below(4) {
        let local = Zone::iana(zone).unwrap().local(beside(random, &found));
        lines.push_str(&format!("\nEXDATE;TZID={zone}:{}", local.strftime("%Y%m%dT%H%M%S")));
    }
    let mut expected = expand(&lines, COMPARED);
    expected.retain(|&at| at < support::at(END));
    let end = match expected.last() {
        // Nothing follows.
        _ if ends && expected.len() < usize::from(COMPARED) => support::at(END),
        Some(last) => last.checked_add(SignedDuration::from_secs(1)).unwrap(),
        None => return false,
    };
    let window = Window { start: first, end };
    let found: Vec<_> = instances(&event(&lines), &window, &Zone::utc()).iter().map(|i| i.start).collect();
    assert_eq!(found, expected, "{lines}");
    true
}

/// An occurrence, or the second before or after it.
fn beside(random: &mut Random, found: &[Timestamp]) -> Timestamp {
    let at = *random.pick(found);
    let by = *random.pick(&[0, 0, -1, 1]);
    at.checked_add(SignedDuration::from_secs(by)).unwrap().max(found[0])
}

fn expand(lines: &str, limit: u16) -> Vec<Timestamp> {
    let set: RRuleSet = lines.parse().unwrap_or_else(|error| panic!("{lines}: {error}"));
    let found = set.limit().all(limit);
    found.dates.iter().map(|date| Timestamp::from_second(date.timestamp()).unwrap()).collect()
}

fn draft(random: &mut Random) -> (&'static str, String, String) {
    let freq = *random.pick(&["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]);
    let below_an_hour = freq == "MINUTELY" || freq == "SECONDLY";
    let below_a_day = freq == "HOURLY" || below_an_hour;
    let zone = if below_a_day { "UTC" } else { *random.pick(&ZONES) };
    let start = format!(
        "{}{:02}{:02}T{:02}{:02}00",
        1990 + random.below(30),
        1 + random.below(12),
        1 + random.below(28),
        4 + random.below(18),
        15 * random.below(4)
    );
    let mut parts = vec![format!("FREQ={freq}")];
    if random.chance(2) {
        parts.push(format!("INTERVAL={}", 1 + random.below(6)));
    }
    let by = parts.len();
    if random.chance(4) {
        parts.push(format!("BYMONTH={}", list(random, 3, |random| 1 + random.below(12))));
    }
    let by_week = freq == "YEARLY" && random.chance(5);
    if by_week {
        parts.push(format!("BYWEEKNO={}", list(random, 4, |random| 2 + random.below(49))));
    }
    if freq == "YEARLY" && !by_week && random.chance(5) {
        parts.push(format!("BYYEARDAY={}", list(random, 5, |random| signed(random, 366))));
    }
    if freq != "WEEKLY" && !by_week && random.chance(4) {
        parts.push(format!("BYMONTHDAY={}", list(random, 4, |random| signed(random, 31))));
    }
    if by_week || random.chance(2) {
        let most = match freq {
            "MONTHLY" => 4,
            "YEARLY" if !by_week => 4,
            _ => 0,
        };
        let with_ordinals = most > 0 && random.chance(2);
        let day = |random: &mut Random| {
            let ordinal = if with_ordinals { signed(random, most).to_string() } else { String::new() };
            format!("{ordinal}{}", random.pick(&DAYS))
        };
        parts.push(format!("BYDAY={}", list(random, 3, day)));
    }
    if !below_an_hour && random.chance(4) {
        parts.push(format!("BYHOUR={}", list(random, 3, |random| 4 + random.below(18))));
    }
    if random.chance(5) {
        parts.push(format!("BYMINUTE={}", list(random, 3, |random| random.below(60))));
    }
    if parts.len() > by && freq != "WEEKLY" && freq != "SECONDLY" && random.chance(4) {
        parts.push(format!("BYSETPOS={}", list(random, 2, |random| signed(random, 4))));
    }
    if random.chance(3) {
        parts.push(format!("WKST={}", random.pick(&DAYS)));
    }
    if random.chance(2) {
        parts.push(format!("COUNT={}", 1 + random.below(40)));
    }
    (zone, start, parts.join(";"))
}

fn signed(random: &mut Random, most: u64) -> i64 {
    let n = i64::try_from(1 + random.below(most)).unwrap();
    if random.chance(3) { -n } else { n }
}

fn list<T: ToString>(random: &mut Random, most: u64, mut item: impl FnMut(&mut Random) -> T) -> String {
    let items: Vec<String> = (0..1 + random.below(most)).map(|_| item(random).to_string()).collect();
    items.join(",")
}
