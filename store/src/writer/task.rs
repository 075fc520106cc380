//! The writer at work: the queue, the batches, and what is done when one fails.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::Span;

use super::batch::Batch;
use super::entry::Commit;
use super::failure::{Failure, passes};
use super::figures::WriterFigures;
use super::line::Line;
use super::order::Order;
use super::reply::Reply;
use super::tip::{Placed, Tip};
use super::unit::{End, Hold, Unit};
use super::{Attempt, Shared, WriterOptions, postgres, sqlite};
use crate::backend::Conn;
use crate::ledger::encoding::Prepared;
use crate::tallies::{self, Book};
use crate::tx::Work;
use crate::{ChangeKind, Store, StoreError, Tx, change};

/// The most orders in one transaction.
const BATCH: usize = 512;
/// How often a batch is tried before its orders are tried one by one.
const TRIES: u32 = 5;
/// After how many orders in a row that fail for no fault of their own the rest is refused.
const HOPELESS: usize = 4;

/// What waits in the queue.
pub(super) enum Job {
    Order(Box<Order>, Reply),
    Unit(Unit),
}

/// A job, since when it waits, and the span that is told how long.
pub(super) struct Waiting {
    pub(super) job: Job,
    pub(super) since: Instant,
    pub(super) span: Span,
}

/// The writer.
pub(super) struct Task {
    line: Line,
    shared: Arc<Shared>,
    /// Up to which minute the counts are closed.
    closed: i64,
}

