//! Eight writers and a client that synchronises, over all lives of one store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use almanac_harness::{Daemon, Person};

use crate::ledger::{Known, etags};
use crate::model::Writer;
use crate::random::Random;

const WRITERS: u64 = 8;

pub(crate) struct Fleet {
    person: Person,
    writers: Vec<Writer>,
    known: Known,
    /// Writes that were acknowledged so far.
    pub(crate) acknowledged: u64,
}

impl Fleet {
    pub(crate) fn new(person: Person, random: &mut Random) -> Self {
        let writers = (0..WRITERS).map(|n| Writer::new(n, &person, random.next())).collect();
        Self { person, writers, known: Known::default(), acknowledged: 0 }
    }

    /// Lets all writers write until `count` writes more are acknowledged; then `end` ends the daemon.
    pub(crate) fn write_until<T>(
        &mut self,
        daemon: &mut Daemon,
        count: u64,
        end: impl FnOnce(&mut Daemon) -> T,
    ) -> T {
        let client = daemon.client(&self.person);
        let done = AtomicU64::new(0);
        let ended = std::thread::scope(|scope| {
            let write = |writer: &mut Writer| {
                while writer.write(&client) {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            };
            let running: Vec<_> =
                self.writers.iter_mut().map(|writer| scope.spawn(move || write(writer))).collect();
            while done.load(Ordering::Relaxed) < count {
                assert!(running.iter().any(|writer| !writer.is_finished()), "the daemon ended by itself");
                std::thread::yield_now();
            }
            end(daemon)
        });
        self.acknowledged += done.into_inner();
        ended
    }

    /// Asserts that every writer finds what it was promised, that every way to look at the calendar shows exactly
    /// that, and that the changes since the last look add up.
    pub(crate) fn check(&mut self, daemon: &Daemon) {
        let client = daemon.client(&self.person);
        let objects = self.writers.iter_mut().flat_map(|writer| writer.settle(&client));
        let expected: BTreeMap<_, _> = objects.map(|(path, object)| (path, object.etag)).collect();
        let calendar = self.person.calendar();
        let after = self.acknowledged;
        let listing = client.propfind(&calendar, "1", &["D:getetag"]).multistatus();
        assert_eq!(etags(listing), expected, "the listing after {after} writes");
        let queried = client.events_between(&calendar, "20261201T000000Z", "20261202T000000Z");
        assert_eq!(etags(queried.multistatus()), expected, "the query after {after} writes");
        self.known.learn(&client, &calendar).unwrap();
        assert_eq!(self.known.etags, expected, "the changes since the last look, after {after} writes");
    }
}
