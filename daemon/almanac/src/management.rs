//! The management listener: is the daemon alive, is it ready, and how is it doing. No authentication, no detail.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use almanac_app::{App, StoreStatus};
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::commands::vendors::metrics::account_figures;
use crate::config::Limits;
use crate::daemon::{Daemon, Phase};
use crate::limits::{MANAGEMENT_CONNECTIONS_MAX, PROBE_WAIT};
use crate::listen::{Accepted, Listener};
use crate::metrics::{Figure, Metrics};
use crate::supervisor::{Importance, Supervisor};
use crate::vendors::Vendors;

/// What the management listener may look at.
pub(crate) struct Management {
    pub(crate) daemon: Arc<Daemon>,
    pub(crate) metrics: Arc<Metrics>,
    /// Set once the store is open.
    pub(crate) app: OnceLock<Arc<App>>,
    /// Set once accounts can be worked for.
    pub(crate) vendors: OnceLock<Arc<Vendors>>,
    pub(crate) limits: Arc<ArcSwap<Limits>>,
}

/// Serves one address until the supervisor asks to stop.
pub(crate) fn serve(supervisor: &Supervisor, listener: Listener, management: Arc<Management>) {
    let tasks = supervisor.clone();
    let slots = Arc::new(Semaphore::new(MANAGEMENT_CONNECTIONS_MAX));
    let stopping = supervisor.stopping();
    let accepting = async move {
        loop {
            let accepted = listener.accept().await;
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { continue };
            let management = Arc::clone(&management);
            tasks.spawn("management.connection", Importance::Ordinary, async move {
                let _slot = slot;
                match accepted {
                    Accepted::Tcp(stream, _) => connection(stream, &management).await,
                    Accepted::Unix(stream) => connection(stream, &management).await,
                }
            });
        }
    };
    supervisor.spawn("management.listener", Importance::Vital, async move {
        stopping.run_until_cancelled_owned(accepting).await;
    });
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin>(stream: S, management: &Arc<Management>) {
    let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
        Ok::<_, Infallible>(management.answer(request.method(), request.uri().path()).await)
    });
    let limits = management.limits.load_full();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout.0)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // One request a connection: the whole of it has one bound.
    let _ = timeout(limits.header_timeout.0 + limits.write_timeout.0, connection).await;
}

