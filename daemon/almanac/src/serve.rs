//! `almanac serve`: what starts in which order, and stops in the reverse one.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use almanac_app::App;
use almanac_base::{Clock, SystemClock};
use almanac_store::{CreateMode, OpenError, Store};
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::as_owner::become_owner_of;
use crate::caps::Caps;
use crate::cli;
use crate::commands::rows::Addresses;
use crate::commands::{Executor, run};
use crate::config::origin::Origin;
use crate::config::values::ListenAddress;
use crate::config::{Config, Engine, Limits};
use crate::control;
use crate::daemon::Daemon;
use crate::failure::{Exit, Failure};
use crate::front::{Front, Workshop};
use crate::handed::{Handed, Socket};
use crate::limits::{HOUSEKEEPING, STORE_LOOK, STORE_WAIT};
use crate::listen::{self, Listener};
use crate::management::{self, Management};
use crate::metrics::Metrics;
use crate::reload::{self, Reload, Source};
use crate::steady::Steady;
use crate::supervisor::{Drained, Importance, Supervisor};
use crate::vendors::Vendors;
use crate::{demo, lan, systemd, telemetry, tls, vendors};

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// Why it could not start, or that a vital part of it ended.
pub(crate) fn run(
    mut config: Config,
    origin: &Origin,
    options: &cli::Serve,
    source: Source,
) -> Result<(), Failure> {
    telemetry::start(&config.log, Arc::new(SystemClock));
    if let Some(port) = options.lan {
        // The certificate lives in the state folder and belongs to its owner.
        become_owner_of(&config.store.path)?;
        if config.http.listen == Config::default().http.listen {
            config.http.listen = vec![lan::everywhere(port)];
        }
        config.http.tls = Some(lan::certificate(&config.store.path, SystemClock.now())?);
    }
    let handed = Handed::take()?;
    let places = handed.places();
    places.check(&config).map_err(|mistake| origin.blame(&mistake))?;
    // The key of the certificate may be readable for root only.
    let tls = config.http.tls.as_ref().map(tls::load).transpose();
    let tls = tls.map_err(|mistake| origin.blame(&mistake))?;
    become_owner_of(&config.store.path)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::failed(format!("cannot start threads: {error}"), "raise the limit of tasks")
    })?;
    let outcome = runtime.block_on(serve(config, tls, handed, options.demo, source.beside(places)));
    // A store that is still being opened is not waited for: nobody is left to hear a second signal.
    runtime.shutdown_background();
    outcome
}

/// The parts that live as long as the daemon.
struct Parts {
    config: Config,
    supervisor: Supervisor,
    /// The tasks of the signals and of the management listener: they outlive the others, to say that those are
    /// ending, and to end them.
    observers: Supervisor,
    /// Cancelled by the first signal to stop.
    told: CancellationToken,
    /// Notified by SIGHUP.
    hangups: Arc<Notify>,
    source: Source,
    /// As the last reload left them.
    limits: Arc<ArcSwap<Limits>>,
    metrics: Arc<Metrics>,
    daemon: Arc<Daemon>,
    clock: Arc<dyn Clock>,
}

async fn serve(
    config: Config,
    tls: Option<Arc<ServerConfig>>,
    handed: Handed,
    demo: bool,
    source: Source,
) -> Result<(), Failure> {
    let observers = Supervisor::default();
    let told = told_to_stop(&observers)?;
    let hangups = reload::asked(&observers)?;
    let parts = Parts {
        supervisor: Supervisor::default(),
        observers,
        told,
        hangups,
        source,
        limits: Arc::new(ArcSwap::from_pointee(config.limits.clone())),
        metrics: Arc::default(),
        daemon: Arc::new(Daemon::new(config.store.path.clone())),
        clock: Arc::new(SystemClock),
        config,
    };
    let outcome = observed(&parts, tls, handed, demo).await;
    parts.observers.drain(Duration::ZERO).await;
    outcome
}

