//! The memory of spent tokens.
//!
//! The key is (issuer entry, token key), inserted with `ON CONFLICT DO NOTHING`: a check
//! before an insert would let two requests through, and the unique violation of a plain
//! insert would poison the transaction on PostgreSQL.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::schema::{sessions, spent_tokens};
use crate::sessions::Repeat;

/// What a spent token is known by: issuer entry and token key.
pub(crate) type Key = (String, Vec<u8>);

/// A row of the table.
#[derive(Clone, Debug, Queryable, Insertable)]
#[diesel(table_name = spent_tokens)]
pub(crate) struct Row {
    pub(crate) issuer: String,
    pub(crate) token_key: Vec<u8>,
    pub(crate) session: String,
    pub(crate) keep_until: i64,
}

/// A spent token's session, and that session when it is still known.
#[derive(Debug, Queryable)]
pub(crate) struct Spent {
    pub(crate) id: String,
    pub(crate) session: Option<SpentFor>,
}

/// What became of the session that a token was spent for.
#[derive(Debug, Queryable)]
pub(crate) struct SpentFor {
    /// When it ended, and when it expires.
    pub(crate) state: (Option<i64>, i64),
    pub(crate) repeat: Repeat,
}

impl Row {
    /// The key of this row.
    pub(crate) fn key(&self) -> Key {
        (self.issuer.clone(), self.token_key.clone())
    }
}

/// Find one spent token; the same statement for both kinds of connection.
macro_rules! find {
    ($key:expr) => {
        spent_tokens::table
            .left_join(sessions::table.on(sessions::id.eq(spent_tokens::session)))
            .filter(spent_tokens::issuer.eq(&$key.0))
            .filter(spent_tokens::token_key.eq(&$key.1))
            .select((
                spent_tokens::session,
                (
                    (sessions::ended_at, sessions::expires_at),
                    (sessions::request_key, sessions::request_digest, sessions::answer),
                )
                    .nullable(),
            ))
    };
}

/// Find one spent token on PostgreSQL, in the transaction of `conn`.
pub(crate) async fn find_postgres(
    conn: &mut AsyncPgConnection,
    key: &Key,
) -> QueryResult<Option<Spent>> {
    RunQueryDsl::first(find!(key), conn).await.optional()
}

/// Find one spent token on SQLite, in the transaction of `conn`.
pub(crate) fn find_sqlite(conn: &mut SqliteConnection, key: &Key) -> QueryResult<Option<Spent>> {
    diesel::RunQueryDsl::first(find!(key), conn).optional()
}
