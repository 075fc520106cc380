//! Which spans are sent: those of requests, and of these the part that was asked for.
//!
//! What a server does on its own belongs to no trace; a step of it would be one of a single
//! span. Who continues a caller's trace does as the caller decided.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

/// Samples requests.
#[derive(Clone, Debug)]
pub(super) struct OfRequests(Sampler);

impl OfRequests {
    /// Of the requests that begin a trace, this part.
    pub(super) fn new(ratio: f64) -> Self {
        Self(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
    }
}

impl ShouldSample for OfRequests {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        if *kind == SpanKind::Server || parent.is_some_and(TraceContextExt::has_active_span) {
            return self.0.should_sample(parent, trace_id, name, kind, attributes, links);
        }
        SamplingResult {
            decision: SamplingDecision::Drop,
            attributes: Vec::new(),
            trace_state: TraceState::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags};

    use super::*;

    const TRACE: TraceId = TraceId::from_bytes([7; 16]);

    fn decision(ratio: f64, parent: Option<TraceFlags>, kind: &SpanKind) -> SamplingDecision {
        let span = SpanId::from_bytes([1; 8]);
        let parent = parent.map(|flags| {
            let parent = SpanContext::new(TRACE, span, flags, true, TraceState::NONE);
            Context::new().with_remote_span_context(parent)
        });
        OfRequests::new(ratio).should_sample(parent.as_ref(), TRACE, "x", kind, &[], &[]).decision
    }

    #[test]
    fn a_caller_decides_about_its_own_trace_and_the_ratio_about_the_rest() {
        use SamplingDecision::{Drop, RecordAndSample};
        let [sampled, not] = [Some(TraceFlags::SAMPLED), Some(TraceFlags::NOT_SAMPLED)];
        let server = &SpanKind::Server;
        for (ratio, parent, expected) in [
            (1.0, None, RecordAndSample),
            (0.0, None, Drop),
            (0.0, sampled, RecordAndSample),
            (1.0, not, Drop),
        ] {
            assert_eq!(decision(ratio, parent, server), expected, "{ratio} {parent:?}");
        }
    }

    #[test]
    fn what_belongs_to_no_request_is_no_trace() {
        let kind = &SpanKind::Internal;
        assert_eq!(decision(1.0, None, kind), SamplingDecision::Drop);
        let sampled = Some(TraceFlags::SAMPLED);
        assert_eq!(decision(1.0, sampled, kind), SamplingDecision::RecordAndSample);
    }
}
