//! What a server takes of the machine, seen from outside it.
//!
//! Its memory is what it has of its own (`RssAnon`): pages of the program itself come in
//! as they are first run, and say nothing of what a caller can make it keep.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use acceptance::node::Node;
use anyhow::Context;
use rustix::process::{Pid, setpriority_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A mebibyte.
pub(crate) const MIB: u64 = 1 << 20;
/// How much a process that stands back leaves to others: three times what it takes.
const NICE: i32 = 5;
/// How often a watch looks.
const LOOK: Duration = Duration::from_millis(20);

/// Bytes of memory that a process has of its own.
pub(crate) fn memory(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).context("RssAnon")?;
    Ok(kib.trim().parse::<u64>()? * 1024)
}

/// Let other processes go first: whoever generates load on the server's own machine stands
/// for machines elsewhere, which have processors of their own.
pub(crate) fn stand_back(pid: u32) -> anyhow::Result<()> {
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let name = thread?.file_name();
        let id: i32 = name.to_str().context("the id of a thread")?.parse()?;
        // In Linux each thread has a priority of its own.
        setpriority_process(Pid::from_raw(id), NICE)?;
    }
    Ok(())
}

/// All the metrics of a server, as text.
pub(crate) async fn metrics(node: &Node) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", node.metrics_port())).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: trial\r\nconnection: close\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

/// One metric of a server, without labels.
pub(crate) async fn metric(node: &Node, name: &str) -> anyhow::Result<f64> {
    let text = metrics(node).await?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(value.with_context(|| format!("no metric `{name}`"))?.trim().parse()?)
}

/// Bytes of all files in a folder.
pub(crate) fn folder_size(folder: &Path) -> anyhow::Result<u64> {
    let mut size = 0;
    for entry in std::fs::read_dir(folder)? {
        // A file may go while the folder is read.
        size += entry?.metadata().map_or(0, |about| about.len());
    }
    Ok(size)
}

/// Looks at a server's memory until it is asked for the most that there was.
pub(crate) struct Watch {
    before: u64,
    most: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    looks: JoinHandle<()>,
}

impl Watch {
    /// Begin, at what it has now.
    pub(crate) fn start(pid: u32) -> anyhow::Result<Self> {
        let before = memory(pid)?;
        let (most, stop) = (Arc::new(AtomicU64::new(before)), Arc::new(AtomicBool::new(false)));
        let (seen, stopped) = (Arc::clone(&most), Arc::clone(&stop));
        let looks = tokio::spawn(async move {
            while !stopped.load(Ordering::SeqCst) {
                tokio::time::sleep(LOOK).await;
                // A server that is gone has none.
                seen.fetch_max(memory(pid).unwrap_or(0), Ordering::SeqCst);
            }
        });
        Ok(Self { before, most, stop, looks })
    }

    /// What it had at first.
    pub(crate) const fn before(&self) -> u64 {
        self.before
    }

    /// End, and tell how much more than at first there was at most.
    pub(crate) async fn growth(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.looks.await.expect("a watch does not panic");
        self.most.load(Ordering::SeqCst).saturating_sub(self.before)
    }
}
