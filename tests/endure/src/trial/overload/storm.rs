//! The load of the trial: what the server can do, and three times as much.
//!
//! It shares the machine with the server, so it costs as little as it can: requests are made
//! before the clock runs, and one that was refused is sent again by whoever is next, as its
//! client would. A connection that has its answer takes the next request that is due, so
//! that a slow answer puts nothing off while any connection is free.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use acceptance::wire::Wire;
use anyhow::ensure;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::load::Ask;
use crate::scene::{Jobs, Scene};

/// Connections that wait for their answers, when it is measured what the server can do.
const CLOSED: u32 = 64;
/// Requests made beforehand for each second of that.
const STOCKED: u32 = 5_000;
/// Connections of the storm.
pub(super) const CONNECTIONS: u32 = 1024;
/// How many of them come from one address: the server lets each have 1024.
const OF_AN_ADDRESS: u32 = 512;
/// Later than this is late: a timer is a millisecond late at any time.
const LATE: Duration = Duration::from_millis(5);

/// Deliveries a second, of connections that wait for their answers.
pub(super) async fn capacity(scene: &Scene, seconds: u32) -> anyhow::Result<u32> {
    let stock = Stock::make(&scene.jobs, STOCKED * seconds).await;
    let until = Instant::now() + Duration::from_secs(seconds.into());
    let mut workers: Vec<JoinHandle<anyhow::Result<u32>>> = Vec::new();
    for _ in 0..CLOSED {
        let (mut wire, stock) = (Wire::connect(scene.port(0)).await?, Arc::clone(&stock));
        workers.push(tokio::spawn(async move {
            let mut done = 0;
            while Instant::now() < until {
                let reply = wire.ask(&stock.take()).await?;
                ensure!(reply.status == 200, "a job is refused without any overload: {reply:?}");
                done += 1;
            }
            Ok(done)
        }));
    }
    let mut done = 0;
    for worker in workers {
        done += worker.await??;
    }
    ensure!(done >= seconds, "{done} deliveries in {seconds} seconds are no capacity to exceed");
    Ok(done / seconds)
}

/// Requests whose tokens nobody has spent.
struct Stock {
    jobs: Jobs,
    requests: Mutex<Vec<Vec<u8>>>,
}

impl Stock {
    /// Make this many, before they are needed.
    async fn make(jobs: &Jobs, count: u32) -> Arc<Self> {
        let makers: Vec<_> = (0..2)
            .map(|_| {
                let jobs = jobs.clone();
                spawn_blocking(move || (0..count / 2).map(|_| request(&jobs)).collect::<Vec<_>>())
            })
            .collect();
        let mut requests = Vec::new();
        for maker in makers {
            requests.extend(maker.await.expect("making requests does not panic"));
        }
        Arc::new(Self { jobs: jobs.clone(), requests: Mutex::new(requests) })
    }

    /// One of them; made now when all are used up.
    fn take(&self) -> Vec<u8> {
        let next = self.requests.lock().expect("nobody panics while holding it").pop();
        next.unwrap_or_else(|| request(&self.jobs))
    }

    /// One that was refused: its token is as good as before.
    fn give_back(&self, request: Vec<u8>) {
        self.requests.lock().expect("nobody panics while holding it").push(request);
    }
}

fn request(jobs: &Jobs) -> Vec<u8> {
    Ask::replay(&jobs.token()).bytes()
}

/// What a storm was told.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) accepted: Vec<Duration>,
    pub(super) refused: u32,
    /// Refused without being told when to come again.
    pub(super) unadvised: u32,
    /// Sent later than they were due: the generator was behind.
    pub(super) late: u32,
    /// Anything else.
    pub(super) other: BTreeMap<String, u32>,
}

impl Tally {
    fn add(&mut self, more: Self) {
        self.accepted.extend(more.accepted);
        self.refused += more.refused;
        self.unadvised += more.unadvised;
        self.late += more.late;
        for (what, count) in more.other {
            *self.other.entry(what).or_default() += count;
        }
    }

