//! Google Calendar, played: its state, its rules, and what other devices do in it. Test support, feature `sim`.
//!
//! It is written from Google's documentation and not from the connector's types, or both would share one mistake. It
//! has no clock: the test sets [`GoogleSim::now`]. Served by [`almanac_simulator::Simulator`]; the calendar API is below
//! [`API`], tokens come from [`TOKEN`].

mod channels;
mod edits;
mod events;
mod listing;
mod oauth;
mod reply;
mod series;
mod times;

use std::collections::{BTreeMap, BTreeSet};

use almanac_simulator::{Exchange, Mails, Reply, Vendor};
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub use channels::Hook;
use channels::Open;
pub use oauth::Tokens;
pub use reply::refusal;
use reply::{Ask, json, not_found};

/// The path of the calendar API.
pub const API: &str = "/calendar/v3/";

/// The path of the token endpoint.
pub const TOKEN: &str = "/token";

/// The path where people sign in: whoever comes is sent back at once with a code.
pub const AUTHORIZE: &str = "/auth";

/// A calendar.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// Its name for people.
    pub summary: String,
    /// What the account may do with it: an `accessRole`.
    pub role: String,
    /// The zone in which times are shown.
    pub time_zone: String,
    /// Whether the person hides it.
    pub hidden: bool,
    /// Whose it is.
    owner: String,
    events: BTreeMap<String, Stored>,
    /// Ids that were ever used. They stay taken.
    taken: BTreeSet<String>,
}

/// An event, or what is left of one.
#[derive(Debug, Clone)]
struct Stored {
    body: Value,
    /// When it changed last, as a number that only grows.
    changed: u64,
}

impl Stored {
    fn is_cancelled(&self) -> bool {
        self.text("status") == "cancelled"
    }

    fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn is_instance(&self) -> bool {
        !self.text("recurringEventId").is_empty()
    }
}

/// Google, as one person's account sees it.
pub struct GoogleSim {
    /// The time.
    pub now: Timestamp,
    /// Events on a page at most, whatever is asked for.
    pub page_max: usize,
    /// Whether there is a page without events before each other one.
    pub empty_pages: bool,
    /// How long a channel lives at most.
    pub channel_life_max: SignedDuration,
    /// Whether what is changed of a series is also changed on its changed instances that said the same.
    pub inherits: bool,
    /// The mails that guests got.
    pub mails: Mails,
    /// Access and refresh tokens.
    pub tokens: Tokens,
    /// Who the account belongs to.
    pub person: String,
    calendars: BTreeMap<String, Calendar>,
    channels: Vec<Open>,
    hooks: Vec<Hook>,
    /// Counts changes; makes entity tags, too.
    count: u64,
    /// Changes up to here are not told any more.
    forgotten: u64,
}

impl GoogleSim {
    /// An account with one calendar, `primary`, which is empty.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let mut sim = Self {
            now,
            page_max: 250,
            empty_pages: false,
            channel_life_max: SignedDuration::from_hours(24 * 7),
            inherits: true,
            mails: Mails::default(),
            tokens: Tokens::default(),
            person: "practice@almanac.example".to_owned(),
            calendars: BTreeMap::new(),
            channels: Vec::new(),
            hooks: Vec::new(),
            count: 0,
            forgotten: 0,
        };
        let id = sim.person.clone();
        sim.add_calendar(&id, "Practice", "owner");
        sim
    }

    /// Adds a calendar with this `accessRole`.
    pub fn add_calendar(&mut self, id: &str, summary: &str, role: &str) {
        let calendar = Calendar {
            summary: summary.to_owned(),
            role: role.to_owned(),
            time_zone: "America/New_York".to_owned(),
            hidden: false,
            owner: id.to_owned(),
            events: BTreeMap::new(),
            taken: BTreeSet::new(),
        };
        self.calendars.insert(id.to_owned(), calendar);
    }

    /// A calendar, to be changed as its owner does.
    pub fn calendar_mut(&mut self, id: &str) -> Option<&mut Calendar> {
        self.calendars.get_mut(id)
    }

    /// Takes a calendar away.
    pub fn remove_calendar(&mut self, id: &str) {
        self.calendars.remove(id);
    }

    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn api(&mut self, ask: &Ask) -> Reply {
        let path: Vec<&str> = ask.path.iter().map(String::as_str).collect();
        match (&ask.method, path.as_slice()) {
            (&Method::GET, ["users", "me", "calendarList"]) => self.calendar_list(ask),
            (&Method::POST, ["channels", "stop"]) => self.stop(ask),
            (method, ["calendars", calendar, "events", rest @ ..]) => {
                let Some(calendar) = self.named(calendar) else { return not_found() };
                if *method != Method::GET && *rest != ["watch"] && !self.may_write(&calendar) {
                    return refusal(403, "requiredAccessLevel");
                }
                self.events(ask, &calendar, rest)
            }
            _ => not_found(),
        }
    }

    fn events(&mut self, ask: &Ask, calendar: &str, rest: &[&str]) -> Reply {
        match (ask.method.as_str(), rest) {
            ("GET", []) => self.list(ask, calendar),
            ("POST", []) => self.insert(ask, calendar),
            ("POST", ["watch"]) => self.watch(ask, calendar),
            ("GET", [id]) => self.get(ask, calendar, id),
            ("PATCH", [id]) => self.patch(ask, calendar, id),
            ("DELETE", [id]) => self.delete(ask, calendar, id),
            ("GET", [id, "instances"]) => self.instances(ask, calendar, id),
            _ => not_found(),
        }
    }

    /// `primary` is another name of the person's own calendar.
    fn named(&self, calendar: &str) -> Option<String> {
        let id = if calendar == "primary" { self.person.as_str() } else { calendar };
        self.calendars.contains_key(id).then(|| id.to_owned())
    }

    fn may_write(&self, calendar: &str) -> bool {
        self.calendars.get(calendar).is_some_and(|calendar| {
            matches!(calendar.role.as_str(), "owner" | "writer" | "writerWithoutPrivateAccess")
        })
    }
}

impl Vendor for GoogleSim {
    fn answer(&mut self, request: &Exchange) -> Reply {
        let path = request.path.as_str();
        if path == TOKEN && request.method == Method::POST {
            return self.token(request);
        }
        if path == AUTHORIZE && request.method == Method::GET {
            return oauth::authorize(request);
        }
        let Some(rest) = path.strip_prefix(API) else { return not_found() };
        if !self.tokens.lets_in(request.header("authorization")) {
            return refusal(401, "authError");
        }
        match Ask::read(request, rest) {
            Some(ask) => self.api(&ask),
            None => json(StatusCode::BAD_REQUEST, &reply::problem(400, "parseError")),
        }
    }
}
