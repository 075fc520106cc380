//! A stranger's flood: it costs the disk and the memory a bounded amount, and no more.
//!
//! Half of it are tokens that the shared issuer did sign, each for another owner, none of
//! which any policy pins; half are no tokens at all, or wrong ones. All come from as many
//! networks as there are requests, so that counting them together helps as little as it
//! can. Whoever owns something is served meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use acceptance::wire::{Wire, exchange};
use acceptance::{World, attack};
use segura_model::api::AuditRow;
use segura_model::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{BOTH, Course, Running, Trial};
use crate::gauge::{MIB, Watch, folder_size};
use crate::ledger::{self, Mark};
use crate::load::Ask;
use crate::report::Report;
use crate::scene::{self, Jobs, Scene};

pub(crate) const TRIAL: Trial = Trial {
    name: "flood",
    about: "a stranger's flood of 200,000 tokens and garbage: ledger, disk and memory grow by a bounded amount",
    databases: BOTH,
    run: |course, report| -> Running<'_> { Box::pin(run(course, report)) },
};

/// Fewer than are always let in: this is no trial of overload.
const CONNECTIONS: usize = 16;
/// Refusals kept whole in an hour, of verified strangers and of others
/// (`broker/src/service/refusals.rs`).
const WHOLE: u64 = 300 + 200;
/// Counts in a minute, and the one for the rest (`store/src/tallies.rs`).
const COUNTS: u64 = 1000 + 1;
/// The most bytes of disk for a record kept whole, for one that counts, for a delivery.
const WHOLE_BYTES: u64 = 8 << 10;
const COUNT_BYTES: u64 = 2 << 10;
const DELIVERY_BYTES: u64 = 8 << 10;
/// The most that memory may grow by.
const MEMORY: u64 = 32 * MIB;

async fn run(course: &Course<'_>, report: &mut Report) -> anyhow::Result<()> {
    let each = course.options.cycles(2, 100) as usize * 1000;
    let mut world = World::prepare(course.database).await;
    world.speak_plain();
    world.set("server.trusted_proxies=127.0.0.1/32");
    world.add_node().await;
    let mut scene = Scene::furnish(world).await;
    let data = scene.world.path("data");
    scene.world.stop();
    let disk_before = folder_size(&data)?;
    scene.world.add_node().await;
    scene.warm_up().await?;

    let (mark, since) = (Mark::set(&scene, 0).await?, SystemClock.now().0);
    let watch = Watch::start(scene.world.nodes()[0].pid())?;
    report.measure_bytes("memory before", watch.before());
    let honest = Honest::start(&scene);
    let started = Instant::now();
    let refused = flood(&scene, each, report).await?;
    report.measure_rate("strangers refused", started.elapsed());
    let deliveries = honest.stop(report).await?;
    let memory = watch.growth().await;
    let span = Span { since, until: SystemClock.now().0 };

    // A clean end turns the counts of the minute under way into records.
    scene.world.stop();
    let disk = folder_size(&data)?.saturating_sub(disk_before);
    scene.world.add_node().await;
    let mut rows = ledger::read(&scene, 0, since - 120).await?;
    rows.retain(|row| mark.is_before(row));
    judge_records(&rows, refused, &span, report);
    if course.database == acceptance::Database::Sqlite {
        let served = deliveries as u64 + scene::WARM_UP as u64;
        let bound = span.records(WHOLE_BYTES, COUNT_BYTES) + served * DELIVERY_BYTES + MIB;
        bounded("disk grew by", disk, bound, report);
    }
    bounded("memory grew by", memory, MEMORY, report);
    ledger::verify(&scene, 0, report).await?;
    scene.world.stop();
    Ok(())
}

/// The time of the flood, which the bounds count in.
struct Span {
    since: i64,
    until: i64,
}

impl Span {
    fn touched(&self, seconds: i64) -> u64 {
        (self.until.div_euclid(seconds) - self.since.div_euclid(seconds) + 1).unsigned_abs()
    }

    /// So much for each record kept whole and for each that counts.
    fn records(&self, whole: u64, count: u64) -> u64 {
        self.touched(3600) * WHOLE * whole + self.touched(60) * COUNTS * count
    }
}