/// All between the first and the last answer of the management listener.
async fn observed(
    parts: &Parts,
    tls: Option<Arc<ServerConfig>>,
    handed: Handed,
    demo: bool,
) -> Result<(), Failure> {
    let management = Arc::new(Management {
        daemon: Arc::clone(&parts.daemon),
        metrics: Arc::clone(&parts.metrics),
        app: OnceLock::new(),
        limits: Arc::clone(&parts.limits),
    });
    // First of all, so that whoever waits for readiness is told to wait.
    let mut addresses = Addresses::default();
    for listener in Listener::all(handed.management, &parts.config.management.listen, 0o660).await? {
        addresses.management.push(url(&listener.address(), "http"));
        management::serve(&parts.observers, listener, Arc::clone(&management));
    }
    let Some(store) = parts.told.run_until_cancelled(open_store(&parts.config)).await else { return Ok(()) };
    let store = store?;
    let outcome = match parts.told.run_until_cancelled(run::app(&parts.config, &store)).await {
        Some(Ok(app)) => {
            let _ = management.app.set(Arc::clone(&app));
            let work = with_app(parts, &app, tls, handed.http, addresses, demo);
            let outcome = parts.told.run_until_cancelled(work).await.unwrap_or(Ok(()));
            stop(parts).await;
            app.close().await;
            outcome
        }
        Some(Err(failure)) => Err(failure),
        None => Ok(()),
    };
    // The mark is written and synced: not on a thread that serves requests.
    let _ = tokio::task::spawn_blocking(move || store.close()).await;
    tracing::info!("stopped");
    outcome
}

/// Opens the store. A command that holds it for a moment is waited for; a daemon that holds it is not.
async fn open_store(config: &Config) -> Result<Arc<Store>, Failure> {
    let deadline = Instant::now() + STORE_WAIT;
    loop {
        let options = run::options(config, CreateMode::IfMissing);
        let opened = tokio::task::spawn_blocking(move || Store::open(options)).await;
        match opened {
            Ok(Ok(store)) => return Ok(Arc::new(store)),
            Ok(Err(OpenError::InUse(_))) => {
                let served = listen::connect_unix(&control::socket(&config.store.path)).await.is_ok();
                if served || Instant::now() > deadline {
                    return Err(in_use(config));
                }
            }
            Ok(Err(error)) => return Err(run::refused(&error)),
            Err(_) => {
                return Err(Failure::failed(
                    "opening the store ended in a fault of the program",
                    "report this",
                ));
            }
        }
        sleep(STORE_LOOK).await;
    }
}

fn in_use(config: &Config) -> Failure {
    Failure::new(
        Exit::InUse,
        format!("the store in {} is in use by another process", config.store.path.display()),
        "stop that process first, or name another state folder with --state",
    )
}

/// Binds what needs the application, says ready, and serves until a vital part ends.
async fn with_app(
    parts: &Parts,
    app: &Arc<App>,
    tls: Option<Arc<ServerConfig>>,
    handed: Vec<Socket>,
    mut addresses: Addresses,
    demo: bool,
) -> Result<(), Failure> {
    let logins = if demo { Some(demo::prepare(app, &parts.config.store.path).await?) } else { None };
    let vendors = Vendors::new(app, Arc::clone(&parts.clock), &parts.config);
    listen_for_commands(parts, app, &vendors).await?;
    let listeners = Listener::all(handed, &parts.config.http.listen, 0o660).await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    addresses.http.extend(listeners.iter().map(|listener| url(&listener.address(), scheme)));
    let workshop = workshop(parts, app, &vendors);
    let front = Front::current(workshop.server(&parts.config), tls);
    let caps = Caps::new(&parts.config.limits, &parts.config.http.trusted_proxies, &parts.metrics);
    // Whoever was answered by a listener must not be told that the daemon is starting.
    parts.daemon.ready(addresses.clone());
    for listener in listeners {
        listen::serve(&parts.supervisor, listener, Arc::clone(&front), Arc::clone(&caps));
    }
    keep_house(parts, app);
    vendors::serve(&parts.supervisor, &vendors);
    systemd::feed_watchdog(&parts.supervisor, app);
    systemd::ready(&addresses);
    say_ready(&addresses, &parts.config.store.path);
    let reload = Reload {
        source: parts.source.clone(),
        running: parts.config.clone(),
        workshop,
        front,
        caps,
        limits: Arc::clone(&parts.limits),
        addresses: addresses.clone(),
    };
    reload::serve(&parts.supervisor, reload, Arc::clone(&parts.hangups));
    if let Some(logins) = logins {
        guide(parts, &addresses, &logins)?;
    }
    let (work, observation) = (parts.supervisor.stopping(), parts.observers.stopping());
    tokio::select! {
        () = work.cancelled() => {}
        () = observation.cancelled() => {}
    }
    systemd::stopping();
    Err(Failure::failed("a vital part of the server ended", "see the log above; start again"))
}

