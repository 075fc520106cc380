//! What operators ask for and takes a while, one at a time beside the event loop.
//!
//! A thousand files or ten thousand policies are compiled in seconds, and take megabytes: the
//! event loop has no part in it, and however many ask, the memory of one is taken. So what
//! such work reads, it reads in its turn.

use std::sync::Arc;

use segura_store::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::service::access::Operator;
use crate::service::base::off_worker;
use crate::service::{Core, Origin};

/// Whose turn it is.
#[derive(Clone)]
pub(super) struct Turns(Arc<Semaphore>);

/// The turn of one request.
pub(super) struct Turn {
    _until_done: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Wait for a turn. Meanwhile the operator's credential may have been rotated because it
    /// had leaked, so it is asked for once more.
    pub(super) async fn take(
        &self,
        core: &Core,
        by: &Operator,
        origin: Origin,
    ) -> Result<Turn, StoreError> {
        let turn = Arc::clone(&self.0).acquire_owned().await.map_err(|_| StoreError::Stopped)?;
        core.demand_credential(by, origin).await?;
        Ok(Turn { _until_done: turn })
    }
}

impl Turn {
    /// Work off the event loop. The turn ends when it is done, also when nobody waits for it
    /// any more.
    pub(super) async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        off_worker(move || {
            let _turn = self;
            work()
        })
        .await
    }
}

#[cfg(test)]
mod tests;
