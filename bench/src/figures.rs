//! Figures and how they are shown.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::load::Outcome;

/// One job's figures: medians over its rounds. What a job does not have is absent.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) job: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p50_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_us_per_request: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wall_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resident_mb: Option<f64>,
}

impl Figures {
    /// Figures of one round of load.
    pub(crate) fn of_load(job: &'static str, outcome: &Outcome, processor: Duration) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "fewer requests than 2^52")]
        let count = outcome.answered.max(1) as f64;
        Self {
            job,
            per_second: Some(count / outcome.wall.as_secs_f64()),
            p50_ms: Some(percentile(&outcome.latencies, 50)),
            p99_ms: Some(percentile(&outcome.latencies, 99)),
            server_us_per_request: Some(processor.as_secs_f64() * 1e6 / count),
            ..Self::default()
        }
    }

    /// The median of several rounds, figure by figure.
    pub(crate) fn median(job: &'static str, rounds: &[Self]) -> Self {
        let middle = |figure: fn(&Self) -> Option<f64>| {
            let mut all: Vec<f64> = rounds.iter().filter_map(figure).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied()
        };
        Self {
            job,
            per_second: middle(|round| round.per_second),
            p50_ms: middle(|round| round.p50_ms),
            p99_ms: middle(|round| round.p99_ms),
            server_us_per_request: middle(|round| round.server_us_per_request),
            wall_ms: middle(|round| round.wall_ms),
            resident_mb: middle(|round| round.resident_mb),
        }
    }
}

fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
}

/// All jobs.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    jobs: Vec<Figures>,
}

impl Report {
    pub(crate) fn add(&mut self, figures: Figures) {
        self.jobs.push(figures);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<10} {:>9} {:>9} {:>9} {:>14} {:>9} {:>9}",
            "job", "per s", "p50 ms", "p99 ms", "server µs/req", "wall ms", "RSS MB"
        )?;
        for figures in &self.jobs {
            let cell = |figure: Option<f64>, width: usize, digits: usize| match figure {
                Some(value) => format!("{value:>width$.digits$}"),
                None => format!("{:>width$}", "–"),
            };
            writeln!(
                f,
                "{:<10} {} {} {} {} {} {}",
                figures.job,
                cell(figures.per_second, 9, 0),
                cell(figures.p50_ms, 9, 2),
                cell(figures.p99_ms, 9, 2),
                cell(figures.server_us_per_request, 14, 0),
                cell(figures.wall_ms, 9, 1),
                cell(figures.resident_mb, 9, 1),
            )?;
        }
        Ok(())
    }
}
