//! A load generator that costs little: kept-alive connections, requests written as
//! prepared bytes, answers read only as far as their status and length.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came of one run.
pub(crate) struct Outcome {
    /// Requests answered with the status that was wanted.
    pub(crate) answered: usize,
    /// How long it took.
    pub(crate) wall: Duration,
    /// Time of each request, sorted.
    pub(crate) latencies: Vec<Duration>,
}

/// Where requests come from: each is used at most once when it holds a token.
pub(crate) enum Requests {
    /// The same request, again and again.
    Same(Vec<u8>),
    /// Each one once; the run ends early when they are used up.
    Each(Vec<Vec<u8>>),
}

impl Requests {
    fn take(&self, number: usize) -> Option<&[u8]> {
        match self {
            Self::Each(requests) => requests.get(number).map(Vec::as_slice),
            Self::Same(request) => Some(request),
        }
    }
}

/// Send requests over `connections` connections for as long as `time`.
pub(crate) async fn run(
    port: u16,
    connections: usize,
    time: Duration,
    requests: Requests,
    wanted: u16,
) -> anyhow::Result<Outcome> {
    let shared = Arc::new((requests, AtomicUsize::new(0)));
    let started = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(connection(port, Arc::clone(&shared), started + time, wanted)))
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.context("a connection's task")??);
    }
    let wall = started.elapsed();
    latencies.sort_unstable();
    Ok(Outcome { answered: latencies.len(), wall, latencies })
}

async fn connection(
    port: u16,
    shared: Arc<(Requests, AtomicUsize)>,
    until: Instant,
    wanted: u16,
) -> anyhow::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let mut latencies = Vec::with_capacity(4096);
    let mut buffer = vec![0; 64 * 1024];
    let (requests, next) = &*shared;
    while Instant::now() < until {
        let Some(request) = requests.take(next.fetch_add(1, Ordering::Relaxed)) else { break };
        let sent = Instant::now();
        stream.write_all(request).await?;
        let status = answer(&mut stream, &mut buffer).await?;
        if status != wanted {
            let shown = String::from_utf8_lossy(&buffer[..800]).into_owned();
            bail!("status {status}, wanted {wanted}: {}", shown.trim_end_matches('\0'));
        }
        latencies.push(sent.elapsed());
    }
    Ok(latencies)
}

/// Read one answer whole; returns its status.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<u16> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        filled += read;
        let Some(head) = find(&buffer[..filled], b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head])?;
        let status = text.get(9..12).context("a status line")?.parse()?;
        let length: usize = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(Ok(0), |(_, value)| value.trim().parse())?;
        while filled < head + 4 + length {
            filled += stream.read(&mut buffer[filled..]).await?;
        }
        return Ok(status);
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
