//! A rolling restart of two servers behind a balancer, under a steady stream of jobs.
//!
//! Jobs use the product's own client, some on connections that they keep, some on new
//! ones; a quarter ask without any retry, which shows what the servers do by themselves:
//! that client's patience would hide it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use acceptance::node::{ReservedPort, reserved_port};
use acceptance::wire::Wire;
use acceptance::{Database, World};
use anyhow::{Context, ensure};
use segura_model::api::{AuditRow, DeliveryRequest};
use segura_model::{Clock, SecretText, SystemClock};
use segura_sdk::{Client, ClientOptions, make_request_key};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use super::{Course, Running, Trial};
use crate::ledger;
use crate::load::Ask;
use crate::report::Report;
use crate::scene::{Jobs, SECRET, Scene};

pub(crate) const TRIAL: Trial = Trial {
    name: "rolling",
    about: "rolling restarts of two servers under 200 deliveries a second: no job fails, none is done twice",
    databases: &[Database::Postgres],
    run: |course, report| -> Running<'_> { Box::pin(run(course, report)) },
};

/// Workers, each with as many jobs a second that together they are 200.
const WORKERS: u64 = 20;
const EVERY: Duration = Duration::from_millis(100);
/// The balancer looks this often. The servers drain for much longer: on a busy machine a
/// look takes its time.
const CHECK_MS: u32 = 200;
/// The column of `show stat` that says UP.
const STATUS: usize = 17;

async fn run(course: &Course<'_>, report: &mut Report) -> anyhow::Result<()> {
    let cycles = course.options.cycles(1, 50);
    let mut world = World::prepare(course.database).await;
    world.speak_plain();
    world.set("limits.drain_time=2s");
    world.add_node().await;
    world.add_node().await;
    let mut scene = Scene::furnish(world).await;
    let balancer = Balancer::start(&scene)?;
    balancer.wait_until_it_answers().await?;

    let since = SystemClock.now().0;
    let stream = Stream::start(&scene.jobs, balancer.port.port());
    for cycle in 1..=cycles {
        for node in 0..2 {
            tokio::time::sleep(Duration::from_millis(700)).await;
            let started = Instant::now();
            scene.world.restart_node(node).await;
            report.time("stop and start of a server", started.elapsed());
            balancer.wait_until_it_sees(node).await?;
        }
        report.count("rolling restarts", 1);
        report.progress(&format!("{cycle} of {cycles} rolling restarts"));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let done = stream.stop().await;
    done.enter(report);

    let rows = ledger::read(&scene, 0, since - 2).await?;
    recorded_once(&done, &rows, report);
    let verified = ledger::verify(&scene, 0, report).await?;
    report.note(format!("{} records in {} chains verify", verified.records, verified.chains));
    scene.world.stop();
    Ok(())
}

/// Each job has one record of its delivery, beside those of answers asked for again.
fn recorded_once(done: &Done, rows: &[AuditRow], report: &mut Report) {
    let deliveries = rows.iter().filter(|row| row.event == "delivery");
    let again = |row: &&AuditRow| {
        row.record.as_ref().is_some_and(|record| record.detail["repeated"] == true)
    };
    let (again, first): (Vec<_>, Vec<_>) = deliveries.partition(again);
    report.count("answers that were lost and asked for again", again.len());
    let (least, most) = (done.answered, done.answered + done.lost);
    report.demand((least..=most).contains(&first.len()), || {
        format!("{} deliveries are recorded, of {least} jobs answered ({most} sent)", first.len())
    });
}

/// Jobs, as many a second, until it is stopped.
struct Stream {
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<Done>>,
}

/// What became of the jobs.
#[derive(Default)]
struct Done {
    answered: usize,
    failed: Vec<String>,
    /// Without an answer, of those that ask once.
    lost: usize,
    refused: Vec<String>,
    times: Vec<Duration>,
}

impl Done {
    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.failed.extend(other.failed);
        self.lost += other.lost;
        self.refused.extend(other.refused);
        self.times.extend(other.times);
    }

    fn enter(&self, report: &mut Report) {
        report.count("jobs answered", self.answered);
        report.count("requests lost by clients that never retry", self.lost);
        for what in &self.failed {
            report.loss(format!("a job failed: {what}"));
        }
        for what in &self.refused {
            report.loss(format!("a client that never retries was refused: {what}"));
        }
        report.demand(self.lost == 0, || {
            format!("{} requests had no answer: a server left too early", self.lost)
        });
        for time in &self.times {
            report.time("job", *time);
        }
    }
}

impl Stream {
    fn start(jobs: &Jobs, port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let workers = (0..WORKERS).map(|number| {
            let worker = Worker { jobs: jobs.clone(), port, stop: Arc::clone(&stop) };
            tokio::spawn(async move {
                // Spread over the tick.
                tokio::time::sleep(EVERY / 20 * u32::try_from(number).unwrap_or(0)).await;
                match number % 4 {
                    0 => worker.ask_once().await,
                    1 => worker.ask_patiently(true).await,
                    _ => worker.ask_patiently(false).await,
                }
            })
        });
        let workers = workers.collect();
        Self { stop, workers }
    }

