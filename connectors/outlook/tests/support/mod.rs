//! A mailbox on a loopback port, and connectors to it.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::error::Error;
use std::sync::{Arc, Mutex};

use almanac_base::Secret;
use almanac_base::{Clock, ManualClock};
use almanac_contract::form::read;
use almanac_contract::{
    Attempt, CalendarId, Changed, Connector as _, ConnectorError, Deletion, Form, Known, Mark, Push, PushKey,
    Pushed, RemoteId, RemoteObject,
};
use almanac_egress::oauth::{Account, Credentials, TokenKeeper, Tokens};
use almanac_egress::throttle::Pace;
use almanac_egress::{Client, EgressConfig, Target};
use almanac_ical::{CalendarObject, Limits};
use almanac_outlook::sim::{CALENDAR, Graph};
use almanac_outlook::{Mailbox, Outlook, PACE, Setup, auth};
use almanac_simulator::Simulator;
use async_trait::async_trait;
use jiff::Timestamp;

/// Keeps tokens as long as the test lives.
#[derive(Default)]
pub(crate) struct Keeper(pub(crate) Mutex<Option<Tokens>>);

#[async_trait]
impl TokenKeeper for Keeper {
    async fn keep(&self, tokens: &Tokens) -> Result<(), Arc<dyn Error + Send + Sync>> {
        *self.0.lock().unwrap() = Some(tokens.clone());
        Ok(())
    }
}

/// A mailbox and what is needed to reach it.
pub(crate) struct World {
    pub(crate) sim: Simulator<Graph>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) keeper: Arc<Keeper>,
    account: Arc<Account>,
    pub(crate) client: Arc<Client>,
}

pub(crate) fn day() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

pub(crate) async fn world() -> World {
    world_of(person).await
}

pub(crate) fn person(authority: &str) -> Credentials {
    Credentials::Person(auth::application(authority, "app".into(), None).unwrap())
}

pub(crate) async fn world_of(credentials: impl FnOnce(&str) -> Credentials) -> World {
    world_with(credentials, &["127.0.0.1"], day()).await
}

/// A world that may be reached if it is in `allow`, with an access token until `expires_at`.
pub(crate) async fn world_with(
    credentials: impl FnOnce(&str) -> Credentials,
    allow: &[&str],
    expires_at: Timestamp,
) -> World {
    let sim = Simulator::start(Graph::new(day())).await.unwrap();
    let clock = Arc::new(ManualClock::new(day()));
    let allow = allow.iter().map(|&entry| entry.to_owned()).collect();
    let config = EgressConfig { allow, ..EgressConfig::default() };
    let client = Arc::new(Client::new(&config).unwrap());
    let keeper = Arc::new(Keeper::default());
    let kept = Tokens {
        access: Secret::new("worn out".into()),
        refresh: Some(Secret::new("refresh-0".into())),
        expires_at,
        scopes: None,
        sign_in_ends: None,
    };
    let credentials = credentials(&format!("{}/tenant", sim.url()));
    let account = Account::new(
        Arc::clone(&client),
        Arc::clone(&clock) as Arc<dyn Clock>,
        credentials,
        Arc::clone(&keeper) as Arc<dyn TokenKeeper>,
        Some(kept),
    );
    World { sim, clock, keeper, account: Arc::new(account), client }
}

impl World {
    pub(crate) fn device(&self) -> Outlook {
        self.device_of(Mailbox::SignedIn)
    }

    pub(crate) fn device_of(&self, mailbox: Mailbox) -> Outlook {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Outlook::new(Setup {
            client: Arc::clone(&self.client),
            // The clock stands still: all of it at once.
            pace: Arc::new(Pace::new(Arc::clone(&clock), 1_000_000, PACE.per_minute, PACE.at_once)),
            clock,
            account: Arc::clone(&self.account),
            api: Target::parse(&format!("{}/v1.0", self.sim.url())).unwrap(),
            mailbox,
        })
    }

    /// Requests since the last call, without those for tokens: method and path.
    pub(crate) fn asked(&self) -> Vec<String> {
        let seen = self.sim.take_seen();
        let graph = seen.iter().filter(|seen| !seen.request.path.contains("/oauth2/"));
        graph.map(|seen| format!("{} {}", seen.request.method, seen.request.path)).collect()
    }
}

