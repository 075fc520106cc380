//! What many policies cost: each job's figures over those of the same job with the fewest.

use std::fmt;

use serde::Serialize;

use crate::figures::{Figures, Spread};
use crate::job::Job;
use crate::scenario::Named;

/// What was measured of the server for one job.
#[derive(Clone, Copy)]
pub(crate) struct Measured<'e> {
    pub(crate) job: Job,
    pub(crate) scenario: Named,
    pub(crate) figures: &'e Figures,
    /// The floor's figures in the same rounds, if the job has any.
    pub(crate) floor: Option<&'e Figures>,
}

/// A job with many policies over the same job with few.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Growth {
    job: Job,
    #[serde(flatten)]
    scenario: Named,
    /// How many there are with the fewest.
    over_policies: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    processor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wall: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resident: Option<f64>,
}

impl Growth {
    /// Every job of these that was measured with more than the fewest policies.
    pub(crate) fn of_all(measured: &[Measured<'_>]) -> Vec<Self> {
        let fewest = |many: &Measured<'_>| {
            let same = measured.iter().filter(|few| {
                few.job == many.job
                    && few.scenario.with_policies(many.scenario.policies) == many.scenario
            });
            same.copied().min_by_key(|few| few.scenario.policies)
        };
        let pairs = measured.iter().filter_map(|many| Some((many, fewest(many)?)));
        let grown = pairs.filter(|(many, few)| few.scenario.policies < many.scenario.policies);
        grown.map(|(many, few)| Self::new(many, &few)).collect()
    }

    fn new(many: &Measured<'_>, few: &Measured<'_>) -> Self {
        let ratio = |figure: fn(&Figures) -> Option<Spread>| {
            Some(figure(many.figures)?.median / figure(few.figures)?.median)
        };
        // Whatever else kept the machine busy kept the floor waiting too.
        let wait = |figure: fn(&Figures) -> Option<Spread>| {
            let floors = (many.floor.and_then(figure), few.floor.and_then(figure));
            match floors {
                (Some(many), Some(few)) => Some(ratio(figure)? * few.median / many.median),
                _ => ratio(figure),
            }
        };
        Self {
            job: many.job,
            scenario: many.scenario,
            over_policies: few.scenario.policies,
            processor: ratio(|figures| figures.server_us),
            p50: wait(|figures| figures.p50_ms),
            p99: wait(|figures| figures.p99_ms),
            wall: ratio(|figures| figures.wall_ms),
            resident: ratio(|figures| figures.resident_mb),
        }
    }

    /// What is wrong, if a job's requests cost more than they may.
    pub(crate) fn fault(&self) -> Option<String> {
        let Self { job, scenario, over_policies, .. } = self;
        let dear = |what: &str, ratio: Option<f64>| {
            let ratio = ratio.filter(|ratio| job.is_load() && *ratio > MOST)?;
            Some(format!(
                "{job} ({scenario}) takes {ratio:.2} times the {what} that it takes with \
                 {over_policies}, and may take {MOST:.0} times"
            ))
        };
        dear("processor time", self.processor).or_else(|| dear("time", self.p50))
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, scenario, over_policies, .. } = self;
        write!(f, "{job:<12} {scenario} over {over_policies}:")?;
        for (what, ratio) in [
            ("server µs", self.processor),
            ("p50", self.p50),
            ("p99", self.p99),
            ("wall", self.wall),
            ("RSS", self.resident),
        ] {
            if let Some(ratio) = ratio {
                write!(f, " {what} {ratio:.2}x")?;
            }
        }
        Ok(())
    }
}

/// How much dearer a request may be with ten thousand policies than with one.
const MOST: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Round;
    use crate::load::Connections;

    fn figures(server_us: f64, p50_ms: f64) -> Figures {
        let (p50_ms, server_us) = (Some(p50_ms), Some(server_us));
        Figures::of(&[Round { p50_ms, server_us, ..Round::default() }])
    }

    fn measured(policies: u32, figures: &Figures) -> Measured<'_> {
        let scenario = Named { database: "sqlite", policies, connections: Connections::KeepAlive };
        Measured { job: Job::Exchange, scenario, figures, floor: None }
    }

    #[test]
    fn each_job_is_compared_with_the_fewest_policies() {
        let (few, some, many) = (figures(100.0, 5.0), figures(110.0, 5.0), figures(150.0, 6.0));
        let mut all = [measured(10, &some), measured(1, &few), measured(10_000, &many)].to_vec();
        all.push(Measured { job: Job::Start, ..all[2] });
        let growths = Growth::of_all(&all);
        let told: Vec<_> =
            growths.iter().map(|growth| (growth.scenario.policies, growth.over_policies)).collect();
        assert_eq!(told, [(10, 1), (10_000, 1)]);
        let line = growths[1].to_string();
        assert!(line.ends_with("over 1: server µs 1.50x p50 1.20x"), "{line}");
        assert!(growths.iter().all(|growth| growth.fault().is_none()));
    }

    #[test]
    fn a_request_that_takes_more_than_twice_as_much_is_a_fault() {
        let few = figures(100.0, 5.0);
        let fault = |server_us, p50_ms| {
            let many = figures(server_us, p50_ms);
            Growth::of_all(&[measured(1, &few), measured(10_000, &many)])[0].fault()
        };
        assert_eq!(fault(199.0, 9.9), None);
        assert!(fault(201.0, 5.0).unwrap().contains("2.01 times the processor time"));
        assert!(fault(100.0, 10.1).unwrap().contains("2.02 times the time"));
    }

    #[test]
    fn a_machine_that_was_busier_is_no_growth() {
        let (few, many) = (figures(100.0, 5.0), figures(100.0, 15.0));
        let (quiet, busy) = (figures(50.0, 2.0), figures(50.0, 6.0));
        let few = Measured { floor: Some(&quiet), ..measured(1, &few) };
        let many = Measured { floor: Some(&busy), ..measured(10_000, &many) };
        assert!((Growth::of_all(&[few, many])[0].p50.unwrap() - 1.0).abs() < 1e-9);
    }
}
