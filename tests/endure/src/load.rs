//! Load that remembers: what was answered, and what nobody answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use acceptance::wire::{Reply, Wire, exchange, send};
use acceptance::world::request_key;
use segura_store::ledger::Receipt;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::report::Report;
use crate::scene::{Jobs, SECRET, Scene};

/// Requests over several connections until it is stopped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    late: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    workers: Vec<JoinHandle<Books>>,
}

/// What a load did.
#[derive(Default)]
pub(crate) struct Books {
    /// Deliveries that were answered.
    pub(crate) deliveries: Vec<Delivery>,
    /// Exchanges that were answered: the identity token and the session's.
    pub(crate) exchanges: Vec<(String, String)>,
    /// Sessions whose end was answered.
    pub(crate) ends: Vec<Session>,
    /// Versions of secrets whose writing was answered.
    pub(crate) puts: Vec<Put>,
    /// What was asked for and not answered with success: done wholly, or not at all.
    pub(crate) open: Vec<Act>,
    /// Answers that came too late to be promises; what they answered is in `open`.
    pub(crate) late: usize,
    /// Answers other than success, by status and code.
    pub(crate) refused: BTreeMap<String, usize>,
}

/// A delivery that was answered.
pub(crate) struct Delivery {
    pub(crate) ask: Ask,
    pub(crate) session: Session,
    pub(crate) receipt: Receipt,
}

/// A delivery as it is asked for.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) token: String,
    pub(crate) key: String,
}

impl Ask {
    /// The request's bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let body = json!({"token": self.token, "request_key": self.key, "secrets": [SECRET]});
        send("POST", "/api/v2/deliveries", "", &body)
    }

    /// The same token under a key that nobody else has: a replay.
    pub(crate) fn replay(token: &str) -> Self {
        Self { token: token.to_owned(), key: request_key() }
    }
}

/// A session.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// A version of a secret.
#[derive(Clone)]
pub(crate) struct Put {
    pub(crate) path: String,
    pub(crate) version: u32,
    pub(crate) value: String,
}

/// One thing that a worker does.
#[derive(Clone)]
pub(crate) enum Act {
    Deliver(Ask),
    End(Session),
    Exchange(String),
    Put(Put),
}

impl Books {
    /// How much was answered with success.
    pub(crate) fn acknowledged(&self) -> usize {
        self.deliveries.len() + self.exchanges.len() + self.ends.len() + self.puts.len()
    }

    /// Count what was refused. A client may ask again after a 503, and is told why by its
    /// code; under a load like this nothing else is right.
    pub(crate) fn refusals(&self, when: &str, report: &mut Report) {
        for (what, count) in &self.refused {
            report.count(&format!("refused with {what}"), *count);
            report.demand(what.starts_with("503 ") && what.len() > 4, || {
                format!("{when}: {count} requests were refused with `{what}`, no clear 503")
            });
        }
    }

    fn add(&mut self, other: Self) {
        self.deliveries.extend(other.deliveries);
        self.exchanges.extend(other.exchanges);
        self.ends.extend(other.ends);
        self.puts.extend(other.puts);
        self.open.extend(other.open);
        self.late += other.late;
        for (what, count) in other.refused {
            *self.refused.entry(what).or_default() += count;
        }
    }

    /// Write down what became of an act.
    pub(crate) fn enter(&mut self, act: Act, reply: &Reply) {
        if reply.status != 200 {
            // The standard's routes have the standard's words (RFC 6749).
            let code = if reply.code().is_empty() { reply.text("/error") } else { reply.code() };
            let what = format!("{} {code}", reply.status);
            *self.refused.entry(what).or_default() += 1;
            self.open.push(act);
            return;
        }
        match act {
            Act::Deliver(ask) => {
                let session = Session {
                    id: reply.text("/session/id").to_owned(),
                    token: reply.text("/session/token").to_owned(),
                };
                let receipt = reply.text("/receipt").parse();
                let receipt = receipt.expect("a delivery's answer has a receipt");
                self.deliveries.push(Delivery { ask, session, receipt });
            }
            Act::End(session) => self.ends.push(session),
            Act::Exchange(token) => {
                self.exchanges.push((token, reply.text("/access_token").to_owned()));
            }
            Act::Put(put) => self.puts.push(put),
        }
    }
}

