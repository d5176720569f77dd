//! What all threads of a soak share.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use almanac_harness::Address;

/// Mistakes that are told in full; the others are counted.
const TOLD: usize = 20;

pub(crate) struct World {
    pub(crate) address: Address,
    /// How often the daemon was killed.
    kills: AtomicU64,
    down: AtomicBool,
    over: AtomicBool,
    mistakes: Mutex<Vec<String>>,
}

impl World {
    pub(crate) fn new(address: Address) -> Self {
        Self {
            address,
            kills: AtomicU64::new(0),
            down: AtomicBool::new(false),
            over: AtomicBool::new(false),
            mistakes: Mutex::default(),
        }
    }

    /// Which life of the daemon this is.
    pub(crate) fn life(&self) -> u64 {
        self.kills.load(SeqCst)
    }

    /// The daemon is about to be killed.
    pub(crate) fn begin_kill(&self) {
        self.down.store(true, SeqCst);
        self.kills.fetch_add(1, SeqCst);
    }

    /// It serves again.
    pub(crate) fn end_kill(&self) {
        self.down.store(false, SeqCst);
    }

    /// Whether it is being killed, or started again.
    pub(crate) fn is_down(&self) -> bool {
        self.down.load(SeqCst)
    }

    /// Whether what began in `life`, while the daemon was up, may have failed because of a kill.
    pub(crate) fn excuses(&self, life: u64) -> bool {
        self.is_down() || self.life() != life
    }

    pub(crate) fn finish(&self) {
        self.over.store(true, SeqCst);
    }

    /// There is more to do.
    pub(crate) fn go_on(&self) {
        self.over.store(false, SeqCst);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }

    /// Something is not as it must be.
    pub(crate) fn mistake(&self, what: String) {
        let mut mistakes = self.mistakes.lock().unwrap();
        if mistakes.len() < TOLD {
            eprintln!("soak: WRONG: {what}");
        }
        mistakes.push(what);
    }

    pub(crate) fn mistakes(&self) -> Vec<String> {
        self.mistakes.lock().unwrap().clone()
    }
}
