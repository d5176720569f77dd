//! A practice with one person and one calendar, on an engine in memory, linked with vendors.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use almanac_app::sync::{LinkInfo, LinkMode, LinkPolicy, LinkPrivacy, LinkState, NewAccount, NewLink};
use almanac_app::{App, AppError, AppOptions, NewUser};
use almanac_backend::{
    Backend as _, Caller, CollectionName, CollectionPath, Login, ObjectName, ObjectPath, PrincipalRole,
    Select, WriteGuard,
};
use almanac_base::{Clock, ManualClock};
use almanac_contract::{Connector, Form, form};
use almanac_ical::{CalendarObject, ComponentKind, Limits};
use almanac_store::engine::Engine;
use almanac_store::{CreateMode, EngineKind, FixedKey, OpenOptions, Store, Tuning};
use almanac_sync::{Answer, Backoff, Execution, LinkRun, Report, Scope, Setup, Stop, answer};
use jiff::{SignedDuration, Timestamp};

use crate::crash::Crashing;

pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) caller: Caller,
    pub(crate) store: Arc<Store>,
    /// Where the program ends when it is told to.
    pub(crate) crash: Arc<Crashing>,
    _state: tempfile::TempDir,
}

/// How a link is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) mode: LinkMode,
    pub(crate) privacy: LinkPrivacy,
    pub(crate) policy: LinkPolicy,
}

impl Default for Terms {
    fn default() -> Self {
        Self { mode: LinkMode::TwoWay, privacy: LinkPrivacy::Full, policy: LinkPolicy::Vendor }
    }
}

fn open_store(state: PathBuf, clock: &Arc<ManualClock>) -> (Arc<Store>, Arc<Crashing>) {
    let layer = Arc::new(OnceLock::new());
    let around = Arc::clone(&layer);
    let around =
        move |engine| Arc::clone(around.get_or_init(|| Arc::new(Crashing::new(engine)))) as Arc<dyn Engine>;
    let tuning = Tuning { layer: Arc::new(around), ..Tuning::default() };
    let options = OpenOptions {
        state,
        engine: EngineKind::Memory,
        cache_bytes: 8 << 20,
        key: Arc::new(FixedKey::new([7; 32])),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        create: CreateMode::IfMissing,
    };
    let store = Arc::new(Store::open_tuned(options, &tuning).unwrap());
    (store, Arc::clone(layer.get().unwrap()))
}

