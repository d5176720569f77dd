//! A server with a calendar in it, and what that calendar must hold at any time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

use crate::data::Data;
use crate::http::Endpoint;
use crate::proc;
use crate::servers::Server;

pub(crate) struct Subject {
    pub(crate) server: Box<dyn Server>,
    pub(crate) data: Data,
    pub(crate) model: Model,
    peak_kib: AtomicU64,
    /// Why it is not measured any more.
    pub(crate) given_up: Option<String>,
}

/// What was written. Every object is written by one connection at a time, so an answer must show a revision that was
/// acknowledged before the question, or one that was begun before the answer.
pub(crate) struct Model {
    acknowledged: Vec<AtomicUsize>,
    begun: Vec<AtomicUsize>,
    next: AtomicUsize,
    /// Objects beyond the calendar's own, by connection: put by one cell, deleted by a later one.
    pub(crate) beyond: Mutex<Vec<Vec<usize>>>,
}

impl Subject {
    pub(crate) fn new(server: Box<dyn Server>, data: Data) -> Self {
        let model = Model::new(data.events);
        Self { server, data, model, peak_kib: AtomicU64::new(0), given_up: None }
    }

    /// The most memory that it has taken so far, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        let now = proc::peak_kib(self.server.pid());
        self.peak_kib.fetch_max(now, SeqCst).max(now)
    }

    /// Begins a peak of its own for what comes next; [`Self::peak_kib`] still knows those before.
    pub(crate) fn reset_peak(&self) {
        let _ = self.peak_kib();
        proc::reset_peak(self.server.pid());
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        self.server.endpoint()
    }
}

impl Model {
    fn new(events: usize) -> Self {
        let zeros = || (0..events).map(|_| AtomicUsize::new(0)).collect();
        // Far beyond, so that neither the queried month nor its neighbourhood changes.
        let next = AtomicUsize::new(events + 50_000);
        Self { acknowledged: zeros(), begun: zeros(), next, beyond: Mutex::default() }
    }

    /// The revision to send for `n`.
    pub(crate) fn begin(&self, n: usize) -> usize {
        self.begun[n].fetch_add(1, SeqCst) + 1
    }

    pub(crate) fn acknowledge(&self, n: usize, revision: usize) {
        self.acknowledged[n].store(revision, SeqCst);
    }

    /// The oldest revision that an answer to a question asked now may show.
    pub(crate) fn oldest(&self, n: usize) -> usize {
        self.acknowledged.get(n).map_or(0, |revision| revision.load(SeqCst))
    }

    /// The newest revision that an answer read now may show.
    pub(crate) fn newest(&self, n: usize) -> usize {
        self.begun.get(n).map_or(0, |revision| revision.load(SeqCst))
    }

    /// An object that never was.
    pub(crate) fn fresh(&self) -> usize {
        self.next.fetch_add(1, SeqCst)
    }
}
