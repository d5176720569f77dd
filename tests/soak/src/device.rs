//! A client as a phone has it: one connection, a sync state of its own, and objects that only it writes.
//!
//! It knows what it was promised: every answer is held against that.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use almanac_harness::{Client, Multistatus, Person, Random, Request, Response, Wire, ics};

use crate::figures::{Op, Tally};
use crate::world::World;

/// Objects that a device has at most.
const OBJECTS: u64 = 40;
/// Objects that one multiget asks for at most.
const ASKED: usize = 20;
/// How long a device waits before it connects again.
const PAUSE: Duration = Duration::from_millis(20);

/// An object as it was acknowledged.
#[derive(Debug, Clone, PartialEq)]
struct Object {
    etag: String,
    body: String,
}

pub(crate) struct Device {
    index: usize,
    pub(crate) person: Person,
    world: Arc<World>,
    client: Client,
    /// The connection, and the life of the daemon in which it began.
    wire: Option<(Wire, u64)>,
    random: Random,
    revision: u64,
    stored: BTreeMap<String, Object>,
    /// A write that was sent and not answered: its path, and what is there if it happened.
    pending: Option<(String, Option<String>)>,
    token: String,
    /// Everything in the calendar as of that token.
    etags: BTreeMap<String, String>,
    pub(crate) tally: Tally,
}

impl Device {
    pub(crate) fn new(index: usize, person: Person, world: Arc<World>, seed: u64) -> Self {
        let client = Client::new(world.address.clone()).sign_in(&person);
        Self {
            index,
            person,
            world,
            client,
            wire: None,
            random: Random::new(seed),
            revision: 0,
            stored: BTreeMap::new(),
            pending: None,
            token: String::new(),
            etags: BTreeMap::new(),
            tally: Tally::default(),
        }
    }

    /// Works until the soak is over.
    pub(crate) fn work(&mut self) {
        while !self.world.is_over() {
            self.step();
        }
    }

    /// The same in another life of the daemon, but nothing is made or removed.
    pub(crate) fn revise(&mut self) {
        self.wire = None;
        while !self.world.is_over() {
            if self.pending.is_some() {
                self.settle();
                continue;
            }
            match self.random.below(20) {
                0..8 => self.synchronise(),
                8..11 => self.multiget(),
                11..13 => self.query(),
                _ => {
                    let slot = self.random.below(OBJECTS);
                    if self.stored.contains_key(&self.path(slot)) {
                        self.put(slot);
                    }
                }
            }
        }
    }

    fn step(&mut self) {
        if self.pending.is_some() {
            self.settle();
            return;
        }
        match self.random.below(20) {
            0..8 => self.synchronise(),
            8..11 => self.multiget(),
            11..13 => self.query(),
            13..19 => {
                let slot = self.random.below(OBJECTS);
                self.put(slot);
            }
            _ => self.delete(),
        }
    }

    /// Sends a request on the connection that stays open. `None` if no answer came.
    fn exchange(&mut self, op: Op, method: &str, request: &Request) -> Option<Response> {
        let began = Instant::now();
        // Before it begins: it may be up again by the time that the refusal is looked at.
        let down = self.world.is_down();
        let life = self.wire.as_ref().map_or_else(|| self.world.life(), |(_, life)| *life);
        match self.try_exchange(life, method, request) {
            Ok(answer) => {
                self.tally.answered(op, began.elapsed());
                Some(answer)
            }
            Err(error) => {
                self.wire = None;
                if down || self.world.excuses(life) {
                    self.tally.cut(kind(&error));
                    std::thread::sleep(PAUSE);
                } else {
                    self.world.mistake(format!("{}: no answer: {error}", op.name()));
                }
                None
            }
        }
    }

    fn try_exchange(&mut self, life: u64, method: &str, request: &Request) -> Result<Response, Error> {
        let wire = match &mut self.wire {
            Some((wire, _)) => wire,
            none => &mut none.insert((self.client.connect()?, life)).0,
        };
        wire.send(request.to_bytes())?;
        wire.read_response(method)
    }

    fn wrong(&self, op: Op, what: &str) {
        self.world.mistake(format!("{} of device {}: {what}", op.name(), self.index));
    }

