//! The negative control: would it be seen if durability were switched off?
//!
//! The floor is run with `synchronous=OFF`. The server has no such switch, so its calls of
//! `fsync` and `fdatasync` are swallowed by a library that is loaded before libc. Both are
//! asked over one connection, where a request waits for each commit alone. A page that is
//! written again before it reached the disk counts once, and a commit that waits for the disk
//! leaves none of those: a server whose writes count alike with and without the calls does
//! not make them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Serialize;

use crate::job::Job;
use crate::load::{Connections, Plan};
use crate::measure::{as_figure, drive};
use crate::mint::Mint;
use crate::process::written;
use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::subject::{Durability, Running, Subject};

/// Exchanges one after the other, with and without durability.
#[derive(Debug, Serialize)]
pub(crate) struct Control {
    pub(crate) floor: Pair,
    pub(crate) segura: Pair,
}

/// The same server twice.
#[derive(Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) durable: Pass,
    pub(crate) not_durable: Pass,
}

/// One run.
#[derive(Debug, Serialize)]
pub(crate) struct Pass {
    pub(crate) per_second: f64,
    /// What the kernel had to write to the disk for each request.
    pub(crate) written_kib: f64,
}

impl Pair {
    /// Whether the two can be told apart by what reached the disk. Their rates differ too, but
    /// on a busy machine those of one and the same server do as well.
    pub(crate) fn is_seen(&self) -> bool {
        const LEAST: f64 = 1.5;
        self.spared() >= LEAST
    }

    /// How many times faster it is without durability.
    pub(crate) fn faster(&self) -> f64 {
        self.not_durable.per_second / self.durable.per_second
    }

    /// How many times less is written without durability.
    pub(crate) fn spared(&self) -> f64 {
        self.durable.written_kib / self.not_durable.written_kib.max(f64::MIN_POSITIVE)
    }
}

/// Run it.
pub(crate) async fn run(mint: &Mint) -> anyhow::Result<Control> {
    let (durable, not_durable) =
        (floor(mint, Durability::Full).await?, floor(mint, Durability::Off).await?);
    let floor = Pair { durable, not_durable };
    let mut stage = Stage::set(&Scenario::plain(), mint).await;
    stage.world.stop();
    let library = swallowing(mint)?;
    let mut passes = Vec::new();
    for (round, preload) in [None, Some(library.as_path())].into_iter().enumerate() {
        let mut server = Running::segura(&stage.world, preload)?;
        server.answers().await?;
        passes.push(pass(&server.subject(), mint, round)?);
    }
    let not_durable = passes.pop().context("the second pass")?;
    let durable = passes.pop().context("the first pass")?;
    Ok(Control { floor, segura: Pair { durable, not_durable } })
}

async fn floor(mint: &Mint, durability: Durability) -> anyhow::Result<Pass> {
    let mut server = Running::floor(mint, Connections::KeepAlive, durability)?;
    server.answers().await?;
    pass(&server.subject(), mint, 0)
}

fn pass(subject: &Subject, mint: &Mint, round: usize) -> anyhow::Result<Pass> {
    let plan = Plan {
        target: subject.target.clone(),
        connections: Connections::KeepAlive,
        at_once: 1,
        seconds: 2.0,
        wanted: Job::Exchange.wanted(),
        template: Job::Exchange.template("", ""),
        tokens: Some(mint.tokens(round)),
    };
    let before = written(subject.pid)?;
    let (outcome, _) = drive(&plan, subject.pid)?;
    let bytes = written(subject.pid)?.saturating_sub(before);
    let count = as_figure(outcome.answered);
    Ok(Pass {
        per_second: count / outcome.seconds,
        written_kib: as_figure(usize::try_from(bytes)?) / 1024.0 / count,
    })
}

/// Build the library. The C compiler is there: the server could not be built without one.
fn swallowing(mint: &Mint) -> anyhow::Result<PathBuf> {
    let (source, library) = (mint.scratch("swallow.c"), mint.scratch("swallow.so"));
    std::fs::write(&source, include_str!("control/swallow.c"))?;
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-fno-builtin", "-o"])
        .args([&library, &source])
        .status()
        .context("cannot start the C compiler, `cc`")?;
    ensure!(built.success(), "cc failed: {built}");
    Ok(library)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(rates: [f64; 2], written: [f64; 2]) -> Pair {
        let pass = |index: usize| Pass { per_second: rates[index], written_kib: written[index] };
        Pair { durable: pass(0), not_durable: pass(1) }
    }

    #[test]
    fn a_server_that_is_the_same_without_the_disk_is_found_out() {
        assert!(!pair([5_000.0, 5_100.0], [4.0, 4.0]).is_seen());
        assert!(!pair([2_000.0, 5_000.0], [4.0, 4.0]).is_seen());
        assert!(!pair([2_000.0, 5_000.0], [0.0, 0.0]).is_seen());
        assert!(pair([5_000.0, 5_100.0], [12.0, 4.0]).is_seen());
        assert!(pair([5_000.0, 5_100.0], [12.0, 0.0]).is_seen());
    }
}