impl Management {
    async fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
        }
        match path {
            "/health/live" => text(StatusCode::OK, "alive\n"),
            "/health/ready" => match self.daemon.phase() {
                Phase::Starting => text(StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
                Phase::Running if self.store().await == Answer::Well => text(StatusCode::OK, "ready\n"),
                Phase::Running => text(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n"),
                Phase::Draining => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            },
            "/metrics" => self.metrics().await,
            _ => text(StatusCode::NOT_FOUND, "not found\n"),
        }
    }

    /// Whether requests can be answered: after a failed sync of the disk they cannot, until a restart, nor while the
    /// disk hangs.
    async fn store(&self) -> Answer {
        match self.app.get() {
            Some(app) => answer(app.probe()).await,
            None => Answer::None,
        }
    }

    async fn metrics(&self) -> Response<Full<Bytes>> {
        let store = self.store().await;
        let mut figures = vec![
            figure("almanac_uptime_seconds", "gauge", "Since the start.", self.daemon.uptime_seconds()),
            figure(
                "almanac_ready",
                "gauge",
                "1 while requests are taken.",
                u64::from(self.daemon.phase() == Phase::Running && store == Answer::Well),
            ),
        ];
        // Its figures are asked of the disk: one that hangs would hold a thread that serves requests.
        let status = match self.app.get() {
            Some(app) if store != Answer::None => app.status().await.ok(),
            _ => None,
        };
        figures.extend(status.iter().flat_map(store_figures));
        let accounts = match self.vendors.get() {
            Some(vendors) if store != Answer::None => account_figures(vendors).await,
            _ => Vec::new(),
        };
        let mut response = text(StatusCode::OK, self.metrics.render(&figures, &accounts));
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// What the store answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Well,
    Error,
    /// Nothing, in time.
    None,
}

async fn answer<E>(probe: impl Future<Output = Result<(), E>>) -> Answer {
    match timeout(PROBE_WAIT, probe).await {
        Ok(Ok(())) => Answer::Well,
        Ok(Err(_)) => Answer::Error,
        Err(_) => Answer::None,
    }
}

fn store_figures(status: &StoreStatus) -> Vec<Figure> {
    let (engine, seals) = (&status.stats.engine, status.stats.seals);
    vec![
        figure("almanac_store_bytes", "gauge", "Bytes of the store on disk.", engine.disk_bytes),
        figure(
            "almanac_store_syncs_total",
            "counter",
            "Waits for the disk to have everything.",
            engine.syncs,
        ),
        figure("almanac_store_commits_total", "counter", "Commits that became durable.", engine.commits),
        figure(
            "almanac_store_conflicts_total",
            "counter",
            "Commits refused by a precondition.",
            engine.conflicts,
        ),
        figure(
            "almanac_store_groups_total",
            "counter",
            "Groups of commits that shared one sync.",
            engine.groups,
        ),
        figure(
            "almanac_store_reopened_total",
            "counter",
            "Times the store was opened anew after an error.",
            engine.reopened,
        ),
        figure("almanac_store_seals_total", "counter", "Values sealed since the start.", seals),
        figure("almanac_tenants", "gauge", "Tenants.", status.tenants),
        figure("almanac_users", "gauge", "People with a login.", status.users),
        figure("almanac_collections", "gauge", "Calendar collections.", status.collections),
    ]
}

fn figure(name: &'static str, kind: &'static str, help: &'static str, value: u64) -> Figure {
    Figure { name, kind, help, value }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use almanac_app::AppOptions;
    use almanac_base::SystemClock;
    use almanac_store::{CreateMode, EngineKind, FreshKey, OpenOptions, Store};
    use http_body_util::BodyExt;

    use super::*;
    use crate::commands::rows::Addresses;

    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_answer_in_time_is_told_from_one_that_answers_with_an_error() {
        assert_eq!(answer(async { Ok::<_, ()>(()) }).await, Answer::Well);
        assert_eq!(answer(async { Err(()) }).await, Answer::Error);
        assert_eq!(answer(std::future::pending::<Result<(), ()>>()).await, Answer::None);
    }

    async fn ask(management: &Management, method: &Method, path: &str) -> (u16, String) {
        let response = management.answer(method, path).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ready_is_answered_only_between_start_and_drain_while_the_store_answers_and_alive_always() {
        let daemon = Arc::new(Daemon::new("/s".into()));
        let clock = Arc::new(SystemClock);
        let options = OpenOptions {
            state: "/nonexistent".into(),
            engine: EngineKind::Memory,
            cache_bytes: 1 << 20,
            key: Arc::new(FreshKey::default()),
            clock: Arc::clone(&clock) as _,
            create: CreateMode::IfMissing,
        };
        let store = Arc::new(Store::open(options).unwrap());
        let app = App::open(Arc::clone(&store), AppOptions { clock, cache_bytes: 1 << 20, trash_days: 30 })
            .await
            .unwrap();
        let management = Management {
            daemon: Arc::clone(&daemon),
            metrics: Arc::default(),
            app: OnceLock::from(app),
            vendors: OnceLock::new(),
            limits: Arc::default(),
        };
        let get = Method::GET;
        assert_eq!(ask(&management, &get, "/health/ready").await.0, 503);
        assert!(ask(&management, &get, "/metrics").await.1.contains("\nalmanac_ready 0\n"));
        daemon.ready(Addresses::default());
        assert_eq!(ask(&management, &get, "/health/ready").await.0, 200);
        assert!(ask(&management, &get, "/metrics").await.1.contains("\nalmanac_ready 1\n"));
        store.close(); // as a store that gave up after a failed sync
        assert_eq!(
            ask(&management, &get, "/health/ready").await,
            (503, "the store does not answer\n".to_owned())
        );
        assert!(ask(&management, &get, "/metrics").await.1.contains("\nalmanac_ready 0\n"));
        daemon.draining();
        assert_eq!(ask(&management, &get, "/health/ready").await, (503, "draining\n".to_owned()));
        assert_eq!(ask(&management, &get, "/health/live").await.0, 200);
        assert_eq!(ask(&management, &get, "/anything").await.0, 404);
        assert_eq!(ask(&management, &Method::POST, "/metrics").await.0, 405);
    }
}
