//! Power cuts: the file system under the data directory is shut down mid-write.
//!
//! A kill leaves what the server wrote in the kernel's memory; a power cut does not, so
//! only this shows whether a commit was on the disk when it was answered. The control is
//! the same run with the write-ahead log synced only before a checkpoint, which is
//! `synchronous=NORMAL` without a switch for it in the product.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use acceptance::{Database, Run as Ran, World};
use anyhow::{Context, ensure};
use segura_model::{Clock, SystemClock};
use tempfile::TempDir;

use super::{Course, Running, Trial};
use crate::check as promised;
use crate::ledger::{self, Mark};
use crate::load::{Books, Load};
use crate::report::Report;
use crate::scene::Scene;

pub(crate) const TRIAL: Trial = Trial {
    name: "powercut",
    about: "power cuts under load on ext4: nothing answered is missing; without the sync it is",
    databases: &[Database::Sqlite],
    run: |course, report| -> Running<'_> { Box::pin(run(course, report)) },
};

const CONNECTIONS: usize = 8;
/// The most cuts that the control may take until it loses something.
const CONTROL: u32 = 10;

async fn run(course: &Course<'_>, report: &mut Report) -> anyhow::Result<()> {
    if course.options.without_root {
        report.note("NOT TRIED: a loop mount needs root, and --without-root was given".to_owned());
        return Ok(());
    }
    ensure!(
        Ran::of(Command::new("id").arg("-u")).stdout.trim() == "0",
        "a loop mount needs root: run this as root, or say --without-root to leave it out"
    );
    let tools = Tools::build()?;
    let cycles = course.options.cycles(2, 30);
    let mut chance = fastrand::Rng::with_seed(course.seed);

    let mut stage = Stage::raise(&tools, None).await?;
    for cycle in 1..=cycles {
        let (books, mark, since) = stage.cut(&mut chance, report).await?;
        report.count("cuts", 1);
        report.count("acknowledged", books.acknowledged());
        report.count("never answered", books.open.len());
        report.count("answered while the power went", books.late);
        report.demand(books.acknowledged() > 0, || {
            format!("nothing was acknowledged before cut {cycle}: it proves nothing")
        });
        promised::all(&stage.scene, 0, &books, (&mark, since), report).await?;
        let verified = ledger::verify(&stage.scene, 0, report).await?;
        report.progress(&format!(
            "{cycle} of {cycles} cuts, {} acknowledged, {} records verify, {} lost",
            report.counted("acknowledged"),
            verified.records,
            report.lost()
        ));
    }
    drop(stage);
    control(course, &tools, &mut chance, report).await
}

/// The same without the sync, which must lose something.
async fn control(
    course: &Course<'_>,
    tools: &Tools,
    chance: &mut fastrand::Rng,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut stage = Stage::raise(tools, Some(&tools.no_sync)).await?;
    let mut seen = Report::silent(TRIAL.name, course.database, course.seed);
    for cut in 1..=CONTROL {
        report.count("control, without the sync: cuts", 1);
        let (books, mark, since) = stage.cut(chance, &mut seen).await?;
        promised::all(&stage.scene, 0, &books, (&mark, since), &mut seen).await?;
        report.count("control, without the sync: acknowledged", books.acknowledged());
        if seen.lost() > 0 {
            let lost = seen.lost();
            report.count("control, without the sync: lost", usize::try_from(lost)?);
            report.progress(&format!("without the sync {lost} losses are seen, at cut {cut}"));
            return Ok(());
        }
    }
    report.loss(format!("without the sync {CONTROL} cuts lost nothing: the trial proves nothing"));
    Ok(())
}

/// What is compiled for the trial.
struct Tools {
    folder: TempDir,
    no_sync: PathBuf,
}

