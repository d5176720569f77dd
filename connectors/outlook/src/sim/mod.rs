//! A simulator of Microsoft Graph: one mailbox with its calendars, playing the rules of Exchange that hurt.
//!
//! It is written from Microsoft's documentation and shares nothing with the connector but the crate. What it plays:
//! listings of a frozen window with stubs of occurrences and no word about cancelled ones, exceptions that fall with their
//! pattern, entity tags, transactions, immutable ids only for those who ask, Windows names of zones, HTML bodies, mails to
//! guests whatever is asked, batches, subscriptions, and refresh tokens that rotate.

mod delta;
mod event;
mod hooks;
mod oauth;
mod recur;
mod time;
mod write;

use std::collections::BTreeMap;

use almanac_simulator::{Exchange, Mails, Reply, Vendor};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::event::{Asked, Stored};
pub use self::hooks::Hook;

/// The id of the calendar that is there from the beginning.
pub const CALENDAR: &str = "AAkALgCalendar=";

#[derive(Debug, Clone)]
struct Calendar {
    name: String,
    can_edit: bool,
}

/// A mailbox at Microsoft 365.
#[derive(Debug, Clone)]
pub struct Graph {
    /// Its clock.
    pub now: Timestamp,
    /// Events of one page, whatever is asked for.
    pub page_events: usize,
    /// Whether listings have pages without events.
    pub empty_pages: bool,
    /// Whether the service fills in `exceptionOccurrences` and `cancelledOccurrences`.
    pub tells_exceptions: bool,
    /// Whether what was deleted still answers to its id, as it lies in Deleted Items.
    pub keeps_deleted: bool,
    /// How long subscriptions are granted, at most.
    pub grants: Option<SignedDuration>,
    /// The mails that guests got.
    pub mails: Mails,
    calendars: BTreeMap<String, Calendar>,
    events: BTreeMap<String, Stored>,
    removed: Vec<(u64, String, String)>,
    deleted: BTreeMap<String, Stored>,
    transactions: BTreeMap<String, String>,
    links: BTreeMap<String, delta::Link>,
    subscribed: BTreeMap<String, hooks::Subscription>,
    hooks: Vec<Hook>,
    counter: u64,
    origin: String,
    access: Vec<(String, Timestamp)>,
    refresh: String,
    /// Refresh tokens that are good. One that was used stays so.
    granted: Vec<String>,
    client_id: String,
    client_secret: String,
}

