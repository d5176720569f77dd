//! Reading the configuration anew, on SIGHUP and when one of its files changes. All of it is checked before any of it
//! holds; what is refused leaves everything as it was.

pub(crate) mod files;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::caps::Caps;
use crate::cli::{self, Globals};
use crate::commands::rows::Addresses;
use crate::config::load::DEFAULT_FILE;
use crate::config::origin::Origin;
use crate::config::{Config, Http, Limits, Log, Management, Store, Tls};
use crate::failure::Failure;
use crate::front::{Current, Front, Workshop};
use crate::handed::Places;
use crate::supervisor::{Importance, Supervisor};
use crate::{invoke, systemd, telemetry, tls};
use files::{Folders, Stamps};

/// Where the configuration comes from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    globals: Globals,
    options: cli::Serve,
    /// The certificate as it was before it was first read.
    loaded: Stamps,
    /// All files as they were after the configuration was first read.
    seen: Stamps,
    /// What takes the place of the addresses in it.
    handed: Places,
}

/// What can be exchanged while the server runs.
pub(crate) struct Reload {
    pub(crate) source: Source,
    /// The configuration that holds: what needs a restart is as at the start.
    pub(crate) running: Config,
    pub(crate) workshop: Workshop,
    pub(crate) front: Current,
    pub(crate) caps: Arc<Caps>,
    /// The limits for who has no front.
    pub(crate) limits: Arc<ArcSwap<Limits>>,
    pub(crate) addresses: Addresses,
}

/// What was read and found to be good.
struct Fresh {
    config: Config,
    /// Keys that differ and have to wait for a restart.
    waiting: Vec<&'static str>,
    tls: Option<Arc<ServerConfig>>,
    loaded: Stamps,
}

/// Listens for SIGHUP, from the start on: the first one may come before anything can be reloaded.
///
/// # Errors
/// The system does not let us.
pub(crate) fn asked(observers: &Supervisor) -> Result<Arc<Notify>, Failure> {
    let mut hangup = signal(SignalKind::hangup())
        .map_err(|error| Failure::failed(format!("cannot listen for signals: {error}"), "report this"))?;
    let asked = Arc::new(Notify::new());
    let tell = Arc::clone(&asked);
    observers.spawn("hangups", Importance::Vital, async move {
        while hangup.recv().await.is_some() {
            tell.notify_one();
        }
    });
    Ok(asked)
}

/// Reloads until the supervisor asks to stop.
pub(crate) fn serve(supervisor: &Supervisor, mut reload: Reload, asked: Arc<Notify>) {
    let stopping = supervisor.stopping();
    let work = async move {
        let mut folders = Folders::new();
        loop {
            folders.watch(reload.source.files(&reload.running));
            let forced = tokio::select! {
                () = asked.notified() => true,
                () = folders.settled() => false,
            };
            let now = Stamps::of(reload.source.files(&reload.running));
            if forced || now != reload.source.seen {
                reload.source.seen = now;
                reload.reload().await;
            }
        }
    };
    supervisor.spawn("reload", Importance::Vital, async move {
        stopping.run_until_cancelled_owned(work).await;
    });
}

impl Source {
    /// `config`: as read from there a moment ago.
    pub(crate) fn new(globals: Globals, options: cli::Serve, config: &Config) -> Self {
        let mut source = Self {
            globals,
            options,
            loaded: Stamps::default(),
            seen: Stamps::default(),
            handed: Places::default(),
        };
        source.loaded = Stamps::of(tls_files(config.http.tls.as_ref()));
        source.seen = Stamps::of(source.files(config));
        source
    }

    /// With sockets that were handed over: the rules for addresses hold for them too.
    pub(crate) fn beside(self, handed: Places) -> Self {
        Self { handed, ..self }
    }

    /// The files whose change is a reason to reload.
    fn files<'a>(&'a self, config: &'a Config) -> impl Iterator<Item = &'a Path> {
        let fallback = (!self.options.demo).then(|| Path::new(DEFAULT_FILE));
        // The certificate of a demo on the network is made by us, in a folder in which much changes.
        let tls = config.http.tls.as_ref().filter(|_| self.options.lan.is_none());
        self.globals.config.as_deref().or(fallback).into_iter().chain(tls_files(tls))
    }

    fn read(&self, running: &Config) -> Result<(Config, Origin), Failure> {
        let (mut config, origin) = invoke::configuration(&self.globals, self.options.demo)?;
        if self.options.lan.is_some() {
            config.http.listen.clone_from(&running.http.listen);
            config.http.tls.clone_from(&running.http.tls);
        }
        Ok((config, origin))
    }
}

fn tls_files(tls: Option<&Tls>) -> impl Iterator<Item = &Path> {
    tls.into_iter().flat_map(|tls| [&tls.cert_file, &tls.key_file]).map(PathBuf::as_path)
}

impl Reload {
    async fn reload(&mut self) {
        systemd::reloading();
        let (source, running, tls) =
            (self.source.clone(), self.running.clone(), self.front.load().tls.clone());
        let read = tokio::task::spawn_blocking(move || read(&source, &running, tls)).await;
        let fault = |_| Failure::failed("reading the configuration ended in a fault of the program", "");
        match read.map_err(fault).and_then(|fresh| fresh) {
            Ok(fresh) => {
                self.adopt(fresh);
                systemd::ready(&self.addresses);
            }
            Err(failure) => {
                tracing::error!(error = failure.what, "the new configuration is refused, the old one stays");
                systemd::refused(&self.addresses);
            }
        }
    }

