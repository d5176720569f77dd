//! kill -9 at random moments under eight concurrent writers: what was acknowledged is there, nothing is half there.
//!
//! `ALMANAC_CRASH_ROUNDS` rounds (20 without it) on one store; `ALMANAC_CRASH_SEED` repeats the choices of an earlier run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod model;
mod random;
mod root_key;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use almanac_harness::{Client, Daemon, Options, Person};

use model::{Object, Writer};
use random::Random;

const WRITERS: u64 = 8;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_visible() {
    let rounds = number("ALMANAC_CRASH_ROUNDS", 20);
    let seed = number("ALMANAC_CRASH_SEED", random::seed());
    println!("crash: {rounds} rounds, ALMANAC_CRASH_SEED={seed}");
    let mut random = Random::new(seed);
    let mut daemon = Daemon::stopped(Options::new().without_canary());
    let erika = daemon.person("erika");
    let mut writers: Vec<_> = (0..WRITERS).map(|n| Writer::new(n, &erika, random.next())).collect();
    let mut known = Known::default();
    daemon.boot();
    let mut acknowledged = 0;
    for round in 0..rounds {
        acknowledged += write_until_killed(&mut daemon, &erika, &mut writers, 1 + random.below(200));
        if random.below(4) == 0 {
            daemon.boot_and_kill(Duration::from_millis(random.below(60))); // a crash while it recovers
        }
        daemon.boot();
        let client = daemon.client(&erika);
        let objects: BTreeMap<_, _> = writers.iter_mut().flat_map(|w| w.settle(&client)).collect();
        known.check(&client, &erika, &objects, round);
    }
    daemon.stop();
    daemon.boot();
    let client = daemon.client(&erika);
    let objects: BTreeMap<_, _> = writers.iter_mut().flat_map(|w| w.settle(&client)).collect();
    known.check(&client, &erika, &objects, rounds);
    println!("crash: {acknowledged} writes acknowledged, none lost");
    assert!(acknowledged > rounds, "the writers wrote");
}

/// Lets all writers write, and kills the daemon once `count` writes are acknowledged; how many were in the end.
fn write_until_killed(daemon: &mut Daemon, erika: &Person, writers: &mut [Writer], count: u64) -> u64 {
    let client = daemon.client(erika);
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let write = |writer: &mut Writer| {
            while writer.write(&client) {
                done.fetch_add(1, Ordering::Relaxed);
            }
        };
        let running: Vec<_> = writers.iter_mut().map(|writer| scope.spawn(move || write(writer))).collect();
        while done.load(Ordering::Relaxed) < count {
            assert!(running.iter().any(|writer| !writer.is_finished()), "the daemon ended by itself");
            std::thread::yield_now();
        }
        daemon.kill9();
    });
    done.load(Ordering::Relaxed)
}

/// What a client that synchronises knows: a token, and the ETags as of that token.
#[derive(Default)]
struct Known {
    token: String,
    etags: BTreeMap<String, String>,
}

impl Known {
    /// Asserts that every way to look at the calendar shows exactly `objects`, and that the changes since the last look add up.
    fn check(&mut self, client: &Client, erika: &Person, objects: &BTreeMap<String, Object>, round: u64) {
        let expected: BTreeMap<_, _> =
            objects.iter().map(|(path, o)| (path.clone(), o.etag.clone())).collect();
        let etags = |answer: almanac_harness::Multistatus| -> BTreeMap<String, String> {
            let members = answer.entries.into_iter().filter(|e| !e.href.ends_with('/'));
            members.map(|e| (e.href.clone(), e.text("D:getetag").to_owned())).collect()
        };
        let listed = etags(client.propfind(&erika.calendar(), "1", &["D:getetag"]).multistatus());
        assert_eq!(listed, expected, "the listing, round {round}");
        let queried = client.events_between(&erika.calendar(), "20261201T000000Z", "20261202T000000Z");
        assert_eq!(etags(queried.multistatus()), expected, "the query, round {round}");

        let delta = client.sync(&erika.calendar(), &self.token).multistatus();
        for entry in &delta.entries {
            match entry.status {
                Some(404) => self.etags.remove(&entry.href),
                _ => self.etags.insert(entry.href.clone(), entry.text("D:getetag").to_owned()),
            };
        }
        assert_eq!(self.etags, expected, "the changes since the last token, round {round}");
        self.token = delta.sync_token.unwrap();
    }
}
