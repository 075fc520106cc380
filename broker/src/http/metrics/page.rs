//! One page of figures as text: a thin layer over the encoder, so that a figure is a line.

use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use segura_store::Spread;

/// Where figures are written.
pub(super) struct Page<'a>(pub(super) DescriptorEncoder<'a>);

/// What a histogram's whole numbers stand for.
#[derive(Clone, Copy)]
pub(super) enum Scale {
    /// Microseconds, shown as seconds.
    Micros,
    /// Themselves.
    Ones,
}

impl Page<'_> {
    pub(super) fn gauge(
        &mut self,
        name: &str,
        help: &str,
        value: impl EncodeGaugeValue + Copy,
    ) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    pub(super) fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let mut page = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in values {
            page.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let mut page = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        page.encode_counter::<NoLabelSet, u64, f64>(&value, None)
    }

    pub(super) fn seconds(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let mut page = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        page.encode_counter::<NoLabelSet, f64, f64>(&value, None)
    }

    /// A counter for each value of one label.
    pub(super) fn counters<'l>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'l str, u64)>,
    ) -> fmt::Result {
        let mut page = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (of, value) in values {
            let labels = [(label, of)];
            page.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&value, None)?;
        }
        Ok(())
    }

    pub(super) fn spread(
        &mut self,
        name: &str,
        help: &str,
        scale: Scale,
        spread: &Spread,
    ) -> fmt::Result {
        let counts: Vec<_> = spread.counts().collect();
        let buckets: Vec<(f64, u64)> = counts
            .iter()
            .map(|(bound, count)| (bound.map_or(f64::INFINITY, |it| scale.show(it)), *count))
            .collect();
        let count = counts.iter().map(|(_, count)| count).sum();
        let mut page = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        page.encode_histogram::<NoLabelSet>(scale.show(spread.sum()), count, &buckets, None)
    }
}

impl Scale {
    #[expect(clippy::cast_precision_loss, reason = "above 2^53 a figure may be rounded")]
    fn show(self, value: u64) -> f64 {
        match self {
            Self::Micros => value as f64 / 1e6,
            Self::Ones => value as f64,
        }
    }
}