impl Task {
    /// Connect and open a chain.
    pub(super) async fn start(
        store: Store,
        options: WriterOptions,
        figures: Arc<WriterFigures>,
    ) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared {
            clock: options.clock,
            random: options.random,
            head_mac: options.head_mac,
            row_mac: options.row_mac,
            book: Mutex::new(Book::default()),
            figures,
        });
        let line = Line::start(Arc::clone(store.connector()), Arc::clone(&shared)).await?;
        Ok(Self { line, shared, closed: i64::MIN })
    }

    /// Work until told to stop or until nobody can send any more; what waits is written.
    pub(super) async fn serve(
        mut self,
        mut jobs: mpsc::Receiver<Waiting>,
        stopping: oneshot::Receiver<()>,
    ) {
        let mut stopping = Some(stopping);
        let mut inbox = Vec::with_capacity(BATCH);
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                received = jobs.recv_many(&mut inbox, BATCH) => {
                    if received == 0 {
                        break;
                    }
                    self.note_waits(&inbox, !jobs.is_empty());
                    self.close_minutes(tallies::minute(self.shared.clock.now().0)).await;
                    self.work(&mut inbox).await;
                }
                _ = tick.tick() => {
                    self.close_minutes(tallies::minute(self.shared.clock.now().0)).await;
                }
                told = told(&mut stopping) => if told { jobs.close() },
            }
        }
        self.close_minutes(i64::MAX).await;
    }

    fn note_waits(&self, inbox: &[Waiting], more: bool) {
        let now = Instant::now();
        let figures = &self.shared.figures;
        for waiting in inbox {
            let wait = now - waiting.since;
            figures.waits.add_time(wait);
            let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
            waiting.span.record("segura.writer.wait_us", micros);
        }
        figures.taken(inbox.last().map_or(now, |waiting| waiting.since), more);
    }

    /// Do what is in the inbox, in its order: a unit of work waits for the batch before it.
    async fn work(&mut self, inbox: &mut Vec<Waiting>) {
        let (mut orders, mut replies) = (Vec::new(), Vec::new());
        for waiting in inbox.drain(..) {
            match waiting.job {
                Job::Order(order, reply) => {
                    orders.push(*order);
                    replies.push(reply);
                }
                Job::Unit(unit) => {
                    self.commit(std::mem::take(&mut orders), std::mem::take(&mut replies)).await;
                    self.run(unit).await;
                }
            }
        }
        self.commit(orders, replies).await;
    }

    /// Write orders together, or one by one if that cannot be.
    async fn commit(&mut self, orders: Vec<Order>, replies: Vec<Reply>) {
        if orders.is_empty() {
            return;
        }
        let (orders_there, began) = (orders.len(), Instant::now());
        let written = self.write(orders, TRIES).await;
        self.shared.figures.commits.add_time(began.elapsed());
        match written {
            Ok(answers) => {
                replies.into_iter().zip(answers).for_each(|(reply, answer)| reply.give(answer));
            }
            Err(Failure { orders, error, .. }) if orders.len() > 1 => {
                tracing::warn!(%error, orders = orders.len(), "a batch is redone one by one");
                self.shared.figures.redone.raise();
                self.commit_one_by_one(orders, replies).await;
            }
            Err(Failure { error, .. }) => {
                self.shared.figures.failed.raise_by(orders_there);
                refuse(replies, &error);
            }
        }
    }

    /// So that a bad row refuses one request. When it is not the row's fault, the others
    /// are not kept waiting for the same end.
    async fn commit_one_by_one(&mut self, orders: Vec<Order>, replies: Vec<Reply>) {
        let mut pairs = orders.into_iter().zip(replies);
        let mut in_vain = 0;
        while let Some((order, reply)) = pairs.next() {
            let answer = match self.write(vec![order], 1).await {
                Ok(answers) => {
                    in_vain = 0;
                    answers.into_iter().next().unwrap_or(Err(StoreError::Stopped))
                }
                Err(failure) => {
                    self.shared.figures.failed.raise();
                    in_vain = if failure.passes { in_vain + 1 } else { 0 };
                    Err(failure.error)
                }
            };
            let last = answer.as_ref().err().cloned();
            reply.give(answer);
            if let Some(error) = last.filter(|_| in_vain == HOPELESS) {
                let rest: Vec<Reply> = pairs.map(|(_, reply)| reply).collect();
                self.shared.figures.failed.raise_by(rest.len());
                refuse(rest, &error);
                return;
            }
        }
    }

    /// Write orders in one transaction, and again when what hindered it passes.
    async fn write(
        &mut self,
        orders: Vec<Order>,
        tries: u32,
    ) -> Result<Vec<Result<Commit, StoreError>>, Failure> {
        let mut batch = Batch::new(orders, self.shared.clock.now());
        let mut failed = 0;
        loop {
            let conn = match self.line.take().await {
                Ok(conn) => conn,
                Err(error) => return Err(Failure::for_all(error)),
            };
            let tip = self.line.tip().clone();
            let (conn, attempted) = self.attempt(conn, batch, tip).await?;
            batch = attempted.0;
            let (error, is_dead) = match attempted.1 {
                Attempt::Done(placed) => {
                    self.line.give_back(conn);
                    return Ok(self.finish(&batch, placed));
                }
                Attempt::Lost(placed, error) => {
                    tracing::warn!(%error, "a commit failed; looking whether it was done");
                    self.shared.figures.lost.raise();
                    drop(conn);
                    match self.line.look_up(&placed.tip).await {
                        Ok(true) => return Ok(self.finish(&batch, placed)),
                        Ok(false) => (error, true),
                        Err(error) => return Err(Failure::for_all(error)),
                    }
                }
                Attempt::Failed(error) => {
                    self.line.give_back(conn);
                    (error, false)
                }
                Attempt::Broken(error) => {
                    drop(conn);
                    (error, true)
                }
            };
            failed += 1;
            if failed >= tries || !passes(&error) {
                let passes = passes(&error);
                let error = if is_dead { StoreError::of_dead(error) } else { error.into() };
                return Err(Failure { orders: batch.into_orders(), error, passes });
            }
            tracing::debug!(%error, "a batch is tried again");
            self.shared.figures.retries.raise();
            sleep(Duration::from_millis(5 << failed)).await;
        }
    }

    async fn attempt(
        &self,
        mut conn: Conn,
        batch: Batch,
        tip: Tip,
    ) -> Result<(Conn, (Batch, Attempt)), Failure> {
        let attempted = match &mut conn {
            Conn::Postgres(conn) => postgres::attempt(conn, batch, tip, &self.shared).await,
            Conn::Sqlite(conn) => sqlite::attempt(conn, batch, tip, Arc::clone(&self.shared))
                .await
                .ok_or_else(|| Failure::for_all(StoreError::Unresolved))?,
        };
        Ok((conn, attempted))
    }

    fn finish(&mut self, batch: &Batch, placed: Placed) -> Vec<Result<Commit, StoreError>> {
        let answers = batch.answers(&placed, &*self.shared.head_mac);
        batch.note(&self.shared.figures);
        self.line.advance(placed.tip);
        answers
    }

    /// Run a unit of work alone.
    async fn run(&mut self, unit: Unit) {
        let began = Instant::now();
        self.run_alone(unit).await;
        self.shared.figures.units.add_time(began.elapsed());
    }

    async fn run_alone(&mut self, unit: Unit) {
        let conn = match self.line.begin(unit.hold).await {
            Ok(conn) => conn,
            Err(error) => return unit.refuse(error).await,
        };
        let mut tx = Tx::new(conn, self.shared.clock.now(), Arc::clone(&self.shared.row_mac));
        let end = unit.run(&mut tx).await;
        let work = tx.finish();
        match end {
            Some(End::Commit(tell)) => {
                let committed = self.commit_work(work).await;
                tell(committed);
            }
            Some(End::Rollback(tell)) => {
                tell(self.roll_back(work.conn).await);
            }
            None => {
                tracing::error!("a unit of work panicked; it was rolled back");
                drop(self.roll_back(work.conn).await);
            }
        }
    }

    /// Write what a unit of work leaves to be written, and commit.
    async fn commit_work(&mut self, work: Work) -> Result<(), StoreError> {
        let Work { mut conn, changes, records } = work;
        let placed = match self.insert_work(&mut conn, &changes, records).await {
            Ok(placed) => placed,
            Err(error) => {
                // The head may not be where it is believed to be: on the next connection
                // that is read again, as after a batch that broke.
                self.roll_back(conn).await?;
                self.line.forget();
                return Err(error);
            }
        };
        match conn.run("COMMIT").await {
            Ok(()) => {
                self.line.give_back(conn);
                self.line.advance(placed.tip);
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "a commit failed; looking whether it was done");
                self.shared.figures.lost.raise();
                drop(conn);
                if self.line.look_up(&placed.tip).await? {
                    Ok(())
                } else {
                    Err(StoreError::of_dead(error))
                }
            }
        }
    }

    async fn insert_work(
        &self,
        conn: &mut Conn,
        changes: &[(ChangeKind, String)],
        records: Vec<Prepared>,
    ) -> Result<Placed, StoreError> {
        if !changes.is_empty() {
            change::raise(conn, changes, self.shared.clock.now()).await?;
        }
        let placed = self.line.tip().place(records.iter());
        match conn {
            Conn::Postgres(conn) => {
                postgres::insert(conn, &records, &placed, &self.shared).await?;
                Ok(placed)
            }
            Conn::Sqlite(conn) => {
                Ok(sqlite::insert(conn, records, placed, Arc::clone(&self.shared)).await?)
            }
        }
    }

    /// Turn the counts of minutes before `minute` into records, once each minute.
    async fn close_minutes(&mut self, minute: i64) {
        if minute == self.closed {
            return;
        }
        // What could not be closed now is closed with the next minute.
        self.closed = minute;
        if let Err(error) = self.try_close_minutes(minute).await {
            tracing::warn!(?error, "the counts of refusals could not be closed");
        }
    }

    async fn try_close_minutes(&mut self, minute: i64) -> Result<(), StoreError> {
        let conn = self.line.begin(Hold::Nothing).await?;
        let mut tx = Tx::new(conn, self.shared.clock.now(), Arc::clone(&self.shared.row_mac));
        let closed = tallies::close(&mut tx, &self.line.tip().text, minute).await;
        let work = tx.finish();
        if closed.is_err() || work.records.is_empty() {
            return self.roll_back(work.conn).await.and(closed);
        }
        self.commit_work(work).await
    }

    /// The error is that the connection has died: whatever failed before, failed of that.
    async fn roll_back(&mut self, mut conn: Conn) -> Result<(), StoreError> {
        match (conn.run("ROLLBACK").await, &conn) {
            (Ok(()), _) => self.line.give_back(conn),
            (Err(error), Conn::Postgres(_)) => return Err(StoreError::of_dead(error)),
            // After some faults it has rolled back by itself, and refuses to do it again.
            (Err(_), Conn::Sqlite(_)) => {}
        }
        Ok(())
    }
}

fn refuse(replies: Vec<Reply>, error: &StoreError) {
    for reply in replies {
        reply.give(Err(error.clone()));
    }
}

/// Resolves once it is told to stop; never if the one who would tell is gone.
async fn told(stopping: &mut Option<oneshot::Receiver<()>>) -> bool {
    let Some(receiver) = stopping else { return std::future::pending().await };
    let told = receiver.await.is_ok();
    *stopping = None;
    told
}
