//! One running server process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use segura_broker::net::ReservedPort;

use crate::cli::segura;

/// A server that runs; killed when dropped.
pub struct Node {
    child: Child,
    port: Arc<ReservedPort>,
    metrics_port: ReservedPort,
    log: PathBuf,
}

/// How a server is started.
pub struct Start<'a> {
    /// Its configuration file.
    pub config: &'a Path,
    /// Where it logs to.
    pub log: &'a Path,
    /// The port it serves on.
    pub port: Arc<ReservedPort>,
    /// More arguments.
    pub flags: &'a [String],
    /// Its environment, beside what every command of the harness has.
    pub env: &'a [(String, String)],
}

/// How long a server may take until it answers, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

impl Node {
    /// Start `segura server` on this configuration and wait until it answers; when it ends
    /// or does not answer in time, that with its log.
    pub async fn start(start: Start<'_>) -> Result<Self, String> {
        let Start { config, log, port, flags, env } = start;
        let metrics_port = reserved_port();
        let output = File::options().create(true).append(true).open(log).expect("a log file");
        let child = segura()
            .args(["server", "--config"])
            .arg(config)
            .arg(format!("--listen=127.0.0.1:{}", port.port()))
            .arg(format!("--set=server.metrics_listen=127.0.0.1:{}", metrics_port.port()))
            .args(flags)
            .env("RUST_BACKTRACE", "1")
            .envs(env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file handle"))
            .stderr(output)
            .spawn()
            .expect("the server starts");
        let mut node = Self { child, port, metrics_port, log: log.to_owned() };
        node.wait_until_it_answers().await?;
        Ok(node)
    }

    /// The port it serves on.
    pub fn port(&self) -> u16 {
        self.port.port()
    }

    /// That port, to be held for the server that comes after this one.
    pub fn hold_port(&self) -> Arc<ReservedPort> {
        Arc::clone(&self.port)
    }

    /// The port of its metrics.
    pub const fn metrics_port(&self) -> u16 {
        self.metrics_port.port()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// End it as an operator does, with SIGTERM, and return the exit code.
    pub fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "the server is there to be stopped");
        self.child.wait().ok().and_then(|status| status.code())
    }

    /// End it as a power cut does.
    pub fn kill(mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    async fn wait_until_it_answers(&mut self) -> Result<(), String> {
        let started = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port.port())).await.is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the server ended with {status}:\n{}", self.log()));
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("no answer in {PATIENCE:?}:\n{}", self.log()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port that nobody else takes while it is held.
///
/// # Panics
///
/// If loopback has no port left.
pub fn reserved_port() -> ReservedPort {
    ReservedPort::take().expect("loopback has a free port")
}
