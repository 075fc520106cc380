//! The batch writer's arm for PostgreSQL: one statement for all rows of a table, by
//! `UNNEST`, and statements that do not wait for one another sent together.
//!
//! A round trip costs more than the rows. A batch takes four, or six when it checks
//! sessions and spends tokens.

use std::collections::{BTreeSet, HashMap, HashSet};

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures::try_join;

use super::arrays::{AddTallies, InsertPaths, InsertRecords, InsertSessions, Rows, SpendTokens};
use super::batch::{Batch, SessionState};
use super::since::{self, Since};
use super::tip::{Placed, Tip};
use super::{Attempt, Shared};
use crate::ledger::encoding::Prepared;
use crate::schema::{chains, change_number, sessions};
use crate::spent_tokens as spent;

/// Try to write a batch.
pub(super) async fn attempt(
    conn: &mut AsyncPgConnection,
    mut batch: Batch,
    tip: Tip,
    shared: &Shared,
) -> (Batch, Attempt) {
    let attempt = match write(conn, &mut batch, &tip, shared).await {
        Ok(placed) if placed.is_unmoved() => match conn.batch_execute("ROLLBACK").await {
            Ok(()) => Attempt::Done(placed),
            Err(error) => Attempt::Broken(error),
        },
        Ok(placed) => match conn.batch_execute("COMMIT").await {
            Ok(()) => Attempt::Done(placed),
            Err(error) => Attempt::Lost(placed, error),
        },
        Err(error) => Attempt::undone(error, &conn.batch_execute("ROLLBACK").await),
    };
    (batch, attempt)
}

/// Write placed records and the new head, in the transaction that a unit of work has open.
pub(super) async fn insert(
    conn: &AsyncPgConnection,
    records: &[Prepared],
    placed: &Placed,
    shared: &Shared,
) -> QueryResult<()> {
    let rows = InsertRecords::of(placed.rows(records.iter()));
    let paths = InsertPaths::of(placed.paths(records.iter()));
    try_join!(execute(conn, rows), execute(conn, paths), store_head(conn, placed, shared))?;
    Ok(())
}

async fn write(
    conn: &mut AsyncPgConnection,
    batch: &mut Batch,
    tip: &Tip,
    shared: &Shared,
) -> QueryResult<Placed> {
    judge(conn, batch).await?;
    let placed = if batch.is_empty() { tip.unmoved() } else { batch.place(tip) };
    if !placed.is_unmoved() {
        insert_all(conn, batch, &placed, shared).await?;
    }
    // Last, because a token may have been spent earlier in this very batch.
    for key in batch.lost().clone() {
        if let Some(found) = spent::find_postgres(conn, &key).await? {
            batch.tell(key, found);
        }
    }
    Ok(placed)
}

async fn insert_all(
    conn: &AsyncPgConnection,
    batch: &Batch,
    placed: &Placed,
    shared: &Shared,
) -> QueryResult<()> {
    let counts = shared.counts(batch);
    try_join!(
        execute(conn, InsertSessions::of(batch.opened().into_iter())),
        end_sessions(conn, batch),
        execute(conn, InsertRecords::of(placed.rows(batch.records()))),
        execute(conn, InsertPaths::of(placed.paths(batch.records()))),
        execute(conn, AddTallies::of(counts.rows(&placed.tip.text))),
        store_head(conn, placed, shared),
    )?;
    Ok(())
}

/// Ask the three questions.
async fn judge(conn: &mut AsyncPgConnection, batch: &mut Batch) -> QueryResult<()> {
    let ((), number) = try_join!(begin(conn), number(conn))?;
    let since = match batch.oldest_before(number) {
        Some(oldest) => since::load_postgres(conn, oldest, number).await?,
        None => Since::default(),
    };
    batch.judge_number(number, &since);
    let mut states = HashMap::new();
    // Those that end are locked first and for longer; both in order of their ids.
    states.extend(session_states(conn, batch.ends(), Lock::End).await?);
    states.extend(session_states(conn, batch.checks(), Lock::Check).await?);
    batch.judge_sessions(&states);
    let spends = SpendTokens::of(batch.spends().into_iter());
    let mut won = HashSet::new();
    if !spends.is_empty() {
        won.extend(spends.load::<spent::Key>(conn).await?);
    }
    batch.judge_spends(&won);
    Ok(())
}

/// What a row of a session is locked for: so that it stays as it is until the commit.
#[derive(Clone, Copy)]
enum Lock {
    Check,
    End,
}

async fn session_states(
    conn: &mut AsyncPgConnection,
    ids: BTreeSet<String>,
    lock: Lock,
) -> QueryResult<HashMap<String, SessionState>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let query = sessions::table
        .filter(sessions::id.eq_any(ids.into_iter().collect::<Vec<_>>()))
        .order(sessions::id)
        .select((sessions::id, (sessions::ended_at, sessions::expires_at)));
    let rows = match lock {
        Lock::Check => query.for_share().load::<(String, SessionState)>(conn).await?,
        Lock::End => query.for_no_key_update().load::<(String, SessionState)>(conn).await?,
    };
    Ok(rows.into_iter().collect())
}

async fn begin(mut conn: &AsyncPgConnection) -> QueryResult<()> {
    conn.batch_execute("BEGIN").await
}

/// The change number, which no unit of work of any node raises until this commits.
async fn number(mut conn: &AsyncPgConnection) -> QueryResult<i64> {
    let query = change_number::table.find(1).select(change_number::number);
    query.for_share().first::<i64>(&mut conn).await
}

async fn end_sessions(mut conn: &AsyncPgConnection, batch: &Batch) -> QueryResult<usize> {
    let ids: Vec<String> = batch.ends().into_iter().collect();
    if ids.is_empty() {
        return Ok(0);
    }
    diesel::update(sessions::table.filter(sessions::id.eq_any(ids)))
        .set(sessions::ended_at.eq(batch.now()))
        .execute(&mut conn)
        .await
}

async fn store_head(
    mut conn: &AsyncPgConnection,
    placed: &Placed,
    shared: &Shared,
) -> QueryResult<()> {
    let tip = &placed.tip;
    let head = tip.head(&*shared.head_mac);
    let stored = diesel::update(chains::table.find(&tip.text))
        .filter(chains::commits.eq(tip.commits - 1))
        .set((
            chains::head_seq.eq(head.seq),
            chains::head_hash.eq(head.hash.as_slice()),
            chains::head_mac.eq(head.mac.as_slice()),
            chains::commits.eq(tip.commits),
        ))
        .execute(&mut conn)
        .await?;
    if stored == 1 { Ok(()) } else { Err(diesel::result::Error::RollbackTransaction) }
}

async fn execute<Q>(mut conn: &AsyncPgConnection, query: Q) -> QueryResult<usize>
where
    Q: Rows + QueryFragment<Pg> + QueryId + Send,
{
    if query.is_empty() {
        return Ok(0);
    }
    diesel_async::methods::ExecuteDsl::execute(query, &mut conn).await
}
