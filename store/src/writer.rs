//! The one writer of a node.
//!
//! It owns the write connection and the end of the node's chain, and drains a bounded
//! queue. Hot work comes as [`Entry`]s, as many to a commit as wait: the commit under way
//! is the wait, so there is no artificial one. Rare work comes as a unit that runs alone
//! between two batches. What is not yet durable is not answered.

mod arrays;
mod batch;
mod entry;
mod failure;
mod figures;
mod line;
mod order;
mod postgres;
mod reply;
mod since;
mod sqlite;
mod start;
mod task;
mod tip;
mod unit;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use diesel::result::Error as DieselError;
use segura_model::{Clock, Random};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::Span;
use tracing::field::Empty;

use self::batch::Batch;
use self::order::Order;
use self::reply::Reply;
use self::task::{Job, Waiting};
use self::tip::Placed;
use self::unit::{Hold, Unit};
use crate::migrate::Demand;
use crate::tallies::{Book, Counts};
use crate::{BoxFuture, HeadMac, RowMac, Store, StoreError, Tx};

pub use entry::{Commit, Entry, SessionStep, Spend, SpentToken, Tally};
pub use figures::{Count, Spread, WriterFigures};
pub use reply::hand_out_answers;

/// The target of the spans that traces are made of. No log level opens it; `segura-broker`
/// does, when traces are switched on.
pub const TRACES: &str = "traces";

/// How to start a writer.
#[derive(Clone)]
pub struct WriterOptions {
    /// How many requests may wait; one more is refused with [`StoreError::Busy`].
    pub queue: usize,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for ids.
    pub random: Arc<dyn Random>,
    /// Who authenticates the head of the chain.
    pub head_mac: Arc<dyn HeadMac>,
    /// Who authenticates the rows that decide trust.
    pub row_mac: Arc<dyn RowMac>,
}

/// The way to write. Clones share one queue and one connection.
#[derive(Clone)]
pub struct Writer {
    store: Store,
    queue: mpsc::Sender<Waiting>,
    figures: Arc<WriterFigures>,
}

/// The writer at work; it ends when told to, or when the last [`Writer`] is dropped.
pub struct WriterTask {
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Writer {
    /// Open a chain and start writing.
    pub async fn start(
        store: Store,
        options: WriterOptions,
    ) -> Result<(Self, WriterTask), StoreError> {
        let claim = store.claim_writer()?;
        store.check_schema(Demand::Current).await?;
        let (queue, jobs) = mpsc::channel(options.queue.max(1));
        let (stop, stopping) = oneshot::channel();
        let figures = Arc::new(WriterFigures::new());
        let task = task::Task::start(store.clone(), options, Arc::clone(&figures)).await?;
        let running = store.connector().runtime().spawn(async move {
            task.serve(jobs, stopping).await;
            drop(claim);
        });
        Ok((Self { store, queue, figures }, WriterTask { stop, running }))
    }

    /// The database this writes to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What the writer counts and times.
    pub fn figures(&self) -> &Arc<WriterFigures> {
        &self.figures
    }

    /// How many requests may wait in the queue.
    pub fn queue_limit(&self) -> usize {
        self.queue.max_capacity()
    }

    /// How many requests wait in the queue now.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Write an entry together with whatever else waits, and answer once it is durable.
    pub async fn submit(&self, entry: Entry) -> Result<Commit, StoreError> {
        let order = Order::new(entry)?;
        let (reply, answer) = Reply::new();
        // Open until the answer is there: the wait, and the commit.
        let span = tracing::info_span!(target: TRACES, "commit", segura.writer.wait_us = Empty);
        self.send(Job::Order(Box::new(order), reply), span.clone())?;
        // The writer is lost, perhaps after the commit.
        answer.await.map_err(|_| StoreError::Unresolved)?
    }

    /// Run a unit of work alone, in one transaction: committed when `work` gives `Ok`,
    /// rolled back when it gives `Err`. It runs to its end even if the caller goes away,
    /// and while it runs nothing else is written on any node: let it touch the database
    /// only.
    ///
    /// ```no_run
    /// # async fn example(writer: segura_store::Writer) -> Result<(), segura_store::StoreError> {
    /// writer.run(|tx| Box::pin(async move { tx.meta_put("epoch", "2").await })).await
    /// # }
    /// ```
    pub async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.run_holding(Hold::Number, work).await
    }

    /// Run housekeeping as a unit of work that changes no trust, so need not hold up other
    /// nodes. It touches no row that a unit with the number writes, or nothing but one such
    /// row: else the two could deadlock (ADR 0010).
    pub(crate) async fn tend<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
        T: Send + 'static,
    {
        self.run_holding(Hold::Nothing, work).await
    }

    async fn run_holding<T, E, F>(&self, hold: Hold, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (unit, answer) = Unit::new(hold, work);
        let span =
            tracing::info_span!(target: TRACES, "unit of work", segura.writer.wait_us = Empty);
        self.send(Job::Unit(unit), span.clone())?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Unresolved.into()))
    }

    fn send(&self, job: Job, span: Span) -> Result<(), StoreError> {
        let since = Instant::now();
        self.figures.comes(since);
        self.queue.try_send(Waiting { job, since, span }).map_err(|error| match error {
            mpsc::error::TrySendError::Closed(_) => StoreError::Stopped,
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
        })
    }
}

impl WriterTask {
    /// Resolves once the writer has ended without being told to. While somebody can still
    /// write only a panic does that; from then on every write is refused.
    pub async fn ended(&mut self) {
        let _ = (&mut self.running).await;
    }

    /// Take nothing new, write what waits, and end.
    pub async fn stop(self) {
        // Both fail only when the task has ended already.
        let _ = self.stop.send(());
        // One whose end was waited for must not be waited for again.
        if !self.running.is_finished() {
            let _ = self.running.await;
        }
    }
}

/// What the writer's parts share.
struct Shared {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    head_mac: Arc<dyn HeadMac>,
    row_mac: Arc<dyn RowMac>,
    book: Mutex<Book>,
    figures: Arc<WriterFigures>,
}

impl Shared {
    /// What a batch counts, within the minute's bound.
    fn counts(&self, batch: &Batch) -> Counts {
        batch.counts(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How an attempt to write a batch ended.
enum Attempt {
    /// Nothing was written, and the connection, or what is known of the chain, is not to be
    /// relied on.
    Broken(DieselError),
    /// It is durable, or there was nothing to write.
    Done(Placed),
    /// Nothing was written.
    Failed(DieselError),
    /// The COMMIT failed: whether it was done has to be looked up.
    Lost(Placed, DieselError),
}

impl Attempt {
    /// Nothing was written; `rolled_back` is how the ROLLBACK went.
    fn undone(error: DieselError, rolled_back: &diesel::QueryResult<()>) -> Self {
        match (&error, rolled_back) {
            // The head that the database has is not the one this writer knows.
            (DieselError::RollbackTransaction, _) | (_, Err(_)) => Self::Broken(error),
            _ => Self::Failed(error),
        }
    }
}
