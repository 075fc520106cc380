//! The last good keys of each issuer, so that a restart during its outage still
//! verifies tokens. They are public: the text is the key set as it was fetched. A row that
//! does not check ([`RowMac`]) is not there: who could plant one could sign tokens.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::{IssuerId, Timestamp};

use crate::backend::{Conn, on_backend};
use crate::ledger::encoding::Encoder;
use crate::readers::read;
use crate::row_mac::{self, Authenticated};
use crate::schema::issuer_keys;
use crate::{RowMac, Store, StoreError, Tx, Writer, text};

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
        mac: &dyn RowMac,
    ) -> Result<Option<IssuerKeys>, StoreError> {
        read!(self, |conn| find(conn, issuer, mac))
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
pub(crate) struct Row {
    issuer: String,
    source: String,
    key_set: String,
    fetched_at: i64,
    mac: Vec<u8>,
}

impl Authenticated for Row {
    const TABLE: &'static str = "issuer_keys";

    fn id(&self) -> &str {
        &self.issuer
    }

    fn columns(&self, to: &mut Encoder) {
        let Self { issuer: _, source, key_set, fetched_at, mac: _ } = self;
        to.part(source.as_bytes());
        to.part(key_set.as_bytes());
        to.number(*fetched_at);
    }

    fn mac(&self) -> &[u8] {
        &self.mac
    }
}

pub(crate) async fn rows(conn: &mut Conn) -> Result<Vec<Row>, StoreError> {
    let query = issuer_keys::table.order(issuer_keys::issuer);
    Ok(on_backend!(conn, |conn| query.load::<Row>(conn).await)?)
}

async fn put(tx: &mut Tx, keys: &IssuerKeys) -> Result<(), StoreError> {
    text::line("the source of a key set", &keys.source)?;
    text::document("a key set", &keys.key_set, text::DOCUMENT)?;
    let mut row = Row {
        issuer: keys.issuer.to_string(),
        source: keys.source.clone(),
        key_set: keys.key_set.clone(),
        fetched_at: keys.fetched_at.0,
        mac: Vec::new(),
    };
    row.mac = row_mac::make(&row, &*tx.row_mac());
    let upsert = diesel::insert_into(issuer_keys::table)
        .values(&row)
        .on_conflict(issuer_keys::issuer)
        .do_update()
        .set(&row);
    on_backend!(tx.conn(), |conn| upsert.execute(conn).await)?;
    Ok(())
}

async fn find(
    conn: &mut Conn,
    issuer: &IssuerId,
    mac: &dyn RowMac,
) -> Result<Option<IssuerKeys>, StoreError> {
    let query = issuer_keys::table.find(issuer.as_str());
    let row = on_backend!(conn, |conn| query.first::<Row>(conn).await.optional())?;
    row_mac::found(row, mac)
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
