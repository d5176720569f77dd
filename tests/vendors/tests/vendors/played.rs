//! Google and Outlook, simulated: what other devices of their owner do there, and what the test sees.

use std::ops::Deref;

use almanac_google::sim::{API, AUTHORIZE, GoogleSim, TOKEN};
use almanac_harness::{Cli, Daemon, Person};
use almanac_outlook::sim::{CALENDAR, Graph};
use almanac_simulator::{Exchange, Fault, Seen, Simulator, Vendor};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::practice::{add_account, link, options, practice, sync_at_last};

/// The name of the account here.
pub(crate) const ACCOUNT: &str = "played";

/// Tokens that have to be renewed at once.
pub(crate) fn tokens(refresh: &str) -> String {
    let tokens =
        json!({ "access_token": "canary-spent", "refresh_token": refresh, "expires_at": 1_000_000_000 });
    tokens.to_string()
}

/// A call that the vendor makes.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// What happens to which request.
pub(crate) type Plan = Box<dyn FnMut(&Exchange) -> Option<Fault> + Send>;

/// A vendor with one calendar that is linked.
pub(crate) trait Played: Send + Sync {
    /// The account's kind.
    fn kind(&self) -> &'static str;
    /// What `account add` is told beside.
    fn words(&self) -> Vec<String>;
    /// The calendar's name or id, as in `link add`.
    fn calendar(&self) -> &'static str;
    /// Another device makes an event at this hour of 1 December 2026; its id.
    fn make(&self, title: &str, hour: usize) -> String;
    fn retitle(&self, id: &str, title: &str);
    fn remove(&self, id: &str);
    /// The ids and titles of all events; of a series once.
    fn events(&self) -> Vec<(String, String)>;
    /// Mails that guests got.
    fn mails(&self) -> u64;
    /// The calendar is taken away.
    fn remove_calendar(&self);
    /// The person takes back what was granted.
    fn revoke(&self);
    /// The person signs in anew; the refresh token.
    fn grant(&self) -> String;
    /// Whether a request is for a token.
    fn is_token(&self, seen: &Exchange) -> bool;
    /// The calls that the vendor made since the last look.
    fn calls(&self) -> Vec<Call>;
    /// How many channels are open.
    fn channels(&self) -> usize;
    fn plan(&self, plan: Plan);
    fn calm(&self);
    fn seen(&self) -> Vec<Seen>;

    fn titles(&self) -> Vec<String> {
        let mut titles: Vec<_> = self.events().into_iter().map(|(_, title)| title).collect();
        titles.sort();
        titles
    }
}

/// Adds the account; what the command said.
pub(crate) fn add(daemon: &Daemon, vendor: &dyn Played) -> Cli {
    let words = vendor.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    add_account(
        daemon,
        vendor.kind(),
        ACCOUNT,
        &[&words[..], &["--tokens-stdin"]].concat(),
        &tokens("refresh-0"),
    )
}

/// A daemon with the vendor's calendar linked, both ways, which runs when something changes here or a command says so.
pub(crate) fn linked(vendor: &dyn Played) -> (Daemon, Person) {
    let (daemon, erika) = practice(options().set("sync.poll", "1h"));
    let _ = add(&daemon, vendor).ok();
    link(&daemon, &format!("{ACCOUNT}/{}", vendor.calendar()), "erika/calendar", "two-way");
    sync_at_last(&daemon);
    (daemon, erika)
}

/// A simulator with the threads that it runs on.
pub(crate) struct Running<V> {
    simulator: Simulator<V>,
    _runtime: Runtime,
}

impl<V: Vendor> Running<V> {
    pub(crate) fn start(vendor: V) -> Self {
        let runtime = Runtime::new().unwrap();
        let simulator = runtime.block_on(Simulator::start(vendor)).unwrap();
        Self { simulator, _runtime: runtime }
    }
}

impl<V> Deref for Running<V> {
    type Target = Simulator<V>;

    fn deref(&self) -> &Simulator<V> {
        &self.simulator
    }
}

/// The simulators have no clock; the daemon has the machine's.
#[expect(clippy::disallowed_methods, reason = "the daemon is another process, with the same clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

pub(crate) fn google() -> Running<GoogleSim> {
    Running::start(GoogleSim::new(now()))
}

pub(crate) fn outlook() -> Running<Graph> {
    let mut graph = Graph::new(now());
    graph.grants = Some(SignedDuration::from_hours(48));
    Running::start(graph)
}

const PRACTICE: &str = "practice@almanac.example";

