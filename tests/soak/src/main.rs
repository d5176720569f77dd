//! A day's work and a day's accidents in minutes: 32 clients that know what they were promised, while the daemon is
//! killed, reloaded and backed up; then one client beside a crowd that holds a thousand connections.
//!
//! `make soak MINUTES=10` runs it on a release build; `ENGINE=sled`: with that engine; `SEED`: the choices of an earlier
//! run. It fails if anything acknowledged is lost, if a request fails but for a kill, if a backup does not verify, if
//! memory grows from life to life or within a long one ([`memory`]), or if the client in the crowd waits longer than `P99_MS`.
//!
//! Start reading at [`device`]: what a client does and what it holds every answer against.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers fails by panicking"
)]

mod backups;
mod chaos;
mod crowd;
mod device;
mod figures;
mod memory;
mod options;
mod report;
mod world;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use almanac_harness::{Address, Daemon, Person, Random};

use chaos::Configuration;
use device::Device;
use figures::Tally;
use memory::{LongLife, Thirds};
use options::Options;
use report::Soak;
use world::World;

const PEOPLE: usize = 4;
const DEVICES_EACH: usize = 8;

fn main() -> ExitCode {
    let options = match Options::from_environment() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    println!("soak: {:.0} s, {}, SEED={}", options.lasts.as_secs_f64(), options.engine, options.seed);
    let world = Arc::new(World::new(Address::Tcp(free_address())));
    let soak = soak(&options, &world);
    soak.print();
    if soak.memory.is_flat() == Some(false) {
        world.mistake("the memory grows from life to life".into());
    }
    if soak.long.is_flat() == Some(false) {
        world.mistake("the memory grows within a life".into());
    }
    let crowd = match crowd::run(&options, &world) {
        Ok(crowd) => crowd,
        Err(why) => {
            eprintln!("the crowd: {why}");
            return ExitCode::FAILURE;
        }
    };
    crowd.print();
    if options.p99_ms.is_some_and(|bound| crowd.beside.p99_ms > bound) {
        world.mistake(format!("the client in the crowd waited {:.1} ms at p99", crowd.beside.p99_ms));
    }
    let mistakes = world.mistakes();
    let line = serde_json::json!({
        "engine": options.engine, "seed": options.seed, "soak": soak.json(), "crowd": crowd.json(), "wrong": mistakes,
    });
    println!("{line}");
    if mistakes.is_empty() {
        println!("soak: 0 acknowledged writes lost, no error but around kills");
        ExitCode::SUCCESS
    } else {
        println!("soak: {} things were wrong", mistakes.len());
        ExitCode::FAILURE
    }
}

/// An address that the daemon can have in each of its lives. The system gives ports above 32768 to clients, who would
/// take it while the daemon is down.
fn free_address() -> SocketAddr {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap_or_default();
    let bound = (first..32_000).find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    bound.expect("a free port").local_addr().unwrap()
}

/// The load with its accidents, and the reckoning.
fn soak(options: &Options, world: &Arc<World>) -> Soak {
    let folder = tempfile::Builder::new().prefix("almanac-soak-").tempdir().unwrap();
    let mut configuration = Configuration::new(folder.path());
    let state = almanac_harness::Options::new()
        .without_canary()
        .state(&folder.path().join("state"))
        .set("http.listen", &world.address.authority())
        .set("store.engine", &options.engine)
        .set("log.level", "error");
    let command_line = Daemon::stopped(state.clone());
    let serving = state.argument("--config").argument(configuration.file().to_str().unwrap());
    let mut daemon = Daemon::stopped(serving);
    let people: Vec<Person> = (0..PEOPLE).map(|n| daemon.person(&format!("person-{n}"))).collect();
    let mut random = Random::new(options.seed);
    let device = |n| Device::new(n, people[n % PEOPLE].clone(), Arc::clone(world), random.next());
    let mut devices: Vec<Device> = (0..PEOPLE * DEVICES_EACH).map(device).collect();
    daemon.boot();

    let began = Instant::now();
    let (events, backups) = std::thread::scope(|scope| {
        for device in &mut devices {
            scope.spawn(|| device.work());
        }
        let backups = scope.spawn(|| backups::run(&command_line, world, folder.path(), options.backup_every));
        let events = chaos::run(&mut daemon, &mut configuration, &people[0], world, options);
        world.finish();
        (events, backups.join().expect("the backups"))
    });
    let took = began.elapsed();

    daemon.restart();
    world.go_on();
    let long = std::thread::scope(|scope| {
        for device in &mut devices {
            scope.spawn(|| device.revise());
        }
        let long = LongLife::watch(daemon.pid(), options.long_life);
        world.finish();
        long
    });
    daemon.restart();
    let concluded = std::thread::scope(|scope| {
        let running: Vec<_> = devices.iter_mut().map(|device| scope.spawn(|| device.conclude())).collect();
        running.into_iter().map(|device| device.join().expect("a device")).sum()
    });
    let verified = daemon.cli(&["store", "verify", "--json"]).json();
    if verified["damaged"] != 0 {
        world.mistake(format!("the store at the end: {verified}"));
    }
    let disk_bytes = bytes_below(daemon.state());
    daemon.stop();
    let mut tally = Tally::default();
    for device in devices {
        tally.add(device.tally);
    }
    let memory = Thirds::of(&events.lives, options.kill_every);
    let connections = PEOPLE * DEVICES_EACH;
    Soak { took, connections, tally, events, backups, memory, long, concluded, disk_bytes }
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.map(of).sum()
}
