//! Batches of spans on their way: as OTLP's protobuf, through our one HTTP client.
//!
//! The library's exporter would take the same client; but it also takes headers, time-outs
//! and compression from the process's environment, past the settings (ADR 0013).

use std::sync::{Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message;

use super::figures::Figures;
use crate::net::Collector;
use crate::telemetry::Chain;

/// Sends spans to a collector.
#[derive(Debug)]
pub(super) struct Otlp {
    collector: Collector,
    figures: &'static Figures,
    outage: Mutex<Outage>,
    resource: ResourceAttributesWithSchema,
}

impl Otlp {
    pub(super) fn new(collector: Collector, figures: &'static Figures) -> Self {
        let (outage, resource) = (Mutex::default(), ResourceAttributesWithSchema::default());
        Self { collector, figures, outage, resource }
    }
}

impl SpanExporter for Otlp {
    /// Called from the thread of the batches, one batch at a time.
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let message = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let sent = self.collector.post(message);
        self.figures.leave(spans, sent.is_ok());
        let mut outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        match (outage.note(sent.is_err(), self.figures.dropped()), &sent) {
            (Told::Began, Err(error)) => {
                tracing::warn!(error = %Chain(error), "traces are dropped");
            }
            (Told::Began, Ok(())) => {
                tracing::warn!(error = "more spans came than were taken", "traces are dropped");
            }
            (Told::Ended { dropped }, _) => tracing::info!(dropped, "traces are taken again"),
            (Told::Nothing, _) => {}
        }
        sent.map_err(|error| OTelSdkError::InternalFailure(error.to_string()))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

/// Whether spans are being lost, so that it is said once.
#[derive(Debug, Default)]
struct Outage {
    /// How many were dropped before it began.
    began_at: Option<u64>,
    seen: u64,
}

/// What there is to say.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Began,
    Ended { dropped: u64 },
    Nothing,
}

impl Outage {
    /// How a sending went, and how many spans have been dropped in all.
    fn note(&mut self, failed: bool, dropped: u64) -> Told {
        let before = std::mem::replace(&mut self.seen, dropped);
        let losing = failed || dropped > before;
        match self.began_at {
            None if losing => {
                self.began_at = Some(before);
                Told::Began
            }
            Some(at) if !losing => {
                self.began_at = None;
                Told::Ended { dropped: dropped - at }
            }
            _ => Told::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_when_it_begins_and_once_when_it_ends() {
        let mut outage = Outage::default();
        assert_eq!(outage.note(false, 0), Told::Nothing);
        assert_eq!(outage.note(true, 5), Told::Began);
        assert_eq!(outage.note(true, 9), Told::Nothing);
        // The collector answers, but is too slow.
        assert_eq!(outage.note(false, 12), Told::Nothing);
        assert_eq!(outage.note(false, 12), Told::Ended { dropped: 12 });
        assert_eq!(outage.note(false, 12), Told::Nothing);
        assert_eq!(outage.note(false, 13), Told::Began, "the queue was full");
        assert_eq!(outage.note(false, 13), Told::Ended { dropped: 1 });
    }
}
