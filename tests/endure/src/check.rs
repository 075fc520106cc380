//! What was promised, asked for again after the world broke.
//!
//! Everything acknowledged must be there; what was not acknowledged must be there wholly
//! or not at all. The last is a balance: the records that the ledger has of a load are
//! those that were acknowledged and those that turn out, when asked, to have been done.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use acceptance::wire::{Reply, Wire, get, send};
use segura_model::api::AuditRow;
use segura_store::ledger::Receipt;
use serde_json::Value;

use crate::ledger::{self, Mark};
use crate::load::{Act, Ask, Books, Delivery, Put, Session};
use crate::report::Report;
use crate::scene::{SECRET, Scene};

/// Connections that ask.
const WIRES: usize = 8;

/// Check all that a load was promised, on this server. `mark` and `since` are from before
/// the load: nothing else may have written in between.
pub(crate) async fn all(
    scene: &Scene,
    node: usize,
    books: &Books,
    (mark, since): (&Mark, i64),
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut rows = ledger::read(scene, node, since - 2).await?;
    rows.retain(|row| mark.is_before(row));
    receipts(&books.deliveries, &rows, report);

    let questions = questions(books);
    report.count("questions asked afterwards", questions.len());
    let found = ask(scene, node, questions).await?;
    let mut done = BTreeMap::new();
    for answer in found {
        match answer {
            Found::AsPromised => {}
            Found::Done(event) => *done.entry(event).or_default() += 1,
            Found::NotDone => report.count("unanswered and not done", 1),
            Found::Wrong(what) => report.loss(what),
        }
    }
    balance(books, &rows, &done, report);
    Ok(())
}

/// Every receipt names a record that is there, with that hash and session.
pub(crate) fn receipts(deliveries: &[Delivery], rows: &[AuditRow], report: &mut Report) {
    let index: HashMap<_, _> = rows.iter().map(|row| ((row.chain, row.seq), row)).collect();
    for delivery in deliveries {
        let Receipt { chain, seq, hash, .. } = &delivery.receipt;
        let Some(row) = index.get(&(*chain, *seq)) else {
            report.loss(format!("record {seq} of chain {chain} was acknowledged and is missing"));
            continue;
        };
        let session = row.record.as_ref().and_then(|record| record.session);
        let is_it = row.hash == hex(hash)
            && row.event == "delivery"
            && session.is_some_and(|id| id.to_string() == delivery.session.id);
        report.demand(is_it, || format!("record {seq} of chain {chain} is not what was promised"));
    }
}

/// The records that the ledger has of the load are those that were done, each once.
fn balance(
    books: &Books,
    rows: &[AuditRow],
    done: &BTreeMap<&'static str, usize>,
    report: &mut Report,
) {
    let answered = [
        ("delivery", books.deliveries.len()),
        ("exchange", books.exchanges.len()),
        ("session.end", books.ends.len()),
        ("secret.put", books.puts.len()),
    ];
    for (event, answered) in answered {
        let done = done.get(event).copied().unwrap_or_default();
        report.count("unanswered and wholly done", done);
        let recorded = rows.iter().filter(|row| row.event == event).count();
        report.demand(recorded == answered + done, || {
            format!(
                "the ledger has {recorded} records `{event}`; {answered} were acknowledged and \
                 {done} more turn out to be done"
            )
        });
    }
}

/// What is asked.
enum Question {
    /// The same token under another key.
    Replayed(String),
    /// The same delivery again.
    Repeated(Ask, Session),
    /// A session that lives.
    Lives(String),
    /// A session that was ended.
    Ended(Session),
    /// A version that was written.
    Written(Put),
    /// Something that was never answered.
    Open(Act),
}

