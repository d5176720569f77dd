//! Accounts at simulated and real servers.

use std::sync::Arc;

use almanac_base::{ManualClock, Secret};
use almanac_contract::suite::{Devices, behaves};
use almanac_contract::{
    Attempt, CalendarId, ChangePage, Changed, Connector as _, ConnectorError, Form, Known, Mark, Next, Push,
    PushKey, Pushed, RemoteObject, form,
};
use almanac_egress::throttle::Pace;
use almanac_egress::{Client, EgressConfig, Target};
use almanac_ical::{CalendarObject, Limits};
use almanac_icloud::sim::{Habits, LOGIN, PASSWORD, Server};
use almanac_icloud::{CalDav, Scheduling, Setup};
use almanac_simulator::Simulator;
use jiff::civil::{Date, date};

/// The first day of the examples.
pub(crate) const DAY: Date = date(2026, 3, 2);

/// An account at `url`, with a pace that holds nothing up.
pub(crate) fn account_of(url: &str, username: &str, password: &str, scheduling: Scheduling) -> CalDav {
    let clock = Arc::new(ManualClock::new("2026-03-01T08:00:00Z".parse().unwrap()));
    let config = EgressConfig { allow: vec!["127.0.0.1".into()], ..EgressConfig::default() };
    CalDav::new(Setup {
        client: Arc::new(Client::new(&config).unwrap()),
        pace: Arc::new(Pace::new(Arc::clone(&clock) as _, 1_000_000, 1_000_000, 4)),
        clock,
        url: Target::parse(url).unwrap(),
        username: username.to_owned(),
        password: Secret::new(password.to_owned()),
        scheduling,
    })
}

pub(crate) fn account(url: &str, scheduling: Scheduling) -> CalDav {
    account_of(url, LOGIN, PASSWORD, scheduling)
}

/// An account at `url`, whose server may lead to the others as Apple's do.
pub(crate) fn family(url: &str, others: &[String]) -> CalDav {
    let others = others.iter().map(|other| Target::parse(other).unwrap());
    others.fold(account(url, Scheduling::None), CalDav::with_family)
}

/// A server with these habits.
pub(crate) async fn server(habits: Habits) -> Simulator<Server> {
    let server = Simulator::start(Server::new(habits)).await.unwrap();
    let host = server.url().trim_start_matches("http://").to_owned();
    server.with(|server| server.host = host);
    server
}

pub(crate) fn work() -> CalendarId {
    CalendarId(Server::path("work"))
}

/// The id of the account's only calendar.
pub(crate) async fn only_calendar(account: &CalDav) -> CalendarId {
    let calendars = account.calendars().await.unwrap();
    assert_eq!(calendars.len(), 1);
    calendars[0].id.clone()
}

/// All promises, by two devices of the account that `device` makes.
pub(crate) async fn keeps_promises(device: impl Fn() -> CalDav) {
    let (one, other) = (device(), device());
    let calendar = only_calendar(&one).await;
    only_calendar(&other).await;
    behaves(&Devices::new(&one, &other, calendar, DAY, 1)).await.unwrap_or_else(|what| panic!("{what}"));
}

pub(crate) fn event(uid: &str, lines: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Apple Inc.//iCal 17//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
         DTSTAMP:20260101T000000Z\r\nDTSTART:20260303T090000Z\r\nDTEND:20260303T100000Z\r\n{lines}END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

pub(crate) fn form_of(text: &str) -> Form {
    form::read(&CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap())
}

/// All lines of a listing, and the token at its end.
pub(crate) async fn list(
    account: &CalDav,
    calendar: &CalendarId,
    since: Option<&almanac_contract::DeltaToken>,
) -> Result<(Vec<Changed>, almanac_contract::DeltaToken, usize), ConnectorError> {
    let (mut lines, mut page, mut pages) = (Vec::new(), None, 0);
    loop {
        let ChangePage { changes, next, .. } = account.changes(calendar, since, page.as_ref()).await?;
        lines.extend(changes);
        pages += 1;
        match next {
            Next::Page(next) => page = Some(next),
            Next::Done(token) => return Ok((lines, token, pages)),
        }
    }
}

/// Writes a form: creates it, or replaces what is known.
pub(crate) async fn write(
    account: &CalDav,
    form: &Form,
    known: Option<&RemoteObject>,
    attempt: Attempt,
) -> Result<Pushed, ConnectorError> {
    let mark = Mark { link: "lnk_1".to_owned(), uid: form.uid.clone() };
    let key = PushKey(form.uid.bytes().map(|octet| format!("{octet:02x}")).collect());
    let known = known.map(|known| Known { id: &known.id, version: &known.version, form: &known.form });
    let calendar = work();
    account.push(&Push { calendar: &calendar, known, form, mark: &mark, key: &key, attempt }).await
}

pub(crate) fn written(pushed: Result<Pushed, ConnectorError>) -> RemoteObject {
    match pushed {
        Ok(Pushed::Written(object)) => *object,
        other => panic!("{other:?}"),
    }
}
