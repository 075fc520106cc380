//! What one run of a trial tried and found: lines for people, JSON for machines.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use acceptance::Database;
use serde_json::{Value, json};

/// The losses that are told in full; the others are counted.
const TOLD: usize = 20;

/// One run of a trial, on one database.
pub(crate) struct Report {
    trial: &'static str,
    database: Database,
    seed: u64,
    started: Instant,
    counts: BTreeMap<String, u64>,
    figures: BTreeMap<String, Vec<f64>>,
    losses: Vec<String>,
    lost: u64,
    notes: Vec<String>,
    is_silent: bool,
}

impl Report {
    /// A report in which nothing is yet.
    pub(crate) fn new(trial: &'static str, database: Database, seed: u64) -> Self {
        Self {
            trial,
            database,
            seed,
            started: Instant::now(),
            counts: BTreeMap::new(),
            figures: BTreeMap::new(),
            losses: Vec::new(),
            lost: 0,
            notes: Vec::new(),
            is_silent: false,
        }
    }

    /// A report that is for counting only: what it finds is meant to be found.
    pub(crate) fn silent(trial: &'static str, database: Database, seed: u64) -> Self {
        Self { is_silent: true, ..Self::new(trial, database, seed) }
    }

    /// Count something.
    pub(crate) fn count(&mut self, what: &str, by: usize) {
        *self.counts.entry(what.to_owned()).or_default() += by as u64;
    }

    /// What was counted so far.
    pub(crate) fn counted(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or_default()
    }

    /// Measure something once more.
    pub(crate) fn measure(&mut self, what: &str, value: f64) {
        self.figures.entry(what.to_owned()).or_default().push(value);
    }

    /// Measure how many of something there were.
    pub(crate) fn measure_count(&mut self, what: &str, count: usize) {
        self.measure(what, as_figure(count as u64));
    }

    /// Measure an amount of memory or disk, in MB.
    pub(crate) fn measure_bytes(&mut self, what: &str, bytes: u64) {
        self.measure(&format!("{what} MB"), as_figure(bytes) / 1e6);
    }

    /// Measure how many of something counted there were a second.
    pub(crate) fn measure_rate(&mut self, what: &str, time: Duration) {
        let rate = as_figure(self.counted(what)) / time.as_secs_f64();
        self.measure(&format!("{what} a second"), rate);
    }

    /// Measure a time, in milliseconds.
    pub(crate) fn time(&mut self, what: &str, time: Duration) {
        self.measure(&format!("{what} ms"), time.as_secs_f64() * 1e3);
    }

    /// Something that was promised does not hold: the trial fails.
    pub(crate) fn loss(&mut self, what: String) {
        self.lost += 1;
        if self.losses.len() < TOLD && !self.is_silent {
            println!("    LOSS: {what}");
            self.losses.push(what);
        }
    }

    /// A loss, unless `holds`.
    pub(crate) fn demand(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.loss(what());
        }
    }

    /// Something to know about the run.
    pub(crate) fn note(&mut self, what: String) {
        println!("    {what}");
        self.notes.push(what);
    }

    /// A line for whoever watches.
    pub(crate) fn progress(&self, what: &str) {
        let at = self.started.elapsed().as_secs();
        println!("  {at:>5} s  {} on {:?}: {what}", self.trial, self.database);
    }

    /// How many losses there are.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Print it for people.
    pub(crate) fn print(&self) {
        println!("\n{} on {:?}, seed {}", self.trial, self.database, self.seed);
        for (what, count) in &self.counts {
            println!("  {what:<44} {count:>12}");
        }
        for (what, values) in &self.figures {
            let [least, median, most] = spread(values);
            println!("  {what:<44} {median:>12.1}   ({least:.1} to {most:.1})");
        }
        match self.lost {
            0 => println!("  lost: nothing"),
            lost => println!("  LOST: {lost}"),
        }
    }

    /// It for machines.
    pub(crate) fn json(&self) -> Value {
        let figures: BTreeMap<_, _> = self
            .figures
            .iter()
            .map(|(what, values)| {
                let [least, median, most] = spread(values);
                let figure =
                    json!({"least": least, "median": median, "most": most, "of": values.len()});
                (what, figure)
            })
            .collect();
        json!({
            "trial": self.trial,
            "database": format!("{:?}", self.database).to_lowercase(),
            "seed": self.seed,
            "seconds": self.started.elapsed().as_secs(),
            "counts": self.counts,
            "figures": figures,
            "notes": self.notes,
            "lost": self.lost,
            "losses": self.losses,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "no trial counts to 2^52")]
fn as_figure(count: u64) -> f64 {
    count as f64
}

fn spread(values: &[f64]) -> [f64; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
    [at(0), at(sorted.len() / 2), at(sorted.len().saturating_sub(1))]
}
