//! Rounds. Those of the floor and of the server alternate, so that what disturbs a machine
//! for a minute disturbs both.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use acceptance::segura;
use acceptance::world::text;
use anyhow::{Context, ensure};

use crate::figures::{Figures, Round, middle};
use crate::job::{self, Job};
use crate::load::{Connections, Dialer, Driver, Outcome, Plan, Target, Template};
use crate::mint::Mint;
use crate::process::{processor_time, resident};
use crate::report::Entry;
use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::subject::{Durability, Name, Running, Subject};
use crate::yardstick::Yardstick;

/// How long and how often.
#[derive(clap::Args)]
pub(crate) struct Pace {
    /// A look: one round of at most two seconds a job instead of three of five.
    #[arg(long)]
    short: bool,
    /// How many rounds.
    #[arg(long)]
    rounds: Option<usize>,
    /// How long a round takes at most; it ends earlier when its tokens are used up.
    #[arg(long)]
    seconds: Option<f64>,
    /// How many identity tokens are minted for a round.
    #[arg(long)]
    tokens: Option<usize>,
}

impl Pace {
    /// With the defaults filled in.
    pub(crate) fn resolve(&self) -> Resolved {
        let (rounds, seconds, tokens) =
            if self.short { (1, 2.0, 15_000) } else { (3, 5.0, 40_000) };
        Resolved {
            rounds: self.rounds.unwrap_or(rounds).max(1),
            seconds: self.seconds.unwrap_or(seconds),
            tokens: self.tokens.unwrap_or(tokens).max(1),
        }
    }
}

/// How long, how often, and with how many tokens a round.
pub(crate) struct Resolved {
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) tokens: usize,
}

/// Measure a job in a world of its own.
pub(crate) async fn measure(
    job: Job,
    scenario: &Scenario,
    mint: &Mint,
    pace: &Resolved,
) -> anyhow::Result<Vec<Entry>> {
    let rounds = match job {
        Job::Apply => apply(scenario, mint, pace).await?,
        Job::Change => change(scenario, mint, pace).await?,
        Job::Exec => exec(scenario, mint, pace).await?,
        Job::Idle | Job::Start => restarts(job, scenario, mint, pace).await?,
        _ => return load(job, scenario, mint, pace).await,
    };
    Ok(vec![Entry::new(job, Name::Segura, scenario, Figures::of(&rounds))])
}

async fn load(
    job: Job,
    scenario: &Scenario,
    mint: &Mint,
    pace: &Resolved,
) -> anyhow::Result<Vec<Entry>> {
    let stage = Stage::set(scenario, mint).await;
    let mut floor = Running::floor(mint, scenario.connections, Durability::Full)?;
    floor.answers().await?;
    let yardstick = Yardstick::new(mint)?;
    let course = Course { job, connections: scenario.connections, mint };
    let ours = Contender::enter(&course, stage.subject(scenario.connections)?).await?;
    let mut contenders = [Contender::enter(&course, floor.subject()).await?, ours];
    for contender in &contenders {
        contender.run(&course, 0, WARM_UP)?;
    }
    for round in 1..=pace.rounds {
        for contender in &mut contenders {
            let mut figures = contender.run(&course, round, pace.seconds)?;
            figures.rs256_us = Some(yardstick.measure()?);
            contender.rounds.push(figures);
        }
    }
    let [floor, ours] = contenders.map(|contender| {
        Entry::new(job, contender.subject.name, scenario, Figures::of(&contender.rounds))
    });
    let ours = ours.beside(&floor);
    Ok(vec![floor, ours])
}

/// What all contenders have to do.
struct Course<'a> {
    job: Job,
    connections: Connections,
    mint: &'a Mint,
}

/// A server in the race.
struct Contender {
    subject: Subject,
    template: Template,
    rounds: Vec<Round>,
}

impl Contender {
    async fn enter(course: &Course<'_>, subject: Subject) -> anyhow::Result<Self> {
        let session = open_session(&subject.target, &course.mint.token()).await?;
        let forged = job::forge(&course.mint.token());
        let template = course.job.template(&session, &forged);
        Ok(Self { subject, template, rounds: Vec::new() })
    }

    fn run(&self, course: &Course<'_>, round: usize, seconds: f64) -> anyhow::Result<Round> {
        let plan = Plan {
            target: self.subject.target.clone(),
            connections: course.connections,
            at_once: job::at_once(course.connections),
            seconds,
            wanted: course.job.wanted(),
            template: self.template.clone(),
            tokens: course.job.spends_tokens().then(|| course.mint.tokens(round)),
        };
        let (outcome, used) = drive(&plan, self.subject.pid)?;
        let count = as_figure(outcome.answered);
        Ok(Round {
            per_second: Some(count / outcome.seconds),
            p50_ms: Some(outcome.p50_ms),
            p99_ms: Some(outcome.p99_ms),
            server_us: Some(used.as_secs_f64() * 1e6 / count),
            resident_mb: Some(megabytes(self.subject.pid)?),
            ..Round::default()
        })
    }
}

