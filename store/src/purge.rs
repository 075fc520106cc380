//! Forgetting what no longer matters, a bounded number of rows at a time.
//!
//! Spent tokens have no index on their end, which each of them would pay for: they are
//! swept, from the first key to the last.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel_async::RunQueryDsl;

use crate::backend::on_backend;
use crate::schema::{changes, sessions};
use crate::spent_tokens::Key;
use crate::{StoreError, Tx, Writer};

/// About how many rows of a sort are forgotten at once: the writer waits meanwhile.
const PORTION: i64 = 1000;
/// How many spent tokens are looked at at once.
const SWEPT: i64 = 4000;

/// How long rows are kept after they stopped mattering, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Sessions, after they expired.
    pub sessions: i64,
    /// The feed of changes, after each was made.
    pub changes: i64,
}

/// How many rows were forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Spent tokens past the moment they had to be kept until.
    pub spent_tokens: usize,
    /// Sessions.
    pub sessions: usize,
    /// Rows of the feed of changes.
    pub changes: usize,
    /// Where to go on.
    pub next: Option<Swept>,
}

/// Up to which spent token a sweep has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept(Key);

impl Purged {
    /// Whether nothing was left to forget.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Writer {
    /// Forget old rows, about a thousand of each sort; call again, with where to go on,
    /// until nothing is left.
    pub async fn purge(
        &self,
        retention: Retention,
        from: Option<Swept>,
    ) -> Result<Purged, StoreError> {
        self.tend(move |tx| Box::pin(purge(tx, retention, from))).await
    }
}

/// Delete the rows of a table whose moment is before `$before`, but no more than about a
/// portion: up to the moment of the thousandth. A `DELETE … LIMIT` is not portable.
macro_rules! forget {
    ($tx:expr, $table:ident . $moment:ident < $before:expr) => {{
        let oldest = $table::table
            .filter($table::$moment.lt($before))
            .order($table::$moment)
            .select($table::$moment)
            .offset(PORTION - 1);
        let bound = on_backend!($tx.conn(), |conn| oldest.first::<i64>(conn).await.optional())?;
        let last = bound.unwrap_or($before - 1);
        let delete = diesel::delete($table::table.filter($table::$moment.le(last)));
        on_backend!($tx.conn(), |conn| delete.execute(conn).await)?
    }};
}

async fn purge(
    tx: &mut Tx,
    retention: Retention,
    from: Option<Swept>,
) -> Result<Purged, StoreError> {
    let now = tx.now().0;
    let (spent_tokens, next) = sweep(tx, from, now).await?;
    Ok(Purged {
        spent_tokens,
        sessions: forget!(tx, sessions.expires_at < now - retention.sessions),
        changes: forget!(tx, changes.at < now - retention.changes),
        next,
    })
}

/// A key of a spent token.
#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    issuer: String,
    #[diesel(sql_type = Binary)]
    token_key: Vec<u8>,
}

/// Forget those of the next portion of spent tokens whose time is over: how many there
/// were, and up to where; `None` at the end.
///
/// As text, because diesel compares no rows.
async fn sweep(
    tx: &mut Tx,
    from: Option<Swept>,
    now: i64,
) -> Result<(usize, Option<Swept>), StoreError> {
    let (issuer, token_key) = from.map_or_else(Key::default, |swept| swept.0);
    let last = diesel::sql_query(
        "SELECT issuer, token_key FROM spent_tokens WHERE (issuer, token_key) > ($1, $2) \
         ORDER BY issuer, token_key LIMIT 1 OFFSET $3",
    );
    let last = last.bind::<Text, _>(&issuer).bind::<Binary, _>(&token_key);
    let last = last.bind::<BigInt, _>(SWEPT - 1);
    let last = on_backend!(tx.conn(), |conn| last.get_result::<Found>(conn).await.optional())?;
    let Some(last) = last else {
        let rest = diesel::sql_query(
            "DELETE FROM spent_tokens WHERE (issuer, token_key) > ($1, $2) AND keep_until < $3",
        );
        let rest = rest.bind::<Text, _>(issuer).bind::<Binary, _>(token_key);
        let rest = rest.bind::<BigInt, _>(now);
        return Ok((on_backend!(tx.conn(), |conn| rest.execute(conn).await)?, None));
    };
    let portion = diesel::sql_query(
        "DELETE FROM spent_tokens WHERE (issuer, token_key) > ($1, $2) \
         AND (issuer, token_key) <= ($3, $4) AND keep_until < $5",
    );
    let portion = portion.bind::<Text, _>(issuer).bind::<Binary, _>(token_key);
    let portion = portion.bind::<Text, _>(last.issuer.clone());
    let portion = portion.bind::<Binary, _>(last.token_key.clone()).bind::<BigInt, _>(now);
    let swept = on_backend!(tx.conn(), |conn| portion.execute(conn).await)?;
    Ok((swept, Some(Swept((last.issuer, last.token_key)))))
}
