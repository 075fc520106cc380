//! How many entries a second the writer makes durable, by the number of callers.
//!
//! `cargo run --release -p segura-store --example commit_rate -- sqlite:/var/tmp/rate.db`
//!
//! Figures of one machine on one day: compare them with each other, on the disk that will
//! be used. `/tmp` is often memory, where a commit costs nothing.

#![expect(clippy::print_stdout, reason = "printing the figures is what it is for")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use aws_lc_rs::{hmac, rand};
use segura_model::audit::{Actor, Event, Outcome, Record, ReleasedPath};
use segura_model::{
    ChainId, Clock, Random, RequestId, SessionId, SystemClock, Timestamp, random::make_bytes,
};
use segura_store::{
    Commit, DatabaseUrl, Entry, HeadMac, NewSession, OpenMode, OpenOptions, RowMac, SessionStep,
    Spend, Store, Writer, WriterOptions,
};

const ROUND: Duration = Duration::from_secs(3);
const CALLERS: [u32; 4] = [1, 8, 64, 256];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::args().nth(1).context("say which database: sqlite:PATH or postgres://…")?;
    let url: DatabaseUrl = url.parse()?;
    let store = Store::open(&url, OpenOptions::new(OpenMode::Exclusive)).await?;
    store.migrate().await?;
    let options = WriterOptions {
        queue: 4096,
        clock: Arc::new(SystemClock),
        random: Arc::new(Chance),
        head_mac: Arc::new(Mac(hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]))),
        row_mac: Arc::new(Mac(hmac::Key::new(hmac::HMAC_SHA256, &[2; 32]))),
    };
    let (writer, task) = Writer::start(store, options).await?;
    let session = open_session(&writer).await?;
    println!("{:>10} {:>8} {:>12} {:>12}", "entries", "callers", "per second", "mean µs");
    for (name, make) in [("reads", read as Make), ("deliveries", delivery as Make)] {
        for callers in CALLERS {
            let (count, elapsed) = round(&writer, callers, session, make).await?;
            let rate = f64::from(count) / elapsed.as_secs_f64();
            let mean = 1e6 * f64::from(callers) / rate;
            println!("{name:>10} {callers:>8} {rate:>12.0} {mean:>12.0}");
        }
    }
    task.stop().await;
    Ok(())
}

/// Makes an entry.
type Make = fn(SessionId, Timestamp) -> Entry;

/// Let `callers` submit one entry after the other; how many were made durable, and in what
/// time.
async fn round(
    writer: &Writer,
    callers: u32,
    session: SessionId,
    make: Make,
) -> anyhow::Result<(u32, Duration)> {
    let started = Instant::now();
    let calls = (0..callers).map(|_| {
        let writer = writer.clone();
        tokio::spawn(async move {
            let mut count = 0;
            while started.elapsed() < ROUND {
                submit(&writer, make(session, SystemClock.now())).await?;
                count += 1;
            }
            anyhow::Ok(count)
        })
    });
    let mut count: u32 = 0;
    for call in calls.collect::<Vec<_>>() {
        count += call.await??;
    }
    Ok((count, started.elapsed()))
}

async fn submit(writer: &Writer, entry: Entry) -> anyhow::Result<()> {
    match writer.submit(entry).await? {
        Commit::Done { .. } => Ok(()),
        other => bail!("not written: {other:?}"),
    }
}

async fn open_session(writer: &Writer) -> anyhow::Result<SessionId> {
    let session = session(SystemClock.now());
    let id = session.id;
    submit(writer, Entry { session: SessionStep::Open(session), ..Entry::default() }).await?;
    Ok(id)
}

fn session(now: Timestamp) -> NewSession {
    NewSession {
        id: SessionId::make(now, &Chance),
        issuer: "github".parse().expect("a name"),
        subject: "repo:acme/payments:ref:refs/heads/main".to_owned(),
        workload_json: r#"{"repository":"acme/payments","ref":"refs/heads/main"}"#.to_owned(),
        policies: vec!["payments-deploy".parse().expect("a name")],
        opened_at: now,
        expires_at: now.plus(900),
    }
}

/// A read of one secret in an open session.
fn read(session: SessionId, now: Timestamp) -> Entry {
    Entry {
        session: SessionStep::Check(session),
        records: vec![record(Event::Read, session, now)],
        ..Entry::default()
    }
}

/// A token spent, a session opened, a secret released.
fn delivery(_: SessionId, now: Timestamp) -> Entry {
    let session = session(now);
    let record = record(Event::Delivery, session.id, now);
    let spend = Spend {
        issuer: session.issuer.clone(),
        token_key: make_bytes(&Chance),
        request_key: make_bytes(&Chance),
        request_digest: [0; 32],
        keep_until: now.plus(900),
        answer: r#"[["db/prod/password",3]]"#.to_owned(),
    };
    Entry {
        session: SessionStep::Open(session),
        spend: Some(spend),
        records: vec![record],
        ..Entry::default()
    }
}

fn record(event: Event, session: SessionId, now: Timestamp) -> Record {
    let ids = |pairs: [(&str, &str); 2]| pairs.map(|(key, id)| (key.to_owned(), id.to_owned()));
    let actor = Actor::Workload {
        issuer: "github".parse().expect("a name"),
        subject: "repo:acme/payments:ref:refs/heads/main".to_owned(),
        anchors: ids([("repository_id", "456789"), ("repository_owner_id", "123456")]).into(),
        run: ids([("run_id", "9876543210"), ("run_attempt", "1")]).into(),
    };
    let path = "db/prod/password".parse().expect("a path");
    let mut record = Record::new(event, Outcome::Released, now, actor);
    record.client = Some([192, 0, 2, 7].into());
    record.session = Some(session);
    record.request = Some(RequestId::make(now, &Chance));
    record.paths = vec![ReleasedPath { path, version: Some(3), fields: Vec::new() }];
    record
}

struct Chance;

impl Random for Chance {
    fn fill(&self, bytes: &mut [u8]) {
        rand::fill(bytes).expect("the system gives randomness");
    }
}

struct Mac(hmac::Key);

impl RowMac for Mac {
    fn mac(&self, row: &[u8]) -> [u8; 32] {
        hmac::sign(&self.0, row).as_ref().try_into().expect("32 bytes")
    }
}

impl HeadMac for Mac {
    fn mac(&self, chain: &ChainId, seq: i64, hash: &[u8; 32]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&chain.to_bytes());
        context.update(&seq.to_be_bytes());
        context.update(hash);
        context.sign().as_ref().try_into().expect("32 bytes")
    }
}
