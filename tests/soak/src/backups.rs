//! Backups while all that goes on.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use almanac_harness::Daemon;

use crate::world::World;

/// How often it is looked whether the time for one has come.
const LOOK: Duration = Duration::from_millis(50);
#[derive(Default)]
pub(crate) struct Backups {
    /// Made and read to the end.
    pub(crate) verified: usize,
    /// Ended by a kill of the daemon: there is no file then.
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
        match made.code {
            Some(0) => {
                let verified = command_line.cli(&["backup", "verify", path]);
                if verified.code == Some(0) {
                    backups.verified += 1;
                    backups.bytes = fs::metadata(&file).unwrap().len();
                } else {
                    world.mistake(format!("a backup that was made: {verified:?}"));
                }
            }
            Some(1) if excused && !file.exists() => backups.cut += 1,
            _ => world.mistake(format!("a backup: {made:?}")),
        }
        let _ = fs::remove_file(folder.join(format!("{}.backup", number - 1))); // there may be none
    }
    backups
}
