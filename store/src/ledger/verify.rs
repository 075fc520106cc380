//! Reading the whole ledger again to see whether anything was changed.
//!
//! Page by page, in bounded memory, while servers go on writing. A chain's head is read
//! after its last record, so a record committed meanwhile never looks like one too many.

mod chain;
mod problem;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::{ChainId, Timestamp};

use self::chain::ChainCheck;
use super::encoding::{Hash, RegisterLine};
use super::rows;
use crate::backend::{Conn, on_backend};
use crate::readers::read;
use crate::schema::{chains, ledger};
use crate::{Head, HeadMac, Store, StoreError};

pub use problem::{Problem, ProblemKind, VerifyReport};

/// How many rows are in memory at a time.
const PAGE: i64 = 500;

/// Read the whole ledger and check it, in bounded memory and while it grows.
///
/// `heads` are heads that were kept outside: only against them a ledger shows that was
/// cut short together with its stored head.
pub async fn verify(
    store: &Store,
    mac: &dyn HeadMac,
    heads: Option<&[Head]>,
) -> Result<VerifyReport, StoreError> {
    let mut report = VerifyReport::default();
    let mut before: Option<Line> = None;
    loop {
        let after = before.as_ref().map_or(0, |line| line.number);
        let lines = read!(store, |conn| register(conn, after))?;
        if lines.is_empty() {
            break;
        }
        for line in lines {
            check_line(store, before.as_ref(), &line, &mut report).await?;
            check_chain(store, mac, &line, &mut report).await?;
            report.chains += 1;
            before = Some(line);
        }
    }
    check_unregistered(store, &mut report).await?;
    for head in heads.unwrap_or_default() {
        check_kept(store, mac, head, &mut report).await?;
    }
    Ok(report)
}

/// One line of the register, as read.
struct Line {
    chain: ChainId,
    text: String,
    number: i64,
    started_at: i64,
    previous_seq: i64,
    previous_hash: Hash,
    register_hash: Hash,
}

#[derive(Queryable)]
struct LineRow {
    id: String,
    number: i64,
    started_at: i64,
    previous_seq: i64,
    previous_hash: Vec<u8>,
    register_hash: Vec<u8>,
}

impl TryFrom<LineRow> for Line {
    type Error = StoreError;

    fn try_from(row: LineRow) -> Result<Self, StoreError> {
        Ok(Self {
            chain: row.id.parse().map_err(StoreError::corrupt("a chain's id"))?,
            text: row.id,
            number: row.number,
            started_at: row.started_at,
            previous_seq: row.previous_seq,
            previous_hash: rows::hash_or_none(&row.previous_hash),
            register_hash: rows::hash_or_none(&row.register_hash),
        })
    }
}

async fn register(conn: &mut Conn, after: i64) -> Result<Vec<Line>, StoreError> {
    let query =
        chains::table.filter(chains::number.gt(after)).order(chains::number).limit(PAGE).select((
            chains::id,
            chains::number,
            chains::started_at,
            chains::previous_seq,
            chains::previous_hash,
            chains::register_hash,
        ));
    let rows = on_backend!(conn, |conn| query.load::<LineRow>(conn).await)?;
    rows.into_iter().map(Line::try_from).collect()
}

/// Whether a line of the register follows the line before it, and whether the chain of
/// that one still holds the record it stood at then.
async fn check_line(
    store: &Store,
    before: Option<&Line>,
    line: &Line,
    report: &mut VerifyReport,
) -> Result<(), StoreError> {
    let expected = before.map_or(1, |before| before.number + 1);
    if line.number != expected {
        let missing = ProblemKind::ChainsMissing { first: expected, last: line.number - 1 };
        report.add(line.chain, 0, missing);
        return Ok(());
    }
    let start = RegisterLine {
        number: line.number,
        chain: line.chain,
        started_at: Timestamp(line.started_at),
        previous_seq: line.previous_seq,
        previous_hash: line.previous_hash,
    };
    let hash_before = before.map_or([0; 32], |before| before.register_hash);
    if start.hash(&hash_before) != line.register_hash {
        report.add(line.chain, 0, ProblemKind::Register);
    }
    let Some(before) = before else { return Ok(()) };
    let stood = read!(store, |conn| rows::hash_at(conn, &before.text, line.previous_seq))?;
    if stood.as_deref() != Some(&line.previous_hash) {
        report.add(before.chain, line.previous_seq, ProblemKind::Predecessor);
    }
    Ok(())
}

