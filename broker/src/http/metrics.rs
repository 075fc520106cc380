//! What is counted and timed, for Prometheus, on a listener of its own.
//!
//! Labels come from closed sets: the route's pattern, never a path; a code of ours, never
//! a text. An issuer's id is a label because operators make those, not callers.
//! `docs/reference/metrics.md` lists them.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use segura_model::api::ReadyState;

use super::health::{Health, Snapshot};

/// Every metric of the process.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram>,
    connections_refused: Counter,
    checks: Family<CheckLabels, Gauge>,
    key_age: Family<IssuerLabels, Gauge>,
    issuer_keys: Family<IssuerLabels, Gauge>,
    certificate_expiry: Gauge,
    disk_free: Gauge<u64, AtomicU64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    outcome: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabels {
    check: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IssuerLabels {
    issuer: String,
}

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("segura"),
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            connections_refused: Counter::default(),
            checks: Family::default(),
            key_age: Family::default(),
            issuer_keys: Family::default(),
            certificate_expiry: Gauge::default(),
            disk_free: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    /// Count and time a request.
    pub fn observe(
        &self,
        method: &str,
        route: &str,
        outcome: &'static str,
        code: &'static str,
        elapsed: Duration,
    ) {
        let route = route.to_owned();
        // A method is text of the caller's; those we route are all there is to tell apart.
        let method = if METHODS.contains(&method) { method } else { "other" }.to_owned();
        self.seconds
            .get_or_create(&RouteLabels { route: route.clone() })
            .observe(elapsed.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { method, route, outcome, code }).inc();
    }

    /// Count a connection that was closed because its address has too many.
    pub fn refuse_connection(&self) {
        self.connections_refused.inc();
    }

    /// The text that Prometheus reads.
    fn render(&self, snapshot: &Snapshot) -> String {
        for check in snapshot.checks() {
            let labels = CheckLabels { check: check.name.clone() };
            self.checks.get_or_create(&labels).set(match check.state {
                ReadyState::Ready => 0,
                ReadyState::Warning => 1,
                ReadyState::Down => 2,
            });
        }
        // Issuers that were removed must not be reported for ever.
        self.key_age.clear();
        self.issuer_keys.clear();
        for status in &snapshot.keys {
            let labels = IssuerLabels { issuer: status.issuer.to_string() };
            self.key_age.get_or_create(&labels).set(status.age.unwrap_or(-1));
            let count = i64::try_from(status.keys).unwrap_or(i64::MAX);
            self.issuer_keys.get_or_create(&labels).set(count);
        }
        self.certificate_expiry.set(snapshot.certificate_ends.map_or(0, |ends| ends.0));
        self.disk_free.set(snapshot.disk_free);
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }

    fn register(&mut self) {
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        let Self { registry, .. } = self;
        registry.register("build", "The version that runs", version);
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request's head to its answer",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register(
            "connections_refused",
            "Connections closed because their address has too many",
            self.connections_refused.clone(),
        );
        registry.register(
            "check",
            "What /readyz says: 0 ready, 1 warning, 2 down",
            self.checks.clone(),
        );
        registry.register_with_unit(
            "issuer_keys_age",
            "Time since an issuer vouched for the keys in use; -1 without keys",
            Unit::Seconds,
            self.key_age.clone(),
        );
        registry.register("issuer_keys", "Usable keys of an issuer", self.issuer_keys.clone());
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When the server's certificate ends; 0 without TLS",
            self.certificate_expiry.clone(),
        );
        registry.register_with_unit(
            "disk_free",
            "Free disk under the data directory",
            Unit::Bytes,
            self.disk_free.clone(),
        );
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// `GET /metrics`, on its own listener.
pub async fn scrape(metrics: Data<Metrics>, health: Data<Health>) -> HttpResponse {
    let text = metrics.render(&health.look().await);
    HttpResponse::Ok().content_type(OPENMETRICS).body(text)
}

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const METHODS: [&str; 4] = ["DELETE", "GET", "POST", "PUT"];
/// Seconds: a delivery takes milliseconds, and five seconds are an outage.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];
