//! The writer's connection, and the end of the chain as the database has it.
//!
//! The rule after any failure: what the writer believes about the end of its chain is read
//! again before anything is written after it. A commit whose answer was lost may have been
//! done; the count of commits in the chain's row tells.

use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use tokio::time::{Instant, sleep};

use super::Shared;
use super::start::{self, Reason};
use super::tip::Tip;
use super::unit::Hold;
use crate::backend::{Conn, Connector, Purpose};
use crate::schema::chains;
use crate::{StoreError, change};

/// How long to try to get a connection back before those who wait are told.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// The writer's line to the database.
pub(super) struct Line {
    connector: Arc<Connector>,
    shared: Arc<Shared>,
    conn: Option<Conn>,
    tip: Tip,
    /// Where the chain stands if a commit was done whose answer was lost.
    doubt: Option<Tip>,
}

impl Line {
    /// Connect and open a chain.
    pub(super) async fn start(
        connector: Arc<Connector>,
        shared: Arc<Shared>,
    ) -> Result<Self, StoreError> {
        let mut conn = connector.connect(Purpose::Write).await?;
        let tip = start::open(&mut conn, &shared, Reason::Start).await?;
        Ok(Self { connector, shared, conn: Some(conn), tip, doubt: None })
    }

    /// Where the chain stands.
    pub(super) const fn tip(&self) -> &Tip {
        &self.tip
    }

    /// The chain was moved on.
    pub(super) fn advance(&mut self, tip: Tip) {
        self.tip = tip;
    }

    /// A connection on which what the writer knows of its chain is true. Whoever takes it
    /// gives it back, unless it is broken.
    pub(super) async fn take(&mut self) -> Result<Conn, StoreError> {
        if let Some(conn) = self.conn.take() {
            return Ok(conn);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.connect().await {
                Ok(conn) => return Ok(conn),
                Err(error) if Instant::now() >= deadline => {
                    return Err(StoreError::of_dead(error));
                }
                Err(error) => tracing::debug!(?error, "the writer cannot connect yet"),
            }
            sleep(PAUSE).await;
        }
    }

    /// A connection with a transaction begun, for a unit of work.
    pub(super) async fn begin(&mut self, hold: Hold) -> Result<Conn, StoreError> {
        let mut conn = self.take().await?;
        if begin(&mut conn, hold).await.is_ok() {
            return Ok(conn);
        }
        // It had died since the last use.
        drop(conn);
        let mut conn = self.take().await?;
        begin(&mut conn, hold).await.map_err(StoreError::of_dead)?;
        Ok(conn)
    }

    /// Give back a connection that is in order.
    pub(super) fn give_back(&mut self, conn: Conn) {
        self.conn = Some(conn);
    }

    /// Do not use the connection that was given back: the next one reads the chain's end.
    pub(super) fn forget(&mut self) {
        self.conn = None;
    }

    /// A COMMIT that would have moved the chain to `intended` failed: look whether it was
    /// done.
    pub(super) async fn look_up(&mut self, intended: &Tip) -> Result<bool, StoreError> {
        self.conn = None;
        self.doubt = Some(intended.clone());
        match self.take().await {
            Ok(conn) => {
                self.conn = Some(conn);
                Ok(self.tip == *intended)
            }
            Err(error) => {
                tracing::error!(?error, "a commit could not be looked up");
                Err(StoreError::Unresolved)
            }
        }
    }

    async fn connect(&mut self) -> Result<Conn, StoreError> {
        let mut conn = self.connector.connect(Purpose::Write).await?;
        conn.begin().await?;
        let commits = commits(&mut conn, &self.tip.text).await?;
        conn.run("ROLLBACK").await?;
        match &self.doubt {
            Some(doubt) if commits == Some(doubt.commits) => self.tip = doubt.clone(),
            _ if commits == Some(self.tip.commits) => {}
            _ => {
                tracing::error!(
                    chain = %self.tip.text,
                    known = self.tip.commits,
                    found = commits,
                    "the database lost the end of this server's chain; a new one is opened"
                );
                self.tip = start::open(&mut conn, &self.shared, Reason::ChainLost).await?;
            }
        }
        self.doubt = None;
        Ok(conn)
    }
}

async fn begin(conn: &mut Conn, hold: Hold) -> Result<(), StoreError> {
    conn.begin().await?;
    match hold {
        Hold::Nothing => Ok(()),
        Hold::Number => change::hold(conn).await,
    }
}

/// How many commits the chain has seen. On PostgreSQL the row is locked, to wait for a
/// transaction of a dead connection that is still being committed.
async fn commits(conn: &mut Conn, chain: &str) -> Result<Option<i64>, StoreError> {
    let query = chains::table.find(chain).select(chains::commits);
    let commits = match conn {
        Conn::Postgres(conn) => query.for_update().first::<i64>(conn).await.optional()?,
        Conn::Sqlite(conn) => query.first::<i64>(conn).await.optional()?,
    };
    Ok(commits)
}
