//! All figures, as a table for people and as JSON, and what is wrong with them.

use std::fmt;

use anyhow::ensure;
use serde::Serialize;

use crate::control::{Control, Pair};
use crate::figures::{Figures, Spread};
use crate::growth::{Growth, Measured};
use crate::job::Job;
use crate::load::Connections;
use crate::scenario::{Named, Scenario};
use crate::subject::Name;

/// One subject's figures for one job.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    job: Job,
    subject: Name,
    #[serde(flatten)]
    scenario: Named,
    #[serde(flatten)]
    figures: Figures,
    /// The floor's processor time, had a verification taken 17 µs.
    #[serde(skip_serializing_if = "Option::is_none")]
    normalised_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent_of_floor: Option<OfFloor>,
}

/// How near the server comes to the floor; 100 is as good.
#[derive(Clone, Copy, Debug, Serialize)]
struct OfFloor {
    /// The floor's processor time a request over the server's.
    processor: f64,
    /// The server's requests per second over the floor's.
    throughput: f64,
}

impl Entry {
    /// An entry that stands for itself.
    pub(crate) const fn new(
        job: Job,
        subject: Name,
        scenario: &Scenario,
        figures: Figures,
    ) -> Self {
        let normalised_us = match (subject, figures.server_us, figures.rs256_us) {
            (Name::Floor, Some(server), Some(rs256)) => {
                Some(server.median * REFERENCE_RS256_US / rs256.median)
            }
            _ => None,
        };
        let scenario = scenario.named();
        Self { job, subject, scenario, figures, normalised_us, percent_of_floor: None }
    }

    /// The same, compared with the floor's entry.
    pub(crate) fn beside(mut self, floor: &Self) -> Self {
        let ratio = |over: Option<Spread>, under: Option<Spread>| {
            Some(100.0 * over?.median / under?.median)
        };
        let processor = ratio(floor.figures.server_us, self.figures.server_us);
        let throughput = ratio(self.figures.per_second, floor.figures.per_second);
        self.percent_of_floor = processor
            .zip(throughput)
            .map(|(processor, throughput)| OfFloor { processor, throughput });
        self
    }

    /// What the floor may cost at most in this job, normalised, if a prototype set a mark.
    fn limit_us(&self) -> Option<f64> {
        let mark = match (self.subject, self.scenario.connections, self.job) {
            (Name::Floor, Connections::KeepAlive, Job::Exchange) => PROTOTYPE_EXCHANGE_US,
            (Name::Floor, Connections::KeepAlive, Job::Read) => PROTOTYPE_READ_US,
            _ => return None,
        };
        Some(mark * MARGIN)
    }
}

/// Everything that was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    processors: usize,
    entries: Vec<Entry>,
    /// What many policies cost.
    growth: Vec<Growth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<Control>,
    /// What keeps the figures from being believed.
    faults: Vec<String>,
}

impl Report {
    /// Add a job.
    pub(crate) fn add(&mut self, entries: Vec<Entry>) {
        self.processors = std::thread::available_parallelism().map_or(0, usize::from);
        for entry in entries {
            if let (Some(used), Some(limit)) = (entry.normalised_us, entry.limit_us())
                && used > limit
            {
                let (job, scenario) = (entry.job, entry.scenario);
                self.faults.push(format!(
                    "the floor itself is too dear to compare with: {job} ({scenario}) costs \
                     {used:.0} µs, normalised, and may cost {limit:.0} µs: measure on a quiet \
                     machine, or mend `bench/src/bin/floor`"
                ));
            }
            self.entries.push(entry);
        }
    }

    /// Compare the jobs with many policies with those with few, now that all were added.
    pub(crate) fn compare(&mut self) {
        let of = |subject| self.entries.iter().filter(move |entry| entry.subject == subject);
        let measured = of(Name::Segura).map(|entry| {
            let (job, scenario, figures) = (entry.job, entry.scenario, &entry.figures);
            let beside = |floor: &&Entry| floor.job == job && floor.scenario == scenario;
            let floor = of(Name::Floor).find(beside).map(|floor| &floor.figures);
            Measured { job, scenario, figures, floor }
        });
        self.growth = Growth::of_all(&measured.collect::<Vec<_>>());
        self.faults.extend(self.growth.iter().filter_map(Growth::fault));
    }

    /// Add the negative control.
    pub(crate) fn control(&mut self, control: Control) {
        for (name, pair) in [("floor", &control.floor), ("server", &control.segura)] {
            if !pair.is_seen() {
                self.faults.push(format!(
                    "the {name} writes the same without durability ({:.1} KiB a request, {:.1} \
                     with it): either it does not wait for the disk, or the scratch folder \
                     (TMPDIR) is on no disk",
                    pair.not_durable.written_kib, pair.durable.written_kib
                ));
            }
        }
        self.control = Some(control);
    }

