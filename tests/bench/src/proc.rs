//! What the kernel says of a server: CPU time, peak memory, disk blocks.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// User and system time of a process and all its descendants, ended threads and awaited children included.
pub(crate) fn cpu(pid: u32) -> Duration {
    let ticks: u64 = tree(pid).iter().filter_map(|pid| stat(*pid)).map(|stat| stat.ticks).sum();
    Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second().max(1))
}

/// Peak resident memory of a process and its descendants, in KiB (VmHWM).
pub(crate) fn peak_kib(pid: u32) -> u64 {
    let peak = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    tree(pid).into_iter().filter_map(peak).sum()
}

/// Begins a new peak, so that a part of a run can be told from the rest (proc(5), `clear_refs`).
pub(crate) fn reset_peak(pid: u32) {
    for pid in tree(pid) {
        let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5"); // it may have ended
    }
}

/// What the files below `folder` take on the disk, in bytes: allocated blocks, not lengths.
pub(crate) fn disk_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: std::fs::DirEntry| {
        let Ok(metadata) = entry.metadata() else { return 0 };
        let below = if metadata.is_dir() { disk_bytes(&entry.path()) } else { 0 };
        metadata.blocks() * 512 + below
    };
    entries.map(of).sum()
}

struct Stat {
    parent: u32,
    ticks: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    let ticks = (11..=14).map(number).sum(); // utime, stime, cutime, cstime
    Some(Stat { parent: u32::try_from(number(1)).ok()?, ticks })
}

fn tree(root: u32) -> HashSet<u32> {
    let names = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = names.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = pids.filter_map(|pid| Some((pid, stat(pid)?.parent))).collect();
    let mut found = HashSet::from([root]);
    loop {
        let before = found.len();
        let children = parents.iter().filter(|(_, parent)| found.contains(parent)).map(|(pid, _)| *pid);
        let children: Vec<u32> = children.collect();
        found.extend(children);
        if found.len() == before {
            return found;
        }
    }
}
