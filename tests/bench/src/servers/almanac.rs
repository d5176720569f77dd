//! Almanac: a release build behind its app-password check, with the default configuration.

use std::path::Path;
use std::time::Instant;

use almanac_harness::{Daemon, Options, Person};

use super::Server;
use crate::data::Data;
use crate::http::Endpoint;

struct Almanac {
    daemon: Daemon,
    person: Person,
    endpoint: Endpoint,
}

pub(crate) fn launch(data: &Data) -> Box<dyn Server> {
    let daemon = Daemon::start_with(Options::new().set("log.level", "warn").without_canary());
    let person = daemon.person("load");
    let file = tempfile::Builder::new().prefix("almanac-bench-").suffix(".ics").tempfile().unwrap();
    std::fs::write(file.path(), data.file()).unwrap();
    let _ = daemon.cli(&["import", file.path().to_str().unwrap(), "load/calendar"]).ok();
    let endpoint = endpoint(&daemon, &person);
    Box::new(Almanac { daemon, person, endpoint })
}

fn endpoint(daemon: &Daemon, person: &Person) -> Endpoint {
    let client = daemon.client(person);
    Endpoint {
        address: client.address().tcp(),
        calendar: person.calendar(),
        authorization: Some(client.authorization().to_owned()),
    }
}

impl Server for Almanac {
    fn name(&self) -> &str {
        "Almanac"
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    fn folder(&self) -> &Path {
        self.daemon.state()
    }

    fn note(&self) -> &str {
        "default configuration, app password checked, everything encrypted"
    }

    fn syncs(&self) -> Option<u64> {
        self.daemon.cli(&["status", "--json"]).json()["store"]["syncs"].as_u64()
    }

    fn restart(&mut self) -> Instant {
        self.daemon.stop();
        let begun = Instant::now();
        self.daemon.boot();
        self.endpoint = endpoint(&self.daemon, &self.person);
        begun
    }
}
