//! Facts about the broker as a whole: its id, its epochs, the mark of a dev world.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::backend::{Conn, on_backend};
use crate::ledger::encoding::Encoder;
use crate::readers::read;
use crate::row_mac::{self, Authenticated, Checked};
use crate::schema::meta;
use crate::{ChangeKind, RowMac, Store, StoreError, Tx, text};

impl Store {
    /// The value of one fact, whoever wrote it: for what is read before the keyring is open.
    pub async fn meta_find(&self, key: &str) -> Result<Option<String>, StoreError> {
        let row = read!(self, |conn| find(conn, key));
        row.map(|row| row.map(|row| row.value))
    }

    /// The value of one fact, if it checks.
    pub async fn meta_check(
        &self,
        key: &str,
        mac: &dyn RowMac,
    ) -> Result<Checked<String>, StoreError> {
        let row = read!(self, |conn| find(conn, key));
        row.map(|row| checked(row, mac))
    }
}

impl Tx {
    /// The value of one fact, if it checks, as this unit of work sees it.
    pub async fn meta_check(&mut self, key: &str) -> Result<Checked<String>, StoreError> {
        let row = find(self.conn(), key).await?;
        Ok(checked(row, &*self.row_mac()))
    }

    /// Write one fact, replacing what it was. Raises the change number.
    pub async fn meta_put(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        text::line("the key of a fact", key)?;
        text::document("a fact", value, text::DOCUMENT)?;
        let mut row = Row { key: key.to_owned(), value: value.to_owned(), mac: Vec::new() };
        row.mac = row_mac::make(&row, &*self.row_mac());
        let upsert = diesel::insert_into(meta::table)
            .values(&row)
            .on_conflict(meta::key)
            .do_update()
            .set(&row);
        on_backend!(self.conn(), |conn| upsert.execute(conn).await)?;
        self.raise(ChangeKind::Meta, key);
        Ok(())
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = meta, primary_key(key))]
pub(crate) struct Row {
    key: String,
    value: String,
    mac: Vec<u8>,
}

impl Authenticated for Row {
    const TABLE: &'static str = "meta";

    fn id(&self) -> &str {
        &self.key
    }

    fn columns(&self, to: &mut Encoder) {
        let Self { key: _, value, mac: _ } = self;
        to.part(value.as_bytes());
    }

    fn mac(&self) -> &[u8] {
        &self.mac
    }
}

pub(crate) async fn rows(conn: &mut Conn) -> Result<Vec<Row>, StoreError> {
    let query = meta::table.order(meta::key);
    Ok(on_backend!(conn, |conn| query.load::<Row>(conn).await)?)
}

fn checked(row: Option<Row>, mac: &dyn RowMac) -> Checked<String> {
    let Some(row) = row else { return Checked::Absent };
    row_mac::check(row, mac).map_or(Checked::Refused, |row| Checked::Found(row.value))
}

async fn find(conn: &mut Conn, key: &str) -> Result<Option<Row>, StoreError> {
    let query = meta::table.find(key);
    Ok(on_backend!(conn, |conn| query.first::<Row>(conn).await.optional())?)
}
