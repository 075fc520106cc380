//! What is measured: a process that serves, where it listens and what it has used.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use acceptance::World;
use acceptance::node::{ReservedPort, reserved_port};
use anyhow::{Context, ensure};
use serde::Serialize;
use tempfile::TempDir;

use crate::load::{Connections, Dialer, Target, Template};
use crate::mint::Mint;

/// Whose figures they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Name {
    /// The least that must be done.
    Floor,
    /// The release binary.
    Segura,
}

/// A server under load.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) name: Name,
    pub(crate) pid: u32,
    pub(crate) target: Target,
}

/// A server that the benchmark has started; killed when dropped.
pub(crate) struct Running {
    child: Child,
    target: Target,
    name: Name,
    /// The floor's database and certificate.
    _folder: Option<TempDir>,
    _port: Option<ReservedPort>,
}

impl Running {
    /// The floor, with or without durability.
    pub(crate) fn floor(
        mint: &Mint,
        connections: Connections,
        durability: Durability,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("segura-floor-").tempdir()?;
        let certificate = folder.path().join("floor.pem");
        let authority = (connections == Connections::NewTls).then_some(certificate);
        let mut command = Command::new(beside("bench-floor")?);
        command.arg("--public-key").arg(mint.public_key());
        command.arg("--database").arg(folder.path().join("floor.sqlite"));
        if durability == Durability::Off {
            command.arg("--synchronous=off");
        }
        if let Some(path) = &authority {
            command.arg("--certificate").arg(path);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut port = String::new();
        let output = child.stdout.take().context("its output is a pipe")?;
        BufReader::new(output).read_line(&mut port)?;
        let port = port.trim().parse().context("the floor does not start")?;
        let target = Target { port, authority };
        Ok(Self { child, target, name: Name::Floor, _folder: Some(folder), _port: None })
    }

    /// The release binary, over plain HTTP, on the data of a world whose own servers have
    /// stopped. `preload` is a library that is loaded before all others.
    pub(crate) fn segura(world: &World, preload: Option<&Path>) -> anyhow::Result<Self> {
        let reserved = reserved_port();
        let port = reserved.port();
        let log = std::fs::File::create(world.path("bench.log"))?;
        let mut command = acceptance::segura();
        command
            .args(["server", "--config"])
            .arg(world.config())
            .arg(format!("--listen=127.0.0.1:{port}"))
            .args(["--set=server.metrics_listen=off", "--set=tls.mode=off"])
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(library) = preload {
            command.env("LD_PRELOAD", library);
        }
        let child = command.spawn()?;
        let target = Target { port, authority: None };
        Ok(Self { child, target, name: Name::Segura, _folder: None, _port: Some(reserved) })
    }

    /// Wait for the first answer.
    pub(crate) async fn answers(&mut self) -> anyhow::Result<()> {
        const PATIENCE: Duration = Duration::from_mins(1);
        let (started, dialer) = (Instant::now(), Dialer::new(&self.target)?);
        let request = Template::get("/healthz").fill(0, "");
        loop {
            let answered = match dialer.dial().await {
                Ok(mut wire) => wire.ask(&request).await.is_ok_and(|answer| answer.status == 200),
                Err(_) => false,
            };
            if answered {
                return Ok(());
            }
            ensure!(self.child.try_wait()?.is_none(), "the server has ended instead of serving");
            ensure!(started.elapsed() < PATIENCE, "no answer in {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// As what is measured.
    pub(crate) fn subject(&self) -> Subject {
        Subject { name: self.name, pid: self.child.id(), target: self.target.clone() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    Full,
    Off,
}

fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    ensure!(path.is_file(), "no `{name}` beside this program: run `cargo xtask bench`");
    Ok(path)
}
