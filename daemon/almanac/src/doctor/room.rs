//! Room on the disk, and for open files.

use std::fs;

use almanac_store::limits::{FREE_BYTES_MIN, SLED_FREE_BYTES_MIN};
use rustix::fs::statvfs;
use rustix::process::{Resource, getrlimit};

use super::{Finding, Subject};
use crate::config::Engine;
use crate::limits::{DISK_WARNING_BYTES, OTHER_DESCRIPTORS};

/// A disk as it is.
struct Disk {
    free_bytes: u64,
    /// `None`: this file system does not count them.
    free_files: Option<u64>,
    /// Below this no write is taken.
    bytes_min: u64,
    store_bytes: u64,
}

pub(super) fn findings(subject: &Subject) -> Vec<Finding> {
    let config = &subject.config;
    let mut findings = Vec::new();
    if config.store.engine != Engine::Memory {
        let existing = config.store.path.ancestors().find(|path| path.exists());
        let disk = existing.and_then(|path| statvfs(path).ok()).map(|stat| Disk {
            free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
            free_files: (stat.f_files > 0).then_some(stat.f_favail),
            bytes_min: if config.store.engine == Engine::Sled { SLED_FREE_BYTES_MIN } else { FREE_BYTES_MIN },
            store_bytes: subject.status.store.bytes.unwrap_or(0),
        });
        findings.push(judge_disk(disk.as_ref()));
    }
    let wanted = (config.limits.connections_max as u64).saturating_add(OTHER_DESCRIPTORS);
    findings.push(judge_descriptors(descriptors(subject), wanted));
    findings
}

/// How many files the daemon may open: the running one, else one that would be started from here. `None`: without
/// limit, or not known.
fn descriptors(subject: &Subject) -> Option<u64> {
    let Some(pid) = subject.status.pid else { return getrlimit(Resource::Nofile).current };
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok())
}

fn judge_disk(disk: Option<&Disk>) -> Finding {
    const NAME: &str = "disk";
    let Some(disk) = disk else { return Finding::ok(NAME, "not known: the file system does not say") };
    let mib = |bytes: u64| bytes >> 20;
    let free = format!("{} MiB free beside a store of {} MiB", mib(disk.free_bytes), mib(disk.store_bytes));
    if disk.free_bytes < disk.bytes_min || disk.free_files == Some(0) {
        return Finding::problem(NAME, format!("full ({free}): no change is taken"), "make room");
    }
    if disk.free_bytes < DISK_WARNING_BYTES.max(disk.store_bytes) {
        let remedy = "make room: a backup, a conversion or a compaction needs as much again as the store";
        return Finding::warning(NAME, free, remedy);
    }
    Finding::ok(NAME, free)
}

fn judge_descriptors(limit: Option<u64>, wanted: u64) -> Finding {
    const NAME: &str = "file descriptors";
    match limit {
        Some(limit) if limit < wanted => Finding::warning(
            NAME,
            format!("{limit} are allowed; connections_max needs {wanted}"),
            "raise LimitNOFILE= of the unit (or ulimit -n), or lower connections_max in [limits]",
        ),
        Some(limit) => Finding::ok(NAME, format!("{limit} are allowed, {wanted} needed at most")),
        None => Finding::ok(NAME, "without limit"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_disk_is_judged_by_what_the_store_needs_to_write_and_to_be_copied() {
        let disk = |free_bytes, free_files, store_bytes| Disk {
            free_bytes,
            free_files,
            bytes_min: 1 << 20,
            store_bytes,
        };
        for (disk, level) in [
            (Some(disk(8 << 30, Some(9), 1 << 30)), Level::Ok),
            (Some(disk(8 << 30, None, 1 << 30)), Level::Ok),
            (Some(disk(8 << 30, Some(0), 1 << 30)), Level::Problem),
            (Some(disk(8 << 30, Some(9), 9 << 30)), Level::Warning),
            (Some(disk(100 << 20, Some(9), 1 << 20)), Level::Warning),
            (Some(disk((1 << 20) - 1, Some(9), 0)), Level::Problem),
            (None, Level::Ok),
        ] {
            let finding = judge_disk(disk.as_ref());
            assert_eq!(finding.level, level, "{finding:?}");
        }
    }

    #[test]
    fn all_connections_need_a_descriptor() {
        for (limit, level) in [(None, Level::Ok), (Some(5000), Level::Ok), (Some(1024), Level::Warning)] {
            assert_eq!(judge_descriptors(limit, 4352).level, level, "{limit:?}");
        }
    }
}
