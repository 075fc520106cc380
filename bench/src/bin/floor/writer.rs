//! One durable row a request, as many to a commit as wait: a thread, a queue, a statement.

use std::path::Path;

use anyhow::Context;
use rusqlite::{Connection, Statement};
use tokio::sync::{mpsc, oneshot};

/// `PRAGMA synchronous`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Synchronous {
    /// A commit is on the disk before it is answered, as the broker's is.
    Full,
    /// A commit is answered when the kernel has it: the negative control.
    Off,
}

/// The way to write.
pub(crate) struct Writer(mpsc::Sender<Waiting>);

struct Waiting {
    row: Row,
    done: oneshot::Sender<i64>,
}

/// A row of about the size of a ledger record.
pub(crate) struct Row {
    pub(crate) at: i64,
    pub(crate) event: &'static str,
    pub(crate) subject: String,
    pub(crate) body: String,
    pub(crate) digest: [u8; 32],
}

impl Writer {
    /// Make the file and start the thread.
    pub(crate) fn start(path: &Path, synchronous: Synchronous) -> anyhow::Result<Self> {
        let connection = Connection::open(path).with_context(|| path.display().to_string())?;
        let synchronous = match synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Off => "OFF",
        };
        // As `store/src/backend/sqlite.rs` has it.
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = {synchronous};
             PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -4096;
             PRAGMA journal_size_limit = 67108864;
             CREATE TABLE ledger (
                 seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL,
                 subject TEXT NOT NULL, body TEXT NOT NULL, digest BLOB NOT NULL
             );"
        ))?;
        let (queue, waiting) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || serve(&connection, waiting).expect("the floor's disk takes rows"))?;
        Ok(Self(queue))
    }

    /// Write a row, and give its number once it is committed.
    pub(crate) async fn write(&self, row: Row) -> Option<i64> {
        let (done, answer) = oneshot::channel();
        self.0.send(Waiting { row, done }).await.ok()?;
        answer.await.ok()
    }
}

fn serve(connection: &Connection, mut queue: mpsc::Receiver<Waiting>) -> rusqlite::Result<()> {
    let mut statements = Statements::prepare(connection)?;
    let mut waiting = Vec::with_capacity(BATCH);
    while queue.blocking_recv_many(&mut waiting, BATCH) > 0 {
        let numbers = statements.commit(&waiting)?;
        for (Waiting { done, .. }, number) in waiting.drain(..).zip(numbers) {
            // One whose client has gone needs no answer.
            let _ = done.send(number);
        }
    }
    Ok(())
}

/// Compiled once.
struct Statements<'c> {
    begin: Statement<'c>,
    insert: Statement<'c>,
    commit: Statement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            insert: connection.prepare(
                "INSERT INTO ledger (at, event, subject, body, digest) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            commit: connection.prepare("COMMIT")?,
        })
    }

    /// All rows in one transaction; gives their numbers.
    fn commit(&mut self, waiting: &[Waiting]) -> rusqlite::Result<Vec<i64>> {
        self.begin.execute([])?;
        let mut numbers = Vec::with_capacity(waiting.len());
        for Waiting { row, .. } in waiting {
            let Row { at, event, subject, body, digest } = row;
            numbers.push(self.insert.insert((at, event, subject, body, digest))?);
        }
        self.commit.execute([])?;
        Ok(numbers)
    }
}

/// The bounds of the broker's own writer.
const QUEUE: usize = 4096;
const BATCH: usize = 512;
