//! SQLite: one file in the data directory, compiled in.
//!
//! WAL with `synchronous=FULL`: with NORMAL a power cut loses commits that were answered
//! (security tests, finding 10). Readers and the one writer do not block each other.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper};
use tokio::runtime::Handle;

use super::Purpose;
use crate::{BoxFuture, StoreError};

const SETTINGS: &str = "
    PRAGMA busy_timeout = 5000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA journal_size_limit = 67108864;
";
/// Spent tokens are keyed by digests, so what is inserted lies anywhere: the writer keeps
/// 16 MiB of pages. A page that is written again and again before a checkpoint is copied
/// once by it, so checkpoints come every 16 MiB rather than every four.
const WRITER: &str = "
    PRAGMA cache_size = -16384;
    PRAGMA wal_autocheckpoint = 4096;
";
const READER: &str = "
    PRAGMA cache_size = -4096;
    PRAGMA query_only = ON;
";

/// A connection, on a thread that may block.
pub(crate) type SqliteConn = SyncConnectionWrapper<SqliteConnection, Threads>;

/// The threads that may block, of the store's own runtime.
///
/// Ours, because diesel-async's waits for the statement when its caller goes away, and
/// panics where it may not wait: on a worker of the server. Here a caller that goes away
/// lets the statement run to its end; who wants the connection after it waits for that.
pub(crate) struct Threads(Handle);

impl SpawnBlocking for Threads {
    fn spawn_blocking<'a, R>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn std::error::Error + Send + Sync + 'static>>>
    where
        R: Send + 'static,
    {
        let running = self.0.spawn_blocking(task);
        Box::pin(async move { Ok(running.await?) })
    }

    fn get_runtime() -> Self {
        Self(Handle::current())
    }
}

/// A database file.
#[derive(Clone)]
pub(crate) struct Target {
    path: PathBuf,
    text: String,
}

impl Target {
    /// Check the path. SQLite would read one that starts with `file:` as a URL, which an
    /// absolute path never does.
    pub(crate) fn new(path: &Path) -> Result<Self, StoreError> {
        let path = std::path::absolute(path).map_err(|source| StoreError::io(path, source))?;
        match path.to_str() {
            Some(text) => Ok(Self { text: text.to_owned(), path }),
            None => Err(StoreError::Url("the path of the SQLite file is not UTF-8")),
        }
    }

    /// Make the file, for its owner alone, if it does not exist. SQLite would make it
    /// readable to all; the files beside it take over its mode.
    pub(crate) fn create(&self) -> Result<(), StoreError> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        options.open(&self.path).map(drop).map_err(|source| self.io(source))
    }

    /// Open the file, which must exist; on the store's runtime.
    pub(crate) fn connect(&self, purpose: Purpose) -> Result<SqliteConn, StoreError> {
        std::fs::metadata(&self.path).map_err(|source| self.io(source))?;
        let mut conn = SqliteConnection::establish(&self.text).map_err(StoreError::unreachable)?;
        conn.batch_execute(SETTINGS)?;
        conn.batch_execute(match purpose {
            Purpose::Read => READER,
            Purpose::Write => WRITER,
        })?;
        Ok(SyncConnectionWrapper::new(conn))
    }

    fn io(&self, source: std::io::Error) -> StoreError {
        StoreError::io(&self.path, source)
    }
}
