//! What is logged and traced.

use std::str::FromStr;

use url::Url;

use super::{Noted, Reader};
use crate::config::{LogFormat, Telemetry, Traces};

impl Reader<'_> {
    pub(super) fn telemetry(&mut self) -> Option<Telemetry> {
        let level = self.text("telemetry", "level").unwrap_or_default();
        let level = match level.parse() {
            Ok(level) => Some(level),
            Err(_) => {
                self.problem("telemetry", "level", "expected error, warn, info, debug or trace")
            }
        };
        let format = match self.text("telemetry", "format").as_deref() {
            Some("json") => Some(LogFormat::Json),
            Some("text") => Some(LogFormat::Text),
            _ => self.problem("telemetry", "format", "expected `json` or `text`"),
        };
        let traces = self.traces();
        Some(Telemetry { level: level?, format: format?, traces: traces.ok()? })
    }

    fn traces(&mut self) -> Result<Option<Traces>, Noted> {
        let ratio = self.ratio().ok_or(Noted);
        let ca_file = self.path("telemetry", "otlp_ca_file");
        let text = self.text("telemetry", "otlp_endpoint").unwrap_or_default();
        if text.is_empty() {
            return ratio.map(|_| None);
        }
        let Some(url) = traces_url(&text) else {
            let message = "expected the address of a collector, such as http://127.0.0.1:4318 or \
                           https://otel.example.com, without user, query or fragment; \
                           `/v1/traces` is put behind it";
            self.problem::<()>("telemetry", "otlp_endpoint", message);
            return Err(Noted);
        };
        if ca_file.is_some() && url.scheme() == "http" {
            let message = "plain http has no authority: write `https` in `otlp_endpoint`, or leave \
                           this out";
            self.problem::<()>("telemetry", "otlp_ca_file", message);
            return Err(Noted);
        }
        Ok(Some(Traces { url, ca_file, ratio: ratio? }))
    }

    fn ratio(&mut self) -> Option<f64> {
        let text = self.text("telemetry", "trace_ratio")?;
        match f64::from_str(&text) {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Some(ratio),
            _ => self.problem("telemetry", "trace_ratio", "must be a number between 0 and 1"),
        }
    }
}

/// Where an endpoint takes traces (OTLP 1, "OTLP/HTTP request").
fn traces_url(endpoint: &str) -> Option<Url> {
    let mut url = Url::parse(endpoint).ok()?;
    let fine = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    // A URL of these schemes has segments.
    url.path_segments_mut().ok()?.pop_if_empty().extend(["v1", "traces"]);
    fine.then_some(url)
}
