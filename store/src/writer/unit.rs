//! Units of work: closures that run alone between two batches.
//!
//! A closure runs once, so it cannot be tried again after a deadlock as a batch is; none can
//! come about, because each holds the change number first (ADR 0010).
//!
//! The closure's own result cannot be told before the commit, so it comes back wrapped in
//! a function that takes how the commit went.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use tokio::sync::oneshot;

use crate::{BoxFuture, StoreError, Tx};

/// What a unit of work keeps from all other nodes while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// Nothing: it changes no trust.
    Nothing,
    /// The change number.
    Number,
}

/// Tells the caller how it went.
pub(super) type Tell = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// How the closure ended.
pub(super) enum End {
    /// With `Ok`: commit, then tell.
    Commit(Tell),
    /// With `Err`: roll back, then tell; when that failed, the connection was what failed.
    Rollback(Tell),
}

/// Called with why there is no transaction, it only tells the caller so.
type Body = Box<dyn for<'t> FnOnce(Result<&'t mut Tx, StoreError>) -> BoxFuture<'t, End> + Send>;

/// A unit of work.
pub(super) struct Unit {
    pub(super) hold: Hold,
    body: Body,
}

impl Unit {
    /// A unit, and where its result arrives.
    pub(super) fn new<T, E, F>(hold: Hold, work: F) -> (Self, oneshot::Receiver<Result<T, E>>)
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let body: Body = Box::new(move |tx| {
            Box::pin(async move {
                let ended = match tx {
                    Ok(tx) => work(tx).await,
                    Err(error) => Err(error.into()),
                };
                // The caller may be gone: then nobody wants the answer.
                match ended {
                    Ok(value) => End::Commit(Box::new(move |committed| {
                        let _ = reply.send(committed.map(|()| value).map_err(E::from));
                    })),
                    Err(error) => End::Rollback(Box::new(move |rolled_back| {
                        let _ = reply.send(Err(rolled_back.err().map_or(error, E::from)));
                    })),
                }
            })
        });
        (Self { hold, body }, answer)
    }

    /// Run it. `None` when it panicked: its caller learns that from the closed channel, and
    /// the writer lives on.
    pub(super) async fn run(self, tx: &mut Tx) -> Option<End> {
        let body = self.body;
        AssertUnwindSafe(async move { body(Ok(tx)).await }).catch_unwind().await.ok()
    }

    /// Tell the caller why it cannot run.
    pub(super) async fn refuse(self, error: StoreError) {
        if let End::Rollback(tell) = (self.body)(Err(error)).await {
            tell(Ok(()));
        }
    }
}
