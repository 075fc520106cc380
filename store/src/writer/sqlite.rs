//! The batch writer's arm for SQLite: cached single-row statements in a loop, the whole
//! batch in one blocking call.
//!
//! A call into the database costs a few microseconds and a change of thread more, so
//! nothing here goes through the async wrapper one statement at a time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::upsert::excluded;

use super::batch::Batch;
use super::since::{self, Since};
use super::tip::{Placed, Tip};
use super::{Attempt, Shared};
use crate::backend::sqlite::SqliteConn;
use crate::ledger::encoding::Prepared;
use crate::schema::{chains, change_number, ledger, ledger_paths, sessions, spent_tokens, tallies};
use crate::spent_tokens as spent;

/// Try to write a batch. `None` when the thread panicked, and the batch with it.
pub(super) async fn attempt(
    conn: &mut SqliteConn,
    mut batch: Batch,
    tip: Tip,
    shared: Arc<Shared>,
) -> Option<(Batch, Attempt)> {
    let work = move |conn: &mut SqliteConnection| {
        let attempt = transaction(conn, &mut batch, &tip, &shared);
        Ok((batch, attempt))
    };
    conn.spawn_blocking(work).await.ok()
}

/// Write placed records and the new head, in the transaction that a unit of work has open.
pub(super) async fn insert(
    conn: &mut SqliteConn,
    records: Vec<Prepared>,
    placed: Placed,
    shared: Arc<Shared>,
) -> QueryResult<Placed> {
    conn.spawn_blocking(move |conn| {
        insert_records(conn, &placed, || records.iter())?;
        store_head(conn, &placed, &shared)?;
        Ok(placed)
    })
    .await
}

fn transaction(
    conn: &mut SqliteConnection,
    batch: &mut Batch,
    tip: &Tip,
    shared: &Shared,
) -> Attempt {
    if let Err(error) = conn.batch_execute("BEGIN IMMEDIATE") {
        return Attempt::Broken(error);
    }
    match write(conn, batch, tip, shared) {
        Ok(placed) if placed.is_unmoved() => match conn.batch_execute("ROLLBACK") {
            Ok(()) => Attempt::Done(placed),
            Err(error) => Attempt::Broken(error),
        },
        Ok(placed) => match conn.batch_execute("COMMIT") {
            Ok(()) => Attempt::Done(placed),
            Err(error) => Attempt::Lost(placed, error),
        },
        Err(error) => Attempt::undone(error, &conn.batch_execute("ROLLBACK")),
    }
}

fn write(
    conn: &mut SqliteConnection,
    batch: &mut Batch,
    tip: &Tip,
    shared: &Shared,
) -> QueryResult<Placed> {
    judge(conn, batch)?;
    for row in batch.opened() {
        diesel::insert_into(sessions::table).values(row).execute(conn)?;
    }
    for id in batch.ends() {
        diesel::update(sessions::table.find(id))
            .set(sessions::ended_at.eq(batch.now()))
            .execute(conn)?;
    }
    for key in batch.lost().clone() {
        if let Some(found) = spent::find_sqlite(conn, &key)? {
            batch.tell(key, found);
        }
    }
    if batch.is_empty() {
        return Ok(tip.unmoved());
    }
    let placed = batch.place(tip);
    insert_records(conn, &placed, || batch.records())?;
    for row in shared.counts(batch).rows(&tip.text) {
        diesel::insert_into(tallies::table)
            .values(row)
            .on_conflict(tallies::table.primary_key())
            .do_update()
            .set(tallies::count.eq(tallies::count + excluded(tallies::count)))
            .execute(conn)?;
    }
    store_head(conn, &placed, shared)?;
    Ok(placed)
}

/// Ask the three questions.
fn judge(conn: &mut SqliteConnection, batch: &mut Batch) -> QueryResult<()> {
    let number = change_number::table.find(1).select(change_number::number);
    // Not `first`: its LIMIT is a parameter, for which SQLite prepares a statement anew each
    // time it is bound.
    let number = number.get_result::<i64>(conn)?;
    let since = match batch.oldest_before(number) {
        Some(oldest) => since::load_sqlite(conn, oldest, number)?,
        None => Since::default(),
    };
    batch.judge_number(number, &since);
    let mut states = HashMap::new();
    for id in batch.ends().into_iter().chain(batch.checks()) {
        let state = sessions::table
            .find(&id)
            .select((sessions::ended_at, sessions::expires_at))
            .get_result::<(Option<i64>, i64)>(conn)
            .optional()?;
        states.extend(state.map(|state| (id, state)));
    }
    batch.judge_sessions(&states);
    let mut won = HashSet::new();
    for row in batch.spends() {
        let insert = diesel::insert_into(spent_tokens::table).values(row).on_conflict_do_nothing();
        if insert.execute(conn)? == 1 {
            won.insert(row.key());
        }
    }
    batch.judge_spends(&won);
    Ok(())
}

fn insert_records<'a, I>(
    conn: &mut SqliteConnection,
    placed: &'a Placed,
    records: impl Fn() -> I,
) -> QueryResult<()>
where
    I: Iterator<Item = &'a Prepared>,
{
    for row in placed.rows(records()) {
        diesel::insert_into(ledger::table).values(row).execute(conn)?;
    }
    for row in placed.paths(records()) {
        diesel::insert_into(ledger_paths::table).values(row).execute(conn)?;
    }
    Ok(())
}

fn store_head(conn: &mut SqliteConnection, placed: &Placed, shared: &Shared) -> QueryResult<()> {
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
        .execute(conn)?;
    if stored == 1 { Ok(()) } else { Err(diesel::result::Error::RollbackTransaction) }
}
