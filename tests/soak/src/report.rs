//! The figures as a table and as one line of JSON.

use std::time::Duration;

use serde_json::{Value, json};

use crate::backups::Backups;
use crate::chaos::Events;
use crate::crowd::Crowd;
use crate::figures::Tally;
use crate::memory::{LongLife, Thirds};

/// The load and what it met.
pub(crate) struct Soak {
    pub(crate) took: Duration,
    pub(crate) connections: usize,
    pub(crate) tally: Tally,
    pub(crate) events: Events,
    pub(crate) backups: Backups,
    pub(crate) memory: Thirds,
    pub(crate) long: LongLife,
    /// Objects that were looked at after the last restart.
    pub(crate) concluded: usize,
    pub(crate) disk_bytes: u64,
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn word(flat: Option<bool>) -> &'static str {
    match flat {
        Some(true) => "flat",
        Some(false) => "GROWING",
        None => "too little to judge",
    }
}

impl Soak {
    pub(crate) fn print(&self) {
        println!("{:<10} {:>10} {:>9} {:>9} {:>9}", "", "answered", "p50 ms", "p99 ms", "max ms");
        for (name, times) in self.tally.rows() {
            let (count, p50, p99, max) = (times.count, times.p50_ms, times.p99_ms, times.max_ms);
            println!("{name:<10} {count:>10} {p50:>9.2} {p99:>9.2} {max:>9.1}");
        }
        let cut: Vec<_> = self.tally.cut.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        println!(
            "{:.0} s on {} connections; {} writes acknowledged; around kills {}",
            self.took.as_secs_f64(),
            self.connections,
            self.tally.writes(),
            if cut.is_empty() { "nothing".into() } else { cut.join(", ") },
        );
        let down = self.events.down.iter().max().copied().unwrap_or_default().as_secs_f64();
        println!(
            "{} kills (longest down {down:.2} s), {} reloads, {} backups verified ({:.1} MiB the last), {} cut by a kill",
            self.events.kills,
            self.events.reloads,
            self.backups.verified,
            self.backups.bytes as f64 / f64::from(1 << 20),
            self.backups.cut,
        );
        println!(
            "memory: {:.1} MiB at the end of a life in the first third of {} lives, {:.1} in the last, {:.1} at most: {}",
            mib(self.memory.first_kib),
            self.memory.lives,
            mib(self.memory.last_kib),
            mib(self.memory.peak_kib),
            word(self.memory.is_flat()),
        );
        println!(
            "a life of {:.0} s with data of the same size: {:.1} MiB when it was warm, {:.1} at its end: {}",
            self.long.lasted.as_secs_f64(),
            mib(self.long.warm_kib),
            mib(self.long.last_kib),
            word(self.long.is_flat()),
        );
        println!("{} objects at the end, {} MiB on the disk", self.concluded, self.disk_bytes >> 20);
    }

    pub(crate) fn json(&self) -> Value {
        let rows = self.tally.rows().into_iter().map(|(name, times)| (name.to_owned(), times.json()));
        json!({
            "seconds": self.took.as_secs_f64(),
            "connections": self.connections,
            "requests": Value::Object(rows.collect()),
            "writes": self.tally.writes(),
            "cut": self.tally.cut,
            "kills": self.events.kills,
            "reloads": self.events.reloads,
            "backups": self.backups.verified,
            "backups_cut": self.backups.cut,
            "memory_first_mib": mib(self.memory.first_kib),
            "memory_last_mib": mib(self.memory.last_kib),
            "memory_peak_mib": mib(self.memory.peak_kib),
            "memory_flat": self.memory.is_flat(),
            "memory_long_warm_mib": mib(self.long.warm_kib),
            "memory_long_last_mib": mib(self.long.last_kib),
            "memory_long_flat": self.long.is_flat(),
            "objects": self.concluded,
            "disk_bytes": self.disk_bytes,
        })
    }
}

impl Crowd {
    pub(crate) fn print(&self) {
        for (name, times) in
            [("alone", self.alone), ("crowd comes", self.arriving), ("in a crowd", self.beside)]
        {
            let (count, p50, p99, max) = (times.count, times.p50_ms, times.p99_ms, times.max_ms);
            println!("{name:<11} {count:>9} {p50:>9.2} {p99:>9.2} {max:>9.1}");
        }
        let (before, after) = self.resident_kib;
        println!(
            "the crowd: {} connections that never read, on whose answers the daemon worked {:.1} s more, and as many that sent \
             nothing; {} open at the end; memory {:.1} MiB before, {:.1} with it",
            self.each,
            self.settled.as_secs_f64(),
            self.open,
            mib(before),
            mib(after),
        );
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "alone": self.alone.json(),
            "arriving": self.arriving.json(),
            "settled_seconds": self.settled.as_secs_f64(),
            "beside": self.beside.json(),
            "open": self.open,
            "memory_before_mib": mib(self.resident_kib.0),
            "memory_mib": mib(self.resident_kib.1),
        })
    }
}
