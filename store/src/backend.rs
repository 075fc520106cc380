//! The two databases behind one connection type.
//!
//! [`on_backend!`] expands a statement once for each concrete connection, so that
//! diesel's inference, `RETURNING` and `ON CONFLICT` work on both from one text. What
//! differs is a two-arm `match` where it differs, and the batch writer.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::runtime::Handle;

use crate::{Backend, DatabaseUrl, StoreError};

/// A connection to one of the two databases.
#[expect(clippy::large_enum_variant, reason = "there are a dozen of them, and a box in each use")]
pub(crate) enum Conn {
    /// PostgreSQL.
    Postgres(AsyncPgConnection),
    /// SQLite, on a thread that may block.
    Sqlite(sqlite::SqliteConn),
}

/// Compile one diesel statement against each backend's own connection type. The second form
/// names that backend's type as well, which a boxed query needs.
macro_rules! on_backend {
    ($conn:expr, |$inner:ident, $backend:ident| $statement:expr) => {
        match $conn {
            $crate::backend::Conn::Postgres($inner) => {
                type $backend = diesel::pg::Pg;
                $statement
            }
            $crate::backend::Conn::Sqlite($inner) => {
                type $backend = diesel::sqlite::Sqlite;
                $statement
            }
        }
    };
    ($conn:expr, |$inner:ident| $statement:expr) => {
        match $conn {
            $crate::backend::Conn::Postgres($inner) => $statement,
            $crate::backend::Conn::Sqlite($inner) => $statement,
        }
    };
}
pub(crate) use on_backend;

impl Conn {
    /// Run plain SQL that both databases understand.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        Ok(on_backend!(self, |conn| conn.batch_execute(sql).await)?)
    }

    /// Begin a transaction that will write. On SQLite it takes the write lock at once: one
    /// that reads first and writes later could fail half-way.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        let sql = match self {
            Self::Postgres(_) => "BEGIN",
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
        };
        self.run(sql).await
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading only.
    Read,
    /// Everything.
    Write,
}

/// Makes connections.
pub(crate) struct Connector {
    target: Target,
    runtime: Handle,
}

enum Target {
    Postgres(Box<postgres::Target>),
    Sqlite(sqlite::Target),
}

impl Connector {
    /// Check an address; nothing is connected yet.
    pub(crate) fn new(url: &DatabaseUrl, runtime: Handle) -> Result<Self, StoreError> {
        let target = match url {
            DatabaseUrl::Postgres(url) => Target::Postgres(Box::new(postgres::Target::parse(url)?)),
            DatabaseUrl::Sqlite(path) => Target::Sqlite(sqlite::Target::new(path)?),
        };
        Ok(Self { target, runtime })
    }

    /// Make the SQLite file if there is none yet.
    pub(crate) fn create(&self) -> Result<(), StoreError> {
        match &self.target {
            Target::Postgres(_) => Ok(()),
            Target::Sqlite(target) => target.create(),
        }
    }

    /// Which database it is.
    pub(crate) fn backend(&self) -> Backend {
        match self.target {
            Target::Postgres(_) => Backend::Postgres,
            Target::Sqlite(_) => Backend::Sqlite,
        }
    }

    /// The runtime that connections live on.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// A new connection.
    ///
    /// It is made on the store's own runtime, whoever asks: a socket belongs to the
    /// runtime that opened it, and a worker's may end before the pool does.
    pub(crate) async fn connect(&self, purpose: Purpose) -> Result<Conn, StoreError> {
        let made = match &self.target {
            Target::Postgres(target) => {
                let target = target.clone();
                let connecting = async move { target.connect(purpose).await };
                self.runtime.spawn(connecting).await.map(|made| made.map(Conn::Postgres))
            }
            Target::Sqlite(target) => {
                let target = target.clone();
                let connecting = move || target.connect(purpose);
                self.runtime.spawn_blocking(connecting).await.map(|made| made.map(Conn::Sqlite))
            }
        };
        made.map_err(|_| StoreError::Stopped)?
    }
}