impl Load {
    /// Load these servers over this many connections, each to the next server. One worker
    /// in eight writes secrets: that stops the writer's batches, as an operator does.
    pub(crate) fn start(scene: &Scene, ports: &[u16], workers: usize, seed: u64) -> Self {
        let (stop, late, answered) = (Arc::default(), Arc::default(), Arc::default());
        let workers = (0..workers).map(|number| {
            let worker = Worker {
                port: ports[number % ports.len()],
                jobs: scene.jobs.clone(),
                operator: scene.operator.clone(),
                stop: Arc::clone(&stop),
                late: Arc::clone(&late),
                answered: Arc::clone(&answered),
                chance: fastrand::Rng::with_seed(seed ^ number as u64),
                folder: format!("load/s{seed:x}-w{number}"),
                writes: number % 8 == 7,
                next: None,
                paths: 0,
                books: Books::default(),
                living: Vec::new(),
            };
            tokio::spawn(worker.work())
        });
        let workers = workers.collect();
        Self { stop, late, answered, workers }
    }

    /// Wait until something was acknowledged; a busy machine may take its time.
    pub(crate) async fn is_under_way(&self) {
        for _ in 0..3_000 {
            if self.answered.load(Ordering::SeqCst) > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What is answered from now on promises nothing.
    pub(crate) fn is_late_now(&self) {
        self.late.store(true, Ordering::SeqCst);
    }

    /// Let every connection finish what it does, and gather what was done.
    pub(crate) async fn stop(self) -> Books {
        self.stop.store(true, Ordering::SeqCst);
        let mut books = Books::default();
        for worker in self.workers {
            books.add(worker.await.expect("a worker does not panic"));
        }
        books
    }
}

struct Worker {
    port: u16,
    jobs: Jobs,
    operator: String,
    stop: Arc<AtomicBool>,
    late: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    chance: fastrand::Rng,
    folder: String,
    writes: bool,
    /// The next version to write: its path is given up once an answer is lost.
    next: Option<(String, u32)>,
    paths: usize,
    books: Books,
    /// Sessions of deliveries that are still to be ended.
    living: Vec<Session>,
}

impl Worker {
    async fn work(mut self) -> Books {
        while !self.stop.load(Ordering::SeqCst) {
            match Wire::connect(self.port).await {
                Ok(wire) => self.talk(wire).await,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
        self.books
    }

    /// Use a connection until it is lost.
    async fn talk(&mut self, mut wire: Wire) {
        while !self.stop.load(Ordering::SeqCst) {
            let act = self.choose();
            let answered = wire.ask(&act.bytes(&self.operator)).await;
            let is_late = self.late.load(Ordering::SeqCst);
            let was_answered = answered.is_ok();
            let Some(reply) = answered.ok().filter(|_| !is_late) else {
                self.next = None;
                self.books.late += usize::from(was_answered);
                self.books.open.push(act);
                return;
            };
            let (closes, is_done) = (reply.closes, reply.status == 200);
            self.answered.fetch_add(usize::from(is_done), Ordering::SeqCst);
            self.books.enter(act.clone(), &reply);
            match (act, is_done) {
                (Act::Deliver(_), true) => {
                    let last = self.books.deliveries.last().expect("just entered");
                    self.living.push(last.session.clone());
                }
                (Act::Put(put), true) => self.next = Some((put.path, put.version + 1)),
                (_, true) => {}
                (_, false) => {
                    self.next = None;
                    // A server that cannot, cannot faster.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            if closes {
                return;
            }
        }
    }

    fn choose(&mut self) -> Act {
        if self.writes {
            let (path, version) = self.next.take().unwrap_or_else(|| {
                self.paths += 1;
                (format!("{}-p{}", self.folder, self.paths), 1)
            });
            let value = format!("{version} {:016x}", self.chance.u64(..));
            return Act::Put(Put { path, version, value });
        }
        match self.chance.u8(0..8) {
            0 | 1 => Act::Exchange(self.jobs.token()),
            2 | 3 if !self.living.is_empty() => {
                let place = self.chance.usize(0..self.living.len());
                Act::End(self.living.swap_remove(place))
            }
            _ => Act::Deliver(Ask::replay(&self.jobs.token())),
        }
    }
}

impl Act {
    /// The request's bytes.
    pub(crate) fn bytes(&self, operator: &str) -> Vec<u8> {
        match self {
            Self::Deliver(ask) => ask.bytes(),
            Self::End(session) => {
                send("POST", "/api/v2/sessions/self/end", &session.token, &Value::Null)
            }
            Self::Exchange(token) => exchange(token),
            Self::Put(put) => {
                let path = format!("/api/v2/a2a/secrets/{}", put.path);
                let expected = put.version - 1;
                let body = json!({"fields": {"value": put.value}, "expected_version": expected});
                send("PUT", &path, operator, &body)
            }
        }
    }
}
