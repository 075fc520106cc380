//! PostgreSQL goes away in every way it can, under load of two servers.
//!
//! Stopped and started, killed and restarted, its connections cut in the middle of a
//! COMMIT, deadlocks by tokens that cross. Clients get clear refusals meanwhile, and the
//! servers find back by themselves.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acceptance::proxy::CommitCutter;
use acceptance::wire::Wire;
use acceptance::world::request_key;
use acceptance::{Database, Run as Ran, World};
use anyhow::{Context, ensure};
use segura_model::{Clock, SystemClock};

use super::{Course, Running, Trial};
use crate::check;
use crate::ledger::{self, Mark};
use crate::load::{Ask, Books, Load};
use crate::report::Report;
use crate::scene::Scene;

pub(crate) const TRIAL: Trial = Trial {
    name: "postgres",
    about: "PostgreSQL stopped, killed, cut off in COMMIT, deadlocked: no loss, no double spend, clear errors, recovery by itself",
    databases: &[Database::Postgres],
    run: |course, report| -> Running<'_> { Box::pin(run(course, report)) },
};

const CONNECTIONS: usize = 16;
/// How long the servers may take until they serve again.
const RECOVERY: Duration = Duration::from_secs(15);

/// What is done to PostgreSQL.
#[derive(Clone, Copy, Debug)]
enum Harm {
    /// A connection is lost in COMMIT, several times.
    Cut,
    /// It crashes and recovers.
    Crash,
    /// It is stopped for two seconds.
    Outage,
    /// It restarts as for an upgrade.
    Restart,
}

async fn run(course: &Course<'_>, report: &mut Report) -> anyhow::Result<()> {
    let cycles = course.options.cycles(1, 20);
    let mut chance = fastrand::Rng::with_seed(course.seed);
    let cluster = Cluster::named()?;
    let folder = tempfile::Builder::new().prefix("segura-endure-").tempdir()?;
    let url = course.database.create(folder.path()).await.context("a database")?;
    let (server, name) = parts(&url)?;
    let proxy = CommitCutter::start(server).await;
    let through = format!("postgres://segura@{}/{name}", proxy.address());
    let data = folder.path().join("data");
    let mut world = World::prepare_at(folder, &data, Some(through));
    world.speak_plain();
    world.add_node().await;
    world.add_node().await;
    let mut scene = Scene::furnish(world).await;
    let ports = [scene.port(0), scene.port(1)];

    for cycle in 1..=cycles {
        for harm in [Harm::Cut, Harm::Restart, Harm::Crash, Harm::Outage] {
            let (mark, since) = (Mark::set(&scene, 0).await?, SystemClock.now().0);
            let load = Load::start(&scene, &ports, CONNECTIONS, chance.u64(..));
            load.is_under_way().await;
            hurt(harm, &cluster, &proxy, report).await?;
            recover(harm, &scene, report).await?;
            let books = load.stop().await;
            enter(harm, &books, report);
            check::all(&scene, 0, &books, (&mark, since), report).await?;
        }
        let before = cluster.deadlocks(&name)?;
        cross(&scene, ports, report).await?;
        report.count("deadlocks", cluster.deadlocks(&name)?.saturating_sub(before));
        let verified = ledger::verify(&scene, 0, report).await?;
        report.progress(&format!(
            "{cycle} of {cycles} rounds, {} acknowledged, {} records verify, {} lost",
            report.counted("acknowledged"),
            verified.records,
            report.lost()
        ));
    }
    report.count("connections cut in COMMIT", proxy.cut());
    scene.world.stop();
    Ok(())
}

