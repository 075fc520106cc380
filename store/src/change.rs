//! The change number: one row that every change of trust or vault raises.
//!
//! What was decided under an older number is decided anew (design, decision 7). Beside
//! the number is a feed that says what changed, so that other nodes drop just that from
//! memory. Ending a session does not raise it: sessions end all the time, and a batch
//! checks the session's own row in its transaction instead (ADR 0001).

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::Timestamp;

use crate::backend::{Conn, on_backend};
use crate::readers::read;
use crate::schema::{change_number, changes};
use crate::{Store, StoreError, Tx};

/// The most lines of the feed in one answer.
const PAGE: i64 = 1000;
const PAGE_ROWS: usize = 1000;

/// How many changes of trust or vault there have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeNumber(pub i64);

/// What sort of thing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// A certificate was added.
    Certificate,
    /// An issuer entry was written or removed; the key is its id.
    Issuer,
    /// The wrapped keyring was replaced.
    Keyring,
    /// A row of `meta` was written; the key is its key (epochs live there).
    Meta,
    /// An operator was added, rotated or removed; the key is the name.
    Operator,
    /// A policy was written or removed; the key is its name.
    Policy,
    /// A secret or its metadata was written or removed; the key is its path.
    Secret,
    /// A wrapping key was added; the key is its id.
    WrappingKey,
}

/// One line of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The number this change was part of.
    pub number: ChangeNumber,
    /// What sort of thing changed.
    pub kind: ChangeKind,
    /// Which one.
    pub key: String,
}

/// What happened since a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The number now.
    pub now: ChangeNumber,
    /// Whether `list` holds every change up to `now`. When it does not (the feed was
    /// pruned, or holds more than one answer takes), everything must be loaded anew.
    pub complete: bool,
    /// The changes, oldest first.
    pub list: Vec<Change>,
}

impl Store {
    /// The number now.
    pub async fn change_number(&self) -> Result<ChangeNumber, StoreError> {
        read!(self, |conn| number(conn))
    }

    /// What changed after `number`.
    pub async fn changes_since(&self, number: ChangeNumber) -> Result<Changes, StoreError> {
        read!(self, |conn| since(conn, number))
    }
}

impl Tx {
    /// The number now, which nobody else raises while this unit of work runs.
    pub async fn change_number(&mut self) -> Result<ChangeNumber, StoreError> {
        number(self.conn()).await
    }
}

impl ChangeKind {
    const ALL: [Self; 8] = [
        Self::Certificate,
        Self::Issuer,
        Self::Keyring,
        Self::Meta,
        Self::Operator,
        Self::Policy,
        Self::Secret,
        Self::WrappingKey,
    ];

    /// The word in the feed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Issuer => "issuer",
            Self::Keyring => "keyring",
            Self::Meta => "meta",
            Self::Operator => "operator",
            Self::Policy => "policy",
            Self::Secret => "secret",
            Self::WrappingKey => "wrapping_key",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        kind.ok_or_else(|| StoreError::corrupt("a kind of change")(text))
    }
}

/// Raise the number and write the feed, in the transaction of `conn`.
pub(crate) async fn raise(
    conn: &mut Conn,
    list: &[(ChangeKind, String)],
    now: Timestamp,
) -> Result<ChangeNumber, StoreError> {
    let update = diesel::update(change_number::table.find(1))
        .set(change_number::number.eq(change_number::number + 1))
        .returning(change_number::number);
    let raised = on_backend!(conn, |conn| update.get_result::<i64>(conn).await)?;
    let lines = (0_i64..).zip(list).map(|(position, (kind, key))| Line {
        number: raised,
        position,
        kind: kind.as_str(),
        key: key.clone(),
        at: now.0,
    });
    write(conn, lines.collect()).await?;
    Ok(ChangeNumber(raised))
}

/// A line of the feed, as written.
#[derive(Insertable)]
#[diesel(table_name = changes)]
struct Line {
    number: i64,
    position: i64,
    kind: &'static str,
    key: String,
    at: i64,
}

/// Many lines take few round trips to PostgreSQL, and one change of thread with SQLite.
async fn write(conn: &mut Conn, lines: Vec<Line>) -> Result<(), StoreError> {
    match conn {
        Conn::Postgres(conn) => {
            for some in lines.chunks(PAGE_ROWS) {
                diesel::insert_into(changes::table).values(some).execute(conn).await?;
            }
        }
        Conn::Sqlite(conn) => {
            conn.spawn_blocking(move |conn| {
                lines.iter().try_for_each(|line| {
                    let insert = diesel::insert_into(changes::table).values(line);
                    diesel::RunQueryDsl::execute(insert, conn).map(drop)
                })
            })
            .await?;
        }
    }
    Ok(())
}

/// Take the number's row for a unit of work, so that no batch commits a decision made
/// under it and no other unit of work, on any node, runs until this one is over.
pub(crate) async fn hold(conn: &mut Conn) -> Result<(), StoreError> {
    let query = change_number::table.find(1).select(change_number::number);
    match conn {
        Conn::Postgres(conn) => query.for_update().get_result::<i64>(conn).await?,
        // `BEGIN IMMEDIATE` holds the whole database already.
        Conn::Sqlite(conn) => query.get_result::<i64>(conn).await?,
    };
    Ok(())
}

async fn number(conn: &mut Conn) -> Result<ChangeNumber, StoreError> {
    let query = change_number::table.find(1).select(change_number::number);
    Ok(ChangeNumber(on_backend!(conn, |conn| query.get_result::<i64>(conn).await)?))
}

async fn since(conn: &mut Conn, old: ChangeNumber) -> Result<Changes, StoreError> {
    // The number is read first: every change up to it is committed, so is in the feed.
    let now = number(conn).await?;
    let query = changes::table
        .filter(changes::number.gt(old.0).and(changes::number.le(now.0)))
        .order((changes::number, changes::position))
        .select((changes::number, changes::kind, changes::key))
        .limit(PAGE + 1);
    let rows = on_backend!(conn, |conn| query.load::<(i64, String, String)>(conn).await)?;
    let complete = match rows.as_slice().first() {
        Some((first, ..)) => *first == old.0 + 1 && rows.len() <= PAGE_ROWS,
        None => old == now,
    };
    let list = rows.into_iter().map(|(number, kind, key)| {
        Ok(Change { number: ChangeNumber(number), kind: ChangeKind::parse(&kind)?, key })
    });
    Ok(Changes { now, complete, list: list.collect::<Result<_, StoreError>>()? })
}
