//! Half an hour of everything that jobs and operators do, on one server.
//!
//! What a server keeps for each request and never lets go of shows in no shorter trial:
//! memory and file descriptors are looked at all the while, and from the fifth minute on
//! neither may rise. Nothing may fail.

use std::time::{Duration, Instant};

use acceptance::wire::{Wire, send};
use serde_json::json;

use super::{BOTH, Course, Running, Trial};
use crate::gauge::{self, memory};
use crate::ledger;
use crate::load::Load;
use crate::report::Report;
use crate::scene::Scene;

pub(crate) const TRIAL: Trial = Trial {
    name: "soak",
    about: "half an hour of mixed load: memory and descriptors stay as they are, nothing fails",
    databases: BOTH,
    run: |course, report| -> Running<'_> { Box::pin(run(course, report)) },
};

/// Of jobs. The eighth would be an operator that writes without a pause, by which
/// decisions are overtaken; here one writes every second.
const CONNECTIONS: usize = 7;
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// The load begins anew so often, because it remembers all that it did.
const PART: Duration = Duration::from_secs(5);
/// What a server takes until then it needs: caches fill up.
const SETTLES: Duration = Duration::from_mins(5);
/// The most that memory may rise by in an hour, in bytes.
const SLOPE: f64 = 1e6;
/// Connections to read with come and go.
const DESCRIPTORS: f64 = 8.0;

async fn run(course: &Course<'_>, report: &mut Report) -> anyhow::Result<()> {
    let minutes = course.options.cycles(0, 30);
    // Of the short form only that it can be held, and that nothing fails.
    let time = Duration::from_mins(u64::from(minutes)).max(PART * 2);
    let mut scene = Scene::start(course.database).await;
    scene.warm_up().await?;
    let node = scene.world.nodes()[0].pid();
    let (started, mut samples, mut told) = (Instant::now(), Vec::new(), 0);
    for seed in course.seed.. {
        let load = Load::start(&scene, &[scene.port(0)], CONNECTIONS, seed);
        write_for(&scene, PART, report).await?;
        let server = &scene.world.nodes()[0];
        let open = gauge::metric(server, "process_open_fds").await?;
        samples.push(Sample { at: started.elapsed(), memory: memory(node)?, open });
        let books = load.stop().await;
        report.count("acknowledged", books.acknowledged());
        for (what, count) in &books.refused {
            report.loss(format!("{count} requests were refused with `{what}`"));
        }
        let unanswered = books.open.len() - books.refused.values().sum::<usize>();
        report.demand(unanswered == 0, || format!("{unanswered} requests had no answer"));
        if started.elapsed().as_secs() / 60 > told {
            told = started.elapsed().as_secs() / 60;
            let mib = samples.last().map_or(0, |last| last.memory / gauge::MIB);
            report.progress(&format!("{told} of {minutes} minutes, {mib} MiB, {open} descriptors"));
        }
        if started.elapsed() >= time {
            break;
        }
    }
    report.measure_rate("acknowledged", started.elapsed());
    judge(&samples, report);
    ledger::verify(&scene, 0, report).await?;
    scene.world.stop();
    Ok(())
}

/// Write secrets, now and then.
async fn write_for(scene: &Scene, time: Duration, report: &mut Report) -> anyhow::Result<()> {
    let (started, mut wire) = (Instant::now(), Wire::connect(scene.port(0)).await?);
    while started.elapsed() < time {
        let body = json!({"fields": {"value": "one more version"}});
        let request = send("PUT", "/api/v2/a2a/secrets/soak/secret", &scene.operator, &body);
        let reply = wire.ask(&request).await?;
        report.count("secrets written", 1);
        report.demand(reply.status == 200, || format!("a secret is not written: {reply:?}"));
        tokio::time::sleep(WRITE_EVERY).await;
    }
    Ok(())
}

/// The server at some moment.
struct Sample {
    at: Duration,
    memory: u64,
    open: f64,
}

fn judge(samples: &[Sample], report: &mut Report) {
    for sample in samples {
        report.measure_bytes("memory", sample.memory);
        report.measure("descriptors", sample.open);
    }
    let settled: Vec<_> = samples.iter().filter(|sample| sample.at > SETTLES).collect();
    let (Some(first), Some(last)) = (settled.first(), settled.last()) else {
        report.note("too short to tell how memory rises".to_owned());
        return;
    };
    let hours: Vec<f64> = settled.iter().map(|sample| sample.at.as_secs_f64() / 3600.0).collect();
    let bytes: Vec<f64> = settled.iter().map(|sample| as_figure(sample.memory)).collect();
    let slope = slope(&hours, &bytes);
    report.measure("memory rises by MB in an hour", slope / 1e6);
    report.demand(slope <= SLOPE, || format!("memory rises by {slope:.0} bytes an hour"));
    report.demand(last.open <= first.open + DESCRIPTORS, || {
        format!("{} descriptors are open, {} were", last.open, first.open)
    });
}

/// Of the line that fits best, by least squares.
fn slope(times: &[f64], values: &[f64]) -> f64 {
    let mean = |of: &[f64]| of.iter().sum::<f64>() / as_figure(of.len() as u64);
    let (time, value) = (mean(times), mean(values));
    let pairs = || times.iter().zip(values);
    let together: f64 = pairs().map(|(at, found)| (at - time) * (found - value)).sum();
    let spread: f64 = times.iter().map(|at| (at - time).powi(2)).sum();
    if spread > 0.0 { together / spread } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "no machine has 2^52 bytes")]
fn as_figure(count: u64) -> f64 {
    count as f64
}
