//! kill -9 in the middle of changes of the root key: whatever was cut off, the next start finishes it.

use std::time::Duration;

use almanac_harness::{Client, Daemon, Options, Person, Signal, ics};

use crate::{number, seeded};

const TENANTS: usize = 6;

fn everything_is_there(daemon: &Daemon, people: &[Person], round: u64) {
    for person in people {
        let client: Client = daemon.client(person);
        let found = client.members(&person.calendar()).len();
        assert_eq!(found as u64, round + 1, "round {round}");
    }
}

#[test]
fn a_change_of_the_root_key_that_is_killed_anywhere_is_finished_by_the_next_start() {
    changes_are_finished("redb");
}

#[test]
fn a_change_of_the_root_key_that_is_killed_anywhere_is_finished_by_the_next_start_with_sled() {
    changes_are_finished("sled");
}

fn changes_are_finished(engine: &str) {
    let rounds = number("ALMANAC_CRASH_ROUNDS", 12);
    let mut random = seeded(engine);
    let mut daemon = Daemon::stopped(Options::new().set("store.engine", engine).without_canary());
    let people: Vec<_> =
        (0..TENANTS).map(|n| daemon.person_in(&format!("tenant-{n}"), &format!("person-{n}"))).collect();
    let key = |daemon: &Daemon| std::fs::read(daemon.state().join("root.key")).unwrap();
    daemon.boot();
    let (mut changed, mut cut) = (0, 0);
    for round in 0..rounds {
        for person in &people {
            let object = person.object(&format!("{round}.ics"));
            let _ = daemon.client(person).put(&object, ics::simple(&round.to_string())).expect(201);
        }
        let before = key(&daemon);
        let delay = Duration::from_micros(random.below(60_000));
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| daemon.cli(&["key", "rotate", "--root"]).code);
            std::thread::sleep(delay);
            daemon.signal(Signal::KILL);
            let _ = asking.join().unwrap(); // it may or may not have got an answer
        });
        let _ = daemon.await_end();
        cut += u64::from(daemon.state().join("root.pending").exists());
        if random.below(3) == 0 {
            daemon.boot_and_kill(Duration::from_millis(random.below(60)));
        }
        daemon.boot();
        assert!(!daemon.state().join("root.pending").exists(), "round {round}: finished");
        changed += u64::from(key(&daemon) != before);
        everything_is_there(&daemon, &people, round);
    }
    daemon.restart();
    everything_is_there(&daemon, &people, rounds - 1);
    assert_eq!(daemon.cli(&["store", "verify", "--json"]).json()["damaged"], 0);
    println!("{engine}: {rounds} rounds, the root key changed {changed} times, {cut} changes were cut off");
    assert!(cut + changed > 0, "no change was begun");
}