/// Send the load; what came of it, and the processor time that the server used meanwhile.
pub(crate) fn drive(plan: &Plan, pid: u32) -> anyhow::Result<(Outcome, Duration)> {
    let driver = Driver::prepare(plan)?;
    let before = processor_time(pid)?;
    let outcome = driver.go()?;
    let used = processor_time(pid)?.saturating_sub(before);
    ensure!(outcome.answered > 0, "no request was answered");
    Ok((outcome, used))
}

async fn open_session(target: &Target, token: &str) -> anyhow::Result<String> {
    let mut wire = Dialer::new(target)?.dial().await?;
    let answer = wire.ask(&job::opening(token)).await?;
    let body: serde_json::Value = serde_json::from_slice(answer.body)?;
    let session = body["session"]["token"].as_str();
    Ok(session.with_context(|| format!("a delivery gave no session: {body}"))?.to_owned())
}

async fn exec(scenario: &Scenario, mint: &Mint, pace: &Resolved) -> anyhow::Result<Vec<Round>> {
    const RUNS: usize = 20;
    let stage = Stage::set(&scenario.over(Connections::NewTls), mint).await;
    let mut rounds = Vec::new();
    for _ in 0..pace.rounds {
        let mut walls = Vec::new();
        for _ in 0..RUNS {
            let token = stage.world.write("job.token", &mint.token());
            let mut command = segura();
            command
                .args(["exec", "--url", &stage.world.url()])
                .args(["--ca-cert", &text(&stage.world.authority())])
                .args(["--token-file", &text(&token)])
                .args(["--secret", "db/prod/password-0 > P", "--", "true"]);
            walls.push(wall_ms(&mut command)?);
        }
        rounds.push(Round { wall_ms: Some(middle(walls)), ..Round::default() });
    }
    Ok(rounds)
}

fn wall_ms(command: &mut Command) -> anyhow::Result<f64> {
    let started = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::inherit()).status()?;
    ensure!(status.success(), "segura exec ended with {status}");
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

/// Start the server again and again on the same data.
async fn restarts(
    job: Job,
    scenario: &Scenario,
    mint: &Mint,
    pace: &Resolved,
) -> anyhow::Result<Vec<Round>> {
    const RUNS: usize = 5;
    let mut stage = Stage::set(&scenario.over(Connections::KeepAlive), mint).await;
    stage.world.stop();
    let mut rounds = Vec::new();
    for _ in 0..pace.rounds {
        if job == Job::Idle {
            let mut server = Running::segura(&stage.world, None)?;
            server.answers().await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let resident_mb = Some(megabytes(server.subject().pid)?);
            rounds.push(Round { resident_mb, ..Round::default() });
            continue;
        }
        let mut walls = Vec::new();
        for _ in 0..RUNS {
            let started = Instant::now();
            let mut server = Running::segura(&stage.world, None)?;
            server.answers().await?;
            walls.push(started.elapsed().as_secs_f64() * 1e3);
        }
        rounds.push(Round { wall_ms: Some(middle(walls)), ..Round::default() });
    }
    Ok(rounds)
}

/// Apply all policies on a new server.
async fn apply(scenario: &Scenario, mint: &Mint, pace: &Resolved) -> anyhow::Result<Vec<Round>> {
    let mut rounds = Vec::new();
    for _ in 0..pace.rounds {
        let stage = Stage::bare(&scenario.over(Connections::KeepAlive), mint).await;
        let started = Instant::now();
        stage.apply(scenario.policies);
        let wall_ms = Some(started.elapsed().as_secs_f64() * 1e3);
        let pid = stage.subject(Connections::KeepAlive)?.pid;
        rounds.push(Round { wall_ms, resident_mb: Some(megabytes(pid)?), ..Round::default() });
    }
    Ok(rounds)
}

/// Change one policy of all, again and again.
async fn change(scenario: &Scenario, mint: &Mint, pace: &Resolved) -> anyhow::Result<Vec<Round>> {
    const RUNS: u32 = 20;
    let stage = Stage::set(&scenario.over(Connections::KeepAlive), mint).await;
    let pid = stage.subject(Connections::KeepAlive)?.pid;
    let mut rounds = Vec::new();
    let mut minutes = 20;
    for _ in 0..pace.rounds {
        let mut walls = Vec::new();
        let before = processor_time(pid)?;
        for run in 0..RUNS {
            minutes += 1;
            let started = Instant::now();
            stage.change(run % scenario.policies, minutes);
            walls.push(started.elapsed().as_secs_f64() * 1e3);
        }
        let used = processor_time(pid)?.saturating_sub(before).as_secs_f64() * 1e6;
        let (server_us, wall_ms) = (Some(used / f64::from(RUNS)), Some(middle(walls)));
        rounds.push(Round { server_us, wall_ms, ..Round::default() });
    }
    Ok(rounds)
}

fn megabytes(pid: u32) -> anyhow::Result<f64> {
    #[expect(clippy::cast_precision_loss, reason = "less memory than 2^52 bytes")]
    let bytes = resident(pid)? as f64;
    Ok(bytes / 1e6)
}

/// A count as a figure.
#[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
pub(crate) const fn as_figure(count: usize) -> f64 {
    count as f64
}

/// Seconds before the first round, in which caches fill and keys are fetched.
const WARM_UP: f64 = 0.5;