    /// An error when the figures are not to be believed.
    pub(crate) fn verdict(&self) -> anyhow::Result<()> {
        ensure!(self.faults.is_empty(), "{}", self.faults.join("\n"));
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut scenario = None;
        for entry in &self.entries {
            if scenario.replace(entry.scenario) != Some(entry.scenario) {
                writeln!(f, "\n{}; {} processors", entry.scenario, self.processors)?;
                writeln!(f, "{HEADER}")?;
            }
            writeln!(f, "{entry}")?;
        }
        if !self.growth.is_empty() {
            writeln!(f, "\nmany policies over few")?;
        }
        for growth in &self.growth {
            writeln!(f, "{growth}")?;
        }
        if let Some(control) = &self.control {
            writeln!(f, "\nnegative control: exchanges over one connection")?;
            writeln!(f, "floor, synchronous=OFF   {}", control.floor)?;
            writeln!(f, "segura, syncs swallowed  {}", control.segura)?;
        }
        Ok(())
    }
}

const HEADER: &str = "job          subject            per s (min – max)     p50 ms   p99 ms    \
                      server µs (min – max)  RS256 µs   wall ms   RSS MB  of floor: µs, per s";

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = match self.subject {
            Name::Floor => "floor",
            Name::Segura => "segura",
        };
        let figures = &self.figures;
        write!(
            f,
            "{:<12} {subject:<8} {:>27} {:>10} {:>8} {:>24} {:>9} {:>9} {:>8}",
            self.job,
            range(figures.per_second),
            cell(figures.p50_ms, 2),
            cell(figures.p99_ms, 1),
            range(figures.server_us),
            cell(figures.rs256_us, 1),
            cell(figures.wall_ms, 1),
            cell(figures.resident_mb, 1),
        )?;
        match (self.percent_of_floor, self.normalised_us) {
            (Some(of), _) => write!(f, "  {:.0} %, {:.0} %", of.processor, of.throughput),
            (None, Some(used)) => {
                write!(f, "  normalised {used:.0} µs")?;
                self.limit_us().map_or(Ok(()), |limit| write!(f, " (at most {limit:.0})"))
            }
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (durable, not) = (&self.durable, &self.not_durable);
        write!(
            f,
            "{:>6.0} per s durable, {:>6.0} not: {:.1}x; {:.1} KiB written a request, {:.1} not: 1/{:.1}; {}",
            durable.per_second,
            not.per_second,
            self.faster(),
            durable.written_kib,
            not.written_kib,
            self.spared(),
            if self.is_seen() { "seen" } else { "NOT SEEN" }
        )
    }
}

fn cell(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(|| "–".to_owned(), |spread| format!("{:.digits$}", spread.median))
}

fn range(spread: Option<Spread>) -> String {
    spread.map_or_else(
        || "–".to_owned(),
        |Spread { median, min, max }| format!("{median:.0} ({min:.0} – {max:.0})"),
    )
}

/// What a verification takes on the machine that the prototypes ran on.
const REFERENCE_RS256_US: f64 = 17.0;
/// What the prototypes took there.
const PROTOTYPE_EXCHANGE_US: f64 = 69.0;
const PROTOTYPE_READ_US: f64 = 25.0;
/// How much dearer the floor may be than they.
const MARGIN: f64 = 1.25;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Round;

    fn entry(subject: Name, per_second: f64, server_us: f64) -> Entry {
        let round = Round {
            per_second: Some(per_second),
            server_us: Some(server_us),
            rs256_us: Some(34.0),
            ..Round::default()
        };
        Entry::new(Job::Exchange, subject, &Scenario::plain(), Figures::of(&[round]))
    }

    #[test]
    fn the_server_is_a_share_of_the_floor_by_time_and_by_rate() {
        let floor = entry(Name::Floor, 20_000.0, 60.0);
        let of = entry(Name::Segura, 10_000.0, 80.0).beside(&floor).percent_of_floor.unwrap();
        assert!((of.processor - 75.0).abs() < 1e-9);
        assert!((of.throughput - 50.0).abs() < 1e-9);
    }

    #[test]
    fn a_floor_that_is_too_dear_is_a_fault_and_a_slow_machine_is_none() {
        let mut report = Report::default();
        // Half as fast a machine: 172 µs are 86.
        report.add(vec![entry(Name::Floor, 1.0, 172.0)]);
        report.verdict().unwrap();
        report.add(vec![entry(Name::Floor, 1.0, 174.0)]);
        assert!(report.verdict().unwrap_err().to_string().contains("exchange"));
    }

    #[test]
    fn a_report_is_a_table_and_json() {
        let mut report = Report::default();
        report.add(vec![entry(Name::Floor, 20_000.0, 60.0)]);
        assert!(report.to_string().contains("normalised 30 µs (at most 86)"), "{report}");
        let json = serde_json::to_value(&report).unwrap();
        let entry = &json["entries"][0];
        assert_eq!(entry["subject"], "floor");
        assert_eq!(entry["database"], "sqlite");
        assert!((entry["server_us"]["median"].as_f64().unwrap() - 60.0).abs() < 1e-9);
        assert!((entry["normalised_us"].as_f64().unwrap() - 30.0).abs() < 1e-9);
    }
}
