//! Opening a chain: one for each server start.
//!
//! The register of chains is a chain of its own lines, and a line says where the chain
//! before it stood; the first record of the new chain is chained to its line. So neither a
//! whole chain nor the end of an old one can be taken away unseen.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::ChainId;
use segura_model::audit::{Actor, Event, Outcome, Record};

use super::Shared;
use super::tip::Tip;
use crate::backend::{Conn, on_backend};
use crate::ledger::encoding::{Hash, Prepared, RegisterLine};
use crate::ledger::rows;
use crate::schema::{chains, ledger};
use crate::{StoreError, change};

/// Why a chain is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The database came back without the end of the chain this server was writing.
    ChainLost,
    /// A server started.
    Start,
}

/// Open a chain.
pub(super) async fn open(
    conn: &mut Conn,
    shared: &Shared,
    reason: Reason,
) -> Result<Tip, StoreError> {
    conn.begin().await?;
    match register(conn, shared, reason).await {
        Ok(tip) => {
            conn.run("COMMIT").await?;
            Ok(tip)
        }
        Err(error) => {
            // The error above says more than one of the rollback could.
            let _ = conn.run("ROLLBACK").await;
            Err(error)
        }
    }
}

#[derive(Queryable)]
struct LastLine {
    number: i64,
    register_hash: Vec<u8>,
    head_seq: i64,
    head_hash: Vec<u8>,
}

async fn register(conn: &mut Conn, shared: &Shared, reason: Reason) -> Result<Tip, StoreError> {
    // Two nodes starting at once take their lines one after the other.
    change::hold(conn).await?;
    let last = last_line(conn).await?;
    let (line, line_before) = next_line(last, shared)?;
    let register_hash = line.hash(&line_before);
    let mut record =
        Record::new(Event::ServerStart, Outcome::Granted, line.started_at, Actor::Server);
    record.detail = serde_json::json!({ "chain": line.number, "reason": reason.as_str() });
    let record = Prepared::new(&record)?;
    let start = Tip {
        chain: line.chain,
        text: line.chain.to_string(),
        seq: 0,
        hash: register_hash,
        commits: 0,
    };
    let placed = start.place(std::iter::once(&record));
    let head = placed.tip.head(&*shared.head_mac);
    let insert = diesel::insert_into(chains::table).values((
        chains::id.eq(&start.text),
        chains::number.eq(line.number),
        chains::started_at.eq(line.started_at.0),
        chains::previous_seq.eq(line.previous_seq),
        chains::previous_hash.eq(line.previous_hash.to_vec()),
        chains::register_hash.eq(register_hash.to_vec()),
        chains::head_seq.eq(head.seq),
        chains::head_hash.eq(head.hash.to_vec()),
        chains::head_mac.eq(head.mac.to_vec()),
        chains::commits.eq(placed.tip.commits),
    ));
    on_backend!(&mut *conn, |conn| insert.execute(conn).await)?;
    for row in placed.rows(std::iter::once(&record)) {
        let insert = diesel::insert_into(ledger::table).values(row);
        on_backend!(&mut *conn, |conn| insert.execute(conn).await)?;
    }
    Ok(placed.tip)
}

async fn last_line(conn: &mut Conn) -> Result<Option<LastLine>, StoreError> {
    let query = chains::table.order(chains::number.desc()).select((
        chains::number,
        chains::register_hash,
        chains::head_seq,
        chains::head_hash,
    ));
    Ok(on_backend!(conn, |conn| query.first::<LastLine>(conn).await.optional())?)
}

/// The line to add to the register, and the hash of the one before it.
fn next_line(last: Option<LastLine>, shared: &Shared) -> Result<(RegisterLine, Hash), StoreError> {
    let now = shared.clock.now();
    let chain = ChainId::make(now, &*shared.random);
    let (number, line_before, previous_seq, previous_hash) = match last {
        None => (0, [0; 32], 0, [0; 32]),
        Some(last) => (
            last.number,
            rows::hash(&last.register_hash)?,
            last.head_seq,
            rows::hash(&last.head_hash)?,
        ),
    };
    let number = number + 1;
    let line = RegisterLine { number, chain, started_at: now, previous_seq, previous_hash };
    Ok((line, line_before))
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ChainLost => "the database lost the end of the chain before this one",
            Self::Start => "server start",
        }
    }
}
