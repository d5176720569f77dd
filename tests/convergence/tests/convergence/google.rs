//! Google in histories: its simulator behind its connector.

use std::sync::Arc;

use almanac_base::ManualClock;
use almanac_contract::{CalendarId, Changed, Connector, RemoteId, RemoteObject};
use almanac_egress::oauth::Credentials;
use almanac_google::auth::application;
use almanac_google::sim::{API, AUTHORIZE, GoogleSim, TOKEN, refusal};
use almanac_google::{Google, GoogleConfig, Setup};
use almanac_simulator::{Mails, Reply, Simulator};
use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::edits::{Dice, word};
use crate::loopback::{self, Kept};
use crate::vendor::{Counts, Signal, Vendor};

pub(crate) struct AtGoogle {
    pub(crate) sim: Simulator<GoogleSim>,
    clock: Arc<ManualClock>,
    kept: Arc<Kept>,
    google: Google,
    calendar: String,
}

fn connect(sim: &Simulator<GoogleSim>, clock: &Arc<ManualClock>, kept: &Arc<Kept>) -> Google {
    let config = GoogleConfig {
        api_url: format!("{}{API}", sim.url()),
        auth_url: format!("{}{AUTHORIZE}", sim.url()),
        token_url: format!("{}{TOKEN}", sim.url()),
    };
    let endpoints = config.endpoints().unwrap();
    let client = loopback::client();
    let credentials = Credentials::Person(application(&endpoints, "client".into(), None));
    let account = kept.account(&client, clock, credentials);
    let pace = loopback::pace(clock);
    Google::new(Setup { client, pace, clock: Arc::clone(clock) as _, account, api: endpoints.api })
}

impl AtGoogle {
    pub(crate) async fn new(clock: &Arc<ManualClock>, dice: &mut Dice) -> Self {
        let now = almanac_base::Clock::now(&**clock);
        let mut google = GoogleSim::new(now);
        google.page_max = 3 + dice.below(6);
        google.empty_pages = dice.one_in(2);
        google.inherits = dice.one_in(2);
        Self::of(google, clock).await
    }

    pub(crate) async fn of(google: GoogleSim, clock: &Arc<ManualClock>) -> Self {
        let calendar = google.person.clone();
        let kept = Kept::first(google.now);
        let sim = Simulator::start(google).await.unwrap();
        let google = connect(&sim, clock, &kept);
        Self { sim, clock: Arc::clone(clock), kept, google, calendar }
    }
}

#[async_trait]
impl Vendor for AtGoogle {
    fn connector(&self) -> &dyn Connector {
        &self.google
    }

    fn calendar(&self) -> String {
        self.calendar.clone()
    }

    async fn objects(&self) -> Vec<RemoteObject> {
        let ids: Vec<RemoteId> = self
            .sim
            .with(|google| masters(google, &self.calendar))
            .iter()
            .map(|event| RemoteId(event["id"].as_str().unwrap().to_owned()))
            .collect();
        let lines = self.google.fetch(&CalendarId(self.calendar.clone()), &ids).await.unwrap();
        lines.into_iter().map(now).collect()
    }

    fn edit(&self, dice: &mut Dice, count: &mut u64) {
        self.sim.with(|google| edit(google, &self.calendar, dice, count));
    }

    fn storm(&self, dice: Dice, signal: Arc<Signal>) {
        loopback::storm(&self.sim, dice, signal, throttled);
    }

    fn calm(&self) {
        self.sim.calm();
    }

    fn restart(&mut self) {
        self.google = connect(&self.sim, &self.clock, &self.kept);
    }

    fn expire(&self) {
        self.sim.with(|google| {
            google.expire_tokens();
            google.tokens.end_access();
        });
    }

    fn set_time(&self, now: Timestamp) {
        self.sim.with(|google| google.now = now);
    }

    fn take_counts(&self) -> Counts {
        loopback::take_counts(&self.sim)
    }

    fn mails(&self) -> Mails {
        self.sim.with(|google| google.mails.clone())
    }
}

