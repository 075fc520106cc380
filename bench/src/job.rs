//! The jobs that are measured.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use acceptance::world::{AUDIENCE, request_key, text};
use acceptance::{Database, TokenIssuer, World, segura};
use anyhow::{Context, ensure};
use segura_model::Algorithm;
use segura_plugins::sample;
use serde_json::{Value, json};

use crate::figures::Figures;
use crate::load::{self, Requests};
use crate::process::{processor_time, resident};

/// How long and how often.
pub(crate) struct Pace {
    rounds: usize,
    time: Duration,
    connections: usize,
}

impl Pace {
    /// A look.
    pub(crate) const fn short() -> Self {
        Self { rounds: 1, time: Duration::from_secs(3), connections: 64 }
    }

    /// A measurement.
    pub(crate) const fn long() -> Self {
        Self { rounds: 3, time: Duration::from_secs(8), connections: 64 }
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Job {
    /// Token to one secret in one request.
    Delivery,
    /// Token to session (RFC 8693).
    Exchange,
    /// `segura exec -- true`, over TLS.
    Exec,
    /// Memory of a server that has just started.
    Idle,
    /// One secret with a session.
    Read,
    /// A forged token.
    Refuse,
    /// Start to first answer.
    Start,
}

impl Job {
    /// All, in the order of the report.
    pub(crate) const fn all() -> &'static [Self] {
        &[
            Self::Exchange,
            Self::Delivery,
            Self::Read,
            Self::Refuse,
            Self::Exec,
            Self::Start,
            Self::Idle,
        ]
    }

    /// Measure this job in a world of its own.
    pub(crate) async fn measure(self, pace: &Pace) -> anyhow::Result<Figures> {
        let bench = Bench::start(self).await;
        let mut rounds = Vec::new();
        for _ in 0..pace.rounds {
            rounds.push(match self {
                Self::Delivery => bench.delivery(pace).await?,
                Self::Exchange => bench.exchange(pace).await?,
                Self::Exec => bench.exec()?,
                Self::Idle => bench.idle()?,
                Self::Read => bench.read(pace).await?,
                Self::Refuse => bench.refuse(pace).await?,
                Self::Start => bench.start_to_answer().await?,
            });
        }
        let name = rounds.first().context("at least one round")?.job;
        Ok(Figures::median(name, &rounds))
    }
}

/// A world with one secret and one policy, on SQLite with full durability.
struct Bench {
    world: World,
    issuer: TokenIssuer,
}

impl Bench {
    async fn start(job: Job) -> Self {
        let world = match job {
            Job::Exec => World::start(Database::Sqlite).await,
            _ => World::start_plain(Database::Sqlite).await,
        };
        let issuer = TokenIssuer::start(Algorithm::RS256).await;
        world.enrol("github", "github", &issuer);
        world.put_secret("db/prod/password", "correct horse battery staple");
        world.apply_policy(
            "policy: bench\nissuer: github\nanchor: { repository_id: \"456789\", repository_owner_id: \"123456\" }\nread: [\"db/prod/*\"]\n",
        );
        Self { world, issuer }
    }

    fn claims() -> Value {
        let mut claims = sample::github();
        claims["aud"] = json!(AUDIENCE);
        claims
    }

    fn tokens(&self, count: usize) -> Vec<String> {
        let claims = Self::claims();
        (0..count).map(|_| self.issuer.token(&claims)).collect()
    }

    /// Enough tokens for one round, at a rate that we shall not exceed.
    fn round_of_tokens(&self, pace: &Pace) -> Vec<String> {
        const MOST_PER_SECOND: usize = 12_000;
        self.tokens(MOST_PER_SECOND * usize::try_from(pace.time.as_secs()).unwrap_or(1))
    }

