//! A disk that fills up under load: first nearly, then wholly.
//!
//! The data directory is on a small file system of its own. Nearly full, exchanges stop
//! with a clear error while operators go on; wholly full, filled faster than the server
//! looks, writes fail in the middle of whatever they are. Each time space comes back, and
//! everything that was answered has to be there.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use acceptance::wire::{Reply, Wire, get, send};
use acceptance::{Database, Run as Ran, World};
use anyhow::{Context, bail, ensure};
use segura_model::{Clock, SystemClock};
use serde_json::json;
use tempfile::TempDir;

use super::powercut::check as run_command;
use super::{Course, Running, Trial};
use crate::check;
use crate::ledger::{self, Mark};
use crate::load::{Act, Load, Put};
use crate::report::Report;
use crate::scene::Scene;

pub(crate) const TRIAL: Trial = Trial {
    name: "disk",
    about: "a disk that fills up: exchanges stop in clear words, operators go on, space brings all back, nothing answered is lost",
    databases: &[Database::Sqlite],
    run: |course, report| -> Running<'_> { Box::pin(run(course, report)) },
};

const CONNECTIONS: usize = 8;
/// The whole disk, more than ten rounds of a fast server write, and what exchanges leave
/// free of it.
const SIZE: &str = "256m";
const LEAST: &str = "limits.min_free_disk=32 MiB";
/// Free when it is nearly full.
const NEARLY: u64 = 20 << 20;
/// The server looks twice a second; a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(20);

async fn run(course: &Course<'_>, report: &mut Report) -> anyhow::Result<()> {
    if course.options.without_root {
        report.note("NOT TRIED: a mount needs root, and --without-root was given".to_owned());
        return Ok(());
    }
    ensure!(
        Ran::of(Command::new("id").arg("-u")).stdout.trim() == "0",
        "a mount needs root: run this as root, or say --without-root to leave it out"
    );
    let cycles = course.options.cycles(1, 10);
    let mut chance = fastrand::Rng::with_seed(course.seed);
    let mut stage = Stage::raise().await?;
    for cycle in 1..=cycles {
        stage.nearly_full(chance.u64(..), report).await?;
        stage.full(chance.u64(..), report).await?;
        stage.restart_while_full(report).await?;
        let verified = ledger::verify(&stage.scene, 0, report).await?;
        report.progress(&format!(
            "{cycle} of {cycles} rounds, {} acknowledged, {} records verify, {} lost",
            report.counted("acknowledged"),
            verified.records,
            report.lost()
        ));
    }
    Ok(())
}

/// A world whose data directory is on a small disk.
struct Stage {
    scene: Scene,
    disk: Disk,
}

impl Stage {
    async fn raise() -> anyhow::Result<Self> {
        let disk = Disk::make()?;
        let folder = tempfile::Builder::new().prefix("segura-full-").tempdir()?;
        let mut world = World::prepare_at(folder, &disk.mount().join("data"), None);
        world.speak_plain();
        world.set(LEAST);
        world.add_node().await;
        Ok(Self { scene: Scene::furnish(world).await, disk })
    }

    /// Below the bound: exchanges stop, operators do not.
    async fn nearly_full(&self, seed: u64, report: &mut Report) -> anyhow::Result<()> {
        let (mark, since) = (Mark::set(&self.scene, 0).await?, SystemClock.now().0);
        let load = Load::start(&self.scene, &[self.scene.port(0)], CONNECTIONS, seed);
        load.is_under_way().await;
        self.disk.fill_up_to(NEARLY)?;
        let stopped = self.wait_for(503, "disk-low").await?;
        report.time("nearly full: until exchanges stop", stopped);
        let told = self.probe().await?;
        report.note(format!("a job is told: {}", told.text("/detail")));
        let mut done = Vec::new();
        let put = self.put(format!("disk/low-{seed:x}"), &mut done).await?;
        report.demand(put.status == 200, || format!("an operator cannot write: {put:?}"));
        self.can_read(report).await?;
        let mut books = load.stop().await;
        for (act, reply) in done {
            books.enter(act, &reply);
        }
        self.disk.free()?;
        report
            .time("nearly full: until they are back", self.wait_for(400, "body-malformed").await?);

        report.count("acknowledged", books.acknowledged());
        report.demand(!books.deliveries.is_empty(), || "nothing was delivered".to_owned());
        books.refusals("on a nearly full disk", report);
        check::all(&self.scene, 0, &books, (&mark, since), report).await
    }

