//! Counting and timing.

use std::collections::BTreeMap;
use std::time::Duration;

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    Create,
    Update,
    Delete,
    Sync,
    Multiget,
    Query,
    /// Reading after a kill what became of a write that was not answered.
    Settle,
}

impl Op {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Sync => "sync",
            Self::Multiget => "multiget",
            Self::Query => "query",
            Self::Settle => "settle",
        }
    }

    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete)
    }
}

/// What came of many requests.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    micros: BTreeMap<Op, Vec<u32>>,
    /// Requests without an answer because the daemon was killed, by kind.
    pub(crate) cut: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(crate) fn answered(&mut self, op: Op, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.micros.entry(op).or_default().push(micros);
    }

    pub(crate) fn cut(&mut self, kind: &'static str) {
        *self.cut.entry(kind).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (op, micros) in other.micros {
            self.micros.entry(op).or_default().extend(micros);
        }
        for (kind, count) in other.cut {
            *self.cut.entry(kind).or_default() += count;
        }
    }

    /// Each kind of request and all of them together, with its times.
    pub(crate) fn rows(&self) -> Vec<(&'static str, Times)> {
        let mut rows: Vec<_> =
            self.micros.iter().map(|(op, all)| (op.name(), Times::of(all.clone()))).collect();
        rows.push(("all", Times::of(self.micros.values().flatten().copied().collect())));
        rows
    }

    pub(crate) fn writes(&self) -> usize {
        self.micros.iter().filter(|(op, _)| op.writes()).map(|(_, all)| all.len()).sum()
    }
}

/// How long requests took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    pub(crate) count: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Times {
    pub(crate) fn of(mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        let at = |percent: usize| {
            let index = micros.len().saturating_sub(1) * percent / 100;
            micros.get(index).map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
        };
        Self { count: micros.len(), p50_ms: at(50), p99_ms: at(99), max_ms: at(100) }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let Self { count, p50_ms, p99_ms, max_ms } = self;
        serde_json::json!({ "count": count, "p50_ms": p50_ms, "p99_ms": p99_ms, "max_ms": max_ms })
    }
}

/// The middle one.
pub(crate) fn median(mut numbers: Vec<u64>) -> u64 {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentiles_of_a_hundred_are_told() {
        let times = Times::of((1..=101).rev().map(|n| n * 1_000).collect());
        assert_eq!((times.count, times.p50_ms, times.p99_ms, times.max_ms), (101, 51.0, 100.0, 101.0));
        assert_eq!(Times::of(Vec::new()).count, 0);
        assert_eq!((median(vec![9, 1, 5]), median(Vec::new())), (5, 0));
    }
}