impl Graph {
    /// A mailbox with one empty calendar, [`CALENDAR`]. The first refresh token is `refresh-0`, the application `app` with
    /// the secret `app-secret`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let calendar = Calendar { name: "Calendar".to_owned(), can_edit: true };
        Self {
            now,
            page_events: 50,
            empty_pages: true,
            tells_exceptions: true,
            keeps_deleted: false,
            grants: None,
            mails: Mails::default(),
            calendars: BTreeMap::from([(CALENDAR.to_owned(), calendar)]),
            events: BTreeMap::new(),
            removed: Vec::new(),
            deleted: BTreeMap::new(),
            transactions: BTreeMap::new(),
            links: BTreeMap::new(),
            subscribed: BTreeMap::new(),
            hooks: Vec::new(),
            counter: 0,
            origin: String::new(),
            access: Vec::new(),
            refresh: "refresh-0".to_owned(),
            granted: vec!["refresh-0".to_owned()],
            client_id: "app".to_owned(),
            client_secret: "app-secret".to_owned(),
        }
    }

    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Adds a calendar.
    pub fn add_calendar(&mut self, id: &str, name: &str, can_edit: bool) {
        self.calendars.insert(id.to_owned(), Calendar { name: name.to_owned(), can_edit });
    }

    /// Removes a calendar with all that is in it.
    pub fn remove_calendar(&mut self, id: &str) {
        self.calendars.remove(id);
        self.events.retain(|_, event| event.calendar != id);
    }

    /// Another device makes an event: Graph's JSON in, its id out; `None` if Exchange refuses it.
    pub fn create(&mut self, calendar: &str, event: &Value) -> Option<String> {
        self.make(calendar, event).ok()
    }

    /// Another device changes an event; whether Exchange did it.
    pub fn change(&mut self, id: &str, event: &Value) -> bool {
        self.alter(id, event, None).is_ok()
    }

    /// Another device changes an instance of a series; whether Exchange did it.
    pub fn change_instance(&mut self, id: &str, day: Date, event: &Value) -> bool {
        self.instance(id, day).is_some_and(|instance| self.alter(&instance, event, None).is_ok())
    }

    /// Another device cancels an instance of a series; whether Exchange did it.
    pub fn cancel_instance(&mut self, id: &str, day: Date) -> bool {
        self.instance(id, day).is_some_and(|instance| self.erase(&instance, None).is_ok())
    }

    /// Another device deletes an event; whether Exchange did it.
    pub fn delete(&mut self, id: &str) -> bool {
        self.erase(id, None).is_ok()
    }

    /// A person duplicates an event, with all that programs have left on it; the id of the copy.
    pub fn copy(&mut self, id: &str) -> Option<String> {
        let copied = self.events.get(id).cloned()?;
        let made = self.make(&copied.calendar, &Value::Object(copied.said)).ok()?;
        if let Some(event) = self.events.get_mut(&made) {
            event.extended = copied.extended;
        }
        Some(made)
    }

    fn instance(&self, id: &str, day: Date) -> Option<String> {
        self.events.get(id).map(|event| event.instance_id(id, day))
    }

    /// An event as a program sees it that asks for everything.
    #[must_use]
    pub fn event(&self, id: &str) -> Option<Value> {
        let asked = Asked { text: true, immutable: true, cancelled: true, exceptions: true, extended: true };
        self.events.get(id).map(|event| event.shown(id, &asked))
    }

    /// The ids of the events of a calendar.
    #[must_use]
    pub fn ids(&self, calendar: &str) -> Vec<String> {
        let here = self.events.iter().filter(|(_, event)| event.calendar == calendar);
        here.map(|(id, _)| id.clone()).collect()
    }

    /// The instances of a series until a year after its start: when each begins (UTC) and its subject.
    #[must_use]
    pub fn instances(&self, id: &str) -> Vec<(Timestamp, String)> {
        let Some(event) = self.events.get(id) else { return Vec::new() };
        let Some((start, _)) = event.span(None) else { return Vec::new() };
        let end = start.saturating_add(SignedDuration::from_hours(366 * 24)).unwrap_or(start);
        let one = |day: Date| {
            let subject = event.instance(day).get("subject").and_then(Value::as_str).map(str::to_owned);
            Some((event.span(Some(day))?.0, subject.unwrap_or_default()))
        };
        event.within(start, end).into_iter().filter_map(one).collect()
    }

    /// The days of a series up to one, without those that are cancelled.
    #[must_use]
    pub fn days(&self, id: &str, to: Date) -> Vec<Date> {
        self.events.get(id).map(|event| event.days(to)).unwrap_or_default()
    }

    /// Forgets where listings ended: every link answers 410.
    pub fn expire_links(&mut self) {
        self.links.clear();
    }

    /// Makes all access tokens worthless before their time.
    pub fn revoke_access(&mut self) {
        self.access.clear();
    }

    /// Makes the refresh tokens worthless: a person has to sign in again.
    pub fn revoke_refresh(&mut self) {
        self.access.clear();
        self.granted.clear();
    }

    /// A person signs in anew, with another program: the refresh token that it got.
    pub fn grant(&mut self) -> String {
        let number = self.next();
        self.refresh = format!("refresh-{number}");
        self.granted.push(self.refresh.clone());
        self.refresh.clone()
    }

    /// The refresh token that was given out last.
    #[must_use]
    pub fn refresh_token(&self) -> &str {
        &self.refresh
    }

    fn is_signed_in(&self, request: &Exchange) -> bool {
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        token
            .is_some_and(|token| self.access.iter().any(|(known, until)| known == token && *until > self.now))
    }

    /// Answers a request to Graph itself.
    fn graph(&mut self, request: &Exchange) -> Reply {
        let path = request.path.trim_start_matches("/v1.0").to_owned();
        let segments: Vec<String> = path.split('/').filter(|s| !s.is_empty()).map(decoded).collect();
        let mut names: Vec<&str> = segments.iter().map(String::as_str).collect();
        match names.as_slice() {
            ["$batch"] => return self.batch(request),
            ["subscriptions"] => return self.subscriptions(request, None),
            ["subscriptions", id] => return self.subscriptions(request, Some(id)),
            ["me", ..] => drop(names.drain(..1)),
            ["users", _, ..] => drop(names.drain(..2)),
            _ => return failure(404, "ResourceNotFound"),
        }
        let query = Query::parse(&request.query);
        let asked = Asked::of(request, &query, self.tells_exceptions);
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let condition = request.header("if-match");
        let outcome = match (request.method.clone(), names.as_slice()) {
            (Method::GET, ["calendars"]) => Ok(reply(200, &self.calendars(&query, &path))),
            (Method::GET, ["calendars", id]) => match self.calendars.get(*id) {
                Some(_) => Ok(reply(200, &json!({ "id": id }))),
                None => Err((404, "ErrorItemNotFound")),
            },
            (Method::GET, ["calendars", id, "calendarView", "delta"]) => {
                let size = asked_page(request).unwrap_or(10).min(self.page_events).max(1);
                self.delta(id, &request.path, &query, &asked, size).map(|page| reply(200, &page))
            }
            (Method::GET, ["calendars", id, "calendarView"]) => self.view(id, &query, &asked),
            (Method::GET, ["calendars", id, "events"]) => self.search(id, &query, &asked),
            (Method::POST, ["calendars", id, "events"]) => {
                self.make(id, &body).map(|id| self.told(201, &id, &asked))
            }
            (Method::GET, ["calendars", calendar, "events", id]) => self.read(calendar, id, &asked),
            (Method::GET, ["calendars", _, "events", id, "instances"]) => {
                self.list_instances(id, &query, &asked)
            }
            (Method::PATCH, ["calendars", _, "events", id]) => {
                self.alter(id, &body, condition).map(|()| self.told(200, id, &asked))
            }
            (Method::DELETE, ["calendars", _, "events", id]) => {
                self.erase(id, condition).map(|()| Reply::new(StatusCode::NO_CONTENT, ""))
            }
            _ => Err((405, "Request_BadRequest")),
        };
        outcome.unwrap_or_else(|(status, code)| failure(status, code))
    }

    fn calendars(&self, query: &Query, path: &str) -> Value {
        let from: usize = query.get("$skip").and_then(|n| n.parse().ok()).unwrap_or(0);
        let shown = |(id, calendar): (&String, &Calendar)| {
            json!({
                "id": id, "name": calendar.name, "canEdit": calendar.can_edit, "isDefaultCalendar": id == CALENDAR,
            })
        };
        let page: Vec<Value> = self.calendars.iter().skip(from).take(self.page_events).map(shown).collect();
        let mut answer = json!({ "value": page });
        if self.calendars.len() > from + self.page_events {
            let next = format!("{}/v1.0{path}?$skip={}", self.origin, from + self.page_events);
            answer["@odata.nextLink"] = json!(next);
        }
        answer
    }

    fn told(&self, status: u16, id: &str, asked: &Asked) -> Reply {
        let event = match self.member(id) {
            Some((master, day)) => {
                self.events.get(&master).map(|event| event.shown_instance(&master, day, asked))
            }
            None => self.events.get(id).map(|event| event.shown(id, asked)),
        };
        event.map_or_else(|| failure(404, "ErrorItemNotFound"), |event| reply(status, &event))
    }

    fn read(&self, calendar: &str, id: &str, asked: &Asked) -> Result<Reply, (u16, &'static str)> {
        let known = self.calendars.contains_key(calendar);
        if let Some(deleted) = self.deleted.get(id).filter(|event| known && event.calendar == calendar) {
            return Ok(reply(200, &deleted.shown(id, asked)));
        }
        let here = |event: &Stored| event.calendar == calendar;
        let master = self.member(id).map_or_else(|| id.to_owned(), |(master, _)| master);
        if !known || !self.events.get(&master).is_some_and(here) {
            return Err((404, "ErrorItemNotFound"));
        }
        Ok(self.told(200, id, asked))
    }

    /// `$filter` of one named property is all the search there is.
    fn search(&self, calendar: &str, query: &Query, asked: &Asked) -> Result<Reply, (u16, &'static str)> {
        if !self.calendars.contains_key(calendar) {
            return Err((404, "ErrorItemNotFound"));
        }
        let filter = query.get("$filter").ok_or((400, "ErrorInvalidUrlQuery"))?;
        let quoted: Vec<&str> = filter.split('\'').skip(1).step_by(2).collect();
        let [property, value] = quoted.as_slice() else { return Err((400, "ErrorInvalidUrlQueryFilter")) };
        let found = self.events.iter().filter(|(_, event)| {
            event.calendar == calendar && event.extended.get(*property).map(String::as_str) == Some(*value)
        });
        let found: Vec<Value> = found.map(|(id, event)| event.shown(id, asked)).collect();
        Ok(reply(200, &json!({ "value": found })))
    }

    /// What lies in a window: single events, and the instances of series.
    fn view(&self, calendar: &str, query: &Query, asked: &Asked) -> Result<Reply, (u16, &'static str)> {
        if !self.calendars.contains_key(calendar) {
            return Err((404, "ErrorItemNotFound"));
        }
        let at = |name| query.get(name).and_then(|text| text.parse::<Timestamp>().ok());
        let (Some(from), Some(to)) = (at("startDateTime"), at("endDateTime")) else {
            return Err((400, "ErrorInvalidParameter"));
        };
        let mut found = Vec::new();
        for (id, event) in self.events.iter().filter(|(_, event)| event.calendar == calendar) {
            if event.is_series() {
                let days = event.within(from, to);
                found.extend(days.into_iter().map(|day| event.shown_instance(id, day, asked)));
            } else if event.span(None).is_some_and(|(start, end)| start < to && end >= from) {
                found.push(event.shown(id, asked));
            }
        }
        Ok(reply(200, &json!({ "value": found })))
    }

    fn list_instances(&self, id: &str, query: &Query, asked: &Asked) -> Result<Reply, (u16, &'static str)> {
        let at = |name| query.get(name).and_then(|text| text.parse::<Timestamp>().ok());
        let (Some(from), Some(to)) = (at("startDateTime"), at("endDateTime")) else {
            return Err((400, "ErrorInvalidParameter"));
        };
        let event = self.events.get(id).ok_or((404, "ErrorItemNotFound"))?;
        let from_page: usize = query.get("$skip").and_then(|n| n.parse().ok()).unwrap_or(0);
        let days = event.within(from, to);
        let page = days.iter().skip(from_page).take(self.page_events);
        let page: Vec<Value> = page.map(|day| event.shown_instance(id, *day, asked)).collect();
        let mut answer = json!({ "value": page });
        if days.len() > from_page + self.page_events {
            let plain = |text: &str| text.replace('=', "%3D");
            let path =
                format!("/v1.0/me/calendars/{}/events/{}/instances", plain(&event.calendar), plain(id));
            let window =
                format!("startDateTime={from}&endDateTime={to}&$skip={}", from_page + self.page_events);
            answer["@odata.nextLink"] = json!(format!("{}{path}?{window}", self.origin));
        }
        Ok(reply(200, &answer))
    }

    /// The requests of a batch, in another order than they were asked.
    fn batch(&mut self, request: &Exchange) -> Reply {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let requests = body["requests"].as_array().cloned().unwrap_or_default();
        if requests.is_empty() || requests.len() > 20 {
            return failure(400, "BadRequest");
        }
        let mut responses: Vec<Value> = requests.iter().map(|inner| self.inner(inner)).collect();
        responses.reverse();
        reply(200, &json!({ "responses": responses }))
    }

    fn inner(&mut self, inner: &Value) -> Value {
        let url = inner["url"].as_str().unwrap_or_default();
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let mut headers = HeaderMap::new();
        for (name, value) in inner["headers"].as_object().into_iter().flatten() {
            let name = http::HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes());
            let value = value.as_str().unwrap_or_default().parse();
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.insert(name, value);
            }
        }
        let body = if inner["body"].is_null() { Bytes::new() } else { inner["body"].to_string().into() };
        let method = inner["method"].as_str().and_then(|name| name.parse().ok()).unwrap_or(Method::GET);
        let exchange = Exchange { method, path: path.to_owned(), query: query.to_owned(), headers, body };
        let answer = self.graph(&exchange);
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        json!({ "id": inner["id"], "status": answer.status.as_u16(), "headers": {}, "body": body })
    }
}

