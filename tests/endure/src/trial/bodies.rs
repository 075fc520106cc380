//! Bodies, heads and handshakes made to hurt, many at once.
//!
//! Each is written by hand to a socket, because no client library would send it. Every one
//! must get an answer or a closed connection in bounded time, the server must not grow, and
//! a job that asks in the ordinary way is served all the while.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acceptance::{Database, World};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::{Course, Running, Trial};
use crate::gauge::Watch;
use crate::report::Report;
use crate::scene::{SECRET, Scene};

pub(crate) const TRIAL: Trial = Trial {
    name: "bodies",
    about: "attack bodies, heads and handshakes: an answer or a closed connection in time, memory grows by 16 MB at most",
    databases: &[Database::Sqlite],
    run: |course, report| -> Running<'_> { Box::pin(run(course, report)) },
};

/// The most that memory may grow by.
const MEMORY: u64 = 16 * 1_000_000;
/// How many jobs ask while all attacks are sent once, about.
const JOBS_MEANWHILE: u64 = 300;
/// Beyond the longest of the server's own times, for a busy machine.
const SLACK: Duration = Duration::from_secs(15);
const HUNDRED_MB: usize = 100_000_000;
const PIECE: usize = 1 << 16;
/// What is counted of the jobs that ask meanwhile.
const JOBS: &str = "jobs that asked meanwhile";
const AGAIN: &str = "jobs told to come again";

/// Something that is sent, on many connections at once.
#[derive(Clone)]
struct Attack {
    name: &'static str,
    at_once: usize,
    plan: Plan,
}

/// How it is sent.
#[derive(Clone)]
enum Plan {
    /// This first, then the same again and again, as fast as it is taken.
    Flood { first: Vec<u8>, piece: Vec<u8>, times: usize, hears: Hears },
    /// This first, then one byte at a time, for ever.
    Drip { first: Vec<u8>, then: u8 },
    /// This, and nothing more.
    Once(Vec<u8>),
    /// This, and the connection is closed.
    Cut(Vec<u8>),
}

/// Whether the attacker reads what it is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hears {
    Nothing,
    Answers,
}

async fn run(course: &Course<'_>, report: &mut Report) -> anyhow::Result<()> {
    let times = u64::from(course.options.cycles(1, 10));
    let mut world = World::prepare(course.database).await;
    let patience = set_times(&mut world, course.options.short);
    world.speak_plain();
    world.add_node().await;
    let mut scene = Scene::furnish(world).await;
    scene.warm_up().await?;
    let heads = [at_once(), over_time()];
    withstand(&scene, "plain HTTP", &heads, (times, patience), report).await?;
    scene.world.stop();

    let mut world = World::prepare(course.database).await;
    let patience = set_times(&mut world, course.options.short);
    world.add_node().await;
    let mut scene = Scene::furnish(world).await;
    let handshakes = [handshakes(&hello()?)];
    withstand(&scene, "TLS", &handshakes, (times, patience), report).await?;
    scene.world.stop();
    Ok(())
}

/// Make a short trial's server impatient; how long the server may let somebody wait.
fn set_times(world: &mut World, short: bool) -> Duration {
    if !short {
        return Duration::from_secs(75) + SLACK;
    }
    // Long enough for the job that asks meanwhile, on a busy machine.
    for time in ["header_time=5s", "body_time=5s", "keep_alive=20s"] {
        world.set(&format!("limits.{time}"));
    }
    Duration::from_secs(20) + SLACK
}

/// Send all of it; what comes in one group is sent together.
async fn withstand(
    scene: &Scene,
    over: &str,
    groups: &[Vec<Vec<Attack>>],
    (times, patience): (u64, Duration),
    report: &mut Report,
) -> anyhow::Result<()> {
    let pid = scene.world.nodes()[0].pid();
    // What a server keeps for the jobs that ask meanwhile is not the attack's: its first
    // handshakes and requests, and the pages of its database.
    let jobs = Watch::start(pid)?;
    for _ in 0..times * JOBS_MEANWHILE {
        let answer = scene.world.deliver(&scene.jobs.token(), &[SECRET]).await;
        anyhow::ensure!(answer.status == 200, "a job is refused: {answer:?}");
    }
    report.measure_bytes(&format!("{over}: grew by for as many jobs before"), jobs.growth().await);
    let whole = Watch::start(pid)?;
    for _ in 0..times {
        for group in groups.iter().flatten() {
            let names: Vec<_> = group.iter().map(|attack| attack.name).collect();
            let watch = Watch::start(pid)?;
            send(scene, group, patience, report).await?;
            let growth = watch.growth().await;
            report.measure_bytes(&format!("{over}: {}: grew by", names.join(", ")), growth);
        }
    }
    let (jobs, again) = (report.counted(JOBS), report.counted(AGAIN));
    report.demand(again * 10 <= jobs, || format!("{again} of {jobs} jobs were told to come again"));
    let growth = whole.growth().await;
    report.measure_bytes(&format!("{over}: grew by in all"), growth);
    report.demand(growth <= MEMORY, || {
        format!("{over}: memory grew by {growth} bytes; the bound is {MEMORY}")
    });
    Ok(())
}

