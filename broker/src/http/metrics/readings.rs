//! Figures that are looked up when somebody asks, rather than kept.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use segura_model::api::ReadyState;
use segura_store::WriterFigures;

use super::page::{Page, Scale};
use super::process::Process;
use crate::app::Figures;
use crate::http::health::Snapshot;
use crate::http::idle::Connections;
use crate::http::overload::Overload;
use crate::telemetry::traces::FIGURES;

/// Everything that was looked up for one scrape.
#[derive(Debug)]
pub(super) struct Readings {
    pub(super) health: Snapshot,
    pub(super) app: Figures,
    pub(super) sessions: Option<usize>,
    pub(super) overload: Arc<Overload>,
    pub(super) connections: Arc<Connections>,
    pub(super) process: Process,
}

impl Collector for Readings {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut page = Page(encoder);
        self.traffic(&mut page)?;
        self.node(&mut page)?;
        self.issuers(&mut page)?;
        self.caches(&mut page)?;
        self.queue(&mut page)?;
        writer(&self.app.writer, &mut page)?;
        page.counters(
            "segura_trace_spans",
            "Spans of traces, by what became of them",
            "fate",
            FIGURES.fates(),
        )?;
        self.process.encode(&mut page)
    }
}

impl Readings {
    fn traffic(&self, page: &mut Page<'_>) -> fmt::Result {
        let overload = &self.overload;
        let in_flight = overload.in_flight().map(|(line, count)| ([("line", line)], count));
        page.gauges("segura_requests_in_flight", "Requests being served", in_flight)?;
        page.counters(
            "segura_overload_refused",
            "Requests refused at once, for there were too many",
            "why",
            overload.refused(),
        )?;
        page.spread(
            "segura_event_loop_wait_seconds",
            "How long a task that is ready waits for its event loop",
            Scale::Micros,
            overload.loop_waits(),
        )?;
        page.gauge("segura_connections_open", "Connections", self.connections.open())?;
        page.counter("segura_connections", "Connections accepted", self.connections.accepted())?;
        page.counter(
            "segura_connections_refused",
            "Connections closed because their address has too many",
            self.connections.refused(),
        )?;
        page.counters(
            "segura_refusals",
            "Refusals that the ledger has or counts, by what they were for",
            "reason",
            self.app.refusals.iter().map(|(reason, count)| (*reason, *count)),
        )
    }

    fn node(&self, page: &mut Page<'_>) -> fmt::Result {
        let checks = self.health.checks().map(|check| {
            let state = match check.state {
                ReadyState::Ready => 0,
                ReadyState::Warning => 1,
                ReadyState::Down => 2_i64,
            };
            ([("check", check.name.as_str())], state)
        });
        page.gauges("segura_check", "What /readyz says: 0 ready, 1 warning, 2 down", checks)?;
        page.gauge(
            "segura_certificate_expiry_timestamp_seconds",
            "When the server's certificate ends; 0 without TLS",
            self.health.certificate_ends.map_or(0, |ends| ends.0),
        )?;
        page.gauge(
            "segura_disk_free_bytes",
            "Free disk under the data directory",
            self.health.disk_free,
        )
    }

    fn issuers(&self, page: &mut Page<'_>) -> fmt::Result {
        let keys = &self.health.keys;
        let of = |status: &crate::oidc::KeyStatus| [("issuer", status.issuer.to_string())];
        page.gauges(
            "segura_issuer_keys_age_seconds",
            "Time since an issuer vouched for the keys in use; -1 without keys",
            keys.iter().map(|status| (of(status), status.age.unwrap_or(-1))),
        )?;
        page.gauges(
            "segura_issuer_keys",
            "Usable keys of an issuer",
            keys.iter().map(|status| (of(status), status.keys)),
        )?;
        page.gauges(
            "segura_issuer_failing",
            "1 when the last attempt to fetch an issuer's keys failed",
            keys.iter().map(|status| (of(status), i64::from(status.last_error.is_some()))),
        )
    }

    fn caches(&self, page: &mut Page<'_>) -> fmt::Result {
        let cache = &self.app.cache;
        page.gauge(
            "segura_snapshot_age_seconds",
            "Time since the feed of changes last answered",
            cache.age,
        )?;
        page.gauge(
            "segura_change_number",
            "The change that decisions are made from",
            cache.change,
        )?;
        page.gauge("segura_issuers", "Issuer entries", cache.issuers)?;
        page.gauge("segura_policies", "Trust policies", cache.policies)?;
        let envelopes = &cache.envelopes;
        page.gauge("segura_envelope_cache_bytes", "Sealed secrets in memory", envelopes.bytes)?;
        page.gauge("segura_envelope_cache_entries", "Sealed secrets in memory", envelopes.entries)?;
        page.counters(
            "segura_envelope_cache_reads",
            "Reads of a current version, by whether it was in memory",
            "result",
            [("hit", envelopes.hits), ("miss", envelopes.misses)],
        )?;
        let sessions = self.sessions.and_then(|count| i64::try_from(count).ok());
        page.gauge("segura_sessions_open", "Open sessions; -1 unknown", sessions.unwrap_or(-1))
    }

    fn queue(&self, page: &mut Page<'_>) -> fmt::Result {
        page.gauge("segura_writer_queue_depth", "Orders that wait", self.app.waiting)?;
        page.gauge("segura_writer_queue_limit", "Orders that may wait", self.app.queue_limit)
    }
}

fn writer(figures: &WriterFigures, page: &mut Page<'_>) -> fmt::Result {
    page.gauge(
        "segura_writer_oldest_wait_seconds",
        "How long the oldest order has been waiting",
        figures.oldest_wait().as_secs_f64(),
    )?;
    let micros = Scale::Micros;
    page.spread(
        "segura_writer_queue_seconds",
        "Time in the queue of the writer",
        micros,
        &figures.waits,
    )?;
    let help = "Time of a batch from BEGIN to COMMIT, failed attempts included";
    page.spread("segura_writer_commit_seconds", help, micros, &figures.commits)?;
    page.spread("segura_writer_unit_seconds", "Time of a unit of work", micros, &figures.units)?;
    page.spread(
        "segura_writer_orders_per_commit",
        "Orders in one transaction",
        Scale::Ones,
        &figures.orders_per_commit,
    )?;
    page.spread(
        "segura_writer_rows_per_commit",
        "Rows in one transaction: records, sessions, spent tokens",
        Scale::Ones,
        &figures.rows_per_commit,
    )?;
    let orders = [
        ("failed", figures.failed.get()),
        ("session-ended", figures.session_ended.get()),
        ("spent", figures.spent_before.get()),
        ("stale", figures.stale.get()),
        ("written", figures.written.get()),
    ];
    page.counters("segura_writer_orders", "Orders, by what became of them", "fate", orders)?;
    page.counter("segura_writer_spent_tokens", "Tokens used up", figures.spent_tokens.get())?;
    page.counter("segura_writer_retries", "Batches tried again", figures.retries.get())?;
    page.counter("segura_writer_redone", "Batches redone one by one", figures.redone.get())?;
    page.counter("segura_writer_lost_commits", "COMMITs looked up", figures.lost.get())
}