    /// Not a byte left, before the server can have seen it coming.
    async fn full(&self, seed: u64, report: &mut Report) -> anyhow::Result<()> {
        let (mark, since) = (Mark::set(&self.scene, 0).await?, SystemClock.now().0);
        let load = Load::start(&self.scene, &[self.scene.port(0)], CONNECTIONS, seed);
        load.is_under_way().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.disk.fill_up_to(0)?;
        let (full, mut done) = (Instant::now(), Vec::new());
        let refused = loop {
            let path = format!("disk/full-{seed:x}-{}", done.len());
            let put = self.put(path, &mut done).await?;
            if put.status != 200 {
                break put;
            }
            ensure!(full.elapsed() < PATIENCE, "a full disk takes writes");
            self.disk.fill_up_to(0)?;
        };
        report.note(format!("an operator who writes is told: {}", refused.body));
        report.demand(refused.status == 503 && !refused.code().is_empty(), || {
            format!("a write to a full disk is no clear 503: {refused:?}")
        });
        self.can_read(report).await?;
        self.wait_for(503, "disk-low").await?;
        let mut books = load.stop().await;
        for (act, reply) in done {
            books.enter(act, &reply);
        }
        self.disk.free()?;
        report.time("full: until they are back", self.wait_for(400, "body-malformed").await?);

        report.count("acknowledged", books.acknowledged());
        report.count("never answered or refused", books.open.len());
        books.refusals("on a full disk", report);
        check::all(&self.scene, 0, &books, (&mark, since), report).await
    }

    /// A server that is killed on a full disk and started there says why it cannot, or can.
    async fn restart_while_full(&mut self, report: &mut Report) -> anyhow::Result<()> {
        self.disk.fill_up_to(0)?;
        self.scene.world.kill();
        match self.scene.world.try_add_node().await {
            Ok(()) => report.count("starts on a full disk", 1),
            Err(why) => {
                let last = why.lines().rev().find(|line| line.contains("full"));
                report.demand(last.is_some(), || format!("a start does not say why: {why}"));
                report.count("starts that a full disk hindered", 1);
            }
        }
        self.disk.free()?;
        self.scene.world.kill();
        self.scene.world.try_add_node().await.map_err(anyhow::Error::msg)
    }

    /// Ask for a delivery by what is none: whether exchanges are let in, and nothing that
    /// the ledger would have a record of.
    async fn probe(&self) -> anyhow::Result<Reply> {
        let mut wire = Wire::connect(self.scene.port(0)).await?;
        let probe = send("POST", "/api/v2/deliveries", "", &json!({}));
        wire.ask(&probe).await.context("a probe was not answered")
    }

    /// Write a secret that fills some pages, as an operator.
    async fn put(&self, path: String, done: &mut Vec<(Act, Reply)>) -> anyhow::Result<Reply> {
        let mut wire = Wire::connect(self.scene.port(0)).await?;
        let put = Act::Put(Put { path, version: 1, value: "x".repeat(16 << 10) });
        let asked = wire.ask(&put.bytes(&self.scene.operator)).await;
        let reply = asked.context("an operator who writes was not answered")?;
        let told = reply.clone();
        done.push((put, reply));
        Ok(told)
    }

    /// Operators see what there is.
    async fn can_read(&self, report: &mut Report) -> anyhow::Result<()> {
        let mut wire = Wire::connect(self.scene.port(0)).await?;
        for path in ["/api/v2/audit?limit=10", "/api/v2/trust/policies", "/api/v2/a2a/secrets"] {
            let asked = wire.ask(&get(path, &self.scene.operator)).await;
            let reply = asked.with_context(|| format!("{path} was not answered"))?;
            report.count("reads of an operator", 1);
            report.demand(reply.status == 200, || format!("{path} is answered {reply:?}"));
        }
        Ok(())
    }

    /// Wait until a delivery is answered so; how long it took.
    async fn wait_for(&self, status: u16, code: &str) -> anyhow::Result<Duration> {
        let started = Instant::now();
        loop {
            let reply = self.probe().await?;
            if reply.status == status && reply.code() == code {
                return Ok(started.elapsed());
            }
            if started.elapsed() > PATIENCE {
                bail!("no delivery is answered {status} {code}: {reply:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Before its disk goes.
        self.scene.world.kill();
    }
}

/// A file system in memory, because that is as small as one likes.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn make() -> anyhow::Result<Self> {
        let disk = Self { folder: tempfile::Builder::new().prefix("segura-disk-").tempdir()? };
        let mount = disk.mount();
        std::fs::create_dir(&mount)?;
        let options = ["-t", "tmpfs", "-o", &format!("size={SIZE},mode=700"), "tmpfs"];
        run_command(Command::new("mount").args(options).arg(&mount))
            .context("a tmpfs is needed; a container often may not mount one")?;
        Ok(disk)
    }

    fn mount(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    fn filler(&self) -> PathBuf {
        self.mount().join("filler")
    }

    /// Leave so many bytes free. What fails because nothing is left is what was wanted.
    fn fill_up_to(&self, left: u64) -> anyhow::Result<()> {
        let mut filler = std::fs::File::options().create(true).append(true).open(self.filler())?;
        for size in [1 << 20, 4 << 10] {
            let zeros = vec![0; size];
            while free(&self.mount())? > left {
                if filler.write_all(&zeros).is_err() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn free(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.filler())?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It may not be mounted; the folder is removed next, or says that it is busy.
        drop(run_command(Command::new("umount").arg("--quiet").arg(self.mount())));
    }
}

fn free(mount: &Path) -> anyhow::Result<u64> {
    let df = Ran::of(Command::new("df").args(["--output=avail", "-B1"]).arg(mount));
    df.stdout.lines().nth(1).context("what `df` says")?.trim().parse().context("a number")
}