/// Send a group of attacks, while a job goes on asking.
async fn send(
    scene: &Scene,
    group: &[Attack],
    patience: Duration,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut attackers = Vec::new();
    for attack in group {
        for _ in 0..attack.at_once {
            let (attack, port) = (attack.clone(), scene.port(0));
            attackers.push(tokio::spawn(async move {
                let started = Instant::now();
                let told = timeout(patience, attack.plan.send(port)).await;
                (attack.name, told, started.elapsed())
            }));
        }
    }
    while attackers.iter().any(|attacker| !attacker.is_finished()) {
        deliver(scene, report).await;
        sleep(Duration::from_millis(100)).await;
    }
    for attacker in attackers {
        let (name, told, time) = attacker.await?;
        match told {
            Ok(told) => report.count(&format!("{name}: {told}"), 1),
            Err(_) => report
                .loss(format!("{name}: neither an answer nor a closed connection in {patience:?}")),
        }
        report.time("an attack's connection", time);
    }
    Ok(())
}

/// A job that asks in the ordinary way.
async fn deliver(scene: &Scene, report: &mut Report) {
    let started = Instant::now();
    let answer = scene.world.deliver(&scene.jobs.token(), &[SECRET]).await;
    report.time("a job's delivery meanwhile", started.elapsed());
    report.count(JOBS, 1);
    // Hundreds of bodies under way at once may be more than a slow machine serves in time.
    let overloaded = answer.code() == "overloaded";
    report.count(AGAIN, usize::from(overloaded));
    report.demand(answer.status == 200 || overloaded, || format!("a job is refused: {answer:?}"));
}

impl Plan {
    /// Send it, until there is an answer or no connection any more; what it was told.
    async fn send(self, port: u16) -> String {
        let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await else {
            return "not let in".to_owned();
        };
        let (mut answers, mut requests) = stream.into_split();
        if let Self::Cut(bytes) = &self {
            drop(requests.write_all(bytes).await);
            return "cut by the attacker".to_owned();
        }
        let deaf = matches!(self, Self::Flood { hears: Hears::Nothing, .. });
        let writer = async move {
            // A connection that the server closed takes no more: that is its answer.
            let _closed = self.write(&mut requests).await;
            // Not closed by the attacker.
            requests
        };
        if deaf {
            let taken = writer.await;
            return match taken.peer_addr() {
                Ok(_) => "was heard to its end".to_owned(),
                Err(_) => "closed".to_owned(),
            };
        }
        let reader = async move {
            let mut answer = [0; 64];
            match answers.read(&mut answer).await {
                Ok(0) | Err(_) => "closed".to_owned(),
                Ok(_) if answer.starts_with(b"HTTP/1.1 ") => {
                    format!("answered {}", String::from_utf8_lossy(&answer[9..12]))
                }
                Ok(_) => "answered".to_owned(),
            }
        };
        let writing = tokio::spawn(writer);
        let told = reader.await;
        writing.abort();
        told
    }

    async fn write(self, to: &mut (impl AsyncWriteExt + Unpin)) -> std::io::Result<()> {
        match self {
            Self::Flood { first, piece, times, .. } => {
                to.write_all(&first).await?;
                for _ in 0..times {
                    to.write_all(&piece).await?;
                }
            }
            Self::Drip { first, then } => {
                to.write_all(&first).await?;
                loop {
                    sleep(Duration::from_millis(200)).await;
                    to.write_all(&[then]).await?;
                }
            }
            Self::Once(bytes) | Self::Cut(bytes) => to.write_all(&bytes).await?,
        }
        Ok(())
    }
}

/// The head of a delivery with these headers.
fn head(headers: &str) -> Vec<u8> {
    format!(
        "POST /api/v2/deliveries HTTP/1.1\r\nhost: trial\r\ncontent-type: application/json\r\n{headers}"
    )
    .into_bytes()
}

/// A whole delivery with this body.
fn whole(headers: &str, body: &[u8]) -> Plan {
    let head = head(&format!("{headers}content-length: {}\r\n\r\n", body.len()));
    Plan::Once([&head, body].concat())
}

fn flood(first: Vec<u8>, piece: Vec<u8>, times: usize) -> Plan {
    Plan::Flood { first, piece, times, hears: Hears::Answers }
}

fn drip(first: &[u8], then: u8) -> Plan {
    Plan::Drip { first: first.to_vec(), then }
}

const fn attack(name: &'static str, at_once: usize, plan: Plan) -> Attack {
    Attack { name, at_once, plan }
}

