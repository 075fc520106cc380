//! The process that sends the load.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::plan::{Connections, Outcome, Plan};
use super::wire::{Dialer, Wire};

/// `bench load`: a plan comes in, an outcome goes out.
pub(crate) fn main() -> anyhow::Result<()> {
    let mut line = String::new();
    let mut input = std::io::stdin().lock();
    input.read_line(&mut line)?;
    let plan: Plan = serde_json::from_str(&line).context("a plan on standard input")?;
    runtime(plan.connections)?.block_on(async {
        let load = Load::prepare(&plan).await?;
        println!("ready");
        line.clear();
        ensure!(input.read_line(&mut line)? > 0, "nobody waits for the load");
        let outcome = load.run().await?;
        println!("{}", serde_json::to_string(&outcome)?);
        Ok(std::io::stdout().flush()?)
    })
}

/// One thread drives kept-alive connections with the least work; handshakes want more.
fn runtime(connections: Connections) -> std::io::Result<Runtime> {
    match connections {
        Connections::KeepAlive => Builder::new_current_thread().enable_all().build(),
        Connections::NewTls => Builder::new_multi_thread().enable_all().build(),
    }
}

/// Everything that can be done before the clock runs.
struct Load {
    shared: Arc<Shared>,
    wires: Vec<Option<Wire>>,
    time: Duration,
}

struct Shared {
    dialer: Dialer,
    requests: Requests,
    next: AtomicUsize,
    wanted: u16,
}

/// Where requests come from.
enum Requests {
    /// Each one once; the run ends early when they are used up.
    Each(Vec<Vec<u8>>),
    /// The same request, again and again.
    Same(Vec<u8>),
}

impl Load {
    async fn prepare(plan: &Plan) -> anyhow::Result<Self> {
        let requests = match &plan.tokens {
            None => Requests::Same(plan.template.fill(0, "")),
            Some(path) => {
                let tokens = std::fs::read_to_string(path)?;
                let numbered = tokens.lines().enumerate();
                Requests::Each(numbered.map(|(n, token)| plan.template.fill(n, token)).collect())
            }
        };
        let dialer = Dialer::new(&plan.target)?;
        let mut wires = Vec::new();
        for _ in 0..plan.at_once {
            wires.push(match plan.connections {
                Connections::KeepAlive => Some(dialer.dial().await?),
                Connections::NewTls => None,
            });
        }
        let next = AtomicUsize::new(0);
        let shared = Arc::new(Shared { dialer, requests, next, wanted: plan.wanted });
        Ok(Self { shared, wires, time: Duration::from_secs_f64(plan.seconds) })
    }

    async fn run(self) -> anyhow::Result<Outcome> {
        let started = Instant::now();
        let until = started + self.time;
        let task = |wire| tokio::spawn(client(wire, Arc::clone(&self.shared), until));
        let tasks: Vec<JoinHandle<_>> = self.wires.into_iter().map(task).collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await.context("a client's task")??);
        }
        let seconds = started.elapsed().as_secs_f64();
        latencies.sort_unstable();
        let (p50_ms, p99_ms) = (percentile(&latencies, 50), percentile(&latencies, 99));
        Ok(Outcome { answered: latencies.len(), seconds, p50_ms, p99_ms })
    }
}

/// One client: a request, its answer, the next request. Without a wire of its own it opens
/// one for each.
async fn client(
    mut wire: Option<Wire>,
    shared: Arc<Shared>,
    until: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut latencies = Vec::with_capacity(4096);
    while Instant::now() < until {
        let Some(request) = shared.take() else { break };
        let sent = Instant::now();
        match &mut wire {
            Some(wire) => shared.ask(wire, request).await?,
            None => shared.ask(&mut shared.dialer.dial().await?, request).await?,
        }
        latencies.push(sent.elapsed());
    }
    Ok(latencies)
}

impl Shared {
    fn take(&self) -> Option<&[u8]> {
        match &self.requests {
            Requests::Each(requests) => {
                requests.get(self.next.fetch_add(1, Ordering::Relaxed)).map(Vec::as_slice)
            }
            Requests::Same(request) => Some(request),
        }
    }

    async fn ask(&self, wire: &mut Wire, request: &[u8]) -> anyhow::Result<()> {
        let answer = wire.ask(request).await?;
        if answer.status != self.wanted {
            let (status, wanted) = (answer.status, self.wanted);
            let body: String = String::from_utf8_lossy(answer.body).chars().take(800).collect();
            bail!("status {status}, wanted {wanted}: {body}");
        }
        Ok(())
    }
}

fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let times: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert!((percentile(&times, 50) - 51.0).abs() < 1e-9);
        assert!((percentile(&times, 99) - 100.0).abs() < 1e-9);
        assert!(percentile(&[], 50).abs() < 1e-9);
    }
}
