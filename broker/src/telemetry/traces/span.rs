//! The span of a request, and what any span may hold.

use actix_web::http::header::HeaderMap;
use opentelemetry::Context;
use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use segura_model::RequestId;
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::parent;
use crate::http::routes::NO_ROUTE;
use crate::telemetry::TRACES;

/// Begin the span of a request: in the caller's trace, if it says one.
pub(crate) fn begin_request(
    id: RequestId,
    method: &'static str,
    route: &'static str,
    headers: &HeaderMap,
) -> Span {
    let routed = (route != NO_ROUTE).then_some(route);
    let span = tracing::info_span!(
        target: TRACES,
        parent: None,
        "request",
        otel.kind = "server",
        otel.name = routed.map_or(method.to_owned(), |route| format!("{method} {route}")),
        otel.status_code = Empty,
        "error.type" = Empty,
        http.request.method = method,
        http.response.status_code = Empty,
        http.route = routed,
        segura.code = Empty,
        segura.outcome = Empty,
        segura.request_id = %id,
    );
    if !span.is_disabled()
        && let Some(parent) = parent::of(headers)
    {
        // It fails only without the layer, when there is nothing to continue.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
    span
}

/// How a request ended.
pub(crate) struct RequestEnd {
    pub(crate) outcome: &'static str,
    pub(crate) code: &'static str,
    pub(crate) status: Option<u16>,
}

/// Say in its span how the request ended.
pub(crate) fn end_request(span: &Span, end: &RequestEnd) {
    if span.is_disabled() {
        return;
    }
    let RequestEnd { outcome, code, status } = *end;
    if let Some(status) = status {
        span.record("http.response.status_code", i64::from(status));
    }
    span.record("segura.outcome", outcome);
    span.record("segura.code", code);
    // What a caller did wrong is no error of the server's span.
    if outcome == "failed" {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", code);
    }
}

/// The trace that this span is in, if traces are on.
pub(crate) fn trace_id(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let span = context.span();
    let context = span.span_context();
    context.is_valid().then(|| context.trace_id().to_string())
}

/// Leave nothing in a span but what is on the list. Names and values are ours to choose
/// where spans are made; this is what holds when somebody forgets.
pub(super) fn keep_to_the_list(span: &mut SpanData) {
    span.attributes.retain(|attribute| ATTRIBUTES.contains(&attribute.key.as_str()));
    span.events = SpanEvents::default();
    span.links = SpanLinks::default();
    if let Status::Error { description } = &mut span.status {
        *description = "".into();
    }
}

/// Everything that a span may say. Each comes from a closed set, or is a number, an id of
/// ours, or the id that operators gave an issuer entry.
const ATTRIBUTES: [&str; 9] = [
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "segura.code",
    "segura.issuer",
    "segura.outcome",
    "segura.request_id",
    "segura.writer.wait_us",
];

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use opentelemetry::trace::{SpanContext, SpanId, SpanKind};
    use opentelemetry::{InstrumentationScope, KeyValue};

    use super::*;

    #[test]
    fn what_is_not_on_the_list_is_not_sent() {
        let mut span = SpanData {
            span_context: SpanContext::NONE,
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: "open".into(),
            start_time: SystemTime::UNIX_EPOCH,
            end_time: SystemTime::UNIX_EPOCH,
            attributes: vec![
                KeyValue::new("segura.code", "ok"),
                KeyValue::new("token", "eyJ"),
                KeyValue::new("exception.message", "eyJ"),
            ],
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::error("eyJ"),
            instrumentation_scope: InstrumentationScope::builder("segura").build(),
        };
        span.events.events.push(opentelemetry::trace::Event::with_name("eyJ"));
        keep_to_the_list(&mut span);
        assert_eq!(span.attributes, [KeyValue::new("segura.code", "ok")]);
        assert!(!format!("{span:?}").contains("eyJ"), "{span:?}");
    }
}