    fn other(&mut self, what: String) {
        *self.other.entry(what).or_default() += 1;
    }
}

/// Requests at this rate, come what may.
pub(super) async fn storm(
    scene: &Scene,
    rate: u32,
    seconds: u32,
    slow: u32,
) -> anyhow::Result<Tally> {
    let port = scene.port(0);
    // A third of them is let in, and as many as there are connections are being asked.
    let stock = Stock::make(&scene.jobs, rate / 3 * seconds + CONNECTIONS).await;
    let stop = Arc::new(AtomicBool::new(false));
    let slow: Vec<_> =
        (0..slow).map(|_| tokio::spawn(send_slowly(port, Arc::clone(&stop)))).collect();
    let mut wires = Vec::new();
    for number in 0..CONNECTIONS {
        wires.push(Wire::connect_from(source(number), port).await?);
    }
    let schedule = Arc::new(Schedule {
        first: Instant::now() + Duration::from_millis(200),
        every: Duration::from_secs(1) / rate,
        time: Duration::from_secs(seconds.into()),
        next: AtomicU32::new(0),
        stock,
    });
    let senders: Vec<_> = (0..)
        .zip(wires)
        .map(|(number, wire)| {
            let schedule = Arc::clone(&schedule);
            tokio::spawn(async move { schedule.send(source(number), port, wire).await })
        })
        .collect();
    let mut tally = Tally::default();
    for sender in senders {
        tally.add(sender.await?);
    }
    stop.store(true, Ordering::SeqCst);
    for sender in slow {
        sender.await?;
    }
    Ok(tally)
}

/// The address that a connection comes from.
fn source(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + 1 + number / OF_AN_ADDRESS)
}

/// When each request is due.
struct Schedule {
    first: Instant,
    every: Duration,
    time: Duration,
    next: AtomicU32,
    stock: Arc<Stock>,
}

impl Schedule {
    /// Over one connection, or the next after it was closed, send what is due.
    async fn send(&self, from: Ipv4Addr, port: u16, wire: Wire) -> Tally {
        let (mut tally, mut kept) = (Tally::default(), Some(wire));
        loop {
            let due = self.every * self.next.fetch_add(1, Ordering::Relaxed);
            if due >= self.time || self.first.elapsed() >= self.time {
                return tally;
            }
            tokio::time::sleep_until((self.first + due).into()).await;
            tally.late += u32::from(self.first.elapsed() > due + LATE);
            let wire = match kept.take() {
                Some(wire) => Ok(wire),
                None => Wire::connect_from(from, port).await,
            };
            match wire {
                Ok(wire) => kept = self.ask(wire, &mut tally).await,
                Err(_) => tally.other("no connection".to_owned()),
            }
        }
    }

    /// Send one request, and give its connection back unless it was closed.
    async fn ask(&self, mut wire: Wire, tally: &mut Tally) -> Option<Wire> {
        let request = self.stock.take();
        let sent = Instant::now();
        let Ok(reply) = wire.ask(&request).await else {
            tally.other("no answer".to_owned());
            return None;
        };
        match (reply.status, reply.code()) {
            (200, _) => tally.accepted.push(sent.elapsed()),
            (503, "overloaded") => {
                tally.refused += 1;
                tally.unadvised += u32::from(reply.retry_after.is_none());
                self.stock.give_back(request);
            }
            (status, code) => tally.other(format!("{status} {code}")),
        }
        (!reply.closes).then_some(wire)
    }
}

/// A client that sends its body byte by byte, again and again.
async fn send_slowly(port: u16, stop: Arc<AtomicBool>) {
    let head = b"POST /api/v2/deliveries HTTP/1.1\r\nhost: trial\r\n\
                 content-type: application/json\r\ncontent-length: 60000\r\n\r\n";
    while !stop.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
        if stream.write_all(head).await.is_err() {
            continue;
        }
        while !stop.load(Ordering::SeqCst) && stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
