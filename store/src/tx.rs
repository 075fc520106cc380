//! A unit of work: rare writes that run alone between two batches.

use std::collections::HashSet;
use std::sync::Arc;

use segura_model::Timestamp;
use segura_model::audit::Record;

use crate::backend::Conn;
use crate::ledger::encoding::Prepared;
use crate::{ChangeKind, RowMac, StoreError};

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = futures::future::BoxFuture<'a, T>;

/// A transaction of [`Writer::run`](crate::Writer::run).
///
/// It holds the change number's row, so units of work of all nodes run one after the
/// other, and what one reads stays true until it commits. Its reads and writes are in the
/// files of the aggregates.
pub struct Tx {
    conn: Conn,
    now: Timestamp,
    row_mac: Arc<dyn RowMac>,
    changes: Vec<(ChangeKind, String)>,
    /// The same, to list each once.
    raised: HashSet<(ChangeKind, String)>,
    records: Vec<Prepared>,
}

/// What a unit of work leaves to be done when it commits.
pub(crate) struct Work {
    pub(crate) conn: Conn,
    pub(crate) changes: Vec<(ChangeKind, String)>,
    pub(crate) records: Vec<Prepared>,
}

impl Tx {
    /// A unit of work on a connection whose transaction has begun.
    pub(crate) fn new(conn: Conn, now: Timestamp, row_mac: Arc<dyn RowMac>) -> Self {
        let (changes, raised) = (Vec::new(), HashSet::new());
        Self { conn, now, row_mac, changes, raised, records: Vec::new() }
    }

    /// Write a ledger record in this transaction.
    pub fn record(&mut self, record: &Record) -> Result<(), StoreError> {
        self.records.push(Prepared::new(record)?);
        Ok(())
    }

    /// When the transaction began, by the writer's clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Who authenticates the rows that are read and written here.
    pub(crate) fn row_mac(&self) -> Arc<dyn RowMac> {
        Arc::clone(&self.row_mac)
    }

    pub(crate) fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    /// Raise the change number on commit, and say in the feed what changed.
    pub(crate) fn raise(&mut self, kind: ChangeKind, key: &str) {
        let change = (kind, key.to_owned());
        if self.raised.insert(change.clone()) {
            self.changes.push(change);
        }
    }

    pub(crate) fn finish(self) -> Work {
        Work { conn: self.conn, changes: self.changes, records: self.records }
    }
}
