//! The pool that reads go through.
//!
//! Our own because it hands out [`Conn`], either database's, and knows the one thing a
//! pool gets wrong: after a restart of the database every idle connection is dead, and a
//! read that meets one is done again on a new one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::StoreError;
use crate::backend::{Conn, Connector, Purpose};

/// How long a read waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pool.
pub(crate) struct Readers {
    connector: Arc<Connector>,
    idle: Mutex<Vec<Conn>>,
    permits: Arc<Semaphore>,
}

/// A connection for one read. Dropped without [`give_back`](Self::give_back), as when the
/// read is abandoned half-way, it is closed once the database is done with the statement:
/// until then it counts, so that callers who come and go cannot pile up statements.
pub(crate) struct Reader<'a> {
    /// The connection, and its place among the readers'.
    held: Option<(Conn, OwnedSemaphorePermit)>,
    reused: bool,
    readers: &'a Readers,
}

impl Readers {
    /// A pool of at most `size` connections, none of them made yet.
    pub(crate) fn new(connector: Arc<Connector>, size: usize) -> Self {
        Self { connector, idle: Mutex::default(), permits: Arc::new(Semaphore::new(size.max(1))) }
    }

    /// A connection to read with.
    pub(crate) async fn take(&self) -> Result<Reader<'_>, StoreError> {
        let permit =
            tokio::time::timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned()).await;
        let permit =
            permit.map_err(|_| StoreError::BusyReaders)?.map_err(|_| StoreError::Stopped)?;
        let idle = self.idle().pop();
        let reused = idle.is_some();
        let held = match idle {
            Some(conn) => (conn, permit),
            None => self.connect(permit).await?,
        };
        Ok(Reader { held: Some(held), reused, readers: self })
    }

    /// A new connection. It is made to the end, and counts until then, whoever goes away.
    async fn connect(
        &self,
        permit: OwnedSemaphorePermit,
    ) -> Result<(Conn, OwnedSemaphorePermit), StoreError> {
        let connector = Arc::clone(&self.connector);
        let connecting = self
            .connector
            .runtime()
            .spawn(async move { Ok((connector.connect(Purpose::Read).await?, permit)) });
        connecting.await.map_err(|_| StoreError::Stopped)?
    }

    /// Close every idle connection.
    pub(crate) fn clear(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Conn>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    /// The connection.
    pub(crate) fn conn(&mut self) -> &mut Conn {
        let held = self.held.as_mut();
        &mut held.expect("it is held until it is given back").0
    }

    /// Put the connection back for the next read.
    pub(crate) fn give_back(mut self) {
        if let Some((conn, permit)) = self.held.take() {
            self.readers.idle().push(conn);
            drop(permit);
        }
    }

    /// What the read failed of; `None` when it was only that the connection had died while
    /// idle. Such a failure closes the other idle ones too.
    pub(crate) async fn failed_of(mut self, error: StoreError) -> Option<StoreError> {
        if !matches!(error, StoreError::Unreachable(_) | StoreError::Database(_))
            || self.conn().run("SELECT 1").await.is_ok()
        {
            self.give_back();
            return Some(error);
        }
        self.readers.clear();
        self.held = None;
        (!self.reused).then(|| StoreError::of_dead(error))
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let Some((mut conn, permit)) = self.held.take() else { return };
        self.readers.connector.runtime().spawn(async move {
            // Statements of one connection run one after the other. Whether this one fails
            // does not matter: the connection is closed.
            let _ = conn.run("SELECT 1").await;
            drop((conn, permit));
        });
    }
}

/// Run a read of a [`Store`](crate::Store): `read!(store, |conn| find(conn, id))`.
macro_rules! read {
    ($store:expr, |$conn:ident| $query:expr) => {
        loop {
            let mut reader = $store.readers().take().await?;
            let $conn = reader.conn();
            match $query.await {
                Ok(found) => {
                    reader.give_back();
                    break Ok(found);
                }
                Err(error) => {
                    if let Some(error) = reader.failed_of(error).await {
                        break Err(error);
                    }
                }
            }
        }
    };
}
pub(crate) use read;
