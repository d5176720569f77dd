//! A connector, and the Google that it speaks to.

use std::error::Error;
use std::sync::Arc;

use almanac_base::{Clock, ManualClock, Secret};
use almanac_contract::form::read;
use almanac_contract::{
    Attempt, CalendarId, Changed, Connector, ConnectorError, Deletion, DeltaToken, ErrorKind, Form, Known,
    Mark, Next, Push, PushKey, Pushed, RemoteId, RemoteObject,
};
use almanac_egress::oauth::{Account, Credentials, TokenKeeper, Tokens};
use almanac_egress::throttle::Pace;
use almanac_egress::{Client, EgressConfig};
use almanac_google::auth::application;
use almanac_google::sim::{API, AUTHORIZE, GoogleSim, TOKEN};

use almanac_google::{Google, GoogleConfig, Setup};
use almanac_ical::{CalendarObject, Limits};
use almanac_simulator::{Seen, Simulator};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::contract::Checked;

/// Nobody asks for these after the test.
struct Nowhere;

#[async_trait]
impl TokenKeeper for Nowhere {
    async fn keep(&self, _tokens: &Tokens) -> Result<(), Arc<dyn Error + Send + Sync>> {
        Ok(())
    }
}

pub(crate) fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub(crate) struct World {
    pub(crate) sim: Simulator<Checked>,
    pub(crate) calendar: CalendarId,
    pub(crate) google: Google,
}

impl World {
    pub(crate) async fn new() -> Self {
        let sim = Simulator::start(Checked::new(GoogleSim::new(now()))).await.unwrap();
        let calendar = CalendarId(sim.with(|checked| checked.google.person.clone()));
        let google = device(&sim);
        Self { sim, calendar, google }
    }

    /// What another device does.
    pub(crate) fn elsewhere<T>(&self, act: impl FnOnce(&mut GoogleSim, &str) -> T) -> T {
        self.sim.with(|checked| act(&mut checked.google, &self.calendar.0))
    }

    pub(crate) fn project(&self, form: &Form) -> Form {
        self.google.project(form)
    }

    pub(crate) async fn create(&self, key: &str, form: &Form) -> Result<Pushed, ConnectorError> {
        let mark = mark(form);
        let push = Push {
            calendar: &self.calendar,
            known: None,
            form: &self.google.project(form),
            mark: &mark,
            key: &PushKey(key.to_owned()),
            attempt: Attempt::First,
        };
        self.google.push(&push).await
    }

    pub(crate) async fn made(&self, key: &str, form: &Form) -> RemoteObject {
        match self.create(key, form).await {
            Ok(Pushed::Written(object)) => *object,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn update(
        &self,
        known: &RemoteObject,
        form: &Form,
    ) -> Result<RemoteObject, ConnectorError> {
        let mark = mark(form);
        let push = Push {
            calendar: &self.calendar,
            known: Some(Known { id: &known.id, version: &known.version, form: &known.form }),
            form: &self.google.project(form),
            mark: &mark,
            key: &PushKey("ff".to_owned()),
            attempt: Attempt::First,
        };
        match self.google.push(&push).await? {
            Pushed::Written(object) => Ok(*object),
            Pushed::Found(_) => panic!("an update found"),
        }
    }

    pub(crate) async fn delete(&self, known: &RemoteObject) -> Result<(), ConnectorError> {
        let deletion = Deletion { calendar: &self.calendar, id: &known.id, version: &known.version };
        self.google.delete(&deletion).await
    }

    pub(crate) async fn line(&self, id: &RemoteId) -> Changed {
        let mut lines = self.google.fetch(&self.calendar, std::slice::from_ref(id)).await.unwrap();
        assert_eq!(lines.len(), 1);
        lines.pop().unwrap()
    }

    pub(crate) async fn there(&self, id: &str) -> RemoteObject {
        match self.line(&RemoteId(id.to_owned())).await {
            Changed::Now(object) => *object,
            other => panic!("{other:?}"),
        }
    }

    /// All lines since a token, in their order, and the next token.
    pub(crate) async fn changes(
        &self,
        since: Option<&DeltaToken>,
    ) -> Result<(Vec<Changed>, DeltaToken), ConnectorError> {
        let (mut lines, mut page) = (Vec::new(), None);
        loop {
            let found = self.google.changes(&self.calendar, since, page.as_ref()).await?;
            lines.extend(found.changes);
            match found.next {
                Next::Page(next) => page = Some(next),
                Next::Done(token) => return Ok((lines, token)),
            }
        }
    }

    /// What the connector wrote since the last time: method, and what it said.
    pub(crate) fn writes(&self) -> Vec<(String, serde_json::Value)> {
        let write = |seen: &Seen| seen.request.method != http::Method::GET && seen.request.path != TOKEN;
        let told = |seen: Seen| {
            let body = serde_json::from_slice(&seen.request.body).unwrap_or_default();
            (seen.request.method.to_string(), body)
        };
        self.sim.take_seen().into_iter().filter(write).map(told).collect()
    }
}

/// Nothing was asked or answered that Google's description does not have.
impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let (complaints, checked) =
                self.sim.with(|checked| (std::mem::take(&mut checked.complaints), checked.checked));
            assert!(complaints.is_empty(), "in {checked} exchanges: {complaints:#?}");
        }
    }
}

