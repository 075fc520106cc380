//! Statements of PostgreSQL that take a table's rows as one array for each column.
//!
//! diesel has no such statement, so each is a small type: its SQL, its columns, and a
//! static id, by which the prepared statement is cached. `UNNEST` keeps the order of the
//! arrays, which are sorted by key: two nodes that insert in opposite order deadlock.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};

use crate::ledger::rows::{NewPath, NewRow};
use crate::{sessions, spent_tokens, tallies};

macro_rules! arrays {
    (
        $(#[$doc:meta])* $name:ident from $row:ty, |$item:ident|;
        $before:literal ($($field:ident: $sql:ty, $rust:ty = $value:expr;)*) $after:literal
    ) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name<'a> {
            $($field: Vec<$rust>,)*
        }

        impl<'a> $name<'a> {
            /// The statement for these rows.
            pub(super) fn of(rows: impl Iterator<Item = $row>) -> Self {
                let mut arrays = Self::default();
                for $item in rows {
                    $(arrays.$field.push($value);)*
                }
                arrays
            }
        }

        impl Rows for $name<'_> {
            fn is_empty(&self) -> bool {
                [$(self.$field.is_empty()),*][0]
            }
        }

        impl QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl QueryFragment<Pg> for $name<'_> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                let mut before = concat!($before, " SELECT * FROM UNNEST(");
                $(
                    out.push_sql(before);
                    out.push_bind_param::<Array<$sql>, _>(&self.$field)?;
                    before = ", ";
                )*
                let _ = before;
                out.push_sql(concat!(") ", $after));
                Ok(())
            }
        }
    };
}

/// A statement that is not worth sending without rows.
pub(super) trait Rows {
    /// Whether it has no rows.
    fn is_empty(&self) -> bool;
}

arrays! {
    /// Spend tokens; gives the keys of those that were not spent before.
    SpendTokens from &'a spent_tokens::Row, |row|;
    "INSERT INTO spent_tokens \
     (issuer, token_key, session, keep_until)"
    (
        issuer: Text, &'a str = &row.issuer;
        token_key: Binary, &'a [u8] = &row.token_key;
        session: Text, &'a str = &row.session;
        keep_until: BigInt, i64 = row.keep_until;
    )
    "ON CONFLICT DO NOTHING RETURNING issuer, token_key"
}

impl Query for SpendTokens<'_> {
    type SqlType = (Text, Binary);
}

arrays! {
    /// Open sessions.
    InsertSessions from &'a sessions::NewRow, |new|;
    "INSERT INTO sessions \
     (id, issuer, subject, workload, policies, opened_at, expires_at, request_key, \
      request_digest, answer)"
    (
        id: Text, &'a str = &new.row.id;
        issuer: Text, &'a str = &new.row.issuer;
        subject: Text, &'a str = &new.row.subject;
        workload: Text, &'a str = &new.row.workload;
        policies: Text, &'a str = &new.row.policies;
        opened_at: BigInt, i64 = new.row.opened_at;
        expires_at: BigInt, i64 = new.row.expires_at;
        request_key: Nullable<Binary>, Option<&'a [u8]> = new.repeat.request_key.as_deref();
        request_digest: Nullable<Binary>, Option<&'a [u8]> = new.repeat.request_digest.as_deref();
        answer: Nullable<Text>, Option<&'a str> = new.repeat.answer.as_deref();
    )
    ""
}

arrays! {
    /// Write records.
    InsertRecords from NewRow<'a>, |row|;
    "INSERT INTO ledger \
     (chain, seq, encoding, at, event, outcome, issuer, subject, operator, session, request, \
      denial, code, client, body, body_digest, hash)"
    (
        chain: Text, &'a str = row.chain;
        seq: BigInt, i64 = row.seq;
        encoding: BigInt, i64 = row.encoding;
        at: BigInt, i64 = row.at;
        event: Text, &'a str = row.event;
        outcome: Text, &'a str = row.outcome;
        issuer: Nullable<Text>, Option<&'a str> = row.issuer;
        subject: Nullable<Text>, Option<&'a str> = row.subject;
        operator: Nullable<Text>, Option<&'a str> = row.operator;
        session: Nullable<Text>, Option<&'a str> = row.session;
        request: Nullable<Text>, Option<&'a str> = row.request;
        denial: Nullable<Text>, Option<&'a str> = row.denial;
        code: Nullable<Text>, Option<&'a str> = row.code;
        client: Nullable<Text>, Option<&'a str> = row.client;
        body: Nullable<Text>, Option<&'a str> = row.body;
        body_digest: Binary, &'a [u8] = row.body_digest;
        hash: Binary, &'a [u8] = row.hash;
    )
    ""
}

arrays! {
    /// Write the index of paths.
    InsertPaths from NewPath<'a>, |row|;
    "INSERT INTO ledger_paths (chain, seq, position, path, version)"
    (
        chain: Text, &'a str = row.chain;
        seq: BigInt, i64 = row.seq;
        position: BigInt, i64 = row.position;
        path: Text, &'a str = row.path;
        version: BigInt, i64 = row.version;
    )
    ""
}

arrays! {
    /// Add to counts.
    AddTallies from tallies::NewRow<'a>, |row|;
    "INSERT INTO tallies AS t (chain, minute, issuer, code, network, count)"
    (
        chain: Text, &'a str = row.chain;
        minute: BigInt, i64 = row.minute;
        issuer: Text, &'a str = row.issuer;
        code: Text, &'a str = row.code;
        network: Text, &'a str = row.network;
        count: BigInt, i64 = row.count;
    )
    "ON CONFLICT (chain, minute, issuer, code, network) \
     DO UPDATE SET count = t.count + excluded.count"
}
