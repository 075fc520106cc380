//! The pool that reads go through.
//!
//! Our own because it hands out [`Conn`], either database's, and knows the one thing a
//! pool gets wrong: after a restart of the database every idle connection is dead, and a
//! read that meets one is done again on a new one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::StoreError;
use crate::backend::{Conn, Connector, Purpose};

/// How long a read waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pool.
pub(crate) struct Readers {
    connector: Arc<Connector>,
    idle: Mutex<Vec<Conn>>,
    permits: Semaphore,
}

/// A connection for one read. Dropped without [`give_back`](Self::give_back), as when the
/// read is abandoned half-way, it is closed.
pub(crate) struct Reader<'a> {
    conn: Conn,
    reused: bool,
    readers: &'a Readers,
    _permit: SemaphorePermit<'a>,
}

impl Readers {
    /// A pool of at most `size` connections, none of them made yet.
    pub(crate) fn new(connector: Arc<Connector>, size: usize) -> Self {
        Self { connector, idle: Mutex::default(), permits: Semaphore::new(size.max(1)) }
    }

    /// A connection to read with.
    pub(crate) async fn take(&self) -> Result<Reader<'_>, StoreError> {
        let permit = tokio::time::timeout(PATIENCE, self.permits.acquire()).await;
        let permit =
            permit.map_err(|_| StoreError::BusyReaders)?.map_err(|_| StoreError::Stopped)?;
        let idle = self.idle().pop();
        let reused = idle.is_some();
        let conn = match idle {
            Some(conn) => conn,
            None => self.connector.connect(Purpose::Read).await?,
        };
        Ok(Reader { conn, reused, readers: self, _permit: permit })
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
        &mut self.conn
    }

    /// Put the connection back for the next read.
    pub(crate) fn give_back(self) {
        self.readers.idle().push(self.conn);
    }

    /// Whether the read failed only because the connection had died while idle. Such a
    /// failure closes the other idle ones too.
    pub(crate) async fn was_dead(mut self, error: &StoreError) -> bool {
        if !matches!(error, StoreError::Unreachable(_) | StoreError::Database(_)) {
            self.give_back();
            return false;
        }
        if self.conn.run("SELECT 1").await.is_ok() {
            self.give_back();
            return false;
        }
        self.readers.clear();
        self.reused
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
                    if !reader.was_dead(&error).await {
                        break Err(error);
                    }
                }
            }
        }
    };
}
pub(crate) use read;
