//! Forgetting what no longer matters, a bounded number of rows at a time.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::backend::on_backend;
use crate::schema::{changes, sessions, spent_tokens};
use crate::{StoreError, Tx, Writer};

/// About how many rows of a sort are forgotten at once: the writer waits meanwhile.
const PORTION: i64 = 1000;

/// How long rows are kept after they stopped mattering, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Sessions, after they expired.
    pub sessions: i64,
    /// The feed of changes, after each was made.
    pub changes: i64,
}

/// How many rows were forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Spent tokens past the moment they had to be kept until.
    pub spent_tokens: usize,
    /// Sessions.
    pub sessions: usize,
    /// Rows of the feed of changes.
    pub changes: usize,
}

impl Purged {
    /// Whether nothing was left to forget.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Writer {
    /// Forget old rows, about a thousand of each sort; call again until nothing is left.
    pub async fn purge(&self, retention: Retention) -> Result<Purged, StoreError> {
        self.tend(move |tx| Box::pin(purge(tx, retention))).await
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

async fn purge(tx: &mut Tx, retention: Retention) -> Result<Purged, StoreError> {
    let now = tx.now().0;
    Ok(Purged {
        spent_tokens: forget!(tx, spent_tokens.keep_until < now),
        sessions: forget!(tx, sessions.expires_at < now - retention.sessions),
        changes: forget!(tx, changes.at < now - retention.changes),
    })
}
