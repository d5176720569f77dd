//! kill -9 at random moments under eight concurrent writers.

use std::time::Duration;

use almanac_harness::{Daemon, Options};

use crate::fleet::Fleet;
use crate::{number, seeded};

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_visible_with_redb() {
    rounds("redb");
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_visible_with_sled() {
    rounds("sled");
}

fn rounds(engine: &str) {
    let rounds = number("ALMANAC_CRASH_ROUNDS", 10);
    let mut random = seeded(engine);
    let mut daemon = Daemon::stopped(Options::new().without_canary().set("store.engine", engine));
    let mut fleet = Fleet::new(daemon.person("erika"), &mut random);
    daemon.boot();
    for _ in 0..rounds {
        fleet.write_until(&mut daemon, 1 + random.below(200), Daemon::kill9);
        if random.below(4) == 0 {
            daemon.boot_and_kill(Duration::from_millis(random.below(60))); // a crash while it recovers
        }
        daemon.boot();
        fleet.check(&daemon);
    }
    daemon.restart();
    fleet.check(&daemon);
    println!("{engine}: {rounds} rounds, {} writes acknowledged, none lost", fleet.acknowledged);
    assert!(fleet.acknowledged > rounds, "the writers wrote");
}
