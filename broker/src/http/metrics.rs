//! What is counted and timed, for Prometheus, on a listener of its own.
//!
//! Labels come from closed sets: the route's pattern, never a path; a code of ours, never
//! a text. An issuer's id is a label because operators make those, not callers. A request
//! is counted without an allocation once its labels have been seen; what others keep
//! anyway is looked up when it is asked for (`readings`). `docs/reference/metrics.md`
//! lists every name, and a test holds it to that.

mod page;
mod process;
mod readings;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use segura_store::Store;
use tokio::sync::Mutex;

use self::process::Process;
use self::readings::Readings;
use super::health::Health;
use super::idle;
use super::limits::Edge;
use crate::app::App;

/// What is kept as requests come.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram>,
    sessions: Mutex<Counted>,
}

/// What is known of a request that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// One that is routed, or `other`.
    pub method: &'static str,
    /// The pattern of its route.
    pub route: &'static str,
    /// `granted`, `refused` or `failed`.
    pub outcome: &'static str,
    /// `ok`, or the code of the error.
    pub code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

/// How many sessions were open, and when they were counted.
#[derive(Default)]
struct Counted {
    at: Option<Instant>,
    sessions: Option<usize>,
}

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Self {
        let requests = Family::default();
        let seconds = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> _);
        let mut registry = Registry::with_prefix("segura");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", version);
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request's head to its answer",
            Unit::Seconds,
            seconds.clone(),
        );
        Self { registry, requests, seconds, sessions: Mutex::default() }
    }

    /// Count and time a request.
    pub fn observe(&self, labels: &RequestLabels, elapsed: Duration) {
        let route = RouteLabels { route: labels.route };
        self.seconds.get_or_create(&route).observe(elapsed.as_secs_f64());
        self.requests.get_or_create(labels).inc();
    }

    /// How many sessions are open. Asked of the database at most once in [`COUNT_EVERY`],
    /// however many scrape.
    async fn sessions(&self, app: &App, store: &Store) -> Option<usize> {
        let mut counted = self.sessions.lock().await;
        if counted.at.is_none_or(|at| at.elapsed() >= COUNT_EVERY) {
            let now = app.now();
            counted.sessions = store.session_count(now, MOST_SESSIONS).await.ok();
            counted.at = Some(Instant::now());
        }
        counted.sessions
    }

    /// The text that Prometheus reads.
    fn render(&self, readings: Readings) -> String {
        let mut looked_up = Registry::default();
        looked_up.register_collector(Box::new(readings));
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &looked_up))
            .and_then(|()| encode_eof(&mut text))
            .expect("writing to a string does not fail");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// A method as a label: it is text of the caller's, and those we route are all there is to
/// tell apart.
pub fn method_label(method: &Method) -> &'static str {
    METHODS.iter().find(|known| **known == method.as_str()).copied().unwrap_or("other")
}

/// Wrap a request for the metrics: its connection is not idle meanwhile.
pub async fn wrap(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let _serving = idle::serving(&request);
    next.call(request).await
}

/// `GET /metrics`, on its own listener.
pub async fn scrape(edge: Data<Edge>, health: Data<Health>, app: Data<App>) -> HttpResponse {
    let metrics = &edge.metrics;
    let readings = Readings {
        health: health.look().await,
        app: app.figures(),
        sessions: metrics.sessions(&app, &health.store).await,
        overload: Arc::clone(&edge.overload),
        connections: Arc::clone(&edge.connections),
        process: Process::look(),
    };
    HttpResponse::Ok().content_type(OPENMETRICS).body(metrics.render(readings))
}

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const METHODS: [&str; 4] = ["DELETE", "GET", "POST", "PUT"];
/// Seconds: a delivery takes milliseconds, a quarter of a second is the promise under
/// overload, and five seconds are an outage.
const BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// How long a count of sessions is good.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// How many sessions are looked through to count them.
const MOST_SESSIONS: usize = 100_000;
