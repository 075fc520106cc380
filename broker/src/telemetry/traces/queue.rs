//! Where spans wait to be sent: a bounded place, and the one door out.
//!
//! The library's queue is bounded too but tells nobody what it drops. So a span has to get a
//! place here first, and the library's queue has as many.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor,
};

use super::figures::Figures;
use super::span;

/// Hands spans over in batches, from a thread of its own.
#[derive(Debug)]
pub(super) struct Queue {
    batches: BatchSpanProcessor,
    figures: &'static Figures,
}

impl Queue {
    pub(super) fn new(exporter: impl SpanExporter + 'static, figures: &'static Figures) -> Self {
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(PLACES)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(SEND_EVERY)
            .build();
        let batches = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        Self { batches, figures }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, mut span: SpanData) {
        if span.span_context.is_sampled() && self.figures.enter(PLACES) {
            span::keep_to_the_list(&mut span);
            self.batches.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// Spans that wait or are on their way; a span has about a kilobyte.
const PLACES: usize = 4096;
/// Spans in one message.
const BATCH: usize = 512;
/// How often what has gathered is sent.
const SEND_EVERY: Duration = Duration::from_secs(1);
