//! Spent tokens, sent again and again while servers restart and the clock moves.
//!
//! The servers' wall clock is moved by libfaketime, from outside and while they run; what
//! they time by the monotonic clock is left alone. Every token's life ends within the
//! trial, and the purge of spent tokens runs at each start of a server.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use acceptance::wire::Wire;
use acceptance::{Database, World};
use anyhow::Context;
use segura_model::{Clock, SystemClock};
use serde_json::json;
use tokio::task::JoinHandle;

use super::{Course, Running, Trial};
use crate::ledger;
use crate::load::Ask;
use crate::report::Report;
use crate::scene::Scene;

pub(crate) const TRIAL: Trial = Trial {
    name: "replay",
    about: "a million replays from 64 connections over two servers, through restarts and across exp: each token is spent once",
    databases: &[Database::Postgres],
    run: |course, report| -> Running<'_> { Box::pin(run(course, report)) },
};

const CONNECTIONS: usize = 64;
/// A token's life, in seconds.
const LIFE: i64 = 300;
/// What the broker allows beyond it, and how much longer it remembers the token
/// (`broker/src/oidc/claims.rs`, `replay.rs`).
const LEEWAY: i64 = 30;
const MARGIN: i64 = 600;

/// One part of the trial.
struct Part {
    what: &'static str,
    /// The servers' clock, in seconds after the tokens' `exp`.
    clock: i64,
    end: End,
    /// What a replay may be told.
    told: &'static [&'static str],
}

/// What happens to a server while the part runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Kill,
    Nothing,
    Stop,
}

const REPLAYED: &[&str] = &["token-replayed"];
/// A stranger is not told why, and nobody vouches any more for who sends an expired token.
const EXPIRED: &[&str] = &["access-refused"];
const EITHER: &[&str] = &["token-replayed", "access-refused"];

const PARTS: &[Part] = &[
    Part {
        what: "in their life, a server killed",
        clock: -LIFE + 5,
        end: End::Kill,
        told: REPLAYED,
    },
    Part { what: "just before exp", clock: -2, end: End::Nothing, told: REPLAYED },
    Part { what: "after exp, a server stopped", clock: 15, end: End::Stop, told: REPLAYED },
    Part {
        what: "across the end of the leeway",
        clock: LEEWAY - 2,
        end: End::Nothing,
        told: EITHER,
    },
    Part { what: "expired, a server killed", clock: LEEWAY + 5, end: End::Kill, told: EXPIRED },
    Part {
        what: "just before they are forgotten, a server purges",
        clock: LEEWAY + MARGIN - 60,
        end: End::Stop,
        told: EXPIRED,
    },
    Part { what: "the clock set back into the leeway", clock: 15, end: End::Kill, told: REPLAYED },
    Part {
        what: "forgotten, a server purges",
        clock: LEEWAY + MARGIN + 60,
        end: End::Stop,
        told: EXPIRED,
    },
];

async fn run(course: &Course<'_>, report: &mut Report) -> anyhow::Result<()> {
    let replays = course.options.cycles(1, 1000) as usize * 1000;
    let mut world = World::prepare(course.database).await;
    world.speak_plain();
    let clock = FakeClock::install(&mut world)?;
    world.add_node().await;
    world.add_node().await;
    let mut scene = Scene::furnish(world).await;

    let count = if course.options.short { 100 } else { 2_000 };
    let now = SystemClock.now().0;
    let claims = json!({"iat": now, "nbf": now, "exp": now + LIFE});
    let tokens = (0..count)
        .map(|_| Token { text: scene.jobs.token_with(&claims), spent: AtomicUsize::new(0) });
    let tokens: Arc<[Token]> = tokens.collect();

    // Every token is asked for by several at once, over both servers.
    let crowd = Crowd { tokens: Arc::clone(&tokens), seed: course.seed, pick: Pick::InTurn };
    let started = crowd.start(&scene, count * 8);
    finish(started, EITHER, report).await?;
    for (number, token) in tokens.iter().enumerate() {
        let spent = token.spent.load(Ordering::SeqCst);
        report.demand(spent == 1, || format!("token {number} was spent {spent} times at first"));
    }
    report.count("tokens", count);

    let started = Instant::now();
    for (number, part) in PARTS.iter().enumerate() {
        let moment = now + LIFE + part.clock;
        clock.set(moment).await?;
        let seed = course.seed.wrapping_add(number as u64);
        let crowd = Crowd { tokens: Arc::clone(&tokens), seed, pick: Pick::Chance };
        let crowd = crowd.start(&scene, replays / PARTS.len());
        let played = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            match part.end {
                End::Kill => scene.world.crash_node(number % 2).await,
                End::Stop => scene.world.restart_node(number % 2).await,
                End::Nothing => {}
            }
            finish(crowd, part.told, report).await
        };
        tokio::select! {
            finished = played => finished?,
            moved = clock.hold(moment) => moved?,
        }
        report.progress(&format!(
            "{}: {} replays so far, {} lost",
            part.what,
            report.counted("replays answered"),
            report.lost()
        ));
    }
    report.measure_rate("replays answered", started.elapsed());
    for (number, token) in tokens.iter().enumerate() {
        let spent = token.spent.load(Ordering::SeqCst);
        report.demand(spent == 1, || format!("token {number} was spent {spent} times in all"));
    }
    let rows = ledger::read(&scene, 0, 0).await?;
    let recorded = rows.iter().filter(|row| row.event == "delivery").count();
    report.demand(recorded == count, || {
        format!("the ledger has {recorded} deliveries of {count} tokens")
    });
    let _ = ledger::verify(&scene, 0, report).await?;
    scene.world.stop();
    Ok(())
}

