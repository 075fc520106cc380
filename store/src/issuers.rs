//! Issuer entries: who may vouch for a workload. A row that does not check ([`RowMac`]) is
//! not there.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::{IssuerEntry, IssuerId, Timestamp};

use crate::backend::{Conn, on_backend};
use crate::ledger::encoding::Encoder;
use crate::readers::read;
use crate::row_mac::{self, Authenticated};
use crate::schema::{issuer_keys, issuers};
use crate::{ChangeKind, RowMac, Store, StoreError, Tx, text};

/// An issuer entry and who wrote it.
#[derive(Clone, Debug)]
pub struct StoredIssuer {
    /// The entry.
    pub entry: IssuerEntry,
    /// When it was last written.
    pub changed_at: Timestamp,
    /// The name of the operator who wrote it.
    pub changed_by: String,
}

impl Store {
    /// Every issuer entry, by id.
    pub async fn issuer_list(&self, mac: &dyn RowMac) -> Result<Vec<StoredIssuer>, StoreError> {
        read!(self, |conn| list(conn, mac))
    }

    /// One issuer entry.
    pub async fn issuer_find(
        &self,
        id: &IssuerId,
        mac: &dyn RowMac,
    ) -> Result<Option<StoredIssuer>, StoreError> {
        read!(self, |conn| find(conn, id, mac))
    }
}

impl Tx {
    /// Every issuer entry, as this unit of work sees it.
    pub async fn issuer_list(&mut self) -> Result<Vec<StoredIssuer>, StoreError> {
        let mac = self.row_mac();
        list(self.conn(), &*mac).await
    }

    /// One issuer entry, as this unit of work sees it.
    pub async fn issuer_find(&mut self, id: &IssuerId) -> Result<Option<StoredIssuer>, StoreError> {
        let mac = self.row_mac();
        find(self.conn(), id, &*mac).await
    }

    /// Write an issuer entry, replacing one of the same id. Its last good keys are
    /// forgotten: they were the old entry's. Raises the change number.
    pub async fn issuer_put(&mut self, issuer: &StoredIssuer) -> Result<(), StoreError> {
        text::line("an operator's name", &issuer.changed_by)?;
        let body = serde_json::to_string(&issuer.entry)
            .map_err(|_| StoreError::Invalid("an issuer entry has no JSON form"))?;
        text::document("an issuer entry", &body, text::DOCUMENT)?;
        let mut row = Row {
            id: issuer.entry.id.to_string(),
            body,
            changed_at: issuer.changed_at.0,
            changed_by: issuer.changed_by.clone(),
            mac: Vec::new(),
        };
        row.mac = row_mac::make(&row, &*self.row_mac());
        let upsert = diesel::insert_into(issuers::table)
            .values(&row)
            .on_conflict(issuers::id)
            .do_update()
            .set(&row);
        on_backend!(self.conn(), |conn| upsert.execute(conn).await)?;
        self.forget_keys(&issuer.entry.id).await
    }

    /// Remove an issuer entry, also one that does not check, and its last good keys; `false`
    /// when there was none. Raises the change number.
    pub async fn issuer_remove(&mut self, id: &IssuerId) -> Result<bool, StoreError> {
        let delete = diesel::delete(issuers::table.find(id.as_str()));
        let removed = on_backend!(self.conn(), |conn| delete.execute(conn).await)? > 0;
        if removed {
            self.forget_keys(id).await?;
        }
        Ok(removed)
    }

    async fn forget_keys(&mut self, id: &IssuerId) -> Result<(), StoreError> {
        let delete = diesel::delete(issuer_keys::table.find(id.as_str()));
        on_backend!(self.conn(), |conn| delete.execute(conn).await)?;
        self.raise(ChangeKind::Issuer, id.as_str());
        Ok(())
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = issuers)]
pub(crate) struct Row {
    id: String,
    body: String,
    changed_at: i64,
    changed_by: String,
    mac: Vec<u8>,
}

impl Authenticated for Row {
    const TABLE: &'static str = "issuers";

    fn id(&self) -> &str {
        &self.id
    }

    fn columns(&self, to: &mut Encoder) {
        let Self { id: _, body, changed_at, changed_by, mac: _ } = self;
        to.part(body.as_bytes());
        to.number(*changed_at);
        to.part(changed_by.as_bytes());
    }

    fn mac(&self) -> &[u8] {
        &self.mac
    }
}

pub(crate) async fn rows(conn: &mut Conn) -> Result<Vec<Row>, StoreError> {
    let query = issuers::table.order(issuers::id);
    Ok(on_backend!(conn, |conn| query.load::<Row>(conn).await)?)
}

async fn list(conn: &mut Conn, mac: &dyn RowMac) -> Result<Vec<StoredIssuer>, StoreError> {
    row_mac::listed(rows(conn).await?, mac)
}

async fn find(
    conn: &mut Conn,
    id: &IssuerId,
    mac: &dyn RowMac,
) -> Result<Option<StoredIssuer>, StoreError> {
    let query = issuers::table.find(id.as_str());
    let row = on_backend!(conn, |conn| query.first::<Row>(conn).await.optional())?;
    row_mac::found(row, mac)
}

impl TryFrom<Row> for StoredIssuer {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            entry: serde_json::from_str(&row.body)
                .map_err(StoreError::corrupt("an issuer entry"))?,
            changed_at: Timestamp(row.changed_at),
            changed_by: row.changed_by,
        })
    }
}
