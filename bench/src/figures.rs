//! Figures of rounds, and what several rounds come to.

use serde::Serialize;

/// What one round, or one run, gave. What a job does not have is absent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    pub(crate) per_second: Option<f64>,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) server_us: Option<f64>,
    pub(crate) wall_ms: Option<f64>,
    pub(crate) resident_mb: Option<f64>,
    pub(crate) rs256_us: Option<f64>,
}

/// What the rounds of a job came to.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Figures {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) per_second: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p50_ms: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99_ms: Option<Spread>,
    /// Processor time of the server's process for each request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_us: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wall_ms: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resident_mb: Option<Spread>,
    /// The yardstick, measured between the same rounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rs256_us: Option<Spread>,
}

/// The median of rounds, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Figures {
    /// Figure by figure.
    pub(crate) fn of(rounds: &[Round]) -> Self {
        let spread = |figure: fn(&Round) -> Option<f64>| {
            Spread::of(&rounds.iter().filter_map(figure).collect::<Vec<_>>())
        };
        Self {
            per_second: spread(|round| round.per_second),
            p50_ms: spread(|round| round.p50_ms),
            p99_ms: spread(|round| round.p99_ms),
            server_us: spread(|round| round.server_us),
            wall_ms: spread(|round| round.wall_ms),
            resident_mb: spread(|round| round.resident_mb),
            rs256_us: spread(|round| round.rs256_us),
        }
    }
}

impl Spread {
    fn of(figures: &[f64]) -> Option<Self> {
        let min = figures.iter().copied().reduce(f64::min)?;
        let max = figures.iter().copied().reduce(f64::max)?;
        Some(Self { median: middle(figures.to_vec()), min, max })
    }
}

/// The median; of none it is 0.
pub(crate) fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    match (figures.len() % 2, figures.get(half)) {
        (0, Some(upper)) => f64::midpoint(figures[half - 1], *upper),
        (_, middle) => middle.copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((middle(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((middle(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(middle(Vec::new()).abs() < 1e-9);
    }

    #[test]
    fn a_figure_that_no_round_has_is_absent() {
        let round = |rate| Round { per_second: Some(rate), ..Round::default() };
        let figures = Figures::of(&[round(30.0), round(10.0), round(20.0)]);
        assert_eq!(figures.per_second, Some(Spread { median: 20.0, min: 10.0, max: 30.0 }));
        assert_eq!(figures.wall_ms, None);
    }
}