/// Whether a chain's records follow one another up to its head.
async fn check_chain(
    store: &Store,
    mac: &dyn HeadMac,
    line: &Line,
    report: &mut VerifyReport,
) -> Result<(), StoreError> {
    let mut check = ChainCheck::new(line.chain, line.register_hash);
    loop {
        let page = read!(store, |conn| rows::after(conn, &line.text, check.cursor(), PAGE))?;
        if !page.is_empty() {
            for (row, paths) in page {
                check.record(&row, paths);
                report.records += 1;
            }
            continue;
        }
        // No more rows: what the head says now was committed together with its rows.
        let head = read!(store, |conn| head(conn, line.chain, &line.text))?;
        let Some(head) = head else { break };
        let grown = head.seq > check.last_seq()
            && read!(store, |conn| rows::hash_at(conn, &line.text, head.seq))?.is_some();
        if !grown {
            check.head(&head, mac);
            break;
        }
    }
    check.finish(report);
    Ok(())
}

async fn head(conn: &mut Conn, chain: ChainId, text: &str) -> Result<Option<Head>, StoreError> {
    let query =
        chains::table.find(text).select((chains::head_seq, chains::head_hash, chains::head_mac));
    let row =
        on_backend!(conn, |conn| query.first::<(i64, Vec<u8>, Vec<u8>)>(conn).await.optional())?;
    let hash = rows::hash_or_none;
    Ok(row.map(|(seq, head, mac)| Head { chain, seq, hash: hash(&head), mac: hash(&mac) }))
}

/// Records of chains that are not in the register. From chain to chain along the index, so
/// that the size of the ledger does not matter.
async fn check_unregistered(store: &Store, report: &mut VerifyReport) -> Result<(), StoreError> {
    let mut after = String::new();
    while let Some((chain, seq)) = read!(store, |conn| next_chain(conn, &after))? {
        // A chain is registered in the commit of its first record, which is read by now.
        if !read!(store, |conn| is_registered(conn, &chain))? {
            let chain = chain.parse().map_err(StoreError::corrupt("a chain's id"))?;
            report.add(chain, seq, ProblemKind::Unregistered);
        }
        after = chain;
    }
    Ok(())
}

async fn next_chain(conn: &mut Conn, after: &str) -> Result<Option<(String, i64)>, StoreError> {
    let query = ledger::table
        .filter(ledger::chain.gt(after))
        .order((ledger::chain, ledger::seq))
        .select((ledger::chain, ledger::seq));
    Ok(on_backend!(conn, |conn| query.first::<(String, i64)>(conn).await.optional())?)
}

async fn is_registered(conn: &mut Conn, chain: &str) -> Result<bool, StoreError> {
    let query = chains::table.find(chain).count();
    Ok(on_backend!(conn, |conn| query.get_result::<i64>(conn).await)? > 0)
}

/// Whether the ledger still holds what a head that was kept outside proves.
async fn check_kept(
    store: &Store,
    mac: &dyn HeadMac,
    kept: &Head,
    report: &mut VerifyReport,
) -> Result<(), StoreError> {
    if !kept.is_authentic(mac) {
        report.add(kept.chain, kept.seq, ProblemKind::ForeignHead);
        return Ok(());
    }
    let text = kept.chain.to_string();
    match read!(store, |conn| rows::hash_at(conn, &text, kept.seq))? {
        None => report.add(kept.chain, kept.seq, ProblemKind::KeptHeadMissing),
        Some(hash) if hash != kept.hash => {
            report.add(kept.chain, kept.seq, ProblemKind::KeptHeadDiffers);
        }
        Some(_) => {}
    }
    Ok(())
}
