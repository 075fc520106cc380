//! Three times as many deliveries as the server can do, whatever it answers.
//!
//! What it can do is measured first, by connections that wait for their answers. Then
//! requests come at fixed times, over many connections, from this process, which is not
//! the server's: a slow answer puts nothing off. Half of the time one client in a thousand
//! sends its body byte by byte. What is let in has to keep its time, the rest is told at
//! once to come again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use acceptance::Database;
use acceptance::wire::Wire;
use anyhow::ensure;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::{Course, Running, Trial};
use crate::gauge::{MIB, Watch, memory};
use crate::load::Ask;
use crate::report::Report;
use crate::scene::{Jobs, Scene};

pub(crate) const TRIAL: Trial = Trial {
    name: "overload",
    about: "three times the load that the server can do: what is let in keeps its time, the rest is told when to come again",
    databases: &[Database::Sqlite],
    run: |course, report| -> Running<'_> { Box::pin(run(course, report)) },
};

/// Connections that wait for their answers: as many as are always let in.
const CLOSED: u32 = 24;
/// Connections of the storm, of which one in a thousand, rounded up, is slow.
const OPEN: u32 = 512;
const SLOW: u32 = OPEN.div_ceil(1000);
/// How much more than it can do.
const TIMES: f64 = 3.0;
/// Whoever generates the load must reach this much of it, or it proves nothing.
const REACHED: f64 = 2.0;
/// What accepted requests keep, in 99 of 100 cases.
const P99: Duration = Duration::from_millis(250);
/// The most that memory may grow by, and what of it may stay.
const MEMORY: u64 = 64 * MIB;
const STAYS: u64 = 32 * MIB;

async fn run(course: &Course<'_>, report: &mut Report) -> anyhow::Result<()> {
    let seconds = u64::from(course.options.cycles(4, 60));
    let time = Duration::from_secs(seconds);
    let mut scene = Scene::start(course.database).await;
    scene.warm_up().await?;
    let pid = scene.world.nodes()[0].pid();
    let capacity = capacity(&scene, time / 4).await?;
    report.measure("what it can do: deliveries a second", capacity);

    let watch = Watch::start(pid)?;
    let before = watch.before();
    let rate = capacity * TIMES;
    for (what, slow) in [("overload", 0), ("with slow clients", SLOW)] {
        let tally = storm(&scene, rate, time / 2, slow).await?;
        judge(what, &tally, (capacity, time / 2), course.options.short, report);
    }
    let growth = watch.growth().await;
    report.measure_bytes("memory grew by", growth);
    report.demand(growth <= MEMORY, || format!("memory grew by {growth}, bound {MEMORY}"));

    tokio::time::sleep(time / 4).await;
    let stays = memory(pid)?.saturating_sub(before);
    report.measure_bytes("of which stays", stays);
    report.demand(stays <= STAYS, || format!("of memory {stays} stays, bound {STAYS}"));
    let mut wire = Wire::connect(scene.port(0)).await?;
    let reply = wire.ask(&Ask::replay(&scene.jobs.token()).bytes()).await?;
    report.demand(reply.status == 200, || format!("afterwards a job is told {reply:?}"));
    scene.world.stop();
    Ok(())
}

/// Deliveries a second, of connections that wait for their answers.
async fn capacity(scene: &Scene, time: Duration) -> anyhow::Result<f64> {
    let until = Instant::now() + time;
    let mut workers: Vec<JoinHandle<anyhow::Result<u32>>> = Vec::new();
    for _ in 0..CLOSED {
        let (mut wire, jobs) = (Wire::connect(scene.port(0)).await?, scene.jobs.clone());
        workers.push(tokio::spawn(async move {
            let mut done = 0;
            while Instant::now() < until {
                let reply = wire.ask(&Ask::replay(&jobs.token()).bytes()).await?;
                ensure!(reply.status == 200, "a job is refused without any overload: {reply:?}");
                done += 1;
            }
            Ok(done)
        }));
    }
    let mut done = 0;
    for worker in workers {
        done += worker.await??;
    }
    Ok(f64::from(done) / time.as_secs_f64())
}

/// What a storm was told.
#[derive(Default)]
struct Tally {
    accepted: Vec<Duration>,
    refused: u32,
    /// Refused without being told when to come again.
    unadvised: u32,
    /// Sent later than they were due: the generator was behind.
    late: u32,
    /// Anything else.
    other: BTreeMap<String, u32>,
}

impl Tally {
    fn add(&mut self, more: Self) {
        self.accepted.extend(more.accepted);
        self.refused += more.refused;
        self.unadvised += more.unadvised;
        self.late += more.late;
        for (what, count) in more.other {
            *self.other.entry(what).or_default() += count;
        }
    }