impl Vendor for Graph {
    fn answer(&mut self, request: &Exchange) -> Reply {
        if let Some(host) = request.header("host") {
            self.origin = format!("http://{host}");
        }
        if request.path.ends_with("/oauth2/v2.0/token") {
            return self.token(request);
        }
        if !self.is_signed_in(request) {
            return failure(401, "InvalidAuthenticationToken");
        }
        self.graph(request)
    }
}

impl Asked {
    fn of(request: &Exchange, query: &Query, tells: bool) -> Self {
        let prefer = request.header("prefer").unwrap_or_default();
        let names =
            |parameter: &str, name: &str| query.get(parameter).is_some_and(|text| text.contains(name));
        Self {
            text: prefer.contains("outlook.body-content-type=\"text\""),
            immutable: prefer.contains("IdType=\"ImmutableId\""),
            cancelled: tells && names("$select", "cancelledOccurrences"),
            exceptions: tells
                && names("$select", "exceptionOccurrences")
                && names("$expand", "exceptionOccurrences"),
            extended: names("$expand", "singleValueExtendedProperties"),
        }
    }
}

/// `Prefer: odata.maxpagesize=`
fn asked_page(request: &Exchange) -> Option<usize> {
    let (_, size) = request.header("prefer")?.split_once("odata.maxpagesize=")?;
    size.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The parameters of a query or a form, decoded.
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: &str) -> Self {
        Self(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// A segment of a path without its percent signs.
fn decoded(segment: &str) -> String {
    // In a path a plus is a plus.
    let text = segment.replace('+', "%2B");
    url::form_urlencoded::parse(text.as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

fn reply(status: u16, body: &Value) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Reply::new(status, body.to_string()).with("content-type", "application/json")
}

fn failure(status: u16, code: &str) -> Reply {
    let message = "The request quoted with all that it says about a patient.";
    reply(status, &json!({ "error": { "code": code, "message": message } }))
}
