//! What `/metrics` shows: counters in the Prometheus text format. Labels come from fixed sets only.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets of request times, in milliseconds.
const BUCKETS_MS: [u64; 10] = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000];

/// Counters of the whole process.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    connections_open: AtomicU64,
    connections: AtomicU64,
    connection_ends: Mutex<BTreeMap<&'static str, u64>>,
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    durations: [AtomicU64; BUCKETS_MS.len()],
    duration_ms: AtomicU64,
    request_count: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    sign_in_failures: AtomicU64,
}

/// A figure that is read from elsewhere when the metrics are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) help: &'static str,
    pub(crate) value: u64,
}

/// A figure that there is one of for each of several things, such as accounts.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    /// Labels as they are written between braces, and values. Labels hold ids and words of fixed sets, never names.
    pub(crate) gauges: Vec<(String, u64)>,
}

impl Metrics {
    pub(crate) fn connection_opened(&self) {
        self.connections_open.fetch_add(1, Relaxed);
        self.connections.fetch_add(1, Relaxed);
    }

    pub(crate) fn connection_closed(&self) {
        self.connections_open.fetch_sub(1, Relaxed);
    }

    /// Counts a connection that was refused or cut for `reason`.
    pub(crate) fn connection_ended_by_us(&self, reason: &'static str) {
        let mut ends = self.connection_ends.lock().unwrap_or_else(PoisonError::into_inner);
        *ends.entry(reason).or_default() += 1;
    }

    pub(crate) fn request_done(&self, method: &'static str, status: u16, took: Duration) {
        {
            let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            *requests.entry((method, status)).or_default() += 1;
        }
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.request_count.fetch_add(1, Relaxed);
        self.duration_ms.fetch_add(millis, Relaxed);
        if let Some((_, bucket)) = BUCKETS_MS.iter().zip(&self.durations).find(|(bound, _)| millis <= **bound)
        {
            bucket.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn bytes(&self, received: u64, sent: u64) {
        self.bytes_in.fetch_add(received, Relaxed);
        self.bytes_out.fetch_add(sent, Relaxed);
    }

    pub(crate) fn sign_in_failed(&self) {
        self.sign_in_failures.fetch_add(1, Relaxed);
    }

    pub(crate) fn connections_open(&self) -> u64 {
        self.connections_open.load(Relaxed)
    }

    /// All counters, `more` and `families` as Prometheus reads them (text format 0.0.4).
    pub(crate) fn render(&self, more: &[Figure], families: &[Family]) -> String {
        let mut out = String::new();
        let version = env!("CARGO_PKG_VERSION");
        heading(&mut out, "almanac_build_info", "gauge", "The running version.");
        let _ = writeln!(out, "almanac_build_info{{version=\"{version}\"}} 1");
        for (name, kind, help, value) in [
            ("almanac_connections_open", "gauge", "Connections now.", &self.connections_open),
            ("almanac_connections_total", "counter", "Connections accepted.", &self.connections),
            ("almanac_request_bytes_total", "counter", "Bytes of request bodies.", &self.bytes_in),
            ("almanac_response_bytes_total", "counter", "Bytes of response bodies.", &self.bytes_out),
            (
                "almanac_sign_in_failures_total",
                "counter",
                "Requests with a wrong login or password.",
                &self.sign_in_failures,
            ),
        ] {
            heading(&mut out, name, kind, help);
            let _ = writeln!(out, "{name} {}", value.load(Relaxed));
        }
        self.render_families(&mut out);
        self.render_durations(&mut out);
        for figure in more {
            heading(&mut out, figure.name, figure.kind, figure.help);
            let _ = writeln!(out, "{} {}", figure.name, figure.value);
        }
        for family in families.iter().filter(|family| !family.gauges.is_empty()) {
            heading(&mut out, family.name, "gauge", family.help);
            for (labels, value) in &family.gauges {
                let _ = writeln!(out, "{}{{{labels}}} {value}", family.name);
            }
        }
        out
    }

    fn render_families(&self, out: &mut String) {
        heading(out, "almanac_rejected_total", "counter", "Connections refused or cut, by reason.");
        for (reason, count) in self.connection_ends.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = writeln!(out, "almanac_rejected_total{{reason=\"{reason}\"}} {count}");
        }
        heading(out, "almanac_requests_total", "counter", "Requests answered, by method and status.");
        for ((method, status), count) in self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ =
                writeln!(out, "almanac_requests_total{{method=\"{method}\",status=\"{status}\"}} {count}");
        }
    }

    fn render_durations(&self, out: &mut String) {
        let name = "almanac_request_duration_seconds";
        heading(out, name, "histogram", "From the end of a request's headers to the end of its answer.");
        let mut total = 0;
        for (bound, bucket) in BUCKETS_MS.iter().zip(&self.durations) {
            total += bucket.load(Relaxed);
            let _ = writeln!(
                out,
                "{name}_bucket{{le=\"{}\"}} {total}",
                Duration::from_millis(*bound).as_secs_f64()
            );
        }
        let count = self.request_count.load(Relaxed).max(total);
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let sum = Duration::from_millis(self.duration_ms.load(Relaxed)).as_secs_f64();
        let _ = writeln!(out, "{name}_sum {sum}\n{name}_count {count}");
    }
}

fn heading(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_appear_with_their_labels_and_buckets_add_up() {
        let metrics = Metrics::default();
        metrics.connection_opened();
        metrics.connection_ended_by_us("header");
        metrics.request_done("PUT", 201, Duration::from_millis(2));
        metrics.request_done("PUT", 201, Duration::from_millis(20));
        metrics.request_done("GET", 404, Duration::from_secs(100));
        metrics.bytes(10, 20);
        let figure = Figure { name: "almanac_store_bytes", kind: "gauge", help: "Size.", value: 7 };
        let gauges = vec![("account=\"acc_1\"".to_owned(), 5)];
        let family = Family { name: "almanac_account_queue", help: "Waits.", gauges };
        let none = Family { name: "almanac_nothing", help: "Of nothing.", gauges: Vec::new() };
        let text = metrics.render(&[figure], &[family, none]);
        for line in [
            "almanac_connections_open 1",
            "almanac_rejected_total{reason=\"header\"} 1",
            "almanac_requests_total{method=\"PUT\",status=\"201\"} 2",
            "almanac_requests_total{method=\"GET\",status=\"404\"} 1",
            "almanac_request_duration_seconds_bucket{le=\"0.003\"} 1",
            "almanac_request_duration_seconds_bucket{le=\"0.03\"} 2",
            "almanac_request_duration_seconds_bucket{le=\"30\"} 2",
            "almanac_request_duration_seconds_bucket{le=\"+Inf\"} 3",
            "almanac_request_duration_seconds_sum 100.022",
            "almanac_response_bytes_total 20",
            "almanac_store_bytes 7",
            "almanac_account_queue{account=\"acc_1\"} 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.ends_with('\n') && !text.contains("almanac_nothing"));
    }
}