/// A token, and how often it was taken.
struct Token {
    text: String,
    spent: AtomicUsize,
}

/// Which token is next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pick {
    Chance,
    /// Eight times each, one after the other.
    InTurn,
}

/// Whoever sends tokens.
struct Crowd {
    tokens: Arc<[Token]>,
    seed: u64,
    pick: Pick,
}

/// What they were told.
type Told = std::collections::BTreeMap<String, usize>;

impl Crowd {
    fn start(self, scene: &Scene, requests: usize) -> Vec<JoinHandle<Told>> {
        let left = Arc::new(AtomicUsize::new(0));
        let sender = |number: usize| {
            let sender = Sender {
                port: scene.port(number % 2),
                tokens: Arc::clone(&self.tokens),
                chance: fastrand::Rng::with_seed(self.seed ^ ((number as u64) << 32)),
                pick: self.pick,
                next: Arc::clone(&left),
                requests,
            };
            tokio::spawn(sender.send())
        };
        (0..CONNECTIONS).map(sender).collect()
    }
}

struct Sender {
    port: u16,
    tokens: Arc<[Token]>,
    chance: fastrand::Rng,
    pick: Pick,
    next: Arc<AtomicUsize>,
    requests: usize,
}

impl Sender {
    async fn send(mut self) -> Told {
        let mut told = Told::new();
        while self.next.load(Ordering::SeqCst) < self.requests {
            match Wire::connect(self.port).await {
                Ok(wire) => self.talk(wire, &mut told).await,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        told
    }

    async fn talk(&mut self, mut wire: Wire, told: &mut Told) {
        loop {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            if number >= self.requests {
                return;
            }
            let token = match self.pick {
                Pick::Chance => self.chance.usize(0..self.tokens.len()),
                Pick::InTurn => number / 8,
            };
            let token = &self.tokens[token];
            let Ok(reply) = wire.ask(&Ask::replay(&token.text).bytes()).await else {
                *told.entry("no answer".to_owned()).or_default() += 1;
                return;
            };
            if reply.status == 200 {
                token.spent.fetch_add(1, Ordering::SeqCst);
            }
            let what = if reply.status == 200 { "spent" } else { reply.code() };
            *told.entry(what.to_owned()).or_default() += 1;
            if reply.closes {
                return;
            }
        }
    }
}

/// Wait for a crowd; whatever it was told beside what it may be is a loss.
async fn finish(
    crowd: Vec<JoinHandle<Told>>,
    may: &[&str],
    report: &mut Report,
) -> anyhow::Result<()> {
    for sender in crowd {
        for (what, count) in sender.await? {
            match what.as_str() {
                "no answer" => report.count("replays lost with their server", count),
                "spent" => report.count("tokens spent", count),
                code => {
                    report.count("replays answered", count);
                    report.count(&format!("told {code}"), count);
                    report.demand(may.contains(&code), || {
                        format!("{count} replays were told `{code}`, expected {}", may.join(" or "))
                    });
                }
            }
        }
    }
    Ok(())
}

/// The servers' wall clock.
struct FakeClock {
    file: PathBuf,
}

impl FakeClock {
    fn install(world: &mut World) -> anyhow::Result<Self> {
        let kinds = std::fs::read_dir("/usr/lib")?.flatten().map(|kind| kind.path());
        let library = kinds
            .map(|kind| kind.join("faketime/libfaketimeMT.so.1"))
            .find(|path| path.is_file())
            .context("libfaketime is not here: `apt-get install libfaketime` brings it")?;
        let clock = Self { file: world.write("clock", "+0") };
        world.set_env("LD_PRELOAD", &library.display().to_string());
        world.set_env("FAKETIME_TIMESTAMP_FILE", &clock.file.display().to_string());
        world.set_env("FAKETIME_NO_CACHE", "1");
        world.set_env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        world.set_env("DONT_FAKE_MONOTONIC", "1");
        Ok(clock)
    }

    /// Move it to this moment, and let the servers notice.
    async fn set(&self, moment: i64) -> anyhow::Result<()> {
        let seconds = moment - SystemClock.now().0;
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("{seconds:+}"))?;
        std::fs::rename(&next, &self.file)?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(())
    }

    /// Keep it about there: a hundred thousand replays take longer than the leeway.
    async fn hold(&self, moment: i64) -> anyhow::Result<()> {
        loop {
            tokio::time::sleep(Duration::from_millis(400)).await;
            self.set(moment).await?;
        }
    }
}
