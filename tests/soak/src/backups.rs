//! Backups while all that goes on.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use almanac_harness::Daemon;

use crate::world::World;

/// How often it is looked whether the time for one has come.
const LOOK: Duration = Duration::from_millis(50);
/// The exit code of a backup that is none.
const DAMAGED: i32 = 6;

#[derive(Default)]
pub(crate) struct Backups {
    /// Made and read to the end.
    pub(crate) verified: usize,
    /// Ended by a kill of the daemon, and refused when they were read.
    pub(crate) cut: usize,
    pub(crate) bytes: u64,
}

/// Makes a backup now and then, reads it, and removes the one before.
pub(crate) fn run(command_line: &Daemon, world: &World, folder: &Path, every: Duration) -> Backups {
    let mut backups = Backups::default();
    let began = Instant::now();
    for number in 1.. {
        while began.elapsed() < every * number {
            if world.is_over() {
                return backups;
            }
            std::thread::sleep(LOOK);
        }
        let file = folder.join(format!("{number}.backup"));
        let path = file.to_str().unwrap();
        let life = world.life();
        let made = command_line.cli(&["backup", path]);
        let excused = world.excuses(life);
        let verified = command_line.cli(&["backup", "verify", path]);
        match (made.code, verified.code) {
            (Some(0), Some(0)) => {
                backups.verified += 1;
                backups.bytes = fs::metadata(&file).unwrap().len();
            }
            (Some(1), Some(DAMAGED)) if excused => backups.cut += 1,
            _ => world.mistake(format!("a backup: {made:?}, verified: {verified:?}")),
        }
        let _ = fs::remove_file(folder.join(format!("{}.backup", number - 1))); // there may be none
    }
    backups
}