/// What the answer says.
enum Found {
    AsPromised,
    /// What was not acknowledged was done; its event.
    Done(&'static str),
    NotDone,
    Wrong(String),
}

fn questions(books: &Books) -> Vec<Question> {
    let ended = |session: &Session| {
        books.ends.iter().map(|session| &session.id).any(|id| *id == session.id)
            || books.open.iter().any(|act| matches!(act, Act::End(end) if end.id == session.id))
    };
    let mut questions = Vec::new();
    for delivery in &books.deliveries {
        questions.push(Question::Replayed(delivery.ask.token.clone()));
        // An ended session is repeated to nobody.
        if !ended(&delivery.session) {
            questions.push(Question::Repeated(delivery.ask.clone(), delivery.session.clone()));
        }
    }
    for (token, session) in &books.exchanges {
        questions.push(Question::Replayed(token.clone()));
        questions.push(Question::Lives(session.clone()));
    }
    questions.extend(books.ends.iter().cloned().map(Question::Ended));
    questions.extend(books.puts.iter().cloned().map(Question::Written));
    questions.extend(books.open.iter().cloned().map(Question::Open));
    questions
}

async fn ask(scene: &Scene, node: usize, questions: Vec<Question>) -> anyhow::Result<Vec<Found>> {
    let (count, questions) = (questions.len(), Arc::new(questions));
    let mut tasks = Vec::new();
    for first in 0..WIRES {
        let mut wire = Wire::connect(scene.port(node)).await?;
        let (questions, operator) = (Arc::clone(&questions), scene.operator.clone());
        tasks.push(tokio::spawn(async move {
            let mut found = Vec::with_capacity(count / WIRES + 1);
            for question in questions.iter().skip(first).step_by(WIRES) {
                found.push(question.ask(&mut wire, &operator).await?);
            }
            anyhow::Ok(found)
        }));
    }
    let mut found = Vec::with_capacity(count);
    for task in tasks {
        found.extend(task.await??);
    }
    Ok(found)
}

impl Question {
    async fn ask(&self, wire: &mut Wire, operator: &str) -> anyhow::Result<Found> {
        Ok(match self {
            Self::Replayed(token) => replayed(&wire.ask(&Ask::replay(token).bytes()).await?),
            Self::Repeated(ask, session) => {
                let reply = wire.ask(&ask.bytes()).await?;
                let same = reply.text("/session/id") == session.id;
                let again = reply.status == 200 && reply.body["repeated"] == true;
                promised(same && again, "a delivery asked for again with its key", &reply)
            }
            Self::Lives(session) => {
                let reply = wire.ask(&heartbeat(session)).await?;
                promised(reply.status == 200, "an exchange's session", &reply)
            }
            Self::Ended(session) => {
                let reply = wire.ask(&heartbeat(&session.token)).await?;
                promised(reply.status == 401, "a session whose end was acknowledged", &reply)
            }
            Self::Written(put) => {
                let reply = wire.ask(&read(put, operator)).await?;
                let is_it = reply.status == 200 && reply.text("/fields/value") == put.value;
                promised(is_it, "a version whose writing was acknowledged", &reply)
            }
            Self::Open(act) => open(act, wire, operator).await?,
        })
    }
}

/// Find out whether something that was never acknowledged was done.
async fn open(act: &Act, wire: &mut Wire, operator: &str) -> anyhow::Result<Found> {
    Ok(match act {
        Act::Deliver(ask) => {
            let reply = wire.ask(&ask.bytes()).await?;
            if reply.status != 200 {
                return Ok(wrong("a delivery that was never answered, asked for again", &reply));
            }
            match replayed(&wire.ask(&Ask::replay(&ask.token).bytes()).await?) {
                Found::AsPromised if reply.body["repeated"] == true => Found::Done("delivery"),
                Found::AsPromised => Found::NotDone,
                other => other,
            }
        }
        Act::Exchange(token) => {
            let reply = wire.ask(&Ask::replay(token).bytes()).await?;
            match (reply.status, reply.code()) {
                (200, _) => Found::NotDone,
                (409, "token-replayed") => Found::Done("exchange"),
                _ => wrong("the token of an exchange that was never answered", &reply),
            }
        }
        Act::End(session) => {
            let reply = wire.ask(&heartbeat(&session.token)).await?;
            match reply.status {
                200 => Found::NotDone,
                401 => Found::Done("session.end"),
                _ => wrong("a session whose end was never answered", &reply),
            }
        }
        Act::Put(put) => {
            let reply = wire.ask(&read(put, operator)).await?;
            match reply.status {
                404 => Found::NotDone,
                200 if reply.text("/fields/value") == put.value => Found::Done("secret.put"),
                _ => wrong("a version whose writing was never answered", &reply),
            }
        }
    })
}

fn replayed(reply: &Reply) -> Found {
    let is_refused = reply.status == 409 && reply.code() == "token-replayed";
    promised(is_refused, "a spent token under another key", reply)
}

fn promised(holds: bool, what: &str, reply: &Reply) -> Found {
    if holds { Found::AsPromised } else { wrong(what, reply) }
}

fn wrong(what: &str, reply: &Reply) -> Found {
    Found::Wrong(format!("{what} ({SECRET}) is answered {} {}", reply.status, reply.body))
}

fn heartbeat(session: &str) -> Vec<u8> {
    send("POST", "/api/v2/sessions/self/heartbeat", session, &Value::Null)
}

fn read(put: &Put, operator: &str) -> Vec<u8> {
    get(&format!("/api/v2/a2a/secrets/{}?version={}", put.path, put.version), operator)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
