//! A CalDAV server in memory that plays iCloud and others, with their habits and faults. For tests.
//!
//! It writes its answers by hand, from RFC 4791 and 6578 and from what servers were seen to do, and knows nothing of how the
//! connector reads them. It has no clock: what it stamps is `20260101T000000Z`.

mod answer;
mod front;
mod report;
mod xml;

use std::collections::BTreeMap;

use almanac_ical::{CalendarObject, Component, Limits, Property};
use almanac_simulator::Mails;

pub use front::Front;

/// The login of the account.
pub const LOGIN: &str = "ada@almanac.example";
/// Its app-specific password.
pub const PASSWORD: &str = "abcd-efgh-ijkl-mnop";
/// The path of its home.
pub const HOME: &str = "/1234/calendars/";
/// The path of its principal.
pub const PRINCIPAL: &str = "/1234/principal/";

/// How a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Habits {
    /// It has sync-collection; else only the calendar's tag and listings.
    pub sync: bool,
    /// A listing of changes ends after so many lines, with 507 (RFC 6578 section 3.6).
    pub page: Option<usize>,
    /// It rewrites what it is given, and answers a PUT without an entity tag.
    pub rewrites: bool,
    /// Prefixes that nobody expects, CDATA, and absolute hrefs in another spelling.
    pub odd: bool,
    /// It leaves every so many-th object out of the answer to a multiget.
    pub forgets: Option<usize>,
    /// It sends invitations by itself.
    pub schedules: bool,
    /// It refuses a TZID whose VTIMEZONE is not there.
    pub wants_zones: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            sync: true,
            page: None,
            rewrites: false,
            odd: false,
            forgets: None,
            schedules: false,
            wants_zones: true,
        }
    }
}

/// An object.
#[derive(Debug, Clone)]
struct Object {
    octets: Vec<u8>,
    /// Its UID, if it is readable.
    uid: Option<String>,
    /// Its change's number.
    version: u64,
}

/// A calendar: its members, there or gone, and when each changed last.
#[derive(Debug, Clone, Default)]
struct Calendar {
    members: BTreeMap<String, Object>,
    gone: BTreeMap<String, u64>,
    /// Tokens before this number are not known any more.
    known_since: u64,
}

/// The server: the account of one person.
#[derive(Debug, Clone)]
pub struct Server {
    /// How it is. May be changed at any time.
    pub habits: Habits,
    /// The host and port that it calls itself, where it writes absolute hrefs.
    pub host: String,
    /// The mails that guests got.
    pub mails: Mails,
    calendars: BTreeMap<String, Calendar>,
    changes: u64,
}

impl Server {
    /// A server with one empty calendar, `work`.
    #[must_use]
    pub fn new(habits: Habits) -> Self {
        let calendars = BTreeMap::from([("work".to_owned(), Calendar::default())]);
        Self { habits, host: String::new(), mails: Mails::default(), calendars, changes: 0 }
    }

    /// The path of a calendar.
    #[must_use]
    pub fn path(calendar: &str) -> String {
        format!("{HOME}{calendar}/")
    }

    /// Another calendar.
    pub fn add_calendar(&mut self, calendar: &str) {
        self.calendars.insert(calendar.to_owned(), Calendar::default());
    }

    /// A calendar and all that is in it goes.
    pub fn remove_calendar(&mut self, calendar: &str) {
        self.calendars.remove(calendar);
    }

    /// Another device writes an object, whatever was there.
    pub fn put(&mut self, calendar: &str, name: &str, octets: &[u8]) {
        self.changes += 1;
        let version = self.changes;
        let uid = CalendarObject::parse_stored(octets).ok().map(|object| object.uid().to_owned());
        if let Some(calendar) = self.calendars.get_mut(calendar) {
            calendar.gone.remove(name);
            calendar.members.insert(name.to_owned(), Object { octets: octets.to_vec(), uid, version });
        }
    }

    /// Another device deletes an object.
    pub fn remove(&mut self, calendar: &str, name: &str) {
        self.changes += 1;
        let version = self.changes;
        if let Some(calendar) = self.calendars.get_mut(calendar)
            && calendar.members.remove(name).is_some()
        {
            calendar.gone.insert(name.to_owned(), version);
        }
    }

    /// The octets of an object.
    #[must_use]
    pub fn octets(&self, calendar: &str, name: &str) -> Option<Vec<u8>> {
        Some(self.calendars.get(calendar)?.members.get(name)?.octets.clone())
    }

    /// The names of the objects in a calendar.
    #[must_use]
    pub fn names(&self, calendar: &str) -> Vec<String> {
        self.calendars.get(calendar).map(|c| c.members.keys().cloned().collect()).unwrap_or_default()
    }

    /// All tokens that were given so far are forgotten, and what was gone before with them.
    pub fn expire_tokens(&mut self) {
        self.changes += 1;
        for calendar in self.calendars.values_mut() {
            calendar.known_since = self.changes;
            calendar.gone.clear();
        }
    }

    /// The name of another object of the calendar with this UID.
    fn owner_of(&self, calendar: &str, uid: &str, but: &str) -> Option<String> {
        let mut others = self.calendars.get(calendar)?.members.iter().filter(|(name, _)| *name != but);
        others.find(|(_, object)| object.uid.as_deref() == Some(uid)).map(|(name, _)| name.clone())
    }
}

/// Why a body is not taken: the condition that it breaks.
fn checked(octets: &[u8], wants_zones: bool) -> Result<CalendarObject, &'static str> {
    let object = CalendarObject::parse(octets, &Limits::default()).map_err(|_| "valid-calendar-data")?;
    let defined: Vec<String> = object
        .calendar()
        .components_named("VTIMEZONE")
        .filter_map(|zone| zone.property("TZID").map(Property::text))
        .collect();
    let used = object.components().flat_map(Component::properties).filter_map(|p| p.param("TZID"));
    let missing = used.filter(|zone| !defined.iter().any(|defined| defined == zone)).count();
    if wants_zones && missing > 0 { Err("valid-calendar-object-resource") } else { Ok(object) }
}

/// What a server that rewrites makes of an object: the same, with other stamps and lines in another order.
fn rewritten(object: &CalendarObject) -> Vec<u8> {
    let mut calendar = object.calendar().clone();
    calendar.set_property(Property::new("PRODID", "-//Simulated//CalDAV//EN"));
    calendar.rebuild_components(|mut component| {
        if !component.is("VTIMEZONE") {
            component.set_property(Property::new("CREATED", "20260101T000000Z"));
            component.set_property(Property::new("DTSTAMP", "20260101T000000Z"));
        }
        Some(component)
    });
    calendar.to_text().into_bytes()
}

/// How many people a server mails that sends invitations by itself.
fn guests(object: &CalendarObject) -> usize {
    let organized = object.components().filter(|component| component.property("ORGANIZER").is_some());
    organized.map(|component| component.properties_named("ATTENDEE").count()).sum()
}
