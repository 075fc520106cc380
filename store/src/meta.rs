//! Facts about the broker as a whole: its id, its epochs, the mark of a dev world.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::backend::{Conn, on_backend};
use crate::readers::read;
use crate::schema::meta;
use crate::{ChangeKind, Store, StoreError, Tx, text};

impl Store {
    /// The value of one fact.
    pub async fn meta_find(&self, key: &str) -> Result<Option<String>, StoreError> {
        read!(self, |conn| find(conn, key))
    }
}

impl Tx {
    /// The value of one fact, as this unit of work sees it.
    pub async fn meta_find(&mut self, key: &str) -> Result<Option<String>, StoreError> {
        find(self.conn(), key).await
    }

    /// Write one fact, replacing what it was. Raises the change number.
    pub async fn meta_put(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        text::line("the key of a fact", key)?;
        text::document("a fact", value, text::DOCUMENT)?;
        let upsert = diesel::insert_into(meta::table)
            .values((meta::key.eq(key), meta::value.eq(value)))
            .on_conflict(meta::key)
            .do_update()
            .set(meta::value.eq(value));
        on_backend!(self.conn(), |conn| upsert.execute(conn).await)?;
        self.raise(ChangeKind::Meta, key);
        Ok(())
    }
}

async fn find(conn: &mut Conn, key: &str) -> Result<Option<String>, StoreError> {
    let query = meta::table.find(key).select(meta::value);
    Ok(on_backend!(conn, |conn| query.first::<String>(conn).await.optional())?)
}
