//! Ledger rows as the database has them.

#![expect(clippy::ref_option_ref, reason = "diesel's derive refers to each column of a row")]

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::encoding::{Columns, ENCODING, Hash, Prepared};
use crate::StoreError;
use crate::backend::{Conn, on_backend};
use crate::schema::{ledger, ledger_paths};

/// A row as read.
#[derive(Debug, Queryable)]
pub(crate) struct Row {
    pub(crate) chain: String,
    pub(crate) seq: i64,
    pub(crate) encoding: i64,
    pub(crate) at: i64,
    pub(crate) event: String,
    pub(crate) outcome: String,
    pub(crate) issuer: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) operator: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) request: Option<String>,
    pub(crate) denial: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) client: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) body_digest: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

/// A row as written: a prepared record with its place in the chain.
#[derive(Clone, Copy, Debug, Insertable)]
#[diesel(table_name = ledger, treat_none_as_default_value = false)]
pub(crate) struct NewRow<'a> {
    pub(crate) chain: &'a str,
    pub(crate) seq: i64,
    pub(crate) encoding: i64,
    pub(crate) at: i64,
    pub(crate) event: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) issuer: Option<&'a str>,
    pub(crate) subject: Option<&'a str>,
    pub(crate) operator: Option<&'a str>,
    pub(crate) session: Option<&'a str>,
    pub(crate) request: Option<&'a str>,
    pub(crate) denial: Option<&'a str>,
    pub(crate) code: Option<&'a str>,
    pub(crate) client: Option<&'a str>,
    pub(crate) body: Option<&'a str>,
    pub(crate) body_digest: &'a [u8],
    pub(crate) hash: &'a [u8],
}

/// A line of the index of paths, as written.
#[derive(Clone, Copy, Debug, Insertable)]
#[diesel(table_name = ledger_paths)]
pub(crate) struct NewPath<'a> {
    pub(crate) chain: &'a str,
    pub(crate) seq: i64,
    pub(crate) position: i64,
    pub(crate) path: &'a str,
    pub(crate) version: i64,
}

impl<'a> NewRow<'a> {
    /// The row of `record` as number `seq` of its chain.
    pub(crate) fn new(chain: &'a str, seq: i64, hash: &'a Hash, record: &'a Prepared) -> Self {
        let columns = &record.columns;
        Self {
            chain,
            seq,
            encoding: ENCODING,
            at: columns.at,
            event: &columns.event,
            outcome: &columns.outcome,
            issuer: columns.issuer.as_deref(),
            subject: columns.subject.as_deref(),
            operator: columns.operator.as_deref(),
            session: columns.session.as_deref(),
            request: columns.request.as_deref(),
            denial: columns.denial.as_deref(),
            code: columns.code.as_deref(),
            client: columns.client.as_deref(),
            body: Some(&record.body),
            body_digest: &columns.body_digest,
            hash,
        }
    }
}

impl<'a> NewPath<'a> {
    /// The lines of `record` as number `seq` of its chain.
    pub(crate) fn of(
        chain: &'a str,
        seq: i64,
        record: &'a Prepared,
    ) -> impl Iterator<Item = Self> + 'a {
        (0_i64..).zip(&record.columns.paths).map(move |(position, (path, version))| Self {
            chain,
            seq,
            position,
            path,
            version: *version,
        })
    }
}

impl Row {
    /// The columns that are hashed.
    pub(crate) fn columns(&self, paths: Vec<(String, i64)>) -> Columns {
        Columns {
            at: self.at,
            event: self.event.clone(),
            outcome: self.outcome.clone(),
            issuer: self.issuer.clone(),
            subject: self.subject.clone(),
            operator: self.operator.clone(),
            session: self.session.clone(),
            request: self.request.clone(),
            denial: self.denial.clone(),
            code: self.code.clone(),
            client: self.client.clone(),
            paths,
            body_digest: hash_or_none(&self.body_digest),
        }
    }
}

/// Rows of a chain after `seq`, in order, each with its paths.
pub(crate) async fn after(
    conn: &mut Conn,
    chain: &str,
    seq: i64,
    limit: i64,
) -> Result<Vec<(Row, Vec<(String, i64)>)>, StoreError> {
    let query = ledger::table
        .filter(ledger::chain.eq(chain).and(ledger::seq.gt(seq)))
        .order(ledger::seq)
        .limit(limit);
    let rows = on_backend!(conn, |conn| query.load::<Row>(conn).await)?;
    let Some(last) = rows.as_slice().last().map(|row| row.seq) else { return Ok(Vec::new()) };
    let query = ledger_paths::table
        .filter(ledger_paths::chain.eq(chain))
        .filter(ledger_paths::seq.gt(seq).and(ledger_paths::seq.le(last)))
        .order((ledger_paths::seq, ledger_paths::position))
        .select((ledger_paths::seq, ledger_paths::path, ledger_paths::version));
    let paths = on_backend!(conn, |conn| query.load::<(i64, String, i64)>(conn).await)?;
    let mut paths = paths.into_iter().peekable();
    let mut joined = Vec::with_capacity(rows.len());
    for row in rows {
        let mut own = Vec::new();
        // A path of a record that is gone belongs to none of the rows: step over it.
        while paths.next_if(|(seq, ..)| *seq < row.seq).is_some() {}
        while let Some((_, path, version)) = paths.next_if(|(seq, ..)| *seq == row.seq) {
            own.push((path, version));
        }
        joined.push((row, own));
    }
    Ok(joined)
}

/// The stored hash of one record.
pub(crate) async fn hash_at(
    conn: &mut Conn,
    chain: &str,
    seq: i64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let query = ledger::table.find((chain, seq)).select(ledger::hash);
    Ok(on_backend!(conn, |conn| query.first::<Vec<u8>>(conn).await.optional())?)
}

/// Thirty-two bytes of a column that may have been tampered with: what is not a hash becomes
/// one that nothing has.
pub(crate) fn hash_or_none(bytes: &[u8]) -> Hash {
    bytes.try_into().unwrap_or([0; 32])
}

/// Thirty-two bytes of a column.
pub(crate) fn hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    bytes.try_into().map_err(StoreError::corrupt("a hash of the ledger"))
}