    async fn load(
        &self,
        job: &'static str,
        pace: &Pace,
        requests: Requests,
        wanted: u16,
    ) -> anyhow::Result<Figures> {
        let node = &self.world.nodes()[0];
        let before = processor_time(node.pid())?;
        let outcome = load::run(node.port(), pace.connections, pace.time, requests, wanted).await?;
        let used = processor_time(node.pid())?.saturating_sub(before);
        ensure!(outcome.answered > 0, "no request of {job} was answered");
        let mut figures = Figures::of_load(job, &outcome, used);
        figures.resident_mb = Some(megabytes(resident(node.pid())?));
        Ok(figures)
    }

    async fn delivery(&self, pace: &Pace) -> anyhow::Result<Figures> {
        let requests = self.round_of_tokens(pace).iter().map(|token| delivery(token)).collect();
        self.load("delivery", pace, Requests::Each(requests), 200).await
    }

    async fn exchange(&self, pace: &Pace) -> anyhow::Result<Figures> {
        let requests = self.round_of_tokens(pace).iter().map(|token| exchange(token)).collect();
        self.load("exchange", pace, Requests::Each(requests), 200).await
    }

    async fn read(&self, pace: &Pace) -> anyhow::Result<Figures> {
        let answer = self.world.deliver(&self.tokens(1)[0], &["db/prod/password"]).await;
        let session = answer.body["session"]["token"].as_str().context("a session")?;
        let request = format!(
            "GET /api/v2/a2a/secrets/db/prod/password HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {session}\r\n\r\n"
        );
        self.load("read", pace, Requests::Same(request.into_bytes()), 200).await
    }

    async fn refuse(&self, pace: &Pace) -> anyhow::Result<Figures> {
        let token = self.tokens(1).remove(0);
        let forged = format!("{}AAAA", &token[..token.len() - 4]);
        self.load("refuse", pace, Requests::Same(delivery(&forged)), 403).await
    }

    fn exec(&self) -> anyhow::Result<Figures> {
        const RUNS: usize = 20;
        let mut walls = Vec::new();
        for token in self.tokens(RUNS) {
            let file = self.world.write("job.token", &token);
            let mut command = segura();
            command
                .args([
                    "exec",
                    "--url",
                    &self.world.url(),
                    "--ca-cert",
                    &text(&self.world.authority()),
                ])
                .args([
                    "--token-file",
                    &text(&file),
                    "--secret",
                    "db/prod/password > P",
                    "--",
                    "true",
                ]);
            walls.push(wall(&mut command)?);
        }
        Ok(Figures { job: "exec", wall_ms: Some(median(walls)), ..Figures::default() })
    }

    fn idle(&self) -> anyhow::Result<Figures> {
        let bytes = resident(self.world.nodes()[0].pid())?;
        Ok(Figures { job: "idle", resident_mb: Some(megabytes(bytes)), ..Figures::default() })
    }

    async fn start_to_answer(&self) -> anyhow::Result<Figures> {
        const RUNS: usize = 5;
        let mut walls = Vec::new();
        for _ in 0..RUNS {
            let mut world = World::prepare(Database::Sqlite).await;
            let started = Instant::now();
            world.add_node().await;
            walls.push(started.elapsed().as_secs_f64() * 1e3);
        }
        Ok(Figures { job: "start", wall_ms: Some(median(walls)), ..Figures::default() })
    }
}

fn delivery(token: &str) -> Vec<u8> {
    let body =
        json!({"token": token, "request_key": request_key(), "secrets": ["db/prod/password"]});
    post("/api/v2/deliveries", "application/json", &body.to_string())
}

fn exchange(token: &str) -> Vec<u8> {
    let body = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token={token}\
         &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
    );
    post("/oauth2/token", "application/x-www-form-urlencoded", &body)
}

fn post(path: &str, content_type: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn wall(command: &mut Command) -> anyhow::Result<f64> {
    let started = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::inherit()).status()?;
    ensure!(status.success(), "segura exec ended with {status}");
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "less memory than 2^52 bytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
