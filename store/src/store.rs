//! A database, opened: what reads go through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;

use crate::backend::{Connector, Purpose};
use crate::lock::DirectoryLock;
use crate::migrate::Demand;
use crate::readers::{Readers, read};
use crate::{DatabaseUrl, StoreError, lock, migrate};

/// Which of the two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// What a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpenMode {
    /// A server: on SQLite the data directory's lock is taken, and a second server is
    /// refused.
    Exclusive,
    /// Reads only; no [`Writer`](crate::Writer) starts on it.
    Reader,
}

/// How to open a database.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// What for.
    pub mode: OpenMode,
    /// How many connections to read with.
    pub readers: usize,
    /// Where the database's connections live. It must outlive the store: the server's
    /// workers have runtimes of their own, which come and go.
    pub runtime: Handle,
}

impl OpenOptions {
    /// Open for `mode` with connections on the current runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(mode: OpenMode) -> Self {
        Self { mode, readers: 8, runtime: Handle::current() }
    }
}

/// A database. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    mode: OpenMode,
    connector: Arc<Connector>,
    readers: Readers,
    has_writer: AtomicBool,
    _lock: Option<DirectoryLock>,
}

impl Store {
    /// Open a database. Its schema may be older than this program's (see
    /// [`migrate`](Self::migrate)); a newer one is refused.
    pub async fn open(url: &DatabaseUrl, options: OpenOptions) -> Result<Self, StoreError> {
        let lock = match (url, options.mode) {
            (DatabaseUrl::Sqlite(path), OpenMode::Exclusive) => Some(lock::take(path)?),
            _ => None,
        };
        let connector = Arc::new(Connector::new(url, options.runtime)?);
        if options.mode == OpenMode::Exclusive {
            connector.create()?;
        }
        let store = Self {
            inner: Arc::new(Inner {
                mode: options.mode,
                readers: Readers::new(Arc::clone(&connector), options.readers),
                connector,
                has_writer: AtomicBool::new(false),
                _lock: lock,
            }),
        };
        store.check_schema(Demand::NotNewer).await?;
        Ok(store)
    }

    /// Bring the schema up to this program's. Two nodes may do so at once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.demand_exclusive()?;
        let mut conn = self.connector().connect(Purpose::Write).await?;
        migrate::migrate(&mut conn, self.backend()).await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        read!(self, |conn| conn.run("SELECT 1"))
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        self.inner.connector.backend()
    }

    pub(crate) fn readers(&self) -> &Readers {
        &self.inner.readers
    }

    pub(crate) fn connector(&self) -> &Arc<Connector> {
        &self.inner.connector
    }

    pub(crate) async fn check_schema(&self, demand: Demand) -> Result<(), StoreError> {
        read!(self, |conn| migrate::check(conn, demand))
    }

    pub(crate) fn demand_exclusive(&self) -> Result<(), StoreError> {
        match self.inner.mode {
            OpenMode::Exclusive => Ok(()),
            OpenMode::Reader => Err(StoreError::ReadOnly),
        }
    }

    /// Claim the one place for a writer.
    pub(crate) fn claim_writer(&self) -> Result<WriterClaim, StoreError> {
        self.demand_exclusive()?;
        if self.inner.has_writer.swap(true, Ordering::SeqCst) {
            return Err(StoreError::Invalid("this store has a writer already"));
        }
        Ok(WriterClaim(self.clone()))
    }
}

/// The place of the one writer, free again once dropped.
pub(crate) struct WriterClaim(Store);

impl Drop for WriterClaim {
    fn drop(&mut self) {
        self.0.inner.has_writer.store(false, Ordering::SeqCst);
    }
}
