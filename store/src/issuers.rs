//! Issuer entries: who may vouch for a workload.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::{IssuerEntry, IssuerId, Timestamp};

use crate::backend::{Conn, on_backend};
use crate::readers::read;
use crate::schema::{issuer_keys, issuers};
use crate::{ChangeKind, Store, StoreError, Tx, text};

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
    pub async fn issuer_list(&self) -> Result<Vec<StoredIssuer>, StoreError> {
        read!(self, |conn| list(conn))
    }

    /// One issuer entry.
    pub async fn issuer_find(&self, id: &IssuerId) -> Result<Option<StoredIssuer>, StoreError> {
        read!(self, |conn| find(conn, id))
    }
}

impl Tx {
    /// Every issuer entry, as this unit of work sees it.
    pub async fn issuer_list(&mut self) -> Result<Vec<StoredIssuer>, StoreError> {
        list(self.conn()).await
    }

    /// One issuer entry, as this unit of work sees it.
    pub async fn issuer_find(&mut self, id: &IssuerId) -> Result<Option<StoredIssuer>, StoreError> {
        find(self.conn(), id).await
    }

    /// Write an issuer entry, replacing one of the same id. Its last good keys are
    /// forgotten: they were the old entry's. Raises the change number.
    pub async fn issuer_put(&mut self, issuer: &StoredIssuer) -> Result<(), StoreError> {
        text::line("an operator's name", &issuer.changed_by)?;
        let body = serde_json::to_string(&issuer.entry)
            .map_err(|_| StoreError::Invalid("an issuer entry has no JSON form"))?;
        text::document("an issuer entry", &body, text::DOCUMENT)?;
        let row = Row {
            id: issuer.entry.id.to_string(),
            body,
            changed_at: issuer.changed_at.0,
            changed_by: issuer.changed_by.clone(),
        };
        let upsert = diesel::insert_into(issuers::table)
            .values(&row)
            .on_conflict(issuers::id)
            .do_update()
            .set(&row);
        on_backend!(self.conn(), |conn| upsert.execute(conn).await)?;
        self.forget_keys(&issuer.entry.id).await
    }

    /// Remove an issuer entry and its last good keys; `false` when there was none. Raises
    /// the change number.
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
struct Row {
    id: String,
    body: String,
    changed_at: i64,
    changed_by: String,
}

async fn list(conn: &mut Conn) -> Result<Vec<StoredIssuer>, StoreError> {
    let query = issuers::table.order(issuers::id);
    let rows = on_backend!(conn, |conn| query.load::<Row>(conn).await)?;
    rows.into_iter().map(StoredIssuer::try_from).collect()
}

async fn find(conn: &mut Conn, id: &IssuerId) -> Result<Option<StoredIssuer>, StoreError> {
    let query = issuers::table.find(id.as_str());
    let row = on_backend!(conn, |conn| query.first::<Row>(conn).await.optional())?;
    row.map(StoredIssuer::try_from).transpose()
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
