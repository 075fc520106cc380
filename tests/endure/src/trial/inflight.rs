//! A right that is taken away while requests that use it are under way.
//!
//! Jobs read and have secrets delivered from all servers without a pause; a policy is
//! removed, or their session ended, on one of them. What the writer checks in its own
//! transaction decides: memory may be half a second behind, and a decision as old as its
//! request. Two questions, both without a guess at clocks. Was anything that was *sent*
//! after the removal was acknowledged given? And does any chain hold a release after the
//! removal: in the chain of the removal after its record, in the others after the head
//! that they had when it was acknowledged?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use acceptance::wire::{Wire, get, send};
use acceptance::{Database, World};
use anyhow::{Context, ensure};
use segura_model::api::AuditRow;
use segura_model::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{BOTH, Course, Running, Trial};
use crate::gauge;
use crate::ledger::{self, Mark};
use crate::load::{Ask, Session};
use crate::report::Report;
use crate::scene::{Jobs, Scene};

pub(crate) const TRIAL: Trial = Trial {
    name: "inflight",
    about: "a policy removed, a session ended, under load of two servers: nothing is given by it afterwards",
    databases: BOTH,
    run: |course, report| -> Running<'_> { Box::pin(run(course, report)) },
};

/// The secret of this trial, apart from that of the scene.
const SECRET: &str = "inflight/secret";
const POLICY: &str = "inflight";
/// On each server: sessions that read, jobs with a token each.
const READERS: usize = 12;
const DELIVERIES: usize = 4;
/// How long requests go on after the acknowledgement: longer than a server's memory may be
/// behind.
const AFTER: Duration = Duration::from_millis(900);

/// What is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    Policy,
    Session,
}

async fn run(course: &Course<'_>, report: &mut Report) -> anyhow::Result<()> {
    let cycles = course.options.cycles(2, 100);
    let mut chance = fastrand::Rng::with_seed(course.seed);
    let mut world = World::prepare(course.database).await;
    world.speak_plain();
    world.add_node().await;
    // The embedded database is one server's.
    if course.database == Database::Postgres {
        world.add_node().await;
    }
    let mut scene = Scene::furnish(world).await;
    scene.world.put_secret(SECRET, "in flight");
    for cycle in 1..=cycles {
        for right in [Right::Policy, Right::Session] {
            let node = cycle as usize % scene.world.nodes().len();
            take_away(&scene, right, node, &mut chance, report).await?;
        }
        report.progress(&format!(
            "{cycle} of {cycles} rounds, {} under way at a removal, {} lost",
            report.counted("requests under way at the acknowledgement"),
            report.lost()
        ));
    }
    let under_way = report.counted("requests under way at the acknowledgement");
    report.demand(under_way > 0, || "nothing was under way: it proves nothing".to_owned());
    ledger::verify(&scene, 0, report).await?;
    scene.world.stop();
    Ok(())
}

async fn take_away(
    scene: &Scene,
    right: Right,
    node: usize,
    chance: &mut fastrand::Rng,
    report: &mut Report,
) -> anyhow::Result<()> {
    scene.world.apply_policy(&format!(
        "policy: {POLICY}\nissuer: github\nanchor: {{ repository_id: \"456789\", \
         repository_owner_id: \"123456\" }}\nread: [\"inflight/*\"]\nsession: 1h\n"
    ));
    all_know(scene).await?;
    let (start, since) = (Mark::set(scene, 0).await?, SystemClock.now().0);
    let session = open(scene, node).await?;
    let users = Users::start(scene, right, &session);
    users.are_under_way().await?;
    tokio::time::sleep(Duration::from_millis(chance.u64(300..500))).await;

    let mut wire = Wire::connect(scene.port(node)).await?;
    let taken = match right {
        Right::Policy => format!("/api/v2/trust/policies/{POLICY}"),
        Right::Session => format!("/api/v2/sessions/{}", session.id),
    };
    let asked = Instant::now();
    let reply = wire.ask(&send("DELETE", &taken, &scene.operator, &Value::Null)).await?;
    let acknowledged = Instant::now();
    ensure!(reply.status < 300, "{right:?} is not taken away: {reply:?}");
    let head = Mark::set(scene, node).await?;
    report.time(&format!("{right:?}: removal"), acknowledged - asked);
    tokio::time::sleep(AFTER).await;
    let answers = users.stop().await?;

    enter(right, &answers, (asked, acknowledged), report);
    let mut rows = ledger::read(scene, node, since - 2).await?;
    rows.retain(|row| start.is_before(row));
    judge_ledger(right, &rows, &head, &session, report)
}

