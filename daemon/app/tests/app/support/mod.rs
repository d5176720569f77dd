//! A practice with two people in one tenant and one in another, on an engine in memory.

pub mod layer;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use almanac_app::{App, AppOptions, NewUser};
use almanac_backend::{
    Backend, Caller, CollectionName, CollectionPath, Login, ObjectName, ObjectPath, PrincipalRole,
};
use almanac_base::{Clock, ManualClock};
use almanac_ical::{CalendarObject, Limits};
use almanac_store::engine::Engine;
use almanac_store::{CreateMode, EngineKind, FixedKey, OpenOptions, Store, Tuning};
use jiff::Timestamp;
use layer::Watched;

pub const PLENTY: usize = 64 << 20;

pub struct World {
    pub app: Arc<App>,
    pub store: Arc<Store>,
    pub clock: Arc<ManualClock>,
    pub nora: Caller,
    pub tomas: Caller,
    pub stranger: Caller,
    state: tempfile::TempDir,
}

pub fn open_store(state: PathBuf, engine: EngineKind, clock: &Arc<ManualClock>) -> Arc<Store> {
    Arc::new(Store::open(options(state, engine, clock)).unwrap())
}

fn options(state: PathBuf, engine: EngineKind, clock: &Arc<ManualClock>) -> OpenOptions {
    OpenOptions {
        state,
        engine,
        cache_bytes: 8 << 20,
        key: Arc::new(FixedKey::new([7; 32])),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        create: CreateMode::IfMissing,
    }
}

pub async fn open_app(store: &Arc<Store>, clock: &Arc<ManualClock>, cache_bytes: usize) -> Arc<App> {
    open_keeping(store, clock, cache_bytes, 30).await
}

async fn open_keeping(
    store: &Arc<Store>,
    clock: &Arc<ManualClock>,
    cache_bytes: usize,
    trash_days: u32,
) -> Arc<App> {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let options = AppOptions { clock, cache_bytes, trash_days };
    App::open(Arc::clone(store), options).await.unwrap()
}

impl World {
    pub async fn new() -> Self {
        Self::with(EngineKind::Memory, PLENTY).await
    }

    pub async fn with(engine: EngineKind, cache_bytes: usize) -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-02T08:00:00Z".parse::<Timestamp>().unwrap()));
        let state = tempfile::tempdir().unwrap();
        let store = open_store(state.path().to_owned(), engine, &clock);
        Self::on(store, clock, state, cache_bytes).await
    }

    /// A world in which what is deleted is gone at once.
    pub async fn without_trash() -> Self {
        let mut world = Self::new().await;
        world.app = open_keeping(&world.store, &world.clock, PLENTY, 0).await;
        world
    }

    /// Another application on the store, for which what is deleted is gone at once.
    pub async fn without_terms(&self) -> Arc<App> {
        open_keeping(&self.store, &self.clock, PLENTY, 0).await
    }

    /// A world on an engine in memory that is watched.
    pub async fn watched(cache_bytes: usize) -> (Self, Arc<Watched>) {
        let clock = Arc::new(ManualClock::new("2026-11-02T08:00:00Z".parse::<Timestamp>().unwrap()));
        let state = tempfile::tempdir().unwrap();
        let layer = Arc::new(OnceLock::new());
        let around = Arc::clone(&layer);
        let around = move |engine| {
            Arc::clone(around.get_or_init(|| Arc::new(Watched::new(engine)))) as Arc<dyn Engine>
        };
        let tuning = Tuning { layer: Arc::new(around), ..Tuning::default() };
        let options = options(state.path().to_owned(), EngineKind::Memory, &clock);
        let store = Arc::new(Store::open_tuned(options, &tuning).unwrap());
        let world = Self::on(store, clock, state, cache_bytes).await;
        (world, Arc::clone(layer.get().unwrap()))
    }

    async fn on(
        store: Arc<Store>,
        clock: Arc<ManualClock>,
        state: tempfile::TempDir,
        cache_bytes: usize,
    ) -> Self {
        let app = open_app(&store, &clock, cache_bytes).await;
        app.add_tenant("Lindenhof", None).await.unwrap();
        app.add_tenant("Elsewhere", None).await.unwrap();
        let nora = person(&app, "nora", "Lindenhof").await;
        let tomas = person(&app, "tomas", "Lindenhof").await;
        let stranger = person(&app, "stranger", "Elsewhere").await;
        Self { app, store, clock, nora, tomas, stranger, state }
    }

    /// Closes the store and opens it again, as after a restart.
    pub async fn reopened(self, cache_bytes: usize) -> Self {
        self.reopened_after(cache_bytes, |_| ()).await
    }

    /// The same, with something done to the closed state folder.
    pub async fn reopened_after(self, cache_bytes: usize, change: impl FnOnce(&std::path::Path)) -> Self {
        let Self { app, store, clock, nora, tomas, stranger, state } = self;
        app.close().await;
        drop(app);
        store.close();
        drop(store);
        change(state.path());
        let store = open_store(state.path().to_owned(), EngineKind::Redb, &clock);
        let app = open_app(&store, &clock, cache_bytes).await;
        Self { app, store, clock, nora, tomas, stranger, state }
    }
}

pub async fn person(app: &Arc<App>, login: &str, tenant: &str) -> Caller {
    let new = NewUser {
        login: login.to_owned(),
        tenant: tenant.to_owned(),
        email: format!("{login}@example.org"),
        display_name: login.to_owned(),
        role: PrincipalRole::Practitioner,
    };
    app.add_user(new).await.unwrap();
    let (_, secret) = app.add_app_password(login, "test").await.unwrap();
    app.authenticate(login, &secret).await.unwrap().unwrap()
}

pub fn login(text: &str) -> Login {
    Login::new(text).unwrap()
}

pub fn at(home: &str, name: &str) -> CollectionPath {
    CollectionPath { home: login(home), name: CollectionName::new(name).unwrap() }
}

pub fn object_at(home: &str, name: &str, object: &str) -> ObjectPath {
    ObjectPath { collection: at(home, name), name: ObjectName::new(object).unwrap() }
}

/// An event of one hour.
pub fn event(uid: &str, start: &str, extra: &str) -> CalendarObject {
    let start: Timestamp = start.parse().unwrap();
    let end = start + jiff::SignedDuration::from_hours(1);
    let stamp = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let text = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
         DTSTAMP:20261101T000000Z\r\nDTSTART:{}\r\nDTEND:{}\r\n{extra}SUMMARY:Session\r\nEND:VEVENT\r\n\
         END:VCALENDAR\r\n",
        stamp(start),
        stamp(end)
    );
    CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap()
}
