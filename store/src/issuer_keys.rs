//! The last good keys of each issuer, so that a restart during its outage still
//! verifies tokens. They are public: the text is the key set as it was fetched.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::{IssuerId, Timestamp};

use crate::backend::{Conn, on_backend};
use crate::readers::read;
use crate::schema::issuer_keys;
use crate::{Store, StoreError, Tx, Writer, text};

/// An issuer's key set as it was last fetched and found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerKeys {
    /// The issuer entry.
    pub issuer: IssuerId,
    /// Where it was fetched from, as the caller writes it. Who reads the keys back must
    /// compare it with the entry: an entry can be rewritten while a fetch is under way.
    pub source: String,
    /// The key set, JSON text (RFC 7517).
    pub key_set: String,
    /// When it was fetched.
    pub fetched_at: Timestamp,
}

impl Store {
    /// The last good keys of an issuer.
    pub async fn issuer_keys_find(
        &self,
        issuer: &IssuerId,
    ) -> Result<Option<IssuerKeys>, StoreError> {
        read!(self, |conn| find(conn, issuer))
    }
}

impl Writer {
    /// Keep a key set as the last good one. Raises no number: what a token may do is
    /// unchanged, and every node fetches for itself.
    pub async fn issuer_keys_put(&self, keys: IssuerKeys) -> Result<(), StoreError> {
        self.tend(move |tx| Box::pin(async move { put(tx, &keys).await })).await
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = issuer_keys, primary_key(issuer))]
struct Row {
    issuer: String,
    source: String,
    key_set: String,
    fetched_at: i64,
}

async fn put(tx: &mut Tx, keys: &IssuerKeys) -> Result<(), StoreError> {
    text::line("the source of a key set", &keys.source)?;
    text::document("a key set", &keys.key_set, text::DOCUMENT)?;
    let row = Row {
        issuer: keys.issuer.to_string(),
        source: keys.source.clone(),
        key_set: keys.key_set.clone(),
        fetched_at: keys.fetched_at.0,
    };
    let upsert = diesel::insert_into(issuer_keys::table)
        .values(&row)
        .on_conflict(issuer_keys::issuer)
        .do_update()
        .set(&row);
    on_backend!(tx.conn(), |conn| upsert.execute(conn).await)?;
    Ok(())
}

async fn find(conn: &mut Conn, issuer: &IssuerId) -> Result<Option<IssuerKeys>, StoreError> {
    let query = issuer_keys::table.find(issuer.as_str());
    let row = on_backend!(conn, |conn| query.first::<Row>(conn).await.optional())?;
    row.map(IssuerKeys::try_from).transpose()
}

impl TryFrom<Row> for IssuerKeys {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            issuer: row.issuer.parse().map_err(StoreError::corrupt("a key set's issuer"))?,
            source: row.source,
            key_set: row.key_set,
            fetched_at: Timestamp(row.fetched_at),
        })
    }
}