    async fn stop(self) -> Done {
        self.stop.store(true, Ordering::SeqCst);
        let mut done = Done::default();
        for worker in self.workers {
            done.add(worker.await.expect("a worker does not panic"));
        }
        done
    }
}

struct Worker {
    jobs: Jobs,
    port: u16,
    stop: Arc<AtomicBool>,
}

impl Worker {
    /// With the product's client; `anew` opens a connection for each job.
    async fn ask_patiently(self, anew: bool) -> Done {
        let options = ClientOptions::new(format!("http://127.0.0.1:{}", self.port));
        let make = || Client::new(&options).expect("an address on loopback");
        let mut client = make();
        let (mut done, mut ticks) = (Done::default(), tokio::time::interval(EVERY));
        while !self.stop.load(Ordering::SeqCst) {
            ticks.tick().await;
            if anew {
                client = make();
            }
            let request = DeliveryRequest {
                token: SecretText::new(self.jobs.token()),
                request_key: make_request_key(),
                secrets: vec![SECRET.parse().expect("a path")],
            };
            let started = Instant::now();
            match client.deliver(&request).await {
                Ok(_) => done.answered += 1,
                Err(error) => done.failed.push(format!("{} {error}", error.code())),
            }
            done.times.push(started.elapsed());
        }
        done
    }

    /// Without a second attempt, on a connection that is kept.
    async fn ask_once(self) -> Done {
        let (mut done, mut ticks) = (Done::default(), tokio::time::interval(EVERY));
        let mut kept = None;
        while !self.stop.load(Ordering::SeqCst) {
            ticks.tick().await;
            let wire = match kept.take() {
                Some(wire) => Ok(wire),
                None => Wire::connect(self.port).await,
            };
            let Ok(mut wire) = wire else {
                done.lost += 1;
                continue;
            };
            match wire.ask(&Ask::replay(&self.jobs.token()).bytes()).await {
                Err(_) => done.lost += 1,
                Ok(reply) => {
                    match reply.status {
                        200 => done.answered += 1,
                        status => done.refused.push(format!("{status} {}", reply.body)),
                    }
                    kept = (!reply.closes).then_some(wire);
                }
            }
        }
        done
    }
}

/// haproxy, passing connections on to whichever server says that it is ready.
struct Balancer {
    child: Child,
    port: ReservedPort,
    socket: PathBuf,
}

impl Balancer {
    fn start(scene: &Scene) -> anyhow::Result<Self> {
        let port = reserved_port();
        let socket = scene.world.path("haproxy.sock");
        let server = |node| format!("    server s{node} 127.0.0.1:{} check\n", scene.port(node));
        let config = scene.world.write(
            "haproxy.cfg",
            &format!(
                "global\n    stats socket {}\ndefaults\n    mode tcp\n    timeout connect 5s\n    \
                 timeout check 5s\n    timeout client 2m\n    \
                 timeout server 2m\n    retries 3\n    option redispatch\nlisten segura\n    \
                 bind 127.0.0.1:{}\n    balance roundrobin\n    option httpchk GET /readyz\n    \
                 default-server inter {CHECK_MS}ms fall 1 rise 1\n{}{}",
                socket.display(),
                port.port(),
                server(0),
                server(1)
            ),
        );
        let log = std::fs::File::create(scene.world.path("haproxy.log"))?;
        let child = Command::new(program()?)
            .arg("-db")
            .arg("-f")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("haproxy starts")?;
        Ok(Self { child, port, socket })
    }

    /// Wait until it passes connections on to this server again, as whoever rolls does.
    async fn wait_until_it_sees(&self, node: usize) -> anyhow::Result<()> {
        for _ in 0..300 {
            let mut stream = UnixStream::connect(&self.socket).await?;
            stream.write_all(b"show stat\n").await?;
            let mut table = String::new();
            stream.read_to_string(&mut table).await?;
            let name = format!("segura,s{node},");
            let line = table.lines().find(|line| line.starts_with(&name)).unwrap_or_default();
            if line.split(',').nth(STATUS) == Some("UP") {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("haproxy does not see that server {node} is ready")
    }

    async fn wait_until_it_answers(&self) -> anyhow::Result<()> {
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let Ok(mut wire) = Wire::connect(self.port.port()).await else { continue };
            if wire.ask(b"GET /healthz HTTP/1.1\r\nhost: trial\r\n\r\n").await.is_ok() {
                return Ok(());
            }
        }
        anyhow::bail!("haproxy does not pass anything on")
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn program() -> anyhow::Result<PathBuf> {
    let places = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy", "/usr/bin/haproxy"];
    let found = places.into_iter().map(PathBuf::from).find(|path| path.is_file());
    ensure!(found.is_some(), "haproxy is not here: `apt-get install haproxy` brings it");
    found.context("just looked")
}