    /// From here on nothing can fail.
    fn adopt(&mut self, fresh: Fresh) {
        let Fresh { config, waiting, tls, loaded } = fresh;
        telemetry::set_level(config.log.level);
        self.caps.change(&config.limits, &config.http.trusted_proxies);
        self.limits.store(Arc::new(config.limits.clone()));
        self.front.store(Arc::new(Front { server: self.workshop.server(&config), tls }));
        // As they were before they were read: a change since then is noticed.
        self.source.seen = self.source.seen.known(&loaded, self.source.files(&config));
        self.source.loaded = loaded;
        self.running = config;
        tracing::info!("the configuration is reloaded");
        if !waiting.is_empty() {
            tracing::warn!("these keys change at the next start only: {}", waiting.join(", "));
        }
    }
}

/// Reads and checks everything. `tls`: as it is now, kept while its files are the same.
fn read(source: &Source, running: &Config, tls: Option<Arc<ServerConfig>>) -> Result<Fresh, Failure> {
    let (config, origin) = source.read(running)?;
    let (config, waiting) = merge(running, config);
    // Each by itself is allowed, but what listens already may not go with what is new.
    source.handed.check(&config).map_err(|mistake| origin.blame(&mistake))?;
    let loaded = Stamps::of(tls_files(config.http.tls.as_ref()));
    let tls = match &config.http.tls {
        Some(files) if loaded != source.loaded => {
            Some(tls::load(files).map_err(|mistake| origin.blame(&mistake))?)
        }
        _ => tls,
    };
    Ok(Fresh { config, waiting, tls, loaded })
}

/// The new configuration, but with the running one's values where a restart is needed, and the keys of those that
/// differ. A key that is new in the program does not compile until it is decided here what it needs.
fn merge(running: &Config, new: Config) -> (Config, Vec<&'static str>) {
    let Config { version, http, management, store, log, limits, egress, sync } = new;
    let Http { listen, public_url, trusted_proxies, behind_proxy, tls } = http;
    let Log { level, format, target } = log;
    let Management { listen: management_listen } = management;
    let Store { path, key, key_file, passphrase_file, engine, cache, trash_days } = store;
    let old = running;
    let waiting = [
        ("http.listen", listen != old.http.listen),
        ("http.tls", tls.is_some() != old.http.tls.is_some()),
        ("management.listen", management_listen != old.management.listen),
        ("store.path", path != old.store.path),
        ("store.key", key != old.store.key),
        ("store.key_file", key_file != old.store.key_file),
        ("store.passphrase_file", passphrase_file != old.store.passphrase_file),
        ("store.engine", engine != old.store.engine),
        ("store.cache", cache != old.store.cache),
        ("store.trash_days", trash_days != old.store.trash_days),
        ("log.format", format != old.log.format),
        ("log.target", target != old.log.target),
        ("egress", egress != old.egress),
        ("sync", sync != old.sync),
    ];
    let tls = if tls.is_some() == old.http.tls.is_some() { tls } else { old.http.tls.clone() };
    let config = Config {
        version,
        http: Http { listen: old.http.listen.clone(), public_url, trusted_proxies, behind_proxy, tls },
        management: old.management.clone(),
        store: old.store.clone(),
        log: Log { level, ..old.log.clone() },
        limits,
        egress: old.egress.clone(),
        sync: old.sync.clone(),
    };
    (config, waiting.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Size;
    use crate::config::{Engine, Key, Level, LogFormat, LogTarget};

    #[test]
    fn what_needs_a_restart_stays_and_is_named_and_everything_else_is_new() {
        let tls = |name: &str| Tls { cert_file: name.into(), key_file: "k".into() };
        let running = Config::default();
        let log = Log { level: Level::Debug, format: LogFormat::Json, target: LogTarget::Stderr };
        let mut new = Config { log, ..Config::default() };
        new.limits.connections_max = 7;
        new.http.public_url = Some("https://a.example".parse().unwrap());
        new.http.trusted_proxies = vec!["unix".parse().unwrap()];
        new.http.tls = Some(tls("c"));
        new.http.listen.clear();
        new.management.listen.clear();
        new.store = Store {
            path: "/s".into(),
            key: Key::Passphrase,
            key_file: Some("/k".into()),
            passphrase_file: Some("/p".into()),
            engine: Engine::Memory,
            cache: Size(1 << 20),
            trash_days: 7,
        };
        let (merged, waiting) = merge(&running, new.clone());
        assert_eq!(
            waiting,
            [
                "http.listen",
                "http.tls",
                "management.listen",
                "store.path",
                "store.key",
                "store.key_file",
                "store.passphrase_file",
                "store.engine",
                "store.cache",
                "store.trash_days",
                "log.format",
                "log.target"
            ]
        );
        let mut expected = running;
        expected.log.level = Level::Debug;
        expected.limits.connections_max = 7;
        expected.http.public_url.clone_from(&new.http.public_url);
        expected.http.trusted_proxies.clone_from(&new.http.trusted_proxies);
        assert_eq!(merged, expected);

        let mut running = Config::default();
        running.http.tls = Some(tls("old"));
        let mut new = running.clone();
        new.http.tls = Some(tls("new"));
        assert_eq!(merge(&running, new.clone()), (new, vec![]), "another certificate needs no restart");
    }
}