impl Tools {
    fn build() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let source = folder.path().join("powercut.c");
        std::fs::write(&source, include_str!("powercut.c"))?;
        let (program, no_sync) = (folder.path().join("powercut"), folder.path().join("nosync.so"));
        check(Command::new("cc").arg(&source).arg("-o").arg(&program))?;
        let library = ["-DNOSYNC", "-shared", "-fPIC", "-ldl"];
        check(Command::new("cc").arg(&source).args(library).arg("-o").arg(&no_sync))?;
        Ok(Self { folder, no_sync })
    }

    fn cut(&self, mount: &Path) -> anyhow::Result<()> {
        check(Command::new(self.folder.path().join("powercut")).arg(mount))
    }
}

/// A world whose data directory is on a file system of its own.
struct Stage<'t> {
    tools: &'t Tools,
    scene: Scene,
    disk: Disk,
}

impl<'t> Stage<'t> {
    async fn raise(tools: &'t Tools, preload: Option<&Path>) -> anyhow::Result<Self> {
        let disk = Disk::make()?;
        let folder = tempfile::Builder::new().prefix("segura-cut-").tempdir()?;
        let mut world = World::prepare_at(folder, &disk.mount().join("data"), None);
        world.speak_plain();
        world.set("limits.min_free_disk=16 MiB");
        if let Some(library) = preload {
            world.set_env("LD_PRELOAD", &library.display().to_string());
        }
        world.add_node().await;
        Ok(Self { tools, scene: Scene::furnish(world).await, disk })
    }

    /// Load the server, cut the power at some moment, and start everything again.
    async fn cut(
        &mut self,
        chance: &mut fastrand::Rng,
        report: &mut Report,
    ) -> anyhow::Result<(Books, Mark, i64)> {
        // What came before is on the disk, so that each cut is counted for itself.
        check(Command::new("sync").arg("--file-system").arg(self.disk.mount()))?;
        let (mark, since) = (Mark::set(&self.scene, 0).await?, SystemClock.now().0);
        let port = self.scene.port(0);
        let load = Load::start(&self.scene, &[port], CONNECTIONS, chance.u64(..));
        load.is_under_way().await;
        tokio::time::sleep(Duration::from_millis(chance.u64(200..1000))).await;
        // The machine goes on after this cut, as after no real one: a write under way may be
        // called done while the journal is gone. What is answered now promises nothing.
        load.is_late_now();
        self.tools.cut(&self.disk.mount())?;
        self.scene.world.kill();
        let books = load.stop().await;
        self.disk.remount()?;
        let started = Instant::now();
        self.scene.world.try_add_node().await.map_err(anyhow::Error::msg)?;
        report.time("start after the cut", started.elapsed());
        Ok((books, mark, since))
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        // Before its disk goes.
        self.scene.world.kill();
    }
}

/// An ext4 file system in a file.
struct Disk {
    folder: TempDir,
}

impl Disk {
    const SIZE: u64 = 512 << 20;

    fn make() -> anyhow::Result<Self> {
        let disk = Self { folder: tempfile::Builder::new().prefix("segura-disk-").tempdir()? };
        std::fs::File::create(disk.image())?.set_len(Self::SIZE)?;
        check(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(disk.image()))?;
        std::fs::create_dir(disk.mount())?;
        disk.attach()?;
        Ok(disk)
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn mount(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    fn attach(&self) -> anyhow::Result<()> {
        let loop_mount = ["-t", "ext4", "-o", "loop"];
        check(Command::new("mount").args(loop_mount).arg(self.image()).arg(self.mount()))
            .context("a loop device and ext4 are needed; a container often lacks them")
    }

    fn remount(&self) -> anyhow::Result<()> {
        check(Command::new("umount").arg(self.mount()))?;
        self.attach()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It may not be mounted; the folder is removed next, or says that it is busy.
        drop(check(Command::new("umount").arg("--quiet").arg(self.mount())));
    }
}

/// Run a command, which must succeed.
pub(super) fn check(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {}: {said}", output.status);
    Ok(())
}
