//! One request and its answer, as the log and the metrics see them. It ends when its last holder drops it.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use almanac_base::{RequestId, UserId};
use tokio::time::Instant;

use super::watch::Watch;
use crate::metrics::Metrics;
use crate::route;

/// The status in log and metrics of a request whose client left before there was an answer.
const ABANDONED: u16 = 499;

/// The life of one request, from the end of its head to the end of its answer.
pub(crate) struct Exchange {
    id: RequestId,
    number: u64,
    method: &'static str,
    route: &'static str,
    begun: Instant,
    received: Arc<AtomicU64>,
    sent: AtomicU64,
    status: AtomicU16,
    principal: OnceLock<UserId>,
    complete: AtomicBool,
    slow_body: AtomicBool,
    watch: Arc<Watch>,
    metrics: Arc<Metrics>,
}

impl Exchange {
    pub(crate) fn begin<B>(
        id: RequestId,
        request: &http::Request<B>,
        watch: &Arc<Watch>,
        metrics: &Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            number: watch.exchange_begun(request.version()),
            method: route::method(request.method()),
            route: route::template(request.uri().path()),
            begun: Instant::now(),
            received: Arc::default(),
            sent: AtomicU64::new(0),
            status: AtomicU16::new(ABANDONED),
            principal: OnceLock::new(),
            complete: AtomicBool::new(false),
            slow_body: AtomicBool::new(false),
            watch: Arc::clone(watch),
            metrics: Arc::clone(metrics),
        })
    }

    /// Where the bytes of the request body are counted.
    pub(crate) fn received(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.received)
    }

    pub(crate) fn answered<B>(&self, response: &http::Response<B>) {
        self.status.store(response.status().as_u16(), Relaxed);
        if let Some(user) = response.extensions().get::<UserId>() {
            let _ = self.principal.set(*user); // there is one answer
        }
    }

    pub(crate) fn answer_complete(&self) {
        self.complete.store(true, Relaxed);
    }

    pub(crate) fn body_timed_out(&self) {
        self.slow_body.store(true, Relaxed);
    }

    pub(crate) fn body_left_unread(&self) {
        self.watch.body_left_unread();
    }

    pub(crate) fn piece_wanted(&self) {
        self.watch.piece_wanted(self.number);
    }

    pub(crate) fn piece_offered(&self, bytes: usize) {
        self.sent.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Relaxed);
        self.watch.piece_offered(self.number);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.watch.exchange_ended(self.number);
        let (status, bytes, took) =
            (self.status.load(Relaxed), self.sent.load(Relaxed), self.begun.elapsed());
        if self.slow_body.load(Relaxed) {
            self.metrics.connection_ended_by_us("body-timeout");
        }
        self.metrics.request_done(self.method, status, took);
        self.metrics.bytes(self.received.load(Relaxed), bytes);
        // `cut`: the client left, or was too slow, before the answer had ended.
        let outcome = if self.complete.load(Relaxed) { "done" } else { "cut" };
        let elapsed_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let principal = self.principal.get().map(tracing::field::display);
        tracing::info!(
            method = self.method, route = self.route, status, bytes, elapsed_ms, outcome, request.id = %self.id,
            principal.id = principal, "request"
        );
    }
}