    fn other(&mut self, what: String) {
        *self.other.entry(what).or_default() += 1;
    }
}

/// Requests at this rate, come what may.
async fn storm(scene: &Scene, rate: f64, time: Duration, slow: u32) -> anyhow::Result<Tally> {
    let port = scene.port(0);
    let stop = Arc::new(AtomicBool::new(false));
    let slow: Vec<_> =
        (0..slow).map(|_| tokio::spawn(send_slowly(port, Arc::clone(&stop)))).collect();
    let started = Instant::now() + Duration::from_millis(200);
    let every = Duration::from_secs_f64(f64::from(OPEN) / rate);
    let senders: Vec<_> = (0..OPEN)
        .map(|number| {
            let first = started + every.mul_f64(f64::from(number) / f64::from(OPEN));
            let sender = Sender { port, jobs: scene.jobs.clone(), every };
            tokio::spawn(sender.send(first, started + time))
        })
        .collect();
    let mut tally = Tally::default();
    for sender in senders {
        tally.add(sender.await?);
    }
    stop.store(true, Ordering::SeqCst);
    for sender in slow {
        sender.await?;
    }
    Ok(tally)
}

/// One connection of a storm.
struct Sender {
    port: u16,
    jobs: Jobs,
    every: Duration,
}

impl Sender {
    async fn send(self, first: Instant, until: Instant) -> Tally {
        let (mut tally, mut due, mut kept) = (Tally::default(), first, None);
        while due < until && Instant::now() < until {
            tokio::time::sleep_until(due.into()).await;
            // A timer is a millisecond late at any time.
            tally.late += u32::from(due.elapsed() > self.every / 2 + Duration::from_millis(5));
            due += self.every;
            let wire = match kept.take() {
                Some(wire) => Ok(wire),
                None => Wire::connect(self.port).await,
            };
            let Ok(mut wire) = wire else {
                tally.other("no connection".to_owned());
                continue;
            };
            let request = Ask::replay(&self.jobs.token()).bytes();
            let sent = Instant::now();
            let Ok(reply) = wire.ask(&request).await else {
                tally.other("no answer".to_owned());
                continue;
            };
            match (reply.status, reply.code()) {
                (200, _) => tally.accepted.push(sent.elapsed()),
                (503, "overloaded") => {
                    tally.refused += 1;
                    tally.unadvised += u32::from(reply.retry_after.is_none());
                }
                (status, code) => tally.other(format!("{status} {code}")),
            }
            kept = (!reply.closes).then_some(wire);
        }
        tally
    }
}

/// A client that sends its body byte by byte, again and again.
async fn send_slowly(port: u16, stop: Arc<AtomicBool>) {
    let head = b"POST /api/v2/deliveries HTTP/1.1\r\nhost: trial\r\n\
                 content-type: application/json\r\ncontent-length: 60000\r\n\r\n";
    while !stop.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
        if stream.write_all(head).await.is_err() {
            continue;
        }
        while !stop.load(Ordering::SeqCst) && stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn judge(
    what: &str,
    tally: &Tally,
    (capacity, time): (f64, Duration),
    short: bool,
    report: &mut Report,
) {
    let accepted = u32::try_from(tally.accepted.len()).unwrap_or(u32::MAX);
    let sent = accepted + tally.refused + tally.other.values().sum::<u32>();
    let a_second = |count: u32| f64::from(count) / time.as_secs_f64();
    report.measure(&format!("{what}: asked for a second"), a_second(sent));
    report.measure(&format!("{what}: accepted a second"), a_second(accepted));
    report.measure(&format!("{what}: refused a second"), a_second(tally.refused));
    report.measure(&format!("{what}: late of what was sent"), f64::from(tally.late));
    let mut times = tally.accepted.clone();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    report.time(&format!("{what}: accepted, the median"), at(50));
    report.time(&format!("{what}: accepted, of 99 in 100"), at(99));
    for (told, count) in &tally.other {
        report.loss(format!("{what}: {count} requests were told `{told}`"));
    }
    report.demand(tally.unadvised == 0, || {
        format!("{what}: {} were refused without a Retry-After", tally.unadvised)
    });
    report.demand(accepted > 0 && tally.refused > 0, || {
        format!("{what}: {accepted} accepted, {} refused: it proves nothing", tally.refused)
    });
    if short {
        // Seconds of a development build on a machine that does other things as well.
        return;
    }
    report.demand(a_second(sent) >= capacity * REACHED, || {
        format!("{what}: the load was only {:.0} a second: it proves nothing", a_second(sent))
    });
    report.demand(at(99) <= P99, || {
        format!("{what}: of what was let in one in a hundred took longer than {:?}", at(99))
    });
}