/// Whatever was refused is in the ledger, whole or counted, in bounded space.
fn judge_records(rows: &[AuditRow], refused: usize, span: &Span, report: &mut Report) {
    let of = |event: &str| rows.iter().filter(|row| row.event == event).count();
    let (whole, counts) = (of("refusal"), of("summary"));
    report.count("records of refusals kept whole", whole);
    report.count("records that count refusals", counts);
    let counted = rows
        .iter()
        .filter(|row| row.event == "summary")
        .filter_map(|row| row.record.as_ref().and_then(|record| record.detail["count"].as_u64()));
    let counted: u64 = counted.sum();
    report.demand(whole as u64 + counted == refused as u64, || {
        format!("{refused} strangers were refused; the ledger has {whole} and counts {counted}")
    });
    bounded("records of refusals", whole as u64, span.records(1, 0), report);
    bounded("records that count", counts as u64, span.records(0, 1), report);
}

fn bounded(what: &str, found: u64, bound: u64, report: &mut Report) {
    report.note(format!("{what} {found}, of at most {bound}"));
    report.demand(found <= bound, || format!("{what} {found}; the bound is {bound}"));
}

/// Send `each` of both kinds; how many were refused.
async fn flood(scene: &Scene, each: usize, report: &mut Report) -> anyhow::Result<usize> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders: Vec<JoinHandle<anyhow::Result<Vec<String>>>> = Vec::new();
    for _ in 0..CONNECTIONS {
        let (next, jobs) = (Arc::clone(&next), scene.jobs.clone());
        let mut wire = Wire::connect(scene.port(0)).await?;
        senders.push(tokio::spawn(async move {
            let mut told = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst);
                if number >= each * 2 {
                    return Ok(told);
                }
                let reply = wire.ask(&stranger(number, &jobs)).await?;
                let code =
                    if reply.code().is_empty() { reply.text("/error") } else { reply.code() };
                told.push(format!("{} {code}", reply.status));
            }
        }));
    }
    let mut refused = 0;
    for sender in senders {
        for told in sender.await?? {
            report.count(&format!("strangers told {told}"), 1);
            let fine = told.starts_with('4');
            refused += usize::from(fine);
            report.demand(fine, || format!("a stranger is told {told}"));
        }
    }
    report.count("strangers refused", refused);
    Ok(refused)
}

/// One request of the flood: by turns a signed token and something else, from a network of
/// its own.
fn stranger(number: usize, jobs: &Jobs) -> Vec<u8> {
    let id = 1_000_000_000 + number;
    let claims = json!({
        "repository_id": id.to_string(),
        "repository_owner_id": id.to_string(),
        "repository": format!("stranger-{number}/tool"),
        "repository_owner": format!("stranger-{number}"),
        "sub": format!("repo:stranger-{number}/tool:ref:refs/heads/main"),
    });
    let token = match number % 10 {
        1 => attack::unsigned(&jobs.claims_with(&claims)),
        3 => format!("garbage-{number}"),
        5 => format!("eyJhbGciOiJFUzI1NiJ9.e30.{number}"),
        7 => attack::edited(&jobs.token_with(&claims), |claims| claims["actor"] = Value::Null),
        9 => jobs.token_with(&json!({"exp": 1_000_000_000, "iat": 999_999_000})),
        _ => jobs.token_with(&claims),
    };
    let request = match number % 4 {
        0 | 1 => Ask::replay(&token).bytes(),
        _ => exchange(&token),
    };
    let [_, first, second, third] = u32::try_from(number).unwrap_or(0).to_be_bytes();
    let from =
        format!("host: trial\r\nx-forwarded-for: 9{}.{first}.{second}.{third}\r\n", third % 9);
    let text = String::from_utf8(request).expect("requests are text");
    text.replacen("host: trial\r\n", &from, 1).into_bytes()
}

/// A job that has its secret all the while.
struct Honest {
    stop: Arc<AtomicBool>,
    job: JoinHandle<anyhow::Result<Vec<Duration>>>,
}

impl Honest {
    fn start(scene: &Scene) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, jobs, port) = (Arc::clone(&stop), scene.jobs.clone(), scene.port(0));
        let job = tokio::spawn(async move {
            let (mut wire, mut times) = (Wire::connect(port).await?, Vec::new());
            while !stopped.load(Ordering::SeqCst) {
                let ask = Ask::replay(&jobs.token());
                let started = Instant::now();
                let reply = wire.ask(&ask.bytes()).await?;
                anyhow::ensure!(reply.status == 200, "an owner is refused: {reply:?}");
                times.push(started.elapsed());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(times)
        });
        Self { stop, job }
    }

    async fn stop(self, report: &mut Report) -> anyhow::Result<usize> {
        self.stop.store(true, Ordering::SeqCst);
        let times = self.job.await??;
        report.count("owners served meanwhile", times.len());
        for time in &times {
            report.time("an owner's delivery", *time);
        }
        Ok(times.len())
    }
}