pub(crate) fn mark(form: &Form) -> Mark {
    Mark { link: "link-1".to_owned(), uid: form.uid.clone() }
}

/// A connector of the account.
pub(crate) fn device(sim: &Simulator<Checked>) -> Google {
    let spent = now().saturating_sub(SignedDuration::from_hours(1)).unwrap();
    device_of(sim, client(&["127.0.0.1"]), spent)
}

/// A connector that goes out through `client`, with an access token until `expires_at`.
pub(crate) fn device_of(sim: &Simulator<Checked>, client: Client, expires_at: Timestamp) -> Google {
    let client = Arc::new(client);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(now()));
    let config = GoogleConfig {
        api_url: format!("{}{API}", sim.url()),
        auth_url: format!("{}{AUTHORIZE}", sim.url()),
        token_url: format!("{}{TOKEN}", sim.url()),
    };
    let endpoints = config.endpoints().unwrap();
    let credentials = Credentials::Person(application(&endpoints, "client".into(), None));
    let refresh = sim.with(|checked| checked.google.tokens.refresh.clone());
    let kept = Tokens {
        access: Secret::new("spent".into()),
        refresh: Some(Secret::new(refresh)),
        expires_at,
        scopes: None,
        sign_in_ends: None,
    };
    let keeper = Arc::new(Nowhere);
    let account = Account::new(Arc::clone(&client), Arc::clone(&clock), credentials, keeper, Some(kept));
    let pace = Pace::new(Arc::clone(&clock), 1_000_000, 1_000_000, 4);
    Google::new(Setup { client, pace: Arc::new(pace), clock, account: Arc::new(account), api: endpoints.api })
}

/// The client, with these entries of the administrator's allow-list.
pub(crate) fn client(allow: &[&str]) -> Client {
    let allow = allow.iter().map(|&entry| entry.to_owned()).collect();
    Client::new(&EgressConfig { allow, ..EgressConfig::default() }).unwrap()
}

/// The form of some lines between BEGIN:VCALENDAR and END:VCALENDAR; `|` ends a line.
pub(crate) fn object(lines: &str) -> Form {
    let text = format!("BEGIN:VCALENDAR|VERSION:2.0|PRODID:-//Example//EN|{lines}|END:VCALENDAR|");
    let object = CalendarObject::parse(text.replace('|', "\r\n").as_bytes(), &Limits::default()).unwrap();
    read(&object)
}

/// An event of an hour in Berlin, with lines more.
pub(crate) fn event(start: &str, more: &str) -> Form {
    object(&format!(
        "BEGIN:VEVENT|UID:a@almanac.example|DTSTART;TZID=Europe/Berlin:{start}|DURATION:PT1H|{more}|END:VEVENT"
    ))
}

/// A daily series of nine from the 2nd of March, at nine; `more` are lines of its master, `parts` further components.
pub(crate) fn series(more: &str, parts: &str) -> Form {
    object(&format!(
        "BEGIN:VEVENT|UID:a@almanac.example|DTSTART;TZID=Europe/Berlin:20260302T090000|DURATION:PT1H|\
         RRULE:FREQ=DAILY;COUNT=9|{more}|END:VEVENT{parts}"
    ))
}

/// A changed instance of that series.
pub(crate) fn moved(day: &str, to: &str, more: &str) -> String {
    format!(
        "|BEGIN:VEVENT|UID:a@almanac.example|RECURRENCE-ID;TZID=Europe/Berlin:{day}T090000|\
         DTSTART;TZID=Europe/Berlin:{to}|DURATION:PT1H|{more}|END:VEVENT"
    )
}

pub(crate) fn kind<T: std::fmt::Debug>(outcome: Result<T, ConnectorError>) -> ErrorKind {
    outcome.unwrap_err().kind
}
