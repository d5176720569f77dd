//! Many histories, and what they come to.
//!
//! `HISTORIES` says how many, `SEED` which one alone, `SHOW=1` shows it: `SEED=7 SHOW=1 cargo test -p almanac-convergence
//! with_real -- --nocapture`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::histories::{Kind, live};

/// What came of histories.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) histories: u64,
    pub(crate) edits: u64,
    /// Requests to vendors until all was quiet; those that find out that nothing is to be done among them.
    pub(crate) requests: u64,
    /// Objects made, changed and deleted on either side.
    pub(crate) written: u64,
    /// Objects of all links, each time it was quiet.
    pub(crate) objects: u64,
    /// How many of those were parked, by reason.
    pub(crate) parked: BTreeMap<String, u64>,
    /// Writes while nothing was to be done.
    pub(crate) idle_writes: u64,
    /// Words that are nowhere.
    pub(crate) lost: u64,
    /// Words that are in several objects.
    pub(crate) doubled: u64,
    /// Mails that nobody agreed to.
    pub(crate) mails: u64,
    /// What is not as it should be, in words.
    pub(crate) wrong: Vec<String>,
}

impl Figures {
    fn add(&mut self, other: Self) {
        self.histories += other.histories;
        self.edits += other.edits;
        self.requests += other.requests;
        self.written += other.written;
        self.objects += other.objects;
        for (reason, count) in other.parked {
            *self.parked.entry(reason).or_default() += count;
        }
        self.idle_writes += other.idle_writes;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.mails += other.mails;
        self.wrong.extend(other.wrong);
    }

    pub(crate) fn parked_all(&self) -> u64 {
        self.parked.values().sum()
    }

    /// Nothing is as it should not be, and little was left out of it.
    pub(crate) fn assert(&self, kind: Kind) {
        assert!(self.wrong.is_empty(), "{kind:?}: {:#?}", self.wrong);
        assert!(self.parked_all() * 50 <= self.objects, "{kind:?}: too much is parked: {:?}", self.parked);
    }
}

pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// One history on a thread of its own kind of time; a panic is told as what is wrong.
fn one(kind: Kind, seed: u64) -> Figures {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let lived =
        runtime.block_on(async { tokio::task::JoinSet::from_iter([live(kind, seed)]).join_next().await });
    let mut figures = match lived.unwrap() {
        Ok(figures) => figures,
        Err(failed) => Figures { wrong: vec![failed.to_string()], ..Figures::default() },
    };
    for wrong in &mut figures.wrong {
        *wrong = format!("SEED={seed}: {wrong}");
    }
    figures
}

/// As many histories of a kind, on as many threads.
pub(crate) fn many(kind: Kind, histories: u64, threads: u64) -> Figures {
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..histories,
    };
    let next = AtomicU64::new(seeds.start);
    let mut all = Figures::default();
    std::thread::scope(|scope| {
        let work = || {
            let mut mine = Figures::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return mine;
                }
                mine.add(one(kind, seed));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().for_each(|worker| all.add(worker.join().unwrap()));
    });
    all
}

#[test]
fn after_any_history_all_sides_are_equal_and_nothing_is_lost_or_doubled() {
    many(Kind::Memory, number("HISTORIES").unwrap_or(150), 1).assert(Kind::Memory);
}

#[test]
fn after_any_history_with_real_connectors_all_sides_are_equal_and_nothing_is_lost_or_doubled() {
    many(Kind::Real, number("HISTORIES").unwrap_or(40), 1).assert(Kind::Real);
}
