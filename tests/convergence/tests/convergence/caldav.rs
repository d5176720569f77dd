//! A CalDAV server in histories: its simulator behind the connector for iCloud and others.

use std::sync::Arc;

use almanac_base::{Clock as _, ManualClock, Secret};
use almanac_contract::{CalendarId, Connector, RemoteId, RemoteObject, form};
use almanac_egress::Target;
use almanac_ical::{CalendarObject, Limits};
use almanac_icloud::sim::{Habits, LOGIN, PASSWORD, Server};
use almanac_icloud::{CalDav, Scheduling, Setup};
use almanac_simulator::{Mails, Reply, Simulator};
use async_trait::async_trait;
use http::StatusCode;

use crate::edits::{Dice, changed, fresh, invite};
use crate::google::now;
use crate::loopback;
use crate::vendor::{Counts, Signal, Vendor};

const CALENDAR: &str = "work";

pub(crate) struct AtCalDav {
    pub(crate) sim: Simulator<Server>,
    clock: Arc<ManualClock>,
    scheduling: Scheduling,
    caldav: CalDav,
}

fn connect(sim: &Simulator<Server>, clock: &Arc<ManualClock>, scheduling: Scheduling) -> CalDav {
    CalDav::new(Setup {
        client: loopback::client(),
        pace: loopback::pace(clock),
        clock: Arc::clone(clock) as _,
        url: Target::parse(&sim.url()).unwrap(),
        username: LOGIN.to_owned(),
        password: Secret::new(PASSWORD.to_owned()),
        scheduling,
    })
}

impl AtCalDav {
    pub(crate) async fn new(clock: &Arc<ManualClock>, dice: &mut Dice) -> Self {
        let habits = Habits {
            sync: !dice.one_in(4),
            page: dice.one_in(2).then(|| 2 + dice.below(5)),
            rewrites: dice.one_in(3),
            odd: dice.one_in(4),
            forgets: dice.one_in(5).then_some(4),
            schedules: dice.one_in(3),
            wants_zones: dice.one_in(2),
        };
        Self::of(Server::new(habits), clock).await
    }

    pub(crate) async fn of(mut server: Server, clock: &Arc<ManualClock>) -> Self {
        let scheduling = if server.habits.schedules { Scheduling::Server } else { Scheduling::None };
        server.host.clear();
        let sim = Simulator::start(server).await.unwrap();
        let host = sim.url().trim_start_matches("http://").to_owned();
        sim.with(|server| server.host = host);
        let caldav = connect(&sim, clock, scheduling);
        Self { sim, clock: Arc::clone(clock), scheduling, caldav }
    }

    /// The names of the objects, in the order of what they are about: names are made of ids, which no seed makes.
    fn names(server: &Server) -> Vec<(String, CalendarObject)> {
        let mut all: Vec<_> = server
            .names(CALENDAR)
            .into_iter()
            .map(|name| {
                let object = CalendarObject::parse_stored(&server.octets(CALENDAR, &name).unwrap()).unwrap();
                (name, object)
            })
            .collect();
        all.sort_by(|a, b| a.1.uid().cmp(b.1.uid()));
        all
    }
}

#[async_trait]
impl Vendor for AtCalDav {
    fn connector(&self) -> &dyn Connector {
        &self.caldav
    }

    fn calendar(&self) -> String {
        Server::path(CALENDAR)
    }

    async fn objects(&self) -> Vec<RemoteObject> {
        let names = self.sim.with(|server| Self::names(server));
        let ids: Vec<RemoteId> = names
            .into_iter()
            .map(|(name, _)| RemoteId(format!("{}{name}", Server::path(CALENDAR))))
            .collect();
        let lines = self.caldav.fetch(&CalendarId(Server::path(CALENDAR)), &ids).await.unwrap();
        lines.into_iter().map(now).collect()
    }

    fn edit(&self, dice: &mut Dice, count: &mut u64) {
        let now = self.clock.now();
        self.sim.with(|server| {
            let all = Self::names(server);
            match (dice.pick(&all), dice.roll(6)) {
                (Some((name, _)), 0) => server.remove(CALENDAR, name),
                (Some((name, old)), 1..=4) => {
                    let form = changed(&form::read(old), dice, count);
                    let object = form::write(old, &form, now, &Limits::default()).unwrap();
                    server.put(CALENDAR, name, object.bytes());
                }
                _ => {
                    let mut form = fresh(dice, count);
                    if dice.one_in(6) {
                        invite(&mut form, LOGIN);
                    }
                    let object = form::create(&form, now, &Limits::default()).unwrap();
                    server.put(CALENDAR, &format!("theirs-{}.ics", form.uid), object.bytes());
                }
            }
        });
    }

    fn storm(&self, dice: Dice, signal: Arc<Signal>) {
        loopback::storm(&self.sim, dice, signal, throttled);
    }

    fn calm(&self) {
        self.sim.calm();
    }

    fn restart(&mut self) {
        self.caldav = connect(&self.sim, &self.clock, self.scheduling);
    }

    fn expire(&self) {
        self.sim.with(Server::expire_tokens);
    }

    fn take_counts(&self) -> Counts {
        loopback::take_counts(&self.sim)
    }

    fn mails(&self) -> Mails {
        self.sim.with(|server| server.mails.clone())
    }
}

fn throttled(kind: u64) -> Reply {
    let status = if kind == 0 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::TOO_MANY_REQUESTS };
    Reply::new(status, "").with("retry-after", "5")
}