/// Wait until every server decides from the same change.
async fn all_know(scene: &Scene) -> anyhow::Result<()> {
    for _ in 0..200 {
        let mut numbers = Vec::new();
        for node in scene.world.nodes() {
            numbers.push(gauge::metric(node, "segura_change_number").await?.to_bits());
        }
        if numbers.iter().all(|number| *number == numbers[0]) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the servers do not come to know the same change")
}

/// A session whose job may read the secret.
async fn open(scene: &Scene, node: usize) -> anyhow::Result<Session> {
    let mut wire = Wire::connect(scene.port(node)).await?;
    let reply = wire.ask(&deliver(&scene.jobs)).await?;
    ensure!(reply.status == 200, "no session: {reply:?}");
    let text = |at: &str| reply.text(at).to_owned();
    Ok(Session { id: text("/session/id"), token: text("/session/token") })
}

fn deliver(jobs: &Jobs) -> Vec<u8> {
    let Ask { token, key } = Ask::replay(&jobs.token());
    let body = json!({"token": token, "request_key": key, "secrets": [SECRET]});
    send("POST", "/api/v2/deliveries", "", &body)
}

/// No answer that was asked for after the acknowledgement gives anything, and every one
/// that came before the removal was asked for does.
fn enter(
    right: Right,
    answers: &[Answer],
    (asked, acknowledged): (Instant, Instant),
    report: &mut Report,
) {
    for answer in answers {
        let Answer { sent, answered, told } = answer;
        let gives = told.starts_with("200");
        if *sent > acknowledged {
            report.count(&format!("{right:?}: sent afterwards, told {told}"), 1);
            report.demand(!gives, || {
                let late = (*sent - acknowledged).as_millis();
                format!("{right:?}: the secret was given to who asked {late} ms afterwards")
            });
        } else if *answered > acknowledged {
            report.count("requests under way at the acknowledgement", 1);
        } else if *answered < asked {
            report.count("answered before", 1);
            report.demand(gives, || format!("{right:?}: refused before it was removed: {told}"));
        }
    }
}

/// No chain holds a release by what was taken away after it was.
fn judge_ledger(
    right: Right,
    rows: &[AuditRow],
    head: &Mark,
    session: &Session,
    report: &mut Report,
) -> anyhow::Result<()> {
    let event = match right {
        Right::Policy => "policy.remove",
        Right::Session => "session.end",
    };
    let removal = rows.iter().find(|row| row.event == event).context("a record of the removal")?;
    let uses = |row: &&AuditRow| {
        row.outcome == "released"
            && row.record.as_ref().is_some_and(|record| match right {
                Right::Policy => record.detail["policies"] == json!([POLICY]),
                Right::Session => record.session.is_some_and(|id| id.to_string() == session.id),
            })
    };
    let mut before = 0;
    for row in rows.iter().filter(uses) {
        let is_late = head.is_before(row) || (row.chain == removal.chain && row.seq > removal.seq);
        before += usize::from(!is_late);
        report.demand(!is_late, || {
            format!(
                "{right:?}: record {} of chain {} is a release by what record {} of chain {} \
                 had removed",
                row.seq, row.chain, removal.seq, removal.chain
            )
        });
    }
    report.count("releases in the ledger before the removal", before);
    report.demand(before > 0, || format!("{right:?}: nothing was released: it proves nothing"));
    Ok(())
}

/// One request and its answer.
struct Answer {
    sent: Instant,
    answered: Instant,
    told: String,
}

/// Jobs that use the right without a pause.
struct Users {
    stop: Arc<AtomicBool>,
    /// Somebody was given what was asked for.
    given: Arc<AtomicBool>,
    asking: Vec<JoinHandle<anyhow::Result<Vec<Answer>>>>,
}

impl Users {
    fn start(scene: &Scene, right: Right, session: &Session) -> Self {
        let (stop, given) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let mut asking = Vec::new();
        let read = get(&format!("/api/v2/a2a/secrets/{SECRET}"), &session.token);
        for node in scene.world.nodes() {
            let port = node.port();
            for _ in 0..READERS {
                let (read, flags) = (read.clone(), [Arc::clone(&stop), Arc::clone(&given)]);
                asking.push(tokio::spawn(ask(port, flags, move || read.clone())));
            }
            // A session's end is nothing to who opens one of its own.
            for _ in 0..if right == Right::Policy { DELIVERIES } else { 0 } {
                let (jobs, flags) = (scene.jobs.clone(), [Arc::clone(&stop), Arc::clone(&given)]);
                asking.push(tokio::spawn(ask(port, flags, move || deliver(&jobs))));
            }
        }
        Self { stop, given, asking }
    }

    /// Wait for the first of them to be given something: what is taken away before proves
    /// nothing.
    async fn are_under_way(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        while !self.given.load(Ordering::SeqCst) {
            ensure!(started.elapsed() < Duration::from_mins(1), "nobody is given anything");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn stop(self) -> anyhow::Result<Vec<Answer>> {
        self.stop.store(true, Ordering::SeqCst);
        let mut answers = Vec::new();
        for user in self.asking {
            answers.extend(user.await??);
        }
        Ok(answers)
    }
}

async fn ask(
    port: u16,
    [stop, given]: [Arc<AtomicBool>; 2],
    request: impl Fn() -> Vec<u8> + Send,
) -> anyhow::Result<Vec<Answer>> {
    let (mut wire, mut answers) = (Wire::connect(port).await?, Vec::new());
    while !stop.load(Ordering::SeqCst) {
        let request = request();
        let sent = Instant::now();
        let reply = wire.ask(&request).await?;
        given.fetch_or(reply.status == 200, Ordering::SeqCst);
        let (answered, told) = (Instant::now(), format!("{} {}", reply.status, reply.code()));
        answers.push(Answer { sent, answered, told });
    }
    Ok(answers)
}
