//! What can go wrong, classified once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use segura_model::{Class, Classify};

/// What another crate said, shared by everyone whose request it failed.
type Source = Arc<dyn std::error::Error + Send + Sync>;

/// Why the store could not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The write queue is full: try again later.
    #[error("the write queue is full")]
    Busy,
    /// No connection to read with came free in time: try again later.
    #[error("no connection to read with came free in time")]
    BusyReaders,
    /// A unique key is taken.
    #[error("a row with the same key exists already")]
    Conflict(#[source] Source),
    /// A row does not read back as what was written.
    #[error("the database holds {what} that does not parse")]
    Corrupt {
        /// What does not parse.
        what: &'static str,
        /// Why.
        #[source]
        source: Source,
    },
    /// A cursor that no page gave.
    #[error("this is not a cursor: use the `next` of a page, or leave it out")]
    Cursor,
    /// What a request was let in with does not hold any more.
    #[error(
        "this credential was rotated, removed or has expired, or its operator has another role, \
         since the request came: nothing was done"
    )]
    CredentialGone,
    /// The database refused a statement.
    #[error("the database refused a statement")]
    Database(#[source] Source),
    /// The disk under the embedded database is full. Nothing of the statement was done.
    #[error("the disk is full: an operator must free disk under `server.data_dir`")]
    DiskFull(#[source] Source),
    /// The database would answer before it is durable.
    #[error("PostgreSQL runs with `fsync = off`: set it to on, or answers would not be durable")]
    FsyncOff,
    /// What was asked makes no sense to the store: a fault of the calling code.
    #[error("{0}")]
    Invalid(&'static str),
    /// Another server has the data directory.
    #[error("{} is held by process {pid}: stop that server first", lock.display())]
    Locked {
        /// The lock file.
        lock: PathBuf,
        /// The process that holds it, as the lock file tells.
        pid: String,
    },
    /// The data directory cannot be used.
    #[error("{} cannot be used", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// The schema is newer than this program, or not what this program made.
    #[error("the database has migration `{found}`, not known here: use the release it is of")]
    NewerSchema {
        /// The first migration that is not known here.
        found: String,
    },
    /// The schema is older than this program.
    #[error(
        "the database lacks migration `{missing}`: start the server once, or run `segura init`"
    )]
    OlderSchema {
        /// The first migration it lacks.
        missing: &'static str,
    },
    /// The store was opened for reading.
    #[error("the database was opened for reading")]
    ReadOnly,
    /// The writer has stopped.
    #[error("the server is stopping")]
    Stopped,
    /// A text holds a control character.
    #[error("{0} holds a control character: remove it")]
    Text(&'static str),
    /// Something is larger than its bound.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What is.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// The database does not answer.
    #[error("the database does not answer")]
    Unreachable(#[source] Source),
    /// The database was lost during a commit and did not come back in time, or the writer
    /// was lost with its answer. Not to be repeated blindly.
    #[error("the database was lost during a commit: whether it was done is not known yet")]
    Unresolved,
    /// The database URL cannot be used.
    #[error("the database URL cannot be used: {0}")]
    Url(&'static str),
}

impl Classify for StoreError {
    fn class(&self) -> Class {
        match self {
            Self::Busy => Class::unavailable("store-busy"),
            Self::BusyReaders => Class::unavailable("store-readers-busy"),
            Self::Conflict(_) => Class::conflict("already-exists"),
            Self::Corrupt { .. } => Class::internal("store-corrupt"),
            Self::CredentialGone => Class::unauthenticated("operator-unknown"),
            Self::Cursor => Class::bad_request("cursor-invalid"),
            Self::Database(_) => Class::internal("store-failed"),
            Self::DiskFull(_) => Class::unavailable("disk-full"),
            Self::FsyncOff => Class::internal("store-not-durable"),
            Self::Invalid(_) => Class::internal("store-misused"),
            Self::Locked { .. } => Class::conflict("data-directory-in-use"),
            Self::NewerSchema { .. } => Class::internal("schema-newer"),
            Self::OlderSchema { .. } => Class::internal("schema-older"),
            Self::ReadOnly => Class::internal("store-read-only"),
            Self::Stopped => Class::unavailable("server-stopping"),
            Self::Text(_) => Class::bad_request("control-character"),
            Self::TooLarge { .. } => Class::too_large("text-too-large"),
            // Of its file, too, a caller of the server is not to blame for it, and is not told
            // the path. Whoever starts the server is (`StartError`).
            Self::Io { .. } | Self::Unreachable(_) => Class::unavailable("database-unreachable"),
            Self::Unresolved => Class::unavailable("commit-unresolved"),
            Self::Url(_) => Class::bad_request("database-url"),
        }
    }
}

/// What SQLite says with `SQLITE_FULL`; diesel passes on the text alone.
const SQLITE_FULL: &str = "database or disk is full";

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                _,
            ) => Self::unreachable(error),
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => {
                Self::Conflict(Arc::new(error))
            }
            DieselError::DatabaseError(_, ref told) if told.message() == SQLITE_FULL => {
                Self::DiskFull(Arc::new(error))
            }
            _ => Self::Database(Arc::new(error)),
        }
    }
}

impl StoreError {
    /// A stored value that does not parse.
    pub(crate) fn corrupt<E>(what: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |error| Self::Corrupt { what, source: Source::from(error.into()) }
    }

    /// A database that does not answer.
    pub(crate) fn unreachable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unreachable(Source::from(error.into()))
    }

    /// What an error is when the connection died with it.
    ///
    /// PostgreSQL says in an error like any other that it ends a connection (57P01 to 57P03,
    /// in the language of that server), and diesel has no kind for it: taken alone it looks
    /// like a fault of the statement.
    pub(crate) fn of_dead(error: impl Into<Self>) -> Self {
        match error.into() {
            Self::Database(source) => Self::Unreachable(source),
            other => other,
        }
    }

    /// A file that cannot be used.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source: Arc::new(source) }
    }
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, SqliteConnection};

    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_faults() {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        conn.batch_execute("PRAGMA max_page_count = 3; CREATE TABLE t (b BLOB)").unwrap();
        let mut fails = |statement| StoreError::from(conn.batch_execute(statement).unwrap_err());
        let full = fails("INSERT INTO t VALUES (zeroblob(100000))");
        assert!(matches!(full, StoreError::DiskFull(_)), "{full:?}");
        assert_eq!(full.class().code, "disk-full");
        assert!(matches!(fails("INSERT INTO nowhere VALUES (1)"), StoreError::Database(_)));
    }
}
