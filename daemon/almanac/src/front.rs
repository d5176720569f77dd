//! What stands behind the listeners: the CalDAV service with its limits, and TLS. A reload exchanges it as a whole; a
//! connection keeps what it found.

use std::sync::Arc;

use almanac_admin::hooks;
use almanac_app::App;
use almanac_base::{Clock, IdGen};
use almanac_methods::{Service, Settings};
use arc_swap::ArcSwap;
use rustls::ServerConfig;

use crate::config::Config;
use crate::connection::{Handler, Server};
use crate::feeds;
use crate::metrics::Metrics;
use crate::supervisor::Supervisor;
use crate::vendors::Vendors;

/// As new connections find it.
pub(crate) struct Front {
    pub(crate) server: Arc<Server>,
    /// `None`: the TCP listeners speak plain HTTP.
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// The place where it is exchanged.
pub(crate) type Current = Arc<ArcSwap<Front>>;

impl Front {
    pub(crate) fn current(server: Arc<Server>, tls: Option<Arc<ServerConfig>>) -> Current {
        Arc::new(ArcSwap::from_pointee(Self { server, tls }))
    }
}

/// What every front is made of.
pub(crate) struct Workshop {
    pub(crate) app: Arc<App>,
    pub(crate) vendors: Arc<Vendors>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) supervisor: Supervisor,
}

impl Workshop {
    /// The CalDAV service as the listeners call it.
    pub(crate) fn server(&self, config: &Config) -> Arc<Server> {
        let limits = &config.limits;
        let mut settings = Settings {
            public_url: config.http.public_url.as_ref().map(ToString::to_string),
            ..Settings::default()
        };
        settings.xml.body_bytes_max = limits.xml_bytes_max.0;
        settings.ical.object_bytes_max = limits.object_bytes_max.0;
        settings.ical.line_bytes_max = limits.object_bytes_max.0; // a file attached inline is one line
        settings.limits.body_bytes_max = limits.body_bytes_max.0;
        let service = Service::new(Arc::clone(&self.app) as _, Arc::clone(&self.clock), settings);
        let (app, vendors) = (Arc::clone(&self.app), Arc::clone(&self.vendors));
        let handler: Handler = Arc::new(move |request, edge| {
            if hooks::is(request.uri().path()) {
                let vendors = Arc::clone(&vendors);
                return Box::pin(async move { vendors.answer_hook(request).await });
            }
            if feeds::is(request.uri().path()) {
                let app = Arc::clone(&app);
                return Box::pin(async move { feeds::answer(&app, &request.into_parts().0).await });
            }
            let service = service.clone();
            Box::pin(async move { service.serve(request, edge).await })
        });
        Arc::new(Server {
            handler,
            limits: limits.clone(),
            trusted: config.http.trusted_proxies.clone(),
            ids: IdGen::new(Arc::clone(&self.clock)),
            metrics: Arc::clone(&self.metrics),
            supervisor: self.supervisor.clone(),
        })
    }
}