impl Played for Running<GoogleSim> {
    fn kind(&self) -> &'static str {
        "google"
    }

    fn words(&self) -> Vec<String> {
        let url = |path: &str| format!("{}{path}", self.url());
        let words = [("--api-url", url(API)), ("--auth-url", url(AUTHORIZE)), ("--token-url", url(TOKEN))];
        let words = words.into_iter().flat_map(|(name, url)| [name.to_owned(), url]);
        words.chain(["--client-id".to_owned(), "app".to_owned()]).collect()
    }

    fn calendar(&self) -> &'static str {
        "Practice"
    }

    fn make(&self, title: &str, hour: usize) -> String {
        let at = |minute: usize| json!({ "dateTime": format!("2026-12-01T{hour:02}:{minute:02}:00Z") });
        let event = json!({ "summary": title, "start": at(0), "end": at(30) });
        self.with(|sim| sim.make(PRACTICE, event)).unwrap()
    }

    fn retitle(&self, id: &str, title: &str) {
        self.with(|sim| sim.change(PRACTICE, id, json!({ "summary": title }))).unwrap();
    }

    fn remove(&self, id: &str) {
        self.with(|sim| sim.remove(PRACTICE, id)).unwrap();
    }

    fn events(&self) -> Vec<(String, String)> {
        let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let all = self.with(|sim| sim.events_of(PRACTICE));
        let alone = all.iter().filter(|event| event["recurringEventId"].is_null());
        alone.map(|event| (text(event, "id"), text(event, "summary"))).collect()
    }

    fn mails(&self) -> u64 {
        self.with(|sim| sim.mails.all())
    }

    fn remove_calendar(&self) {
        self.with(|sim| sim.remove_calendar(PRACTICE));
    }

    fn revoke(&self) {
        self.with(|sim| {
            sim.tokens.end_access();
            sim.tokens.revoked = true;
        });
    }

    fn grant(&self) -> String {
        self.with(|sim| {
            sim.tokens.revoked = false;
            sim.tokens.refresh = "refresh-canary-new".to_owned();
            sim.tokens.refresh.clone()
        })
    }

    fn is_token(&self, seen: &Exchange) -> bool {
        seen.path == TOKEN
    }

    fn calls(&self) -> Vec<Call> {
        let calls = self.with(GoogleSim::take_hooks).into_iter();
        calls
            .map(|call| Call { path: path(&call.address), headers: call.headers, body: String::new() })
            .collect()
    }

    fn channels(&self) -> usize {
        self.with(|sim| sim.channels())
    }

    fn plan(&self, plan: Plan) {
        Simulator::plan(self, plan);
    }

    fn calm(&self) {
        Simulator::calm(self);
    }

    fn seen(&self) -> Vec<Seen> {
        self.take_seen()
    }
}

impl Played for Running<Graph> {
    fn kind(&self) -> &'static str {
        "outlook"
    }

    fn words(&self) -> Vec<String> {
        let url = |path: &str| format!("{}{path}", self.url());
        let words = [
            ("--api-url", url("/v1.0")),
            ("--auth-url", url("/common/oauth2/v2.0/authorize")),
            ("--token-url", url("/common/oauth2/v2.0/token")),
        ];
        let words = words.into_iter().flat_map(|(name, url)| [name.to_owned(), url]);
        words.chain(["--client-id".to_owned(), "app".to_owned()]).collect()
    }

    fn calendar(&self) -> &'static str {
        "Calendar"
    }

    fn make(&self, title: &str, hour: usize) -> String {
        let at = |minute: usize| json!({ "dateTime": format!("2026-12-01T{hour:02}:{minute:02}:00"), "timeZone": "UTC" });
        let event = json!({ "subject": title, "start": at(0), "end": at(30) });
        self.with(|graph| graph.create(CALENDAR, &event)).unwrap()
    }

    fn retitle(&self, id: &str, title: &str) {
        assert!(self.with(|graph| graph.change(id, &json!({ "subject": title }))));
    }

    fn remove(&self, id: &str) {
        assert!(self.with(|graph| graph.delete(id)));
    }

    fn events(&self) -> Vec<(String, String)> {
        self.with(|graph| {
            let title = |id: &String| graph.event(id).unwrap()["subject"].as_str().unwrap().to_owned();
            graph.ids(CALENDAR).into_iter().map(|id| (id.clone(), title(&id))).collect()
        })
    }

    fn mails(&self) -> u64 {
        self.with(|graph| graph.mails.all())
    }

    fn remove_calendar(&self) {
        self.with(|graph| graph.remove_calendar(CALENDAR));
    }

    fn revoke(&self) {
        self.with(Graph::revoke_refresh);
    }

    fn grant(&self) -> String {
        self.with(Graph::grant)
    }

    fn is_token(&self, seen: &Exchange) -> bool {
        seen.path.ends_with("/token")
    }

    fn calls(&self) -> Vec<Call> {
        let calls = self.with(Graph::take_hooks).into_iter();
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        calls
            .map(|call| Call { path: path(&call.url), headers: headers.clone(), body: call.body.to_string() })
            .collect()
    }

    fn channels(&self) -> usize {
        self.with(|graph| graph.watchers())
    }

    fn plan(&self, plan: Plan) {
        Simulator::plan(self, plan);
    }

    fn calm(&self) {
        Simulator::calm(self);
    }

    fn seen(&self) -> Vec<Seen> {
        self.take_seen()
    }
}

/// The path of an address.
fn path(address: &str) -> String {
    let (_, rest) = address.split_once("://").unwrap();
    rest.find('/').map_or("/", |at| &rest[at..]).to_owned()
}