pub(crate) fn now(line: Changed) -> RemoteObject {
    match line {
        Changed::Now(object) => *object,
        other => panic!("an object that is there cannot be read: {other:?}"),
    }
}

fn throttled(kind: u64) -> Reply {
    match kind {
        0 => refusal(403, "rateLimitExceeded"),
        1 => refusal(403, "userRateLimitExceeded"),
        2 => refusal(403, "quotaExceeded"),
        _ => refusal(429, "rateLimitExceeded").with("retry-after", "7"),
    }
}

/// Events that are no instances, the one that was changed last at the end.
fn masters(google: &GoogleSim, calendar: &str) -> Vec<Value> {
    let mut all = google.events_of(calendar);
    all.retain(|event| event["recurringEventId"].is_null());
    all.sort_by_key(|event| event["etag"].as_str().and_then(|tag| tag.trim_matches('"').parse::<u64>().ok()));
    all
}

fn at(day: u64, hour: u64) -> Value {
    json!({ "dateTime": format!("2026-03-{day:02}T{hour:02}:00:00"), "timeZone": "Europe/Vienna", "date": null })
}

fn edit(google: &mut GoogleSim, calendar: &str, dice: &mut Dice, count: &mut u64) {
    let all = masters(google, calendar);
    let day = dice.roll(20) + 1;
    match (dice.pick(&all), dice.roll(6)) {
        (Some(event), 0) => google.remove(calendar, event["id"].as_str().unwrap()).unwrap(),
        (Some(event), 1..=4) => {
            let id = event["id"].as_str().unwrap();
            let changes = match dice.roll(if event["recurrence"].is_null() { 6 } else { 8 }) {
                1 => json!({ "location": word(count) }),
                2 => json!({ "description": word(count) }),
                3 => {
                    json!({ "reminders": { "useDefault": false, "overrides": [{ "method": "popup", "minutes": 5 }] } })
                }
                4 if event["recurrence"].is_null() => json!({ "start": at(day, 12), "end": at(day, 13) }),
                5 if event["recurrence"].is_null() => {
                    let date = |day| json!({ "date": format!("2026-03-{day:02}"), "dateTime": null, "timeZone": null });
                    json!({ "start": date(day), "end": date(day + 1) })
                }
                6 => {
                    let _ = google.remove(calendar, &instance(event, dice)); // it may be cancelled already
                    return;
                }
                7 => {
                    let _ =
                        google.change(calendar, &instance(event, dice), json!({ "summary": word(count) }));
                    return;
                }
                _ => json!({ "summary": word(count) }),
            };
            google.change(calendar, id, changes).unwrap();
        }
        _ => {
            let mut event = json!({ "summary": word(count), "start": at(day, 9), "end": at(day, 10) });
            if dice.one_in(2) {
                event["recurrence"] = json!(["RRULE:FREQ=DAILY;INTERVAL=2;COUNT=8"]);
            }
            if dice.one_in(6) {
                event["attendees"] = json!([{ "email": "guest@almanac.example" }]);
            }
            google.make(calendar, event).unwrap();
        }
    }
}

/// The id of an instance of a series.
fn instance(event: &Value, dice: &mut Dice) -> String {
    let id = event["id"].as_str().unwrap();
    let days = if event["recurrence"].to_string().contains("DAILY") { 2 } else { 7 };
    let span = jiff::Span::new().days(days * i64::try_from(dice.roll(6) + 1).unwrap());
    let start = &event["start"];
    if let Some(date) = start["date"].as_str() {
        let date = date.parse::<Date>().unwrap().checked_add(span).unwrap();
        return format!("{id}_{}", date.strftime("%Y%m%d"));
    }
    let first: Timestamp = start["dateTime"].as_str().unwrap().parse().unwrap();
    let zone = start["timeZone"].as_str().unwrap_or("UTC");
    let at = first.in_tz(zone).unwrap().checked_add(span).unwrap().timestamp();
    format!("{id}_{}", at.strftime("%Y%m%dT%H%M%SZ"))
}
