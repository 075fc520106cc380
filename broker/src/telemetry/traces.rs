//! Traces, when they are switched on: spans of requests, sent to a collector by OTLP.
//!
//! A span tells how long a part of a request took, and what the log line tells of it; what
//! may be in one is a list (`span::ATTRIBUTES`), held to where spans are handed over. Traces
//! are never waited for: what the collector does not take in time is dropped and counted.
//! Spans have a target of their own that no log level opens, so while traces are off a span
//! is a look at one atomic.

mod export;
mod figures;
mod parent;
mod queue;
mod sampler;
mod span;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanLimits};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use self::export::Otlp;
use self::queue::Queue;
use self::sampler::OfRequests;
use crate::config;
use crate::net::{Collector, CollectorError, OutboundProxy};

pub(crate) use figures::FIGURES;
pub(crate) use span::{RequestEnd, begin_request, end_request, trace_id};

/// Traces that are being sent; what waits is sent when this is dropped, if the collector is
/// quick.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH_TIME) {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Begin to send, and what makes traces of spans.
pub(super) fn start<S>(
    settings: &config::Traces,
    proxy: &OutboundProxy,
) -> Result<(Traces, OpenTelemetryLayer<S, SdkTracer>), CollectorError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let exporter = Otlp::new(Collector::new(settings, proxy)?, &FIGURES);
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    // Everything that the library would else take from the environment is said.
    let resource = Resource::builder_empty().with_service_name("segura").with_attribute(version);
    let provider = SdkTracerProvider::builder()
        .with_span_processor(Queue::new(exporter, &FIGURES))
        .with_sampler(OfRequests::new(settings.ratio))
        .with_span_limits(SpanLimits::default())
        .with_resource(resource.build())
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("segura"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false);
    Ok((Traces(provider), layer))
}

/// How long a server that has stopped waits for its last spans to be taken.
const FLUSH_TIME: Duration = Duration::from_secs(3);