pub(crate) fn home() -> CollectionPath {
    CollectionPath { home: Login::new("nora").unwrap(), name: CollectionName::new("calendar").unwrap() }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::at("2026-11-02T08:00:00Z").await
    }

    /// A practice whose clock shows this.
    pub(crate) async fn at(now: &str) -> Self {
        let clock = Arc::new(ManualClock::new(now.parse::<Timestamp>().unwrap()));
        let state = tempfile::tempdir().unwrap();
        let (store, crash) = open_store(state.path().to_owned(), &clock);
        let app = Self::open_app(&store, &clock).await;
        app.add_tenant("Lindenhof", None).await.unwrap();
        let new = NewUser {
            login: "nora".to_owned(),
            tenant: "Lindenhof".to_owned(),
            email: "nora@example.org".to_owned(),
            display_name: "Nora".to_owned(),
            role: PrincipalRole::Practitioner,
        };
        app.add_user(new).await.unwrap();
        let (_, secret) = app.add_app_password("nora", "test").await.unwrap();
        let caller = app.authenticate("nora", &secret).await.unwrap().unwrap();
        Self { app, clock, caller, store, crash, _state: state }
    }

    async fn open_app(store: &Arc<Store>, clock: &Arc<ManualClock>) -> Arc<App> {
        let clock = Arc::clone(clock) as Arc<dyn Clock>;
        App::open(Arc::clone(store), AppOptions { clock, cache_bytes: 16 << 20, trash_days: 30 })
            .await
            .unwrap()
    }

    /// What is only in memory is lost, as when the program ends.
    pub(crate) async fn restart(&mut self) {
        self.app = Self::open_app(&self.store, &self.clock).await;
    }

    /// Other index keys: the tenant is another one from now on, with the same in it.
    pub(crate) async fn rekey(&mut self) {
        self.app.rekey_index(Some("Lindenhof"), &|_| {}).await.unwrap();
        let (_, secret) = self.app.add_app_password("nora", "again").await.unwrap();
        self.caller = self.app.authenticate("nora", &secret).await.unwrap().unwrap();
    }

    /// Links the calendar with the one calendar of a new account.
    pub(crate) async fn link(&self, name: &str, terms: Terms) -> LinkInfo {
        self.link_at(&home(), name, terms).await
    }

    /// Another calendar of the same person.
    pub(crate) async fn second(&self) -> CollectionPath {
        let at = CollectionPath { name: CollectionName::new("second").unwrap(), ..home() };
        let kinds = std::iter::once(ComponentKind::Event).collect();
        self.app.add_calendar(&at, None, kinds).await.unwrap();
        at
    }

    pub(crate) async fn link_at(&self, at: &CollectionPath, name: &str, terms: Terms) -> LinkInfo {
        self.link_both(at, name, "main", terms).await
    }

    /// Links the calendar with a calendar of a new account.
    pub(crate) async fn link_with(&self, name: &str, remote: &str, terms: Terms) -> LinkInfo {
        self.link_both(&home(), name, remote, terms).await
    }

    pub(crate) async fn link_both(
        &self,
        at: &CollectionPath,
        name: &str,
        remote: &str,
        terms: Terms,
    ) -> LinkInfo {
        let new =
            NewAccount { name: name.to_owned(), kind: "test".to_owned(), settings: Vec::new(), secret: None };
        let account = self.app.add_account("Lindenhof", new).await.unwrap();
        let new = NewLink {
            account: account.id,
            remote: remote.to_owned(),
            remote_name: "Main".to_owned(),
            at: at.clone(),
            mode: terms.mode,
            privacy: terms.privacy,
            policy: terms.policy,
            state: LinkState::Active,
        };
        self.app.add_link(new).await.unwrap()
    }

    /// One run of a link.
    pub(crate) async fn run(
        &self,
        link: &LinkInfo,
        vendor: &dyn Connector,
    ) -> Result<Report, (Report, Stop)> {
        self.execute(link, vendor, Execution::Do, Scope::Changes).await
    }

    /// One run of a link that compares everything.
    pub(crate) async fn run_whole(
        &self,
        link: &LinkInfo,
        vendor: &dyn Connector,
    ) -> Result<Report, (Report, Stop)> {
        self.execute(link, vendor, Execution::Do, Scope::Everything).await
    }

    /// What a run would do.
    pub(crate) async fn plan(&self, link: &LinkInfo, vendor: &dyn Connector) -> Report {
        self.execute(link, vendor, Execution::Plan, Scope::Changes).await.unwrap()
    }

    pub(crate) async fn execute(
        &self,
        link: &LinkInfo,
        vendor: &dyn Connector,
        execution: Execution,
        scope: Scope,
    ) -> Result<Report, (Report, Stop)> {
        let limits = Limits::default();
        let second = SignedDuration::from_secs(1);
        let setup = Setup {
            app: &self.app,
            connector: vendor,
            clock: &*self.clock,
            limits: &limits,
            backoff: Backoff { base: second, cap: second * 60 },
            draw: || u64::MAX,
        };
        let link = self.app.link(link.id).await.unwrap();
        let mut run = LinkRun::new(&setup, link, execution, scope);
        match run.run().await {
            Ok(()) => Ok(run.report().clone()),
            Err(stop) => Err((run.report().clone(), stop)),
        }
    }

    /// Says yes to whatever is held.
    pub(crate) async fn approve(&self, link: &LinkInfo, name: &str) {
        match answer(&self.app, &*self.clock, link, name, Answer::Approve).await {
            Ok(()) | Err(AppError::Invalid(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn say(&self, link: &LinkInfo, name: &str, said: Answer) {
        answer(&self.app, &*self.clock, link, name, said).await.unwrap();
    }

    /// What was lost on a link.
    pub(crate) async fn lost(&self, link: &LinkInfo) -> Vec<Form> {
        let mut lost = Vec::new();
        for entry in self.app.link_history(link).await.unwrap() {
            let (_, object) = self.app.lost_object(link, entry.id).await.unwrap();
            lost.extend(object.map(|object| form::read(&object)));
        }
        lost
    }

    /// Runs until nothing is left to do; how many runs that took.
    pub(crate) async fn settle(&self, links: &[(&LinkInfo, &dyn Connector)]) -> usize {
        for round in 1..40 {
            let mut idle = true;
            for (link, vendor) in links {
                let report = self.run(link, *vendor).await.unwrap_or_else(|(_, stop)| panic!("{stop:?}"));
                idle &= report.here.all() == 0 && report.there.all() == 0 && report.waiting == 0;
            }
            if idle {
                return round;
            }
            self.clock.advance(SignedDuration::from_secs(120));
        }
        panic!("it never settles");
    }

    pub(crate) async fn put(&self, name: &str, object: &CalendarObject) {
        self.put_at(home(), name, object).await;
    }

    pub(crate) async fn put_at(&self, collection: CollectionPath, name: &str, object: &CalendarObject) {
        let at = ObjectPath { collection, name: ObjectName::new(name).unwrap() };
        self.app.put_object(&self.caller, &at, object, &WriteGuard::default()).await.unwrap();
    }

    pub(crate) async fn remove(&self, name: &str) {
        let at = ObjectPath { collection: home(), name: ObjectName::new(name).unwrap() };
        self.app.delete_object(&self.caller, &at, &WriteGuard::default()).await.unwrap();
    }

    /// All objects here, by name.
    pub(crate) async fn objects(&self) -> Vec<(String, CalendarObject)> {
        let page = self.app.list(&self.caller, &home(), &Select::default(), None, 10_000).await.unwrap();
        let names: Vec<ObjectName> = page.entries.iter().map(|entry| entry.name.clone()).collect();
        let found = self.app.objects(&self.caller, &home(), &names).await.unwrap();
        let mut objects: Vec<_> = found
            .into_iter()
            .flatten()
            .map(|stored| {
                let object = CalendarObject::parse_stored(&stored.body).unwrap();
                (stored.name.as_str().to_owned(), object)
            })
            .collect();
        objects.sort_by(|a, b| a.0.cmp(&b.0));
        objects
    }

    pub(crate) async fn forms(&self) -> Vec<(String, Form)> {
        self.objects().await.into_iter().map(|(name, object)| (name, form::read(&object))).collect()
    }
}

/// An object of lines; `|` begins the component of another instance.
pub(crate) fn object(uid: &str, lines: &str) -> CalendarObject {
    let mut text = String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//A//A//EN\r\n");
    for component in lines.split('|') {
        text.push_str(&format!("BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\n"));
        component.split_whitespace().for_each(|line| text.push_str(&format!("{line}\r\n")));
        text.push_str("END:VEVENT\r\n");
    }
    text.push_str("END:VCALENDAR\r\n");
    CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap()
}

/// An event of an hour on the given day of March 2026.
pub(crate) fn event(uid: &str, day: u32, extra: &str) -> CalendarObject {
    object(uid, &format!("DTSTART:202603{day:02}T090000Z DTEND:202603{day:02}T100000Z {extra}"))
}

/// A task, which the calendar here does not take.
pub(crate) fn task(uid: &str) -> Form {
    let text = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//A//A//EN\r\nBEGIN:VTODO\r\nUID:{uid}\r\n\
         DTSTAMP:20260101T000000Z\r\nSUMMARY:t\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"
    );
    form::read(&CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap())
}