    /// The answer's body, if it is what was asked for.
    fn multistatus(&self, op: Op, answer: &Response) -> Option<Multistatus> {
        if answer.status == 207 {
            return Some(answer.multistatus());
        }
        self.wrong(op, &format!("status {}", answer.status));
        None
    }

    fn path(&self, slot: u64) -> String {
        self.person.object(&format!("{}-{slot}.ics", self.index))
    }

    fn put(&mut self, slot: u64) {
        let path = self.path(slot);
        self.revision += 1;
        let note = format!("COMMENT:{}\n", "x".repeat(60)).repeat(1 << self.random.below(8));
        let name = format!("{}-{slot}", self.index);
        let body = ics::event_with(&name, &format!("Revision {}", self.revision), &start(slot), &note);
        let request = self.client.put_request(&path, &body);
        let (op, request, status) = match self.stored.get(&path) {
            Some(object) => (Op::Update, request.header("If-Match", &object.etag), 204),
            None => (Op::Create, request.header("If-None-Match", "*"), 201),
        };
        self.pending = Some((path.clone(), Some(body.clone())));
        let Some(answer) = self.exchange(op, "PUT", &request) else { return };
        if answer.status == status {
            self.pending = None;
            self.stored.insert(path, Object { etag: answer.etag(), body });
        } else {
            self.wrong(op, &format!("status {}", answer.status));
        }
    }

    fn delete(&mut self) {
        let slot = self.random.below(OBJECTS);
        let path = self.path(slot);
        let Some(object) = self.stored.get(&path) else { return };
        let request = self.client.request("DELETE", &path).header("If-Match", &object.etag);
        self.pending = Some((path.clone(), None));
        let Some(answer) = self.exchange(Op::Delete, "DELETE", &request) else { return };
        if answer.status == 204 {
            self.pending = None;
            self.stored.remove(&path);
        } else {
            self.wrong(Op::Delete, &format!("status {}", answer.status));
        }
    }

    /// Reads what became of a write that was not answered.
    fn settle(&mut self) {
        let Some((path, state)) = self.pending.clone() else { return };
        let request = self.client.request("GET", &path);
        let Some(answer) = self.exchange(Op::Settle, "GET", &request) else { return };
        let found = match answer.status {
            200 => Some(Object { etag: answer.etag(), body: answer.text().to_owned() }),
            404 => None,
            status => return self.wrong(Op::Settle, &format!("status {status}")),
        };
        let as_sent = found.as_ref().map(|object| &object.body) == state.as_ref();
        if !as_sent && found.as_ref() != self.stored.get(&path) {
            self.wrong(Op::Settle, "neither what was acknowledged nor what was sent is there");
        }
        match found {
            Some(object) => self.stored.insert(path, object),
            None => self.stored.remove(&path),
        };
        self.pending = None;
    }

    /// Asks for the changes since the last time: afterwards it knows of its own writes at least.
    fn synchronise(&mut self) {
        let request = self.client.sync_request(&self.person.calendar(), &self.token);
        let Some(answer) = self.exchange(Op::Sync, "REPORT", &request) else { return };
        let Some(delta) = self.multistatus(Op::Sync, &answer) else { return };
        for entry in &delta.entries {
            match entry.status {
                Some(404) => self.etags.remove(&entry.href),
                None => self.etags.insert(entry.href.clone(), entry.text("D:getetag").to_owned()),
                Some(status) => return self.wrong(Op::Sync, &format!("status {status} of a member")),
            };
        }
        let Some(token) = delta.sync_token else { return self.wrong(Op::Sync, "no token") };
        self.token = token;
        let own: BTreeMap<_, _> = self
            .etags
            .iter()
            .filter(|(path, _)| self.is_own(path))
            .map(|(p, e)| (p.clone(), e.clone()))
            .collect();
        if own != self.own_etags() {
            self.wrong(Op::Sync, "its own acknowledged writes are not what it synchronised to");
        }
    }

    fn is_own(&self, path: &str) -> bool {
        path.rsplit('/').next().is_some_and(|name| name.starts_with(&format!("{}-", self.index)))
    }

    fn own_etags(&self) -> BTreeMap<String, String> {
        self.stored.iter().map(|(path, object)| (path.clone(), object.etag.clone())).collect()
    }

