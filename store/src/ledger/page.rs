//! Reading the ledger in pages.
//!
//! A page goes on after a cursor (time, chain, number), never at an offset, so that
//! records written meanwhile shift nothing. Time, chain and number are also the index.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::RunQueryDsl;
use segura_model::{ChainId, Timestamp};

use super::rows::{Row, hash};
use super::{LedgerFilter, LedgerOrder, LedgerPage, LedgerRow};
use crate::backend::{Conn, on_backend};
use crate::schema::ledger;
use crate::{StoreError, text};

/// The most rows in one page.
const LIST: usize = 1000;

pub(super) async fn page(
    conn: &mut Conn,
    filter: &LedgerFilter,
    limit: usize,
) -> Result<LedgerPage, StoreError> {
    let limit = i64::try_from(limit.min(LIST)).unwrap_or(0);
    if let Some(subject) = &filter.subject {
        text::line("a subject", subject)?;
    }
    let after = filter.after.as_deref().map(Cursor::parse).transpose()?;
    let rows = on_backend!(conn, |conn, Db| {
        let mut query = ledger::table.limit(limit).into_boxed::<Db>();
        // One line for each filter: what is not set does not become part of the statement.
        macro_rules! only {
            ($value:expr, |$wanted:ident| $condition:expr) => {
                if let Some($wanted) = $value {
                    query = query.filter($condition);
                }
            };
        }
        only!(filter.event, |event| ledger::event.eq(event.as_str()));
        only!(filter.outcome, |outcome| ledger::outcome.eq(outcome.as_str()));
        only!(&filter.issuer, |issuer| ledger::issuer.eq(issuer.as_str()));
        only!(&filter.subject, |subject| ledger::subject.eq(subject));
        only!(&filter.operator, |operator| ledger::operator.eq(operator.as_str()));
        only!(filter.session, |session| ledger::session.eq(session.to_string()));
        only!(filter.denial, |denial| ledger::denial.eq(denial.to_string()));
        only!(filter.client, |client| ledger::client.eq(client.to_string()));
        only!(filter.since, |since| ledger::at.ge(since.0));
        only!(filter.until, |until| ledger::at.lt(until.0));
        only!(&filter.path, |path| {
            sql::<Bool>("(ledger.chain, ledger.seq) IN (SELECT chain, seq FROM ledger_paths")
                .sql(" WHERE path = ")
                .bind::<Text, _>(path.as_str())
                .sql(")")
        });
        only!(&after, |after| {
            sql::<Bool>("(ledger.at, ledger.chain, ledger.seq) ")
                .sql(filter.order.comparison())
                .sql(" (")
                .bind::<BigInt, _>(after.at)
                .sql(", ")
                .bind::<Text, _>(after.chain.to_string())
                .sql(", ")
                .bind::<BigInt, _>(after.seq)
                .sql(")")
        });
        query = match filter.order {
            LedgerOrder::NewestFirst => {
                query.order((ledger::at.desc(), ledger::chain.desc(), ledger::seq.desc()))
            }
            LedgerOrder::OldestFirst => query.order((ledger::at, ledger::chain, ledger::seq)),
        };
        query.load::<Row>(conn).await
    })?;
    let rows = rows.into_iter().map(LedgerRow::try_from).collect::<Result<Vec<_>, _>>()?;
    let next = rows.as_slice().last().map(|row| Cursor::of(row).to_text());
    Ok(LedgerPage { rows, next })
}

impl LedgerOrder {
    const fn comparison(self) -> &'static str {
        match self {
            Self::NewestFirst => "<",
            Self::OldestFirst => ">",
        }
    }
}

/// Where a page ended.
struct Cursor {
    at: i64,
    chain: ChainId,
    seq: i64,
}

impl Cursor {
    const fn of(row: &LedgerRow) -> Self {
        Self { at: row.at.0, chain: row.chain, seq: row.seq }
    }

    fn to_text(&self) -> String {
        format!("{}.{}.{}", self.at, self.chain, self.seq)
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let mut parts = text.splitn(3, '.');
        let mut parse = || {
            let at = parts.next()?.parse().ok()?;
            let chain = parts.next()?.parse().ok()?;
            Some(Self { at, chain, seq: parts.next()?.parse().ok()? })
        };
        parse().ok_or(StoreError::Cursor)
    }
}

impl TryFrom<Row> for LedgerRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            chain: row.chain.parse().map_err(StoreError::corrupt("a chain's id"))?,
            seq: row.seq,
            hash: hash(&row.hash)?,
            at: Timestamp(row.at),
            event: row.event,
            outcome: row.outcome,
            record: row.body.and_then(|body| serde_json::from_str(&body).ok()),
        })
    }
}