async fn hurt(
    harm: Harm,
    cluster: &Cluster,
    proxy: &CommitCutter,
    report: &mut Report,
) -> anyhow::Result<()> {
    let started = Instant::now();
    match harm {
        Harm::Cut => {
            for _ in 0..6 {
                proxy.arm();
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
        }
        Harm::Crash => {
            cluster.stop("immediate")?;
            cluster.start()?;
        }
        Harm::Outage => {
            cluster.stop("fast")?;
            tokio::time::sleep(Duration::from_secs(2)).await;
            cluster.start()?;
        }
        Harm::Restart => {
            cluster.stop("fast")?;
            cluster.start()?;
        }
    }
    report.time(&format!("{harm:?}: PostgreSQL away"), started.elapsed());
    Ok(())
}

/// Wait until both servers serve again. It asks what writes nothing.
async fn recover(harm: Harm, scene: &Scene, report: &mut Report) -> anyhow::Result<()> {
    let started = Instant::now();
    for node in 0..2 {
        loop {
            let mut wire = Wire::connect(scene.port(node)).await?;
            let reply = wire.ask(b"GET /readyz HTTP/1.1\r\nhost: trial\r\n\r\n").await?;
            if reply.status == 200 {
                break;
            }
            ensure!(started.elapsed() < RECOVERY, "server {node} is not ready again: {reply:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    report.time(&format!("{harm:?}: ready again after"), started.elapsed());
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(())
}

fn enter(harm: Harm, books: &Books, report: &mut Report) {
    report.count("acknowledged", books.acknowledged());
    report.count("never answered or refused", books.open.len());
    report.demand(books.acknowledged() > 0, || format!("{harm:?}: nothing was acknowledged"));
    books.refusals(&format!("{harm:?}"), report);
}

/// The same tokens at both servers at once, in opposite orders: batches that cross.
async fn cross(scene: &Scene, ports: [u16; 2], report: &mut Report) -> anyhow::Result<()> {
    const TOKENS: usize = 256;
    const SENDERS: usize = 32;
    let tokens: Arc<Vec<String>> = Arc::new((0..TOKENS).map(|_| scene.jobs.token()).collect());
    let mut senders = Vec::new();
    for number in 0..SENDERS * 2 {
        let (tokens, port) = (Arc::clone(&tokens), ports[number % 2]);
        senders.push(tokio::spawn(async move {
            let (mut wire, mut won) = (Wire::connect(port).await?, Vec::new());
            let mut order: Vec<usize> = (number / 2..TOKENS).step_by(SENDERS).collect();
            if number % 2 == 1 {
                order.reverse();
            }
            for token in order {
                let ask = Ask { token: tokens[token].clone(), key: request_key() };
                let reply = wire.ask(&ask.bytes()).await?;
                match (reply.status, reply.code()) {
                    (200, _) => won.push(token),
                    (409, "token-replayed") => {}
                    _ => anyhow::bail!("a token that crosses is answered {reply:?}"),
                }
            }
            anyhow::Ok(won)
        }));
    }
    let mut wins = vec![0; TOKENS];
    for sender in senders {
        for token in sender.await?? {
            wins[token] += 1;
        }
    }
    report.count("tokens that crossed", TOKENS);
    for won in wins {
        report.demand(won == 1, || format!("a token that crossed was spent {won} times"));
    }
    Ok(())
}

/// The scratch cluster, which this trial stops and starts.
struct Cluster {
    programs: PathBuf,
    data: PathBuf,
}

impl Cluster {
    #[expect(clippy::disallowed_methods, reason = "how `cargo xtask endure` names its cluster")]
    fn named() -> anyhow::Result<Self> {
        let of = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).with_context(|| {
                format!(
                    "{name} is not set: run this by `cargo xtask endure postgres`, which makes a \
                         cluster that may be stopped"
                )
            })
        };
        Ok(Self {
            programs: of("SEGURA_TEST_POSTGRES_PROGRAMS")?,
            data: of("SEGURA_TEST_POSTGRES_DATA")?,
        })
    }

    fn stop(&self, mode: &str) -> anyhow::Result<()> {
        self.control(&["--mode", mode, "--wait", "stop"])
    }

    /// With the settings that it had.
    fn start(&self) -> anyhow::Result<()> {
        let line = std::fs::read_to_string(self.data.join("postmaster.opts"))?;
        let words = line.split('"').skip(1).step_by(2).collect::<Vec<_>>();
        let words = words.strip_prefix(&["-D"]).map_or(&words[..], |rest| &rest[1..]);
        let log = self.data.with_file_name("log");
        let settings = words.join(" ");
        self.control(&["--log", &log.display().to_string(), "-o", &settings, "--wait", "start"])
    }

    /// How many deadlocks PostgreSQL has broken in this database.
    fn deadlocks(&self, name: &str) -> anyhow::Result<usize> {
        let port = std::fs::read_to_string(self.data.join("postmaster.pid"))?;
        let port = port.lines().nth(3).context("a port in postmaster.pid")?;
        let query = format!("SELECT deadlocks FROM pg_stat_database WHERE datname = '{name}'");
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["-h", "127.0.0.1", "-U", "segura", "-d", "postgres", "-p", port]);
        let run = Ran::of(command.args(["-A", "-t", "-c", &query]));
        run.stdout.trim().parse().with_context(|| format!("no count of deadlocks: {run:?}"))
    }

    /// Its owner may; root lends itself to that user.
    fn control(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let owner = std::fs::metadata(&self.data)?.uid();
        let program = self.programs.join("pg_ctl");
        let mut command = if std::fs::metadata("/proc/self")?.uid() == owner {
            Command::new(program)
        } else {
            let mut as_owner = Command::new("setpriv");
            as_owner.args(["--reuid", &owner.to_string(), "--clear-groups", "--"]).arg(program);
            as_owner
        };
        // A stop writes out all that the tests before it left, on a disk that others use.
        command.args(["--silent", "--timeout", "300", "-D"]).arg(&self.data).args(arguments);
        let status = command.current_dir("/").status().context("pg_ctl starts")?;
        ensure!(status.success(), "pg_ctl {arguments:?} failed: {status}");
        Ok(())
    }
}

/// The address and the name in a database's URL.
fn parts(url: &str) -> anyhow::Result<(SocketAddr, String)> {
    let (_, rest) = url.split_once('@').context("a user in the database's URL")?;
    let (address, name) = rest.split_once('/').context("a name in the database's URL")?;
    Ok((address.parse().context("an address in the database's URL")?, name.to_owned()))
}
