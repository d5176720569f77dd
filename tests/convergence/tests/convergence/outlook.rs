//! Outlook in histories: its simulator behind its connector.

use std::sync::Arc;

use almanac_base::ManualClock;
use almanac_contract::{CalendarId, Connector, RemoteId, RemoteObject};
use almanac_egress::Target;
use almanac_egress::oauth::Credentials;
use almanac_outlook::sim::{CALENDAR, Graph};
use almanac_outlook::{Mailbox, Outlook, Setup, auth};
use almanac_simulator::{Mails, Reply, Simulator};
use async_trait::async_trait;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::edits::{Dice, word};
use crate::google::now;
use crate::loopback::{self, Kept};
use crate::vendor::{Counts, Signal, Vendor};

pub(crate) struct AtOutlook {
    pub(crate) sim: Simulator<Graph>,
    clock: Arc<ManualClock>,
    kept: Arc<Kept>,
    outlook: Outlook,
}

fn connect(sim: &Simulator<Graph>, clock: &Arc<ManualClock>, kept: &Arc<Kept>) -> Outlook {
    let client = loopback::client();
    let application = auth::application(&format!("{}/tenant", sim.url()), "app".into(), None).unwrap();
    let account = kept.account(&client, clock, Credentials::Person(application));
    let api = Target::parse(&format!("{}/v1.0", sim.url())).unwrap();
    let pace = loopback::pace(clock);
    Outlook::new(Setup {
        client,
        pace,
        clock: Arc::clone(clock) as _,
        account,
        api,
        mailbox: Mailbox::SignedIn,
    })
}

impl AtOutlook {
    pub(crate) async fn new(clock: &Arc<ManualClock>, dice: &mut Dice) -> Self {
        let mut graph = Graph::new(almanac_base::Clock::now(&**clock));
        graph.page_events = 3 + dice.below(6);
        graph.empty_pages = dice.one_in(2);
        graph.tells_exceptions = dice.one_in(2);
        Self::of(graph, clock).await
    }

    pub(crate) async fn of(graph: Graph, clock: &Arc<ManualClock>) -> Self {
        let kept = Kept::first(graph.now);
        let sim = Simulator::start(graph).await.unwrap();
        let outlook = connect(&sim, clock, &kept);
        Self { sim, clock: Arc::clone(clock), kept, outlook }
    }
}

#[async_trait]
impl Vendor for AtOutlook {
    fn connector(&self) -> &dyn Connector {
        &self.outlook
    }

    fn calendar(&self) -> String {
        CALENDAR.to_owned()
    }

    async fn objects(&self) -> Vec<RemoteObject> {
        let ids: Vec<RemoteId> =
            self.sim.with(|graph| graph.ids(CALENDAR)).into_iter().map(RemoteId).collect();
        let lines = self.outlook.fetch(&CalendarId(CALENDAR.to_owned()), &ids).await.unwrap();
        lines.into_iter().map(now).collect()
    }

    fn edit(&self, dice: &mut Dice, count: &mut u64) {
        self.sim.with(|graph| {
            let before = graph.mails.clone();
            edit(graph, dice, count);
            graph.mails = before; // what the person's own doing mails is no concern of ours
        });
    }

    fn storm(&self, dice: Dice, signal: Arc<Signal>) {
        loopback::storm(&self.sim, dice, signal, throttled);
    }

    fn calm(&self) {
        self.sim.calm();
    }

    fn restart(&mut self) {
        self.outlook = connect(&self.sim, &self.clock, &self.kept);
    }

    fn expire(&self) {
        self.sim.with(|graph| {
            graph.expire_links();
            graph.revoke_access();
        });
    }

    fn set_time(&self, now: Timestamp) {
        self.sim.with(|graph| graph.now = now);
    }

    fn take_counts(&self) -> Counts {
        loopback::take_counts(&self.sim)
    }

    fn mails(&self) -> Mails {
        self.sim.with(|graph| graph.mails.clone())
    }
}

fn throttled(kind: u64) -> Reply {
    let status = if kind == 0 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::TOO_MANY_REQUESTS };
    Reply::new(status, "{}").with("retry-after", "10")
}

fn at(day: u64, hour: u64) -> Value {
    json!({ "dateTime": format!("2026-03-{day:02}T{hour:02}:00:00"), "timeZone": "W. Europe Standard Time" })
}

fn edit(graph: &mut Graph, dice: &mut Dice, count: &mut u64) {
    let ids = graph.ids(CALENDAR);
    let day = dice.roll(20) + 1;
    match (dice.pick(&ids), dice.roll(6)) {
        (Some(id), 0) => assert!(graph.delete(id)),
        (Some(id), 1..=4) => change(graph, id, day, dice, count),
        _ => {
            let mut event = json!({
                "subject": word(count), "start": at(day, 9), "end": at(day, 10), "isReminderOn": dice.one_in(2),
            });
            if dice.one_in(2) {
                event["recurrence"] = json!({
                    "pattern": { "type": "daily", "interval": 2 },
                    "range": { "type": "numbered", "numberOfOccurrences": 8, "startDate": format!("2026-03-{day:02}") },
                });
            }
            if dice.one_in(6) {
                let guest =
                    json!({ "emailAddress": { "address": "guest@almanac.example" }, "type": "required" });
                event["attendees"] = json!([guest]);
            }
            graph.create(CALENDAR, &event).unwrap();
        }
    }
}

fn change(graph: &mut Graph, id: &str, day: u64, dice: &mut Dice, count: &mut u64) {
    let event = graph.event(id).unwrap();
    let series = event["type"] == "seriesMaster";
    match dice.roll(if series { 8 } else { 6 }) {
        1 => _ = graph.change(id, &json!({ "location": { "displayName": word(count) } })),
        2 => {
            let body = json!({ "contentType": "html", "content": format!("<p>{}</p>", word(count)) });
            graph.change(id, &json!({ "body": body }));
        }
        3 => _ = graph.change(id, &json!({ "isReminderOn": true, "reminderMinutesBeforeStart": 5 })),
        4 if !series => {
            graph.change(id, &json!({ "isAllDay": false, "start": at(day, 12), "end": at(day, 13) }));
        }
        5 if !series => {
            graph.change(id, &json!({ "isAllDay": true, "start": at(day, 0), "end": at(day + 1, 0) }));
        }
        n @ (6 | 7) => {
            let days = graph.days(id, "2026-07-01".parse().unwrap());
            let near = days.get(..days.len().min(8)).unwrap_or_default();
            if let Some(day) = dice.pick(near).copied() {
                if n == 6 {
                    graph.cancel_instance(id, day);
                } else {
                    graph.change_instance(id, day, &json!({ "subject": word(count) }));
                }
            }
        }
        _ => _ = graph.change(id, &json!({ "subject": word(count) })),
    }
}