    /// Reads objects of its own: the octets are those that were acknowledged.
    fn multiget(&mut self) {
        let from = self.random.below(OBJECTS) as usize % self.stored.len().max(1);
        let asked: Vec<String> = self.stored.keys().skip(from).take(ASKED).cloned().collect();
        if asked.is_empty() {
            return;
        }
        let Some(found) = self.read(Op::Multiget, &asked) else { return };
        let expected: BTreeMap<_, _> =
            asked.iter().filter_map(|path| Some((path.clone(), self.stored.get(path)?.clone()))).collect();
        if found != expected {
            self.wrong(Op::Multiget, "another content than was acknowledged");
        }
    }

    fn read(&mut self, op: Op, paths: &[String]) -> Option<BTreeMap<String, Object>> {
        let hrefs: String = paths.iter().map(|path| format!("<D:href>{path}</D:href>")).collect();
        let inside = format!("<D:prop><D:getetag/><C:calendar-data/></D:prop>{hrefs}");
        let request = self.client.report_request(&self.person.calendar(), "C:calendar-multiget", &inside);
        let answer = self.exchange(op, "REPORT", &request)?;
        let answer = self.multistatus(op, &answer)?;
        let found = answer.entries.iter().filter(|entry| entry.status.is_none());
        let object = |entry: &almanac_harness::xml::Entry| Object {
            etag: entry.text("D:getetag").to_owned(),
            body: ics::crlf(entry.text("C:calendar-data")),
        };
        Some(found.map(|entry| (entry.href.clone(), object(entry))).collect())
    }

    /// Asks for one day: of its own objects exactly those of that day are in the answer.
    fn query(&mut self) {
        let slot = self.random.below(OBJECTS);
        let day = &start(slot)[..8];
        let inside = format!(
            "<D:prop><D:getetag/></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\"><C:comp-filter name=\"VEVENT\">\
             <C:time-range start=\"{day}T000000Z\" end=\"{day}T235959Z\"/></C:comp-filter></C:comp-filter></C:filter>"
        );
        let request = self.client.report_request(&self.person.calendar(), "C:calendar-query", &inside);
        let Some(answer) = self.exchange(Op::Query, "REPORT", &request.header("Depth", "1")) else { return };
        let Some(answer) = self.multistatus(Op::Query, &answer) else { return };
        let own = answer.entries.iter().filter(|entry| self.is_own(&entry.href));
        let found: BTreeMap<_, _> =
            own.map(|entry| (entry.href.clone(), entry.text("D:getetag").to_owned())).collect();
        let of_that_day = |slot: &u64| start(*slot).starts_with(day);
        let paths = (0..OBJECTS).filter(of_that_day).map(|slot| self.path(slot));
        let expected: BTreeMap<_, _> =
            paths.filter_map(|path| Some((path.clone(), self.stored.get(&path)?.etag.clone()))).collect();
        if found != expected {
            self.wrong(Op::Query, "a day shows other objects than were acknowledged");
        }
    }

    /// After the last restart: everything that was acknowledged is there, octet for octet, and the sync state that went
    /// through all lives is that of the server. Returns how many objects it looked at.
    pub(crate) fn conclude(&mut self) -> usize {
        self.wire = None;
        self.settle();
        let paths: Vec<String> = (0..OBJECTS).map(|slot| self.path(slot)).collect();
        let found = self.read(Op::Multiget, &paths);
        if found.as_ref() != Some(&self.stored) {
            self.wrong(Op::Multiget, "at the end, another content than was acknowledged");
        }
        self.synchronise();
        let listing = self.client.propfind(&self.person.calendar(), "1", &["D:getetag"]).multistatus();
        let members = listing.entries.iter().filter(|entry| !entry.href.ends_with('/'));
        let listed: BTreeMap<_, _> =
            members.map(|entry| (entry.href.clone(), entry.text("D:getetag").to_owned())).collect();
        if listed != self.etags {
            self.wrong(Op::Sync, "at the end, its sync state is not that of the server");
        }
        self.stored.len()
    }
}

/// When the object in this slot is: 28 days with some objects each.
fn start(slot: u64) -> String {
    format!("202612{:02}T{:02}0000Z", 1 + slot % 28, 8 + slot % 9)
}

/// A request without an answer, as the client sees it.
fn kind(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::ConnectionRefused => "refused",
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => "reset",
        ErrorKind::UnexpectedEof => "closed",
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "timed out",
        _ => "other",
    }
}