pub(crate) fn calendar() -> CalendarId {
    CalendarId(CALENDAR.to_owned())
}

/// A form of the lines of one or more components.
pub(crate) fn form(lines: &str) -> Form {
    let text = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//A//A//EN\r\n{}END:VCALENDAR\r\n",
        lines.replace('\n', "\r\n")
    );
    read(&CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap())
}

/// A daily series at 9:00 in Vienna with the 3rd instance cancelled and the 2nd moved to 11:00.
pub(crate) fn series() -> Form {
    form(
        "BEGIN:VEVENT\nUID:series@almanac.example\nDTSTAMP:20260101T000000Z\nSUMMARY:Group\n\
         DTSTART;TZID=Europe/Vienna:20260302T090000\nDTEND;TZID=Europe/Vienna:20260302T100000\n\
         RRULE:FREQ=DAILY;COUNT=6\nEXDATE;TZID=Europe/Vienna:20260304T090000\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:series@almanac.example\nDTSTAMP:20260101T000000Z\nSUMMARY:Group later\n\
         RECURRENCE-ID;TZID=Europe/Vienna:20260303T090000\n\
         DTSTART;TZID=Europe/Vienna:20260303T110000\nDTEND;TZID=Europe/Vienna:20260303T120000\nEND:VEVENT\n",
    )
}

pub(crate) fn single(uid: &str, summary: &str) -> Form {
    form(&format!(
        "BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20260101T000000Z\nSUMMARY:{summary}\n\
         DTSTART;TZID=Europe/Vienna:20260302T090000\nDTEND;TZID=Europe/Vienna:20260302T100000\nEND:VEVENT\n"
    ))
}

pub(crate) fn mark(form: &Form) -> Mark {
    Mark { link: "link-1".into(), uid: form.uid.clone() }
}

pub(crate) async fn push(
    device: &Outlook,
    form: &Form,
    known: Option<&RemoteObject>,
    attempt: Attempt,
) -> Result<Pushed, ConnectorError> {
    let form = device.project(form);
    let known = known.map(|known| Known { id: &known.id, version: &known.version, form: &known.form });
    let (mark, key) = (mark(&form), PushKey(form.uid.bytes().map(|b| format!("{b:02x}")).collect()));
    device.push(&Push { calendar: &calendar(), known, form: &form, mark: &mark, key: &key, attempt }).await
}

pub(crate) async fn create(device: &Outlook, form: &Form) -> RemoteObject {
    match push(device, form, None, Attempt::First).await.unwrap() {
        Pushed::Written(object) => *object,
        Pushed::Found(_) => panic!("it was there"),
    }
}

pub(crate) async fn update(
    device: &Outlook,
    form: &Form,
    known: &RemoteObject,
) -> Result<RemoteObject, ConnectorError> {
    match push(device, form, Some(known), Attempt::First).await? {
        Pushed::Written(object) | Pushed::Found(object) => Ok(*object),
    }
}

pub(crate) async fn fetch(device: &Outlook, id: &RemoteId) -> Changed {
    device.fetch(&calendar(), std::slice::from_ref(id)).await.unwrap().remove(0)
}

pub(crate) async fn there(device: &Outlook, id: &RemoteId) -> RemoteObject {
    match fetch(device, id).await {
        Changed::Now(object) => *object,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn delete(device: &Outlook, known: &RemoteObject) -> Result<(), ConnectorError> {
    device.delete(&Deletion { calendar: &calendar(), id: &known.id, version: &known.version }).await
}

/// All pages of a listing.
pub(crate) async fn list(
    device: &Outlook,
    since: Option<&almanac_contract::DeltaToken>,
) -> Result<(Vec<Changed>, almanac_contract::DeltaToken), ConnectorError> {
    let (mut lines, mut page) = (Vec::new(), None);
    loop {
        let found = device.changes(&calendar(), since, page.as_ref()).await?;
        lines.extend(found.changes);
        match found.next {
            almanac_contract::Next::Page(next) => page = Some(next),
            almanac_contract::Next::Done(token) => return Ok((lines, token)),
        }
    }
}