/// What is sent as fast as it is taken, one after the other.
fn at_once() -> Vec<Vec<Attack>> {
    let pieces = HUNDRED_MB / PIECE;
    let chunk = [format!("{PIECE:x}\r\n").as_bytes(), &vec![b' '; PIECE], b"\r\n"].concat();
    let get = b"GET /healthz HTTP/1.1\r\nhost: trial\r\n\r\n";
    let bomb = bomb();
    let all = [
        attack("deep JSON", 50, whole("", "[".repeat(60_000).as_bytes())),
        attack("deep objects", 50, whole("", "{\"a\":".repeat(12_000).as_bytes())),
        attack("a gzip bomb", 20, whole("content-encoding: gzip\r\n", &bomb)),
        attack(
            "a gzip bomb as a transfer",
            20,
            flood(head("transfer-encoding: gzip, chunked\r\n\r\n"), bomb, 1),
        ),
        attack(
            "100 MB with its length",
            8,
            flood(head("content-length: 100000000\r\n\r\n"), vec![b' '; PIECE], pieces),
        ),
        attack(
            "100 MB in chunks",
            8,
            flood(head("transfer-encoding: chunked\r\n\r\n"), chunk, pieces),
        ),
        attack(
            "a chunk's extension of 100 MB",
            4,
            flood(head("transfer-encoding: chunked\r\n\r\n5;"), vec![b'x'; PIECE], pieces),
        ),
        attack("a million headers", 8, flood(head(""), b"x-header: value\r\n".repeat(100), 10_000)),
        attack("a header of 100 MB", 8, flood(head("x-long: "), vec![b'x'; PIECE], pieces)),
        attack("an address of 100 MB", 8, flood(b"GET /".to_vec(), vec![b'x'; PIECE], pieces)),
        attack("no HTTP at all", 50, flood(vec![0xff, 0, 1], vec![0x80; PIECE], 100)),
        attack("two lengths", 50, whole("content-length: 3\r\n", b"{}")),
        attack("a length below zero", 50, Plan::Once(head("content-length: -1\r\n\r\n"))),
        attack(
            "garbage in a pipeline",
            50,
            flood(get.to_vec(), [&get[..], b"\0garbage\r\n\r\n"].concat(), 1_000),
        ),
        attack(
            "a pipeline whose answers nobody reads",
            8,
            Plan::Flood {
                first: Vec::new(),
                piece: get.repeat(100),
                times: 1_000,
                hears: Hears::Nothing,
            },
        ),
    ];
    all.into_iter().map(|attack| vec![attack]).collect()
}

/// What takes its time, all together.
fn over_time() -> Vec<Vec<Attack>> {
    let length = head("content-length: 60000\r\n\r\n");
    let chunked = head("transfer-encoding: chunked\r\n\r\n");
    vec![vec![
        attack("silence", 100, Plan::Once(Vec::new())),
        attack("half a head", 50, Plan::Once(head("x-half: "))),
        attack("half a body", 50, Plan::Once([&length, &b"{"[..]].concat())),
        attack("a head byte by byte", 50, drip(&head("x-slow: "), b'x')),
        attack("a body byte by byte", 50, drip(&length, b' ')),
        attack("chunks byte by byte", 50, drip(&chunked, b'1')),
    ]]
}

/// What never becomes HTTP, because TLS comes first.
fn handshakes(hello: &[u8]) -> Vec<Vec<Attack>> {
    let half = &hello[..hello.len() / 2];
    let oversized = [&[0x16, 3, 1, 0xff, 0xff][..], &[0; 1000]].concat();
    vec![
        vec![attack("a hello, cut off", 500, Plan::Cut(half.to_vec()))],
        vec![attack("a flood of handshakes", 500, Plan::Once(hello.to_vec()))],
        vec![attack("HTTP instead of TLS", 100, Plan::Once(head("content-length: 0\r\n\r\n")))],
        vec![attack("no TLS at all", 100, flood(vec![0x16, 3, 1], vec![0x80; PIECE], 100))],
        vec![attack("a record too large", 100, Plan::Once(oversized))],
        vec![
            attack("half a hello, then silence", 200, Plan::Once(half.to_vec())),
            attack("a hello byte by byte", 200, drip(&hello[..5], 0)),
            attack("silence instead of TLS", 200, Plan::Once(Vec::new())),
        ],
    ]
}

/// 60 MB of zeros, in less than 64 KiB.
fn bomb() -> Vec<u8> {
    let mut gzip = Command::new("sh");
    let output = gzip.args(["-c", "head -c 60000000 /dev/zero | gzip -9"]).output();
    output.expect("a machine has gzip").stdout
}

/// What a client says first, as a real one does.
fn hello() -> anyhow::Result<Vec<u8>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), "127.0.0.1".try_into()?)?;
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes)?;
    Ok(bytes)
}
