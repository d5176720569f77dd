//! What happens to the daemon meanwhile: it is killed, and its configuration changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use almanac_harness::{Client, Daemon, Person, Signal};

use crate::memory::Life;
use crate::options::Options;
use crate::world::World;

/// How often the daemon is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long a reload may take.
const RELOAD_MAX: Duration = Duration::from_secs(15);
/// How long another process may hold the store when the daemon wants it: a backup that found no daemon.
const BOOT_MAX: Duration = Duration::from_secs(60);
/// The exit code for that.
const IN_USE: i32 = 4;

#[derive(Default)]
pub(crate) struct Events {
    pub(crate) kills: usize,
    pub(crate) reloads: usize,
    pub(crate) lives: Vec<Life>,
    /// From a kill until the daemon served again.
    pub(crate) down: Vec<Duration>,
}

/// The daemon's configuration file, of which one limit changes.
pub(crate) struct Configuration {
    file: PathBuf,
    version: usize,
}

impl Configuration {
    pub(crate) fn new(folder: &Path) -> Self {
        let configuration = Self { file: folder.join("almanac.toml"), version: 0 };
        configuration.write();
        configuration
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    fn bytes(&self) -> usize {
        (1 << 20) + self.version
    }

    fn write(&self) {
        let draft = self.file.with_extension("draft");
        fs::write(&draft, format!("[limits]\nobject_bytes_max = \"{}B\"\n", self.bytes())).unwrap();
        fs::rename(&draft, &self.file).unwrap();
    }

    fn change(&mut self) {
        self.version += 1;
        self.write();
    }

    /// Whether new connections have the limit of the file.
    fn is_in_force(&self, client: &Client, person: &Person) -> bool {
        let request = client.propfind_request(&person.calendar(), "0", &["C:max-resource-size"]);
        request.try_send().is_ok_and(|answer| {
            let answer = answer.multistatus();
            answer.only().text("C:max-resource-size") == self.bytes().to_string()
        })
    }
}

/// Kills and reloads until the time is over.
pub(crate) fn run(
    daemon: &mut Daemon,
    configuration: &mut Configuration,
    person: &Person,
    world: &World,
    options: &Options,
) -> Events {
    let client = Client::new(world.address.clone()).sign_in(person);
    let mut events = Events::default();
    let began = Instant::now();
    let (mut born, mut life) = (Instant::now(), Life::default());
    let (mut kill_at, mut reload_at) = (options.kill_every, options.reload_every);
    while began.elapsed() < options.lasts {
        std::thread::sleep(LOOK);
        match Life::look(daemon.pid(), born) {
            Some(now) => life = now,
            None => return ended(world, events),
        }
        if began.elapsed() >= kill_at {
            kill_at += options.kill_every;
            events.lives.push(life);
            let killed = Instant::now();
            world.begin_kill();
            daemon.kill9();
            boot(daemon, world);
            world.end_kill();
            events.kills += 1;
            events.down.push(killed.elapsed());
            born = Instant::now();
        }
        if began.elapsed() >= reload_at {
            reload_at += options.reload_every;
            configuration.change();
            if events.reloads.is_multiple_of(2) {
                daemon.signal(Signal::HUP); // else it sees by itself that the file is another one
            }
            let asked = Instant::now();
            while !configuration.is_in_force(&client, person) {
                if asked.elapsed() > RELOAD_MAX {
                    world.mistake("a reload had no effect".into());
                    break;
                }
                std::thread::sleep(LOOK);
            }
            events.reloads += 1;
        }
    }
    events.lives.push(life);
    events
}

fn ended(world: &World, events: Events) -> Events {
    world.mistake("the daemon ended by itself".into());
    events
}

fn boot(daemon: &mut Daemon, world: &World) {
    let began = Instant::now();
    while let Err(cli) = daemon.try_boot() {
        if cli.code != Some(IN_USE) || began.elapsed() > BOOT_MAX {
            world.mistake(format!("the daemon does not start: {cli:?}"));
            panic!("the daemon does not start: {cli:?}");
        }
    }
}