async fn listen_for_commands(parts: &Parts, app: &Arc<App>, vendors: &Arc<Vendors>) -> Result<(), Failure> {
    let state = &parts.config.store.path;
    if parts.config.store.engine == Engine::Memory {
        // No store made the folder.
        make_folder(state)?;
    }
    let socket = ListenAddress::Unix(control::socket(state));
    let listener = Listener::bind(&socket, 0o600).await?;
    let executor = Executor {
        app: Arc::clone(app),
        daemon: Some(Arc::clone(&parts.daemon)),
        vendors: Arc::clone(vendors),
    };
    control::server::serve(&parts.supervisor, listener, Arc::new(executor));
    Ok(())
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| {
        Failure::failed(
            format!("cannot make {}: {error}", path.display()),
            "make it yourself, or choose another with --state",
        )
    })
}

fn workshop(parts: &Parts, app: &Arc<App>, vendors: &Arc<Vendors>) -> Workshop {
    Workshop {
        app: Arc::clone(app),
        vendors: Arc::clone(vendors),
        clock: Arc::clone(&parts.clock),
        metrics: Arc::clone(&parts.metrics),
        supervisor: parts.supervisor.clone(),
    }
}

/// Tidies the store once a minute. A round that fails is told and tried again.
fn keep_house(parts: &Parts, app: &Arc<App>) {
    let (app, stopping) = (Arc::clone(app), parts.supervisor.stopping());
    let clock = Arc::clone(&parts.clock);
    let mut steady = Steady::begin(clock.now(), Instant::now(), app.last_seen());
    parts.supervisor.spawn("housekeeping", Importance::Vital, async move {
        let mut rounds = interval(HOUSEKEEPING);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                _ = rounds.tick() => {}
            }
            if let Err(error) = app.housekeeping(steady.look(clock.now(), Instant::now())).await {
                tracing::warn!(error = crate::failure::chain(&error), "housekeeping failed");
            }
        }
    });
}

/// Stops taking work, lets what is in flight end, and drops what takes too long.
async fn stop(parts: &Parts) {
    parts.daemon.draining();
    tracing::info!(count = parts.metrics.connections_open(), "stopping");
    if parts.supervisor.drain(parts.limits.load().drain_timeout.0).await == Drained::Cut {
        tracing::warn!("some requests took too long and were cut");
    }
}

fn say_ready(addresses: &Addresses, state: &Path) {
    let (http, management) = (addresses.http.join(","), addresses.management.join(","));
    let line = format!("almanac ready http={http} management={management} state={}\n", state.display());
    let _ = std::io::stderr().write_all(line.as_bytes());
}

fn guide(parts: &Parts, addresses: &Addresses, logins: &str) -> Result<(), Failure> {
    let own = addresses.http.first().cloned().unwrap_or_default();
    let port = own.rsplit(':').next().unwrap_or_default();
    let (url, fingerprint) = match &parts.config.http.tls {
        None => (own, None),
        Some(tls) => (format!("https://{}:{port}", lan::address()), Some(lan::fingerprint(&tls.cert_file)?)),
    };
    let text = demo::guide(&url, &parts.config.store.path, logins, fingerprint.as_deref());
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// How a client would write the address.
fn url(address: &ListenAddress, scheme: &str) -> String {
    match address {
        ListenAddress::Tcp(address) => format!("{scheme}://{address}"),
        ListenAddress::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// Listens for SIGTERM and SIGINT. The first one cancels the token; a second one ends the process at once, whatever
/// it is doing.
fn told_to_stop(observers: &Supervisor) -> Result<CancellationToken, Failure> {
    let take = |kind| {
        signal(kind)
            .map_err(|error| Failure::failed(format!("cannot listen for signals: {error}"), "report this"))
    };
    let (mut terminate, mut interrupt) = (take(SignalKind::terminate())?, take(SignalKind::interrupt())?);
    let told = CancellationToken::new();
    let tell = told.clone();
    observers.spawn("signals", Importance::Vital, async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if tell.is_cancelled() {
                // Whatever is not durable was not acknowledged: the store is made for this.
                std::process::exit(i32::from(Exit::Failed as u8));
            }
            systemd::stopping();
            tell.cancel();
        }
    });
    Ok(told)
}
