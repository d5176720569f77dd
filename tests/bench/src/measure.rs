//! What an operation costs: the server's CPU time, which survives a noisy machine, and the latency.

use std::time::{Duration, Instant};

use crate::http::{Answer, Connection, Request};
use crate::proc::{cpu, peak_kib};
use crate::subject::Subject;

/// A connection stops after this many wrong answers.
const ERRORS_MAX: usize = 3;

/// Why an operation does not count.
pub(crate) enum Failure {
    /// The cell's time was over.
    Cut,
    Wrong(String),
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Wrong(reason)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::TimedOut => Self::Cut,
            _ => Self::Wrong(error.to_string()),
        }
    }
}

/// How long a run may last.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// No operation begins after this time, except the first few.
    pub(crate) time: Duration,
    /// How many operations each connection does in any case, as long as it takes no more than three times `time`.
    pub(crate) first: usize,
    /// How many operations each connection does at most.
    pub(crate) each: usize,
    /// What is not answered by then is given up.
    pub(crate) deadline: Instant,
}

/// One connection of a run.
pub(crate) struct Lane {
    pub(crate) index: usize,
    connection: Connection,
    deadline: Instant,
    latencies: Vec<Duration>,
    errors: Vec<String>,
    cut: usize,
}

/// What runs have cost.
#[derive(Default)]
pub(crate) struct Tally {
    /// By connection.
    latencies: Vec<Vec<Duration>>,
    cpu: Duration,
    peak_kib: u64,
    errors: Vec<String>,
    cut: usize,
    pub(crate) syncs: Option<u64>,
}

/// What an operation costs.
#[derive(Clone, Default)]
pub(crate) struct Figures {
    pub(crate) operations: usize,
    pub(crate) errors: usize,
    pub(crate) first_error: Option<String>,
    /// Operations under way when the cell was cut.
    pub(crate) cut: usize,
    /// Operations per second of waiting, summed over the connections: the client's own checks do not count.
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) cpu_ms: f64,
    /// The most memory the server had meanwhile.
    pub(crate) peak_mib: f64,
    pub(crate) syncs_per_operation: Option<f64>,
}

impl Lane {
    /// Sends `request` and takes the time until the whole answer is there.
    pub(crate) fn exchange(&mut self, request: &Request, status: u16) -> Result<Answer, Failure> {
        let begun = Instant::now();
        let answer = self.connection.exchange(request, self.deadline)?;
        if answer.status != status {
            return Err(Failure::Wrong(format!("status {} instead of {status}", answer.status)));
        }
        self.latencies.push(begun.elapsed());
        Ok(answer)
    }

    fn work(&mut self, bounds: Bounds, operation: impl Fn(&mut Self, usize) -> Result<(), Failure>) {
        let begun = Instant::now();
        for n in 0..bounds.each {
            let patience = bounds.time * if n < bounds.first { 3 } else { 1 };
            if n > 0 && begun.elapsed() > patience {
                return;
            }
            let before = self.latencies.len();
            match operation(self, n) {
                Ok(()) => {}
                Err(Failure::Cut) => {
                    self.cut += 1;
                    return;
                }
                Err(Failure::Wrong(reason)) => {
                    self.latencies.truncate(before);
                    self.errors.push(reason);
                    if self.errors.len() >= ERRORS_MAX {
                        return;
                    }
                }
            }
        }
    }
}

/// Runs `operation(lane, n)` on `connections` connections; one operation is one exchange.
pub(crate) fn run(
    subject: &Subject,
    connections: usize,
    bounds: Bounds,
    operation: &(dyn Fn(&mut Lane, usize) -> Result<(), Failure> + Sync),
) -> Tally {
    let lane = |index| {
        let mut connection = Connection::new(subject.endpoint().address);
        let _ = connection.open(); // a failure shows at the first exchange
        Lane {
            index,
            connection,
            deadline: bounds.deadline,
            latencies: Vec::new(),
            errors: Vec::new(),
            cut: 0,
        }
    };
    let lanes: Vec<Lane> = (0..connections).map(lane).collect();
    let pid = subject.server.pid();
    subject.reset_peak();
    let before = cpu(pid);
    let lanes: Vec<Lane> = std::thread::scope(|scope| {
        let threads: Vec<_> = lanes
            .into_iter()
            .map(|mut lane| {
                scope.spawn(move || {
                    lane.work(bounds, operation);
                    lane
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread of the client")).collect()
    });
    let spent = cpu(pid).saturating_sub(before);
    let mut tally = Tally { cpu: spent, peak_kib: peak_kib(pid), ..Tally::default() };
    for lane in lanes {
        tally.cut += lane.cut;
        tally.errors.extend(lane.errors);
        tally.latencies.push(lane.latencies);
    }
    tally
}

impl Tally {
    /// Adds another run of the same connections.
    pub(crate) fn add(&mut self, other: Self) {
        self.latencies.resize(other.latencies.len(), Vec::new());
        for (all, more) in self.latencies.iter_mut().zip(other.latencies) {
            all.extend(more);
        }
        self.cpu += other.cpu;
        self.peak_kib = self.peak_kib.max(other.peak_kib);
        self.errors.extend(other.errors);
        self.cut += other.cut;
    }

    pub(crate) fn figures(&self) -> Figures {
        let mut all: Vec<Duration> = self.latencies.iter().flatten().copied().collect();
        all.sort_unstable();
        let operations = all.len();
        let at = |share: f64| {
            let index = (share * operations.saturating_sub(1) as f64) as usize;
            all.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
        };
        let rate = |latencies: &Vec<Duration>| {
            let waited: Duration = latencies.iter().sum();
            if waited.is_zero() { 0.0 } else { latencies.len() as f64 / waited.as_secs_f64() }
        };
        let per = operations.max(1) as f64;
        Figures {
            operations,
            errors: self.errors.len(),
            first_error: self.errors.first().cloned(),
            cut: self.cut,
            per_second: self.latencies.iter().map(rate).sum(),
            p50_ms: at(0.50),
            p99_ms: at(0.99),
            cpu_ms: self.cpu.as_secs_f64() * 1_000.0 / per,
            peak_mib: self.peak_kib as f64 / 1_024.0,
            syncs_per_operation: self.syncs.map(|syncs| syncs as f64 / per),
        }
    }
}
